"""Remove the lines of code that hold nothing but a comment.

Builtins only: the hook path imports this. A line inside a string, a heredoc or a block scalar is
code, and so is what a compiler or a kernel obeys though it is written as a comment: a shebang, a
coding declaration, a build constraint, a pragma. docs/identity.md has the table.
"""

from lib.capture import strings
from lib.capture.languages import block_comment, comment_openers

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
_UNPLAIN = ("'''", '\\"""')
_DOCKER = ("syntax", "escape", "check")


def without_comments(text: str, language: str) -> str:
    r"""Remove the lines of `text` that hold nothing but a comment. Its newlines are "\n".

    Where some may, those that hold nothing at all are removed too.
    """
    openers = comment_openers(language)
    start, end = block_comment(language)
    if not (any(opener in text for opener in openers) or (start and start in text)):
        return text
    lines = text.split("\n")
    if len(openers) == 1 and not (start and start in text):
        found = _beginning_with(openers[0], text)
    else:
        found = [n for n, line in enumerate(lines) if _looks(line, openers, start, end)]
    if not found:
        return text
    comments = set(found)
    comments -= _obeyed(lines, found, language)
    if comments and len(text) <= MAX_LENGTH:
        spans = docstrings(text) if language == "python" else None
        if spans is None:
            spans = strings.spans(text, language, openers, (start, end))
        comments -= _in_strings(lines, sorted(comments), spans)
    if language == "ini":  # a backslash joins the next line to this one, whatever it begins with
        comments = {n for n in comments if n == 0 or not lines[n - 1].endswith("\\")}
    for n in sorted(comments, reverse=True):
        del lines[n]
    return "\n".join(filter(None, lines))


def docstrings(text: str) -> "list[tuple[int, int]] | None":
    """Find the strings of Python that span lines, where those are plain to see; None elsewhere.

    It is so where what begins each is the first quote of its line, and nothing is escaped. The same
    by all the rules is `strings.spans`, for which more code is loaded.
    """
    if any(sign in text for sign in _UNPLAIN):
        return None
    pieces = text.split(_DOCSTRING)
    found: list[tuple[int, int]] = []
    at = 0
    for number in range(1, len(pieces), 2):
        outside, inside = pieces[number - 1 : number + 1]
        at += len(outside)
        before = outside[outside.rfind("\n") + 1 :]
        if "#" in before or '"' in before or "'" in before or number + 1 == len(pieces):
            return None
        if "\\\n" in outside:
            return None
        end = at + len(inside) + 2 * len(_DOCSTRING)
        if "\n" in inside:
            if text[end : end + 1].isalnum():
                return None
            found.append((at, end))
        at = end
    return None if "\\\n" in pieces[-1] else found


def _beginning_with(opener: str, text: str) -> "list[int]":
    """List the numbers of the lines that begin with `opener`, but for white space."""
    found: list[int] = []
    number = known = 0
    at = text.find(opener)
    while at >= 0:
        begin = text.rfind("\n", 0, at) + 1
        if not text[begin:at].strip(_WHITE_SPACE):
            number += text.count("\n", known, begin)
            known = begin
            found.append(number)
        end = text.find("\n", at)
        at = text.find(opener, end) if end >= 0 else -1
    return found


def _looks(line: str, openers: "tuple[str, ...]", start: str, end: str) -> bool:
    """Check whether `line` looks like a comment and nothing else."""
    text = line.lstrip(_WHITE_SPACE)
    if text.startswith(openers):
        return True
    if not start or not text.startswith(start):
        return False
    closing = text.find(end, len(start))
    return closing >= 0 and closing + len(end) == len(text)


def _in_strings(
    lines: "list[str]", numbers: "list[int]", spans: "list[tuple[int, int]]"
) -> "set[int]":
    """Choose those of the lines `numbers` that begin inside a string, of which `spans` tells."""
    found: set[int] = set()
    begins, ends = 0, -1
    rest = iter(spans)
    number = at = 0
    for wanted in numbers:
        at += sum(map(len, lines[number:wanted])) + wanted - number
        number = wanted
        while ends < at:
            begins, ends = next(rest, (len(lines) + at, at))
        if at > begins:
            found.add(wanted)
    return found


def _obeyed(lines: "list[str]", found: "list[int]", language: str) -> "set[int]":
    """Choose those of the lines `found`, which look like comments, that a program obeys."""
    obeyed = set()
    anywhere = _of(_ANYWHERE, language)
    leading = _of(_LEADING, language)
    docker = language == "dockerfile"
    comments = set(found)
    is_leading = True
    last = -1
    for number in found:
        text = lines[number].lstrip(_WHITE_SPACE)
        is_leading = is_leading and not any(line.strip() for line in lines[last + 1 : number])
        last = number
        by_line = text.startswith(anywhere) or (number == 0 and lines[0].startswith(_FIRST))
        by_place = is_leading and bool(leading) and text.lstrip("#/ \t").startswith(leading)
        in_head = number < 2 and (number == 0 or 0 in comments or not lines[0].strip())
        by_coding = in_head and language in _CODED and _names_coding(text)
        docker = docker and _directs(text)
        if by_line or by_place or by_coding or docker:
            obeyed.add(number)
        docker = docker and number == len(obeyed) - 1
    if language == "go" and 'import "C"' in lines:
        obeyed |= _preamble(lines, comments)
    return obeyed


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


def _preamble(lines: "list[str]", comments: "set[int]") -> "set[int]":
    """Find the comment that is C code to cgo: the one that ends right above `import "C"`."""
    number = lines.index('import "C"') - 1
    found = set()
    inside = lines[number].rstrip().endswith("*/") if number >= 0 else False
    while number >= 0 and (number in comments or inside):
        found.add(number)
        if "/*" in lines[number]:
            inside = False
        number -= 1
    return found
