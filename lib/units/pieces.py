"""The units of a file with what they are made of, as they are compared with one another."""

from collections.abc import Iterable
from functools import cached_property

from lib.units.extraction import Unit
from lib.units.lexing import Lexed, lex

# What is said before a unit is looked for in so many bytes before it.
_MOST_BEFORE = 4096
_LEAST_LINE = 6
CONSTRUCTOR = "<constructor>"
_OWN, _OWNER = b"<name>", b"<owner>"
_MODIFIERS = frozenset(
    b"public private protected internal fileprivate open static final abstract synchronized native "
    b"strictfp transient volatile default async export declare const inline virtual override "
    b"explicit extern unsafe sealed readonly partial pub suspend infix operator tailrec mutating "
    b"external inner data".split()
)


class Piece:
    """A unit and its text: what is before it, its head, and its body (of a class, without units).

    It is compared by what it is, never by where in the file it stands; equality is identity.
    """

    def __init__(
        self, path: str, language: str, unit: Unit, before: bytes, head: bytes, body: bytes
    ) -> None:
        self.path, self.language, self.unit = path, language, unit
        self.before, self.head, self.body = before, head, body
        self.is_class = unit.kind == "class"
        self.box, _, self.name = _split(unit.qualified_name)
        # What it continues, or what continues it, once that is known.
        self.partner: Piece | None = None

    def twin(self) -> "Piece":
        """Return another piece that is like this one."""
        made = Piece.__new__(Piece)
        made.__dict__.update(self.__dict__)
        return made

    @property
    def place(self) -> tuple[str, str]:
        """Its file and its qualified name."""
        return self.path, self.unit.qualified_name

    @property
    def plain(self) -> str:
        """Its name, one for all constructors that are called after their class."""
        is_constructor = self.name == self.box.rpartition(".")[2] and not self.is_class
        return CONSTRUCTOR if is_constructor else self.name

    @cached_property
    def lexed(self) -> Lexed:
        """The tokens of its body."""
        return lex(self.body, self.language)

    @property
    def code(self) -> tuple[bytes, ...]:
        """The tokens of its body but for comments."""
        return self.lexed.code

    @cached_property
    def lines(self) -> frozenset[bytes]:
        """The lines of its body that say something, by which those are found that are like it."""
        lines = map(bytes.strip, self.body.split(b"\n"))
        return frozenset(line for line in lines if len(line) >= _LEAST_LINE)

    @cached_property
    def _heading(self) -> tuple[tuple[bytes, ...], tuple[bytes, ...]]:
        names = {self.name.encode(): _OWN}
        if self.language in ("go", "cpp"):
            names[self.box.rpartition(".")[2].encode()] = _OWNER
        tokens, attributes = _without_attributes(lex(self.head, self.language).code)
        words = [token for token in tokens if token in _MODIFIERS]
        rest = [names.get(token, token) for token in tokens if token not in _MODIFIERS]
        return tuple(rest), tuple(sorted([*words, *attributes]))

    @property
    def signature(self) -> tuple[bytes, ...]:
        """The tokens of its head but for its name, modifiers and attributes."""
        return self._heading[0]

    @property
    def modifiers(self) -> tuple[bytes, ...]:
        """Its modifiers and attributes (annotations, decorators), sorted."""
        return self._heading[1]

    @cached_property
    def documentation(self) -> tuple[bytes, ...]:
        """The words of the comments that lead to it."""
        words: list[bytes] = []
        code = lex(self.before, self.language)
        # Those after the last code alone: the lexer keeps no order between the two.
        tail = self.before
        if code.code:
            tail = tail[tail.rfind(code.code[-1]) + len(code.code[-1]) :]
            code = lex(tail, self.language)
        for comment in code.comments:
            words += comment.translate(None, b"*/#!").split()
        return tuple(words)

    @cached_property
    def comments(self) -> tuple[bytes, ...]:
        """The words of its comments; of a class none, for its units have them."""
        if self.is_class:
            return ()
        both = (*lex(self.head, self.language).comments, *self.lexed.comments)
        return tuple(word for comment in both for word in comment.split())


def _split(qualified_name: str) -> tuple[str, str, str]:
    """Return what a unit lies in, and its own name, which has dots only in brackets."""
    end = qualified_name.find("[")
    return _parted(qualified_name, end if end > 0 else len(qualified_name))


def _parted(name: str, end: int) -> tuple[str, str, str]:
    dot = name.rfind(".", 0, end)
    return (name[:dot], ".", name[dot + 1 :]) if dot > 0 else ("", "", name)


def _without_attributes(tokens: tuple[bytes, ...]) -> tuple[list[bytes], list[bytes]]:
    """Take apart what a head says: the declaration, and each attribute as one text."""
    rest: list[bytes] = []
    attributes: list[bytes] = []
    at, most = 0, len(tokens)
    while at < most:
        end = at
        if tokens[at] == b"@" and tokens[at + 1 : at + 2] != (b"interface",):
            end = at + 2
            while tokens[end : end + 1] == (b".",):
                end += 2
            end = _closed(tokens, end, b"(", b")")
        elif tokens[at] == b"#" and tokens[at + 1 : at + 2] == (b"[",):
            end = _closed(tokens, at + 1, b"[", b"]")
        elif tokens[at] == b"[" and not rest:
            end = _closed(tokens, at, b"[", b"]")
        if end > at:
            attributes.append(b" ".join(tokens[at:end]))
            at = end
        else:
            rest.append(tokens[at])
            at += 1
    return rest, attributes


def _closed(tokens: tuple[bytes, ...], at: int, opening: bytes, closing: bytes) -> int:
    """Return where the brackets end that open at `at`; `at` if none do."""
    depth = 0
    for end in range(at, len(tokens)):
        depth += (tokens[end] == opening) - (tokens[end] == closing)
        if not depth:
            return end + 1 if end > at else at
    return len(tokens)


def pieces(path: str, language: str, text: str, units: Iterable[Unit]) -> list[Piece]:
    """List the pieces of a file's text, whose units are given in their order."""
    data = text.encode("utf-8", "surrogatepass")
    found: list[Piece] = []
    inside: list[tuple[Piece, list[bytes], int]] = []  # with its own parts, up to where
    for unit in units:
        done = 0
        while inside and inside[-1][0].unit.end <= unit.start:
            done = _finish(data, *inside.pop())
        start = max(done, unit.start - _MOST_BEFORE)
        if inside:
            outer, parts, reached = inside.pop()
            start = max(start, reached)
            parts.append(data[reached : unit.start])
            inside.append((outer, parts, max(reached, unit.end)))
        body = max(unit.start, min(unit.body, unit.end))
        own = b"" if unit.kind == "class" else data[body : unit.end]
        piece = Piece(path, language, unit, data[start : unit.start], data[unit.start : body], own)
        found.append(piece)
        inside.append((piece, [], body))
    while inside:
        _finish(data, *inside.pop())
    return found


def _finish(data: bytes, piece: Piece, parts: list[bytes], reached: int) -> int:
    """Give a class the text that is its own; return where it ends."""
    if piece.is_class:
        piece.body = b" ".join([*parts, data[reached : piece.unit.end]])
    return piece.unit.end
