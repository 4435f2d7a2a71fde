"""Replace secrets in code and other text by markers that name their kind."""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from lib.privacy.assigned_secrets import is_secret
from lib.privacy.secrets_in_text import Span, candidates, find
from lib.spool.spooled import Event

NOTED = "redacted"
UNCHECKED = "unchecked"
CUSTOM = "custom"
MIN_TEXT = 8
# Looking at a place takes up to 25 microseconds: of so many, a second and a half, which a flusher
# has. Code has one in 300 characters: 8 MB of it pass, and twice that.
LARGE, MAX_CANDIDATES = 1024 * 1024, 60_000
# Fields that say which event it is, and no more.
IDS = frozenset(
    "event_id timestamp captured_at session_id tool_use_id agent_id pattern_id content_pattern_id "
    "parent_pattern_ids event_type edge_type service_url last_retry redacted".split()
)
# Those that say where it was captured and how, which stay where texts are withheld.
PLACES = frozenset(
    "file_path named cwd transcript_path language pattern_type pattern_version triggered_by "
    "tool_name transformation_type before captured actor program agent_type prompt_id "
    "earlier_ids".split()
)
# Names that no pattern may take out of an event.
_FIELDS = IDS | PLACES | {"event_data", "pattern_data", "parents", "pattern_name", "code", "reason"}
MAX_DEPTH = 100
# Short texts that the rules find nothing in, and those by the name of their field: most of an
# event's are those of the one before.
_SHORT, _MOST = 64, 4096
_harmless: set[str | tuple[str, str]] = set()
_MARKER = re.compile(r"\[REDACTED:[a-z0-9-]{1,40}\]")
_LINE_END = re.compile(r"\r\n|\r|\n")


class Pattern(Protocol):
    """A compiled expression; its `finditer` may raise TimeoutError."""

    def finditer(self, text: str) -> "Iterator[Any]":
        """Yield the matches in `text`."""


class _Unchecked:
    """Stands for patterns that cannot be applied."""

    def finditer(self, text: str) -> "Iterator[Any]":
        if text:
            raise TimeoutError
        return iter(())


_UNCHECKED: Sequence[Pattern] = (_Unchecked(),)


def redact(text: str, extra: Sequence[Pattern] = ()) -> tuple[str, list[str]]:
    """Replace the secrets in `text`; return it with the names of the rules that hit, in order.

    A secret becomes `[REDACTED:name]`; the number of lines stays the same. `extra`: expressions
    besides the built-in rules, which leave `[REDACTED:custom]`. A text for which one of them takes
    too long is withheld whole, and so is a large one that is full of the words that rules look at.
    """
    if len(text) > LARGE and candidates(text) > MAX_CANDIDATES:
        return _withheld(text)
    spans = [] if len(text) < MIN_TEXT or text in _harmless else find(text)
    if not spans and len(text) >= MIN_TEXT:
        _remember(text)
    try:
        for pattern in extra:
            spans += [(*match.span(), CUSTOM) for match in pattern.finditer(text)]
    except TimeoutError:
        return _withheld(text)
    if spans and "[REDACTED:" in text:
        spans = _beside(spans, [match.span() for match in _MARKER.finditer(text)])
    return _replace(text, _disjoint(spans)) if spans else (text, [])


def _remember(text: str, name: str = "") -> None:
    if len(text) <= _SHORT and len(name) <= _SHORT:
        if len(_harmless) >= _MOST:
            _harmless.clear()
        _harmless.add((name, text) if name else text)


def _withheld(text: str) -> tuple[str, list[str]]:
    """Make a marker with as many lines as `text` has, and nothing of it."""
    return f"[REDACTED:{UNCHECKED}]" + "\n" * text.count("\n"), [UNCHECKED]


def redact_event(event: Event, extra: Sequence[Pattern] = ()) -> Event:
    """Redact the code and other texts of `event`; ids stay what they were.

    `event_data.pattern_data.redacted` then lists the rules that hit, sorted. An event without
    secrets is returned as it is, one with some as a new object.
    """
    names: set[str] = set()
    clean = _clean(event, extra, names, 0)
    if not names:
        return event
    made: Event = clean  # type: ignore[assignment]
    data = made.get("event_data")
    details = data.get("pattern_data") if isinstance(data, dict) else None
    if isinstance(details, dict):
        before = details.get(NOTED)
        known = (
            {name for name in before if isinstance(name, str)}
            if isinstance(before, list)
            else set()
        )
        details[NOTED] = sorted(names | known)
    return made


def withhold(event: Event) -> Event:
    """Redact `event`, leave out its code, and replace other texts whole but for ids and `PLACES`.

    With a marker in its place all code of so many lines would be the same to the ledger.
    """
    return redact_event(event, _UNCHECKED)


def _clean(value: object, extra: Sequence[Pattern], names: set[str], depth: int) -> object:
    if isinstance(value, str):
        if value in _harmless and not extra:
            return value
        text, hits = redact(value, extra)
        names.update(hits)
        return text
    if isinstance(value, (list, dict)) and depth > MAX_DEPTH:
        names.add(UNCHECKED)
        return None
    if isinstance(value, list):
        return [_clean(item, extra, names, depth + 1) for item in value]
    if isinstance(value, dict):
        if extra is _UNCHECKED and "code" in value:
            names.add(UNCHECKED)
            value = {name: held for name, held in value.items() if name != "code"}
        return dict(_clean_field(k, v, extra, names, depth) for k, v in value.items())
    return value


def _clean_field(
    name: object, value: object, extra: Sequence[Pattern], names: set[str], depth: int
) -> tuple[object, object]:
    if name in IDS:
        return name, value
    if extra is _UNCHECKED and name in PLACES:
        extra = ()
    if isinstance(name, str) and isinstance(value, str) and (name, value) not in _harmless:
        if is_secret(name, value):
            names.add("secret")
            return name, "[REDACTED:secret]"
        _remember(value, name)
    is_known = name in _FIELDS or (not extra and isinstance(name, str) and name in _harmless)
    clean = name if is_known else _clean(name, extra, names, depth)
    return clean, _clean(value, extra, names, depth + 1)


def _beside(spans: list[Span], markers: list[tuple[int, int]]) -> list[Span]:
    """Drop those of `spans` that begin or end within a marker that is there already."""
    starts = [start for start, _ in markers]

    def is_inside(at: int) -> bool:
        number = bisect_right(starts, at) - 1
        return number >= 0 and at < markers[number][1]

    return [s for s in spans if not is_inside(s[0]) and not is_inside(s[1] - 1)]


def _disjoint(spans: list[Span]) -> list[Span]:
    """Sort `spans`, and merge those that overlap into one, named by the first of them."""
    # Sorting keeps the order of the rules for spans that start together.
    order = sorted(range(len(spans)), key=lambda number: (spans[number][0], number))
    merged: list[tuple[int, int, int]] = []
    for number in order:
        start, end, _ = spans[number]
        if start == end:
            continue
        if merged and start < merged[-1][1]:
            last = merged[-1]
            merged[-1] = last[0], max(last[1], end), min(last[2], number)
        else:
            merged.append((start, end, number))
    return [(start, end, spans[number][2]) for start, end, number in merged]


def _replace(text: str, spans: list[Span]) -> tuple[str, list[str]]:
    parts: list[str] = []
    done = 0
    for start, end, name in spans:
        parts.append(text[done:start])
        parts.append(f"[REDACTED:{name}]")
        parts += _LINE_END.findall(text, start, end)
        done = end
    parts.append(text[done:])
    return "".join(parts), [name for _, _, name in spans]
