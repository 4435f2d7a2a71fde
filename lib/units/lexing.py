"""Split code of any language into words and signs, apart from its comments."""

import re
from functools import cache
from typing import NamedTuple

_SLASHES = r"//[^\n]*|/\*(?s:.*?)(?:\*/|\Z)"
_HASH = r"#[^\n]*"
_LONG = r'"""(?s:.*?)(?:"""|\Z)'
_DOUBLE = r'"(?:\\(?s:.)|[^"\\\n])*"?'
_SINGLE = r"'(?:\\(?s:.)|[^'\\\n])*'?"
_BACKTICK = r"`(?:\\(?s:.)|[^`\\])*`?"
_WORDS, _REST = r"[A-Za-z_$\x80-\xff][\w$\x80-\xff]*|\d[\w.]*", r"[^\s\w]"

# What begins a comment or a string. Each ends at the end of its line, or of the code, where nothing
# else ends it, so that no code is looked at twice.
_USUAL = (_SLASHES, _LONG, _DOUBLE, _SINGLE)
_SCRIPT = (_SLASHES, _DOUBLE, _SINGLE, _BACKTICK)
_SPECIAL = {
    "python": (_HASH, _LONG, _LONG.replace('"', "'"), _DOUBLE, _SINGLE),
    "javascript": _SCRIPT,
    "typescript": _SCRIPT,
    "tsx": _SCRIPT,
    "go": (_SLASHES, _DOUBLE, _SINGLE, r"`[^`]*`?"),
    "rust": (_SLASHES, r'"(?:\\(?s:.)|[^"\\])*"?', r"'(?:\\[^'\n]{1,12}|[^'\\\n])'"),
    "ruby": (_HASH, r"(?m:^)=begin\b(?s:.*?)(?:\n=end|\Z)", _DOUBLE, _SINGLE),
    "php": (_SLASHES, r"#(?!\[)[^\n]*", _DOUBLE, _SINGLE),
    "shell": (r"(?:(?<=[\s;&|(])|\A)" + _HASH, r'"(?:\\(?s:.)|[^"\\])*"?', r"'[^']*'?"),
}
_COMMENTS = (b"//", b"/*", b"=b")
_OPENING, _CLOSING = (b"(", b"[", b"{"), (b")", b"]", b"}")
_SIGN = re.compile(rb"//|/\*|=b|#")


class Lexed(NamedTuple):
    """The tokens of code, and its comments, as they stand."""

    code: tuple[bytes, ...]
    comments: tuple[bytes, ...]


def lex(data: bytes, language: str) -> Lexed:
    """Split code. It takes time in proportion to its size, whatever it is."""
    found: list[bytes] = _pattern(language).findall(data)
    if not _SIGN.search(data):
        return Lexed(tuple(found), ())
    comments = set(filter(_is_comment, set(found)))
    if not comments:
        return Lexed(tuple(found), ())
    code = tuple(token for token in found if token not in comments)
    return Lexed(code, tuple(filter(comments.__contains__, found)))


def depths(data: bytes) -> tuple[int, ...]:
    """Tell how deep each statement of a Python body lies in it, which is part of what it does.

    The first one has its indentation before the body, where what follows it has the least.
    """
    widths: list[int] = []
    brackets = end = 0
    for found in _pattern("python").finditer(data):
        token = found[0]
        line = data[end : found.start()].rpartition(b"\n")
        if line[1] and not brackets and not _is_comment(token) and data[end - 1 : end] != b"\\":
            widths.append(len(line[2].expandtabs()))
        brackets = max(0, brackets + (token in _OPENING) - (token in _CLOSING))
        end = found.end()
    levels = [min(widths, default=0)]
    depth = [0]
    for width in widths:
        while levels[-1] > width:
            levels.pop()
        if not levels or levels[-1] < width:
            levels.append(width)
        depth.append(len(levels) - 1)
    return tuple(depth)


@cache
def _pattern(language: str) -> re.Pattern[bytes]:
    parts = (_WORDS, *_SPECIAL.get(language, _USUAL), _REST)
    return re.compile("|".join(parts).encode("latin-1"))


def _is_comment(token: bytes) -> bool:
    return token[:2] in _COMMENTS or (token[:1] == b"#" and len(token) > 1)
