"""Find what a generator made beside a telling name, whatever stands between the two.

No list has all ways to join a name with its value: `(setq api-key "...")`, `set $api_key "..."`,
`expect(apiKey).toBe("...")`, a column of a table, a value before its name. But what is random is
told by its letters, so that a name on the same line is enough; where a line has nothing else than
the value, one a few lines above. A value that has another name of its own is that one's.
"""

import itertools
import re

from lib.privacy.randomness import is_random, is_word
from lib.privacy.secret_values import is_secret_value
from lib.privacy.telling_names import WORDS, kind_of, start_of

_LEAST = 16
# How far a value reaches beyond the run that is a part of it, and a name may be from it.
_REACH, _BEFORE, _BEHIND, _LINES, _HEADER, _AHEAD = 100, 200, 120, 4, 500, 240
_HEAD = re.compile(r"[\w+/.~-]{1,100}")
_TAIL = re.compile(r"[\w+/.~-]{0,400}={0,2}")
_HEAD_QUOTED = re.compile(r"([\w+/.~=:!@#$%^*-]{0,100})([\"'`])")
_TAIL_QUOTED = re.compile(r"[\w+/.~=:!@#$%^*-]{0,400}")
_OPENERS = frozenset(" \t\n\r\"'`=:>([{|,;&?")
_CLOSERS = frozenset(" \t\n\r\"'`<)]}|,;:&\\")
_NAME = re.compile("|".join(sorted(WORDS, key=len, reverse=True)))
_REST = re.compile(r"[\w.-]{0,40}")
_NUMBER = re.compile("[0-9]+")
_LITERAL = re.compile(r"([\"'`])((?:(?!\1)\S){12,120})\1")
_IDENTIFIER = re.compile(r"[\w.-]+\Z")
_TELLS_VALUE = re.compile(r"\s{0,40}(?:[\"']?(?i:default|value|type)\b|#|//)")
# What a value is called where nothing is said of it.
_GENERIC = frozenset(
    "value val default defaultvalue default_value fallback body data string text content".split()
)
_OWN = re.compile(
    r"(?<![\w$.:-])([A-Za-z_$][\w$.-]{0,60})[\"'`\])}]{0,3}[ \t]{0,20}(?:=>|:=|\?=|={1,3}|:)"
    r"[ \t]{0,20}(?:[bBrRfFuULnN@$]{1,2})?\\{0,3}[\"'`]?\Z"
)
# A line that has nothing but the value, before it and as a whole.
_ALONE = re.compile(
    r"[\s\"'`({\[|>+?:-]{0,80}(?:(?:return|value|val|default|string)[\"']?[ \t]{0,20}[:=]?)?"
    r"[ \t]{0,20}(?:[bBrRfFuULnN@$]{1,2})?\\{0,3}[\"'`]?\Z",
    re.IGNORECASE,
)
_VALUE_ONLY = re.compile(r"[\s\"'`(+-]{0,80}[\w+/=-]{16,}[\s\"'`),;+\\n]{0,9}\Z")


def find(text: str, start: int, end: int) -> "tuple[int, int, str] | None":
    """Find the secret that the run of letters and digits from `start` to `end` is a part of."""
    if not _is_generated(text[start:end]):
        return None
    begin, stop = _quoted(text, start, end) or _bare(text, start, end)
    if text[begin - 1 : begin] == "\\" and text[begin] in "nrt":
        begin += 1
    elif begin and text[begin - 1] not in _OPENERS:
        return None
    value = text[begin:stop]
    if (stop < len(text) and text[stop] not in _CLOSERS) or not _is_value(value, text[start:end]):
        return None
    kind = _kind(text, begin, stop)
    return (begin, stop, kind) if kind else None


def strings_behind(text: str, start: int, kind: str) -> "tuple[int, int, str] | None":
    """Find a secret of the `kind` that a name means, in a string behind it, where `start` is.

    The string is on the same line, or among those below it that tell a default or a value.
    """
    first, *below = text[start : start + _AHEAD].split("\n")
    further = itertools.takewhile(_TELLS_VALUE.match, below[:_LINES])
    window = "\n".join([first, *further])
    for literal in _LITERAL.finditer(window):
        own = _OWN.search(window, max(0, literal.start() - 80), literal.start() + 1)
        named = own and own[1].lower() not in _GENERIC and own.start() > 0
        if not named and _is_password(literal[2], kind):
            return start + literal.start(2), start + literal.end(2), kind
    return None


