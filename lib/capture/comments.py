"""Find the lines of code that hold nothing but a comment.

Builtins only: the hook path imports this. A line inside a string, a heredoc or a block scalar is
code, and so is what a compiler or a kernel obeys though it is written as a comment: a shebang, a
coding declaration, a build constraint, a pragma. docs/identity.md has the table.
"""

from lib.capture import strings
from lib.capture.languages import block_comment, comment_openers

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# Of longer texts no strings are looked for: the hook has milliseconds.
MAX_LENGTH = 2 * 1024 * 1024
_WHITE_SPACE = " \t\v\f"
# Obeyed on the first line of a file, of whatever language.
_FIRST = ("#!", "#compdef", "#autoload", "#cloud-config", "%&")
# Obeyed wherever they stand.
_ANYWHERE = {
    "go": ("//go:", "//export ", "//line "),
    "javascript typescript vue svelte": (
        "// @ts-", "//@ts-", "/// <", "// @flow", "/* @flow", "/* @jsx", "/** @jsx"
    ),
    "swift": ("// swift-tools-version",),
    "haskell": ("{-#",),
    "sql": ("/*!", "/*+"),
    "powershell": ("#requires", "#Requires"),
}  # fmt: skip
# Obeyed before the first line of code, after the comment's own sign.
_LEADING = {
    "ruby": ("frozen_string_literal:", "encoding:", "coding:", "-*-", "warn_indent:",
             "shareable_constant_value:"),
    "go": ("+build ",),
}  # fmt: skip
_CODED = ("python", "ruby", "erlang")
_DOCSTRING = '"""'
_TRIPLE = "'''"
_DOCKER = ("syntax", "escape", "check")


def comment_lines(text: str, language: str) -> "list[int]":
    r"""Find where the lines of `text` begin that hold nothing but a comment.

    Its newlines are "\n", before which there is no white space.
    """
    openers = comment_openers(language)
    block = block_comment(language)
    found = _comments(text, openers, block)
    if found:
        found = _unless_obeyed(text, found, language)
    if found and len(text) <= MAX_LENGTH:
        spans = docstrings(text, found[-1]) if language == "python" else None
        if spans is None:
            spans = strings.spans(text, language, openers, block)
        found = _outside(found, spans)
    if language == "ini":  # a backslash joins the next line to this one, whatever it begins with
        found = [at for at in found if text[max(0, at - 2) : at] != "\\\n"]
    return found


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def docstrings(text: str, until: int = MAX_LENGTH) -> "list[tuple[int, int]] | None":
    """Find the strings of Python that span lines, where those are plain to see; None elsewhere.

    It is so where what begins each is the first quote of its line, and nothing is escaped. The same
    by all the rules is `strings.spans`, for which more code is loaded. What begins after `until`
    is left out.
    """
    if _TRIPLE in text:
        return None
    pieces = text.split(_DOCSTRING)
    # Where there is none, nothing is joined and no quote escaped.
    has_slash = "\\" in text
    found: list[tuple[int, int]] = []
    at = 0
    for outside, inside in zip(pieces[::2], pieces[1::2]):  # noqa: B905 (may lack the last)
        if has_slash and ("\\\n" in outside or inside[-1:] == "\\" or outside[-1:] == "\\"):
            return None
        at += len(outside)
        if at > until:
            return found
        before = outside[outside.rfind("\n") + 1 :]
        if before and not before.isspace() and ("#" in before or '"' in before or "'" in before):
            return None
        end = at + len(inside) + 2 * len(_DOCSTRING)
        if "\n" in inside:
            if text[end : end + 1].isalnum():
                return None
            found.append((at, end))
        at = end
    # The last is not closed, or what is behind the last goes on.
    is_open = len(pieces) % 2 == 0
    return None if is_open or (has_slash and "\\\n" in pieces[-1]) else found


