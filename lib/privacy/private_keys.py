"""Find private keys: from a BEGIN line to its END, or as far as the key's lines go."""

import re
from collections.abc import Iterator

# Of PEM, OpenPGP and SSH2. The dashes before it are looked at where it stands: a text may be full
# of them.
_EDGE = re.compile(
    r"(BEGIN|END) (?:[A-Z0-9]{1,10} ){0,3}(?:PRIVATE|ENCRYPTED) KEY(?: BLOCK)? ?"
    r"(?:-{1,5}|(?=[\s\\]|\Z))"
)
_MAX_LENGTH = 64 * 1024
# A line of the key, with what code or a quotation has before it; the last one may be short.
_LINE = re.compile(
    r"(?:\\r)?(?:\\n|\r?\n)?[ \t\"'+,\\>*#/|.;`()-]{0,40}"
    r"(?:[A-Za-z0-9+/=]{16,2000}|[A-Za-z0-9+/]{1,15}={0,2}(?=[\r\n\"'\\`]|\Z)"
    r"|[A-Z][A-Za-z-]{2,20}: [^\r\n\\]{0,200}|(?=\n))"
)
_BODY = re.compile(r"[A-Za-z0-9+/=]{24}")
_ONLY_BODY = re.compile(r"[ \t\"'+,>*#/|-]{0,40}[A-Za-z0-9+/=]{4,2000}[\"'+, \t\\nr]{0,10}\Z")


def find(text: str) -> Iterator[tuple[int, int, str]]:
    """Find what stands between the BEGIN and END of a private key, or beside one of them alone."""
    begin = done = -1
    for match in _EDGE.finditer(text):
        edge = _without_dashes(text, match.start())
        if edge == match.start():
            continue
        if begin >= 0:
            yield from _key(text, begin, edge, match[1] == "END")
        elif match[1] == "END":
            yield from _cut(text, max(done, 0), edge)
        begin = match.end() if match[1] == "BEGIN" else -1
        done = match.end()
    if begin >= 0:
        yield from _key(text, begin, len(text), False)


def _without_dashes(text: str, end: int) -> int:
    return end - 5 + len(text[max(0, end - 5) : end].rstrip("- ")) if end >= 5 else end


def _key(text: str, begin: int, end: int, closed: bool) -> Iterator[tuple[int, int, str]]:
    if not closed or end - begin > _MAX_LENGTH:
        stop = begin
        while (line := _LINE.match(text, stop, end)) and line.end() > stop:
            stop = line.end()
        end = stop
    if _BODY.search(text, begin, end):
        yield begin, end, "private-key"


def _cut(text: str, begin: int, end: int) -> Iterator[tuple[int, int, str]]:
    """Find the key's lines before an END whose BEGIN is missing."""
    start = first = max(text.rfind("\n", begin, end) + 1, begin)
    while start - 1 > max(begin, end - _MAX_LENGTH):
        before = max(text.rfind("\n", begin, start - 1) + 1, begin)
        if not _ONLY_BODY.match(text[before : start - 1].rstrip("\r")):
            break
        start = before
    if start < first and _BODY.search(text, start, end):
        yield start, end, "private-key"
