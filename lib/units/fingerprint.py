"""Tell which units are the same but for layout and comments, or but for their names as well."""

import hashlib
from collections.abc import Collection, Iterable, Iterator
from typing import NamedTuple

from lib.units.extraction import Unit, units_of
from lib.units.parsing import Parsed
from lib.units.tokens import Tokenizer


class Fingerprint(NamedTuple):
    """A unit by its tokens: how many, how many different ones, and digests of two readings.

    Units with the same `exact` differ in white space and comments at most; those with the same
    `renamed` also in names, numbers and strings, where each is replaced throughout. `content` is a
    digest of the unit as it is written.
    """

    unit: Unit
    tokens: int
    distinct: int
    exact: str
    renamed: str
    content: str


def fingerprints_of(found: Parsed, language: str, known: Collection[str] = ()) -> list[Fingerprint]:
    """List the fingerprints of the units in parsed code, as these begin.

    Units whose `content` is one of the `known` have no tokens and empty digests but for that.
    """
    units = [
        Fingerprint(unit, 0, 0, "", "", _digest(found.data[unit.start : unit.end]))
        for unit in units_of(found)
    ]
    new = [place for place, unit in enumerate(units) if unit.content not in known]
    if not new:
        return units
    tokenizer = Tokenizer(found, language)
    for stops in _stretches([units[place].unit for place in new]):
        tokenizer.take(sorted(stops))
    names = tokenizer.names()
    kept = {text: text for text in set(tokenizer.texts) - names}
    numbers = [b"%d" % number for number in range(len(names))]
    for place in new:
        one = units[place].unit
        texts = tokenizer.texts[tokenizer.before[one.start] : tokenizer.before[one.end]]
        distinct = dict.fromkeys(texts)
        renaming = kept.copy()
        renaming.update(zip([text for text in distinct if text in names], numbers, strict=False))
        exact, renamed = b"\0".join(texts), b"\0".join(map(renaming.__getitem__, texts))
        units[place] = units[place]._replace(
            tokens=len(texts),
            distinct=len(distinct),
            exact=_digest(exact),
            renamed=_digest(renamed),
        )
    return units


def _stretches(units: Iterable[Unit]) -> Iterator[set[int]]:
    """Yield where units begin and end, together what lies in one another."""
    stops: set[int] = set()
    last = 0
    for unit in units:
        if stops and unit.start >= last:
            yield stops
            stops = set()
        stops |= {unit.start, unit.end}
        last = max(last, unit.end)
    yield stops


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:32]
