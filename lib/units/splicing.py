"""Find the units of a file of which a part has changed: that part alone is parsed again."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from lib.ledger.common_ends import common_end, common_start
from lib.units.extraction import Unit, units_of
from lib.units.fingerprint import Fingerprint, fingerprints_of
from lib.units.grammars import grammar
from lib.units.last_parsed import LastParsed
from lib.units.parsing import Late, Parsed, captured, parse
from lib.units.suspicion import is_suspicious

# Of a file's text so much may be parsed twice, as it was and as it is, before all of it is.
_MOST_SHARE = 0.4
# Here macros make that code is right in parts and not as a whole, and the other way round.
_NEVER = ("c", "cpp")


class Past(NamedTuple):
    """A file as it was: its code in UTF-8, its units as they begin, and their `content` digests."""

    data: bytes
    units: Sequence[Unit]
    contents: Sequence[str]


class _Part(NamedTuple):
    """A part of a file as it was: its bytes, and the numbers of the units in it.

    `is_open`: it begins where the file does, or ends there.
    """

    start: int
    end: int
    first: int
    last: int
    is_open: tuple[bool, bool]


def spliced(
    past: Past, data: bytes, language: str, known: Collection[str], last: LastParsed | None
) -> list[Fingerprint] | None:
    """Return the units of `data`, which a file holds now, as `bounded.read` would.

    None where too much has changed, or the part that has does not say by itself what is in it.
    """
    part = None if language in _NEVER else _changed(past, data)
    more = len(data) - len(past.data)
    if part is None or part.end + more - part.start > _MOST_SHARE * len(data):
        return None
    text = data[part.start : part.end + more]
    if is_suspicious(text) or (last and last.is_feared(text)):
        return None
    was = _alone(past.data, part.start, part.end, language)
    if was is None or units_of(was) != list(past.units[part.first : part.last]):
        return None
    now = _alone(data, part.start, part.end + more, language)
    found = fingerprints_of(now, language, known) if now else None
    if found is None or not _fits(part, more, [one.unit for one in found]):
        return None
    lines = text.count(b"\n") - past.data.count(b"\n", part.start, part.end)
    olds = list(zip(past.units, past.contents, strict=True))
    return [
        *(_kept(one, content, 0, 0) for one, content in olds[: part.first]),
        *found,
        *(_kept(one, content, more, lines) for one, content in olds[part.last :]),
    ]


def _changed(past: Past, data: bytes) -> _Part | None:
    """Return the part in which all has changed: it begins and ends inside of outermost units."""
    start = common_start(past.data, data)
    end = len(past.data) - common_end(past.data, data, min(len(past.data), len(data)) - start)
    outermost = list(_outermost(past.units))
    begin = max((n for n in outermost if past.units[n].start < start), default=None)
    until = min((n for n in outermost if past.units[n].end > end), default=None)
    if any(n is not None and not _is_apart(past, past.units[n]) for n in (begin, until)):
        return None
    after = min((n for n in outermost if until is not None and n > until), default=len(past.units))
    return _Part(
        0 if begin is None else past.units[begin].start,
        len(past.data) if until is None else past.units[until].end,
        begin or 0,
        after,
        (begin is None, until is None),
    )


def _outermost(units: Sequence[Unit]) -> list[int]:
    found, reached = [], 0
    for number, one in enumerate(units):
        if one.start >= reached:
            found.append(number)
            reached = one.end
    return found


def _is_apart(past: Past, unit: Unit) -> bool:
    is_line = past.data[: unit.start][-1:] in (b"", b"\n")
    return is_line and "." not in unit.qualified_name and unit.kind != "method"


def _fits(part: _Part, more: int, units: Sequence[Unit]) -> bool:
    """Check that a part begins and ends with a unit still, where it did."""
    outermost = _outermost(units)
    is_begun = outermost and units[outermost[0]].start == part.start
    is_ended = outermost and units[outermost[-1]].end == part.end + more
    return bool((is_begun or part.is_open[0]) and (is_ended or part.is_open[1]))


def _alone(data: bytes, start: int, end: int, language: str) -> Parsed | None:
    """Parse a part of code; None if it is not right by itself."""
    known = grammar(language)
    if known is None:
        return None
    parts = [(start, end)]
    if known.opener and start:
        opener = data.find(known.opener, 0, start)
        if opener < 0:
            return None
        parts.insert(0, (opener, opener + len(known.opener)))
    tree = parse(data, known, Late(end - start), parts)
    if tree is None or tree.root_node.has_error:
        return None
    return Parsed(data, known, tree, data, captured(known, tree))


def _kept(unit: Unit, content: str, more: int, lines: int) -> Fingerprint:
    """Tell a unit that is as it was, so many bytes and lines later."""
    kind, name, first, last, start, end, body = unit
    places = first + lines, last + lines, start + more, end + more, body + more
    return Fingerprint(Unit(kind, name, *places), 0, 0, "", "", content)
