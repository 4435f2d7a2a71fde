"""Find the units of a file of which parts have changed: those alone are parsed again."""

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

from lib.ledger.common_ends import common_end, common_start
from lib.ledger.common_runs import Run, common_runs
from lib.units.extraction import Unit, units_of
from lib.units.fingerprint import Fingerprint, fingerprints_of
from lib.units.grammars import grammar
from lib.units.last_parsed import LastParsed
from lib.units.parsing import Late, Parsed, captured, parse
from lib.units.suspicion import is_suspicious

# Of a file's text so much may be parsed twice, as it was and as it is, before all of it is.
_MOST_SHARE = 0.4
# What is equal in between is looked for so often: where much has changed, all is parsed anyway.
_MOST_TRIES = 24
# Here macros make that code is right in parts and not as a whole, and the other way round.
_NEVER = ("c", "cpp")


class Past(NamedTuple):
    """A file as it was: its code in UTF-8, its units as they begin, and their `content` digests."""

    data: bytes
    units: Sequence[Unit]
    contents: Sequence[str]


class _Part(NamedTuple):
    """A part of a file: its bytes as it was, and as it is; and the numbers of the units it had.

    `is_open`: it begins where the file does, or ends there.
    """

    start: int
    end: int
    now_start: int
    now_end: int
    first: int
    last: int
    is_open: tuple[bool, bool]

    @property
    def size(self) -> int:
        """How many bytes it has now."""
        return self.now_end - self.now_start


def spliced(
    past: Past, data: bytes, language: str, known: Collection[str], last: LastParsed | None
) -> list[Fingerprint] | None:
    """Return the units of `data`, which a file holds now, as `bounded.read` would.

    None where too much has changed, or a part that has does not say by itself what is in it.
    """
    parts = None if language in _NEVER else _changed(past, data)
    if parts is None or sum(one.size for one in parts) > _MOST_SHARE * len(data):
        return None
    olds = list(zip(past.units, past.contents, strict=True))
    units: list[Fingerprint] = []
    done = more = lines = 0
    for part in parts:
        text = data[part.now_start : part.now_end]
        if is_suspicious(text) or (last and last.is_feared(text)):
            return None
        found = _found(part, past, data, language, known)
        if found is None:
            return None
        units += (_kept(*one, more, lines) for one in olds[done : part.first])
        units += found
        done, more = part.last, part.now_end - part.end
        lines += text.count(b"\n") - past.data.count(b"\n", part.start, part.end)
    return [*units, *(_kept(*one, more, lines) for one in olds[done:])]


def _found(
    part: _Part, past: Past, data: bytes, language: str, known: Collection[str]
) -> list[Fingerprint] | None:
    """Return the units of a part; None if it does not say by itself what is in it, or was."""
    was = _alone(past.data, part.start, part.end, language)
    if was is None or units_of(was) != list(past.units[part.first : part.last]):
        return None
    now = _alone(data, part.now_start, part.now_end, language)
    found = fingerprints_of(now, language, known) if now else None
    return found if found is not None and _fits(part, [one.unit for one in found]) else None


def _changed(past: Past, data: bytes) -> list[_Part] | None:
    """Return the parts that changed: each begins and ends inside of outermost units."""
    outermost = _outermost(past.units)
    parts: list[_Part] = []
    for gap in _gaps(past.data, data):
        part = _around(past, outermost, *gap)
        if part is None:
            return None
        if parts and part.first < parts[-1].last:
            one = parts.pop()
            part = part._replace(
                start=one.start,
                now_start=one.now_start,
                first=one.first,
                is_open=(one.is_open[0], part.is_open[1]),
            )
        parts.append(part)
    return parts


def _gaps(old: bytes, new: bytes) -> Iterator[tuple[int, int, int, int]]:
    """Yield from where to where two texts differ: in the old one, and in the new one."""
    start, same = _ends(old, new)
    until = len(old) - same, len(new) - same
    at = now = old.rfind(b"\n", 0, start) + 1
    # Runs are of whole lines.
    for run in (*common_runs(old, new, at, *until, _MOST_TRIES), Run(*until, 0)):
        start, same = _ends(old[at : run.one], new[now : run.other])
        yield at + start, run.one - same, now + start, run.other - same
        at, now = run.one + run.size, run.other + run.size


def _ends(old: bytes, new: bytes) -> tuple[int, int]:
    """Count the first bytes that two texts have in common, and of the rest the last ones."""
    start = common_start(old, new)
    return start, common_end(old, new, min(len(old), len(new)) - start)


def _around(
    past: Past, outermost: Sequence[int], start: int, end: int, now_start: int, now_end: int
) -> _Part | None:
    """Return the part from the outermost unit that a gap begins in to the one that it ends in."""
    begin = max((n for n in outermost if past.units[n].start < start), default=None)
    until = min((n for n in outermost if past.units[n].end > end), default=None)
    if any(n is not None and not _is_apart(past, past.units[n]) for n in (begin, until)):
        return None
    after = min((n for n in outermost if until is not None and n > until), default=len(past.units))
    first = 0 if begin is None else past.units[begin].start
    last = len(past.data) if until is None else past.units[until].end
    return _Part(
        first,
        last,
        now_start - start + first,
        now_end - end + last,
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


def _fits(part: _Part, units: Sequence[Unit]) -> bool:
    """Check that a part begins and ends with a unit still, where it did."""
    outermost = _outermost(units)
    is_begun = outermost and units[outermost[0]].start == part.now_start
    is_ended = outermost and units[outermost[-1]].end == part.now_end
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
