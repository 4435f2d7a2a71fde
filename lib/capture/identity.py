"""Compute a pattern's id and name from its code.

Builtins only: the hook path imports this. The same code must have the same id on every machine
and Python version, so no id depends on locale, platform or Unicode tables.
"""

from lib.capture.comments import comment_lines
from lib.capture.languages import base_name
from lib.system.digest import hex_digest

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# How some editors begin a file; no part of its code.
MARK = "\ufeff"
MAX_ID = 255
DIGITS = 16
_WHITE_SPACE = " \t\v\f"
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:+@-")
_MARKER = "pattern-id"
_MARKER_ENDS = ("id", "ID", "Id", "iD")
_MARKER_SEARCHES = 1000
_NAME_SEARCH = 400
_MODIFIERS = frozenset(
    "export default async public private protected internal static final abstract sealed partial "
    "open override virtual inline unsafe extern declare data suspend local pub pub(crate)".split()
)
_DEFINERS = frozenset(
    "def class function function* func fn fun sub interface struct trait enum module defmodule "
    "object protocol defp".split()
)
_BINDERS = frozenset(("const", "let", "var"))


def normalise(code: str, language: str) -> str:
    r"""Normalise `code` for the computation of its id.

    Newlines become "\n"; a byte-order mark, trailing white space, blank lines and lines that hold
    nothing but a comment are removed; nothing else changes. It is idempotent.
    """
    text = code.removeprefix(MARK)
    # One character is found ten times as fast as two.
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    lines = text.split("\n")
    # Most lines end in no white space: their last characters tell so at once.
    ends = "".join([line[-1:] for line in lines])
    if any(space in ends for space in _WHITE_SPACE):
        lines = [line.rstrip(_WHITE_SPACE) for line in lines]
        text = "\n".join(lines)
    number = at = 0
    for begin in comment_lines(text, language):
        number += text.count("\n", at, begin)
        lines[number], at = "", begin
    return "\n".join(filter(None, lines))


def pattern_id(normalised: str, language: str, pattern_type: str) -> str:
    """Compute the id of normalised code: language, type and a digest."""
    return f"{_word(language, 50)}-{_word(pattern_type, 100)}-{hex_digest(normalised)[:DIGITS]}"


def _word(text: str, limit: int) -> str:
    """Reduce `text` to a part of an id: lower case, without characters that no id may hold."""
    word = "".join(c for c in text[:limit].lower() if c in _ID_CHARACTERS)
    return word.lstrip("._:+@-") or "unknown"


def is_valid_id(text: object) -> bool:
    """Check that `text` is a valid id: 1-255 letters, digits and ._:+@-/; each part alphanumeric.

    What a slash separates is a part, and its first character is a letter or a digit.
    """
    if not isinstance(text, str) or len(text) > MAX_ID:
        return False
    parts = text.split("/")
    return all(part[:1].isalnum() and _ID_CHARACTERS.issuperset(part) for part in parts)


def marked_id(code: str) -> str:
    """Return the id in the first `pattern-id` marker in a comment of `code`; "" without one."""
    if not _may_hold_marker(code):
        return ""
    lowered = code.lower()
    # Lower-casing can change the length (U+0130), and then offsets would not agree.
    if len(lowered) != len(code):
        lowered = "".join(c.lower() if c.isascii() else c for c in code)
    at = -1
    for _ in range(_MARKER_SEARCHES):
        at = lowered.find(_MARKER, at + 1)
        if at < 0:
            break
        found = _id_after_marker(code, at)
        if found:
            return found
    return ""


def _may_hold_marker(code: str) -> bool:
    """Check whether some "-id" is in `code`: one character is found far faster than three."""
    return any([piece[:2] in _MARKER_ENDS for piece in code.split("-")])


def _id_after_marker(code: str, at: int) -> str:
    before = code[max(0, at - 200) : at].rpartition("\n")[2].rstrip(_WHITE_SPACE)
    after = code[at + len(_MARKER) : at + len(_MARKER) + MAX_ID + 50]
    if before.endswith("@"):
        named = after.lstrip(_WHITE_SPACE).removeprefix(":")
        if named == after:
            return ""
    elif before.endswith(("#", "/", "*", "-", ";", "%", "!", '"""', "'''")):
        colon = after.lstrip(_WHITE_SPACE)
        named = colon.removeprefix(":")
        if named == colon:
            return ""
    else:
        return ""
    return _leading_id(named.lstrip(_WHITE_SPACE))


def _leading_id(text: str) -> str:
    end = 0
    while end < len(text) and (text[end] in _ID_CHARACTERS or text[end] == "/"):
        end += 1
    # A comment may begin or close right behind the id ("x-->"), or a sentence end there.
    found = text[:end].partition("//")[0].rstrip(".:-/")
    return found if is_valid_id(found) else ""


def pattern_name(normalised: str, language: str, path: str) -> str:
    """Name a pattern by the first function or class that it defines, else by the stem of `path`."""
    for line in _lines(normalised):
        # The bound keeps a hostile line of modifiers from costing the square of its length.
        name = _defined(line[:_NAME_SEARCH], language)
        if name:
            return name[:MAX_ID]
    name = base_name(path)
    return (name.rpartition(".")[0].rstrip(".") or name)[:MAX_ID]


def _lines(text: str) -> "Iterator[str]":
    """Yield the lines of `text` one by one: the name is mostly in the first few."""
    start = 0
    while (end := text.find("\n", start)) >= 0:
        yield text[start:end]
        start = end + 1
    yield text[start:]


def _defined(line: str, language: str) -> str:
    word, _, rest = line.strip(_WHITE_SPACE).partition(" ")
    while word in _MODIFIERS:
        word, _, rest = rest.lstrip(_WHITE_SPACE).partition(" ")
    if word in _DEFINERS:
        return _definition(rest.lstrip(_WHITE_SPACE), language)
    if word in _BINDERS:
        return _bound_function(rest)
    if language in ("c", "cpp", "shell") and line[:1] not in _WHITE_SPACE:
        return _bare_function(line, language)
    return ""


def _definition(rest: str, language: str) -> str:
    if rest.startswith("(") and language == "go":  # the receiver of a method
        rest = rest.partition(")")[2].lstrip(_WHITE_SPACE)
    name = _identifier(rest)
    # In prose, as in a docstring, "class of things" defines nothing.
    if language == "python" and rest[len(name) : len(name) + 1] not in ("(", ":", "["):
        return ""
    return name


def _bound_function(rest: str) -> str:
    name = _identifier(rest.lstrip(_WHITE_SPACE))
    value = rest.partition("=")[2].lstrip(_WHITE_SPACE)
    return name if "=>" in value or value.startswith(("function", "async ")) else ""


def _bare_function(line: str, language: str) -> str:
    head, bracket, tail = line.partition("(")
    if not bracket or line.endswith(";") or "=" in head or line.startswith("#"):
        return ""
    if language == "shell" and not tail.startswith(")"):
        return ""
    name = head.rstrip(_WHITE_SPACE).replace("*", " ").rpartition(" ")[2]
    return name if name and _identifier(name) == name else ""


def _identifier(text: str) -> str:
    end = 0
    for character in text:
        if not (character.isalnum() or character in "_$"):
            break
        end += 1
    name = text[:end]
    return "" if name[:1].isdecimal() else name