def _is_password(value: str, kind: str) -> bool:
    """Check whether a generator made `value`, which may hold any signs."""
    if _IDENTIFIER.match(value):
        return len(_NUMBER.findall(value)) > 1 and is_random(value, 12, 2.0)
    return is_secret_value(value, kind, sure=False)


def _quoted(text: str, start: int, end: int) -> "tuple[int, int] | None":
    """Find where the string literal without spaces begins and ends that the run is in."""
    head = _HEAD_QUOTED.match(text[max(0, start - _REACH) : start][::-1])
    if not head:
        return None
    tail = _TAIL_QUOTED.match(text, end)
    stop = tail.end() if tail else 0
    return (start - head.end(1), stop) if text[stop : stop + 1] == head[2] else None


def _bare(text: str, start: int, end: int) -> tuple[int, int]:
    """Find where the word begins and ends that the run is in."""
    head = _HEAD.match(text[max(0, start - _REACH) : start][::-1])
    tail = _TAIL.match(text, end)
    return start - (head.end() if head else 0), tail.end() if tail else end


def _is_generated(run: str) -> bool:
    """Check whether a generator made `run`, which can be an identifier with one number only."""
    digits = len(_NUMBER.findall(run))
    return digits > 0 and is_random(run, _LEAST, 1.5 if digits > 1 and run.isalnum() else 2.0)


def _is_value(value: str, run: str) -> bool:
    """Check whether `value`, which holds `run`, is neither a path nor a number nor an example."""
    if value[:1] in ("", ".", "/", "~") or "EXAMPLE" in value or value.startswith(("0x", "0X")):
        return False
    return value.endswith(run) or is_random(run, _LEAST, 2.0)


def _kind(text: str, begin: int, stop: int) -> str:
    """Tell the kind of secret that names beside the value from `begin` to `stop` mean."""
    left = max(0, begin - _BEFORE)
    line = max(left, text.rfind("\n", left, begin) + 1)
    before = text[line:begin]
    own = _OWN.search(before, max(0, len(before) - 80))
    if own and own[1].lower() not in _GENERIC and is_word(own[1]):
        # In `token, other = "...", 1` the names before it count too.
        several = "(" not in before and before[: own.start()].rstrip().endswith(",")
        return _told(before if several else own[1], last=True)
    ends = text.find("\n", stop, stop + _BEHIND)
    behind = text[stop : ends if ends >= 0 else stop + _BEHIND]
    kind = _told(before, last=True) or _told(behind, last=False)
    if kind or _ALONE.match(before):
        return kind or _told(_above(text, line), last=True)
    first = text[: max(0, text.find("\n", 0, _HEADER))]
    last = text[max(0, line - _BEFORE) : max(0, line - 1)].rpartition("\n")[2]
    return _told(_column(first, before), last=True) or _told(_column(last, before), last=True)


def _column(header: str, before: str) -> str:
    """Return the name that a table's `header` has for a value with `before` in its line."""
    mark = next((mark for mark in ",;\t|" if mark in before and mark in header), "")
    names, number = header.split(mark) if mark else [], before.count(mark)
    return names[number] if number < len(names) else ""


def _above(text: str, line: int) -> str:
    """Return the end of the lines above the one that starts at `line`, up to another value."""
    lines = text[max(0, line - _BEFORE) : line].split("\n")[-_LINES:]
    values = [number for number, above in enumerate(lines) if _VALUE_ONLY.match(above)]
    return "\n".join(lines[values[-1] + 1 if values else 0 :])


def _told(text: str, last: bool) -> str:
    """Tell the kind of secret that the first or the last telling name in `text` means."""
    lowered = text.lower()
    if len(lowered) != len(text):
        return ""
    found = ""
    for match in _NAME.finditer(lowered):
        at, word = match.start(), match[0]
        name = start_of(text, at)
        if "::" in text[name:at] or (text[name - 1 : name] == "/" and text[name].isalnum()):
            continue
        rest = _REST.match(lowered, match.end())[0].rstrip(".-")  # type: ignore[index]
        if not is_word(text[name : match.end() + len(rest)]):  # within something random
            continue
        found = kind_of(text, lowered, word, rest, at)[0] or found
        if found and not last:
            break
    return found