def _comments(text: str, openers: "tuple[str, ...]", block: "tuple[str, str]") -> "list[int]":
    """Find where the lines begin that look like a comment and nothing else."""
    start, end = block
    if len(openers) == 1 and not start:
        return list(_beginning_with(openers[0], text))
    found = {begin for opener in openers for begin in _beginning_with(opener, text)}
    for begin in _beginning_with(start, text) if start else ():
        line = text[begin : _line_end(text, begin)].lstrip(_WHITE_SPACE)
        if line.find(end, len(start)) == len(line) - len(end) >= len(start):
            found.add(begin)
    return sorted(found)


def _beginning_with(opener: str, text: str) -> "Iterator[int]":
    """Find where the lines begin that begin with `opener`, but for white space."""
    at = text.find(opener)
    while at >= 0:
        begin = text.rfind("\n", 0, at) + 1
        if not text[begin:at].strip(_WHITE_SPACE):
            yield begin
        end = text.find("\n", at)
        at = text.find(opener, end) if end >= 0 else -1


def _outside(found: "list[int]", spans: "list[tuple[int, int]]") -> "list[int]":
    """Choose those of the lines that begin at `found` that do not begin inside a string."""
    if not spans:
        return found
    kept = []
    begin, end = 0, -1
    rest = iter(spans)
    for at in found:
        while end < at:
            begin, end = next(rest, (found[-1], found[-1]))
        if at <= begin:
            kept.append(at)
    return kept


def _unless_obeyed(text: str, found: "list[int]", language: str) -> "list[int]":
    """Leave out those of the lines at `found`, which look like comments, that a program obeys."""
    anywhere, leading = _of(_ANYWHERE, language), _of(_LEADING, language)
    docker, second = language == "dockerfile", text.find("\n") + 1
    if not (anywhere or leading or docker) and found[0] > second:
        return found
    obeyed = set()
    is_leading, after = bool(leading), 0
    for begin in found:
        end = _line_end(text, begin)
        line = text[begin:end].lstrip(_WHITE_SPACE)
        is_leading = is_leading and not text[after:begin].strip()
        by_line = line.startswith(anywhere) or (begin == 0 and text.startswith(_FIRST))
        by_place = is_leading and line.lstrip("#/ \t").startswith(leading)
        in_head = begin <= second and (found[0] == 0 or not text[:begin].strip())
        by_coding = in_head and language in _CODED and _names_coding(line)
        docker = docker and _directs(line)
        if by_line or by_place or by_coding or docker:
            obeyed.add(begin)
        docker = docker and begin == after
        after = end + 1
    if language == "go":
        obeyed |= _preamble(text, set(found))
    return [begin for begin in found if begin not in obeyed]


def _of(table: "dict[str, tuple[str, ...]]", language: str) -> "tuple[str, ...]":
    for languages, found in table.items():
        if language in languages.split():
            return found
    return ()


def _names_coding(text: str) -> bool:
    """Check whether a comment declares its file's encoding, as in PEP 263."""
    for rest in text[:400].split("coding")[1:]:
        value = rest[1:].lstrip(" \t")
        if rest[:1] in (":", "=") and value and (value[0].isalnum() or value[0] in "-_."):
            return True
    return False


def _directs(text: str) -> bool:
    """Check whether a comment is a directive to the parser of Dockerfiles."""
    name, sign, _ = text.lstrip("# \t").partition("=")
    return bool(sign) and name.strip().lower() in _DOCKER


def _preamble(text: str, comments: "set[int]") -> "set[int]":
    """Find the comment that is C code to cgo: the one that ends right above `import "C"`."""
    at = f"\n{text}\n".find('\nimport "C"\n')
    found = set()
    inside = text[text.rfind("\n", 0, max(0, at - 1)) + 1 : max(0, at)].rstrip().endswith("*/")
    while at > 0:
        begin = text.rfind("\n", 0, at - 1) + 1
        if begin not in comments and not inside:
            break
        found.add(begin)
        inside = inside and "/*" not in text[begin:at]
        at = begin
    return found
