"""Write into the ledger what one feed of files did to their units."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from lib.capture import identity
from lib.capture.languages import language_of
from lib.ledger.lives import BEFORE, COPIED, DELETED, INTRODUCED, Body, Lives, Place, Standing
from lib.units.changes import BEGINNINGS, ENDINGS
from lib.units.continuing import Changed, Step, follow
from lib.units.continuing import Place as Found
from lib.units.extraction import Unit
from lib.units.fingerprint import Fingerprint
from lib.units.recent import Recent
from lib.units.repeated import LEAST_DISTINCT, LEAST_RENAMED, LEAST_SAME
from lib.units.sources import Known

# A unit by its file and the byte at which it begins.
Key = tuple[str, int]


class File(NamedTuple):
    """A file in a feed: its code before and after, None where there is no file, and its units.

    `data` is the code after in UTF-8. `stood` are its units before, whose numbers are in `known` by
    the digests of what they contain. `is_met`: what was there before is not known, for it was
    recorded for the first time, so nothing in it is new.
    """

    place: Place
    path: str
    language: str
    before: str | None
    after: str | None
    stood: list[Standing]
    known: dict[str, int]
    stands: list[Fingerprint]
    is_met: bool
    data: bytes = b""

    def changed(self) -> Changed:
        """Tell it to who follows units; where the names are the same, those that changed alone."""
        stood = [Unit(*one[1:]) for one in self.stood]
        stands = [one.unit for one in self.stands]
        names = [one.qualified_name for one in stood]
        if len({*names}) == len(names) and names == [one.qualified_name for one in stands]:
            data = (self.before or "").encode("utf-8", "surrogatepass")
            led = zip(_leads(data, stood), _leads(self.data, stands), strict=True)
            pairs = [
                (was, one.unit)
                for was, one, (lead, leads) in zip(stood, self.stands, led, strict=True)
                if one.content not in self.known or lead != leads
            ]
            stood, stands = [was for was, _ in pairs], [unit for _, unit in pairs]
        return Changed(self.path, self.language, self.before, self.after, stood, stands)


class Telling:
    """Tells what a feed did, within the caller's transaction. May raise sqlite3.Error."""

    def __init__(self, lives: Lives, files: Sequence[File]) -> None:
        self._lives = lives
        self._files = {file.path: file for file in files}
        self._old = {(file.path, one.start): one for file in files for one in file.stood}
        self._new = {(file.path, one.unit.start): one for file in files for one in file.stands}
        # The units that stand now, and those of before that are accounted for.
        self._ids: dict[Key, int] = {}
        self._met: set[Key] = set()
        # What stands in other files.
        self._others: dict[str, dict[int, int]] = {}

    def tell(self, recent: Recent, known: Known | None = None) -> None:
        """Write the steps of all units, and what stands in the files now."""
        several = [file.changed() for file in self._files.values() if not file.is_met]
        steps = follow(several, recent, all_units=True, known=known) if several else []
        # What goes on has its place before anything is a copy of it.
        for step in sorted(steps, key=_rank):
            self._late(step, step.late) if step.late is not None else self._tell(step)
        for file in self._files.values():
            self._rest(file)
            if file.after is None:
                self._lives.clear(file.place.file_id)
            else:
                units = (one.unit for one in file.stands)
                here = [Standing(self._ids[file.path, one.start], *one) for one in units]
                self._lives.let_stand(file.place, here)

    def _tell(self, step: Step) -> None:
        old, new, change = step.old, step.new, " ".join(step.change)
        if new and (old is None or BEGINNINGS.intersection(step.change)):
            self._begin((new.path, new.unit.start), change, self._origin(old))
        elif old and (new is None or ENDINGS.intersection(step.change)):
            self._end((old.path, old.unit.start), change, self._heir(new))
        elif old and new and (was := self._old.get((old.path, old.unit.start))):
            self._met.add((old.path, old.unit.start))
            self._go_on((new.path, new.unit.start), was.unit_id, change)

    def _origin(self, old: Found | None) -> int | None:
        """Return the step of the unit that a new one was made from, by where it stood."""
        if old is None:
            return None
        was = self._old.get((old.path, old.unit.start))
        if was is None and old.path not in self._others:
            self._others[old.path] = self._lives.at(old.path)
        unit_id = was.unit_id if was else self._others[old.path].get(old.unit.start)
        return self._lives.last_step(unit_id) if unit_id else None

    def _heir(self, new: Found | None) -> int | None:
        """Return the step of the unit that has the text of one that ended."""
        unit_id = self._ids.get((new.path, new.unit.start)) if new else None
        return self._lives.last_step(unit_id) if unit_id else None

    def _late(self, step: Step, feed: int) -> None:
        """Tell what takes the place of something that was told in an earlier feed."""
        old, new, change = step.old, step.new, " ".join(step.change)
        if old is None or new is None:
            return
        ended = self._lives.told(old.path, feed, old.unit.qualified_name, old.unit.start, True)
        begun = self._lives.told(new.path, feed, new.unit.qualified_name, new.unit.start, False)
        was = self._old.get((old.path, old.unit.start))
        if ended and (new.path, new.unit.start) in self._new:
            self._lives.retract(ended.step_id)
            self._go_on((new.path, new.unit.start), ended.unit_id, change)
        elif begun and was and begun.may_be(was.unit_id):
            self._met.add((old.path, old.unit.start))
            self._lives.absorb(was.unit_id, begun.unit_id, begun.step_id, change)
            self._replace(begun.unit_id, was.unit_id)

    def _replace(self, younger: int, unit_id: int) -> None:
        """Let what stands as the `younger` unit be the other one."""
        self._others.clear()
        for key, one in self._old.items():
            if one.unit_id == younger:
                self._old[key] = one._replace(unit_id=unit_id)
        self._ids = {key: unit_id if n == younger else n for key, n in self._ids.items()}

    def _rest(self, file: File) -> None:
        """Tell of those that no step tells of: as a rule they are as they were."""
        olds, news = defaultdict(list), defaultdict(list)
        for one in (old for old in file.stood if (file.path, old.start) not in self._met):
            olds[one.name].append(self._old[file.path, one.start])
        for unit in (one.unit for one in file.stands):
            if (file.path, unit.start) not in self._ids:
                news[unit.qualified_name].append(unit)
        for name in {**olds, **news}:
            for old, new in zip_longest(olds[name], news[name]):
                if old is None:
                    change = BEFORE if file.is_met else INTRODUCED
                    self._begin((file.path, new.start), change, None)
                elif new is None:
                    self._end((file.path, old.start), DELETED, None)
                else:
                    self._ids[file.path, new.start] = old.unit_id

    def _begin(self, key: Key, change: str, origin: int | None) -> None:
        body = self._body(key)
        if change == INTRODUCED and (origin := self._lives.same(body)):
            change = COPIED
        place, unit = self._files[key[0]].place, Standing(0, *self._new[key].unit)
        self._ids[key] = self._lives.begin(place, unit, change, body, origin)

    def _go_on(self, key: Key, unit_id: int, change: str) -> None:
        self._ids[key] = unit_id
        if change:
            unit = Standing(unit_id, *self._new[key].unit)
            self._lives.go_on(self._files[key[0]].place, unit, change, self._body(key))

    def _end(self, key: Key, change: str, into: int | None) -> None:
        if key not in self._met:
            self._met.add(key)
            self._lives.end(self._files[key[0]].place, self._old[key], change, into)

    def _body(self, key: Key) -> Body:
        """Return the id of what a unit holds, and the digests of its tokens."""
        file = self._files[key[0]]
        unit, tokens, distinct, exact, renamed, content = self._new[key][:6]
        data = file.data[unit.start : unit.end]
        language = language_of(file.path)
        code = identity.normalise(data.decode("utf-8", "surrogatepass"), language)
        pattern_id = identity.pattern_id(code, language, unit.kind)
        if content in file.known:
            return Body(pattern_id, *self._lives.digests(file.known[content]))
        is_large = tokens >= LEAST_RENAMED and distinct >= LEAST_DISTINCT
        return Body(
            pattern_id,
            _short(exact) if tokens >= LEAST_SAME else None,
            _short(renamed) if is_large else None,
        )


def _leads(data: bytes, units: Sequence[Unit]) -> Iterator[bytes]:
    """Yield what stands before each unit, from where another one begins or ends."""
    stops = sorted({0, *(one.start for one in units), *(one.end for one in units)})
    for one in units:
        place = bisect_left(stops, one.start)
        yield data[stops[place - 1] if place else 0 : one.start].strip()


def _short(digest: str) -> bytes:
    return bytes.fromhex(digest[:16])


def _rank(step: Step) -> int:
    """Tell which steps come first: what goes on, then what ends, then what begins."""
    is_beginning = step.old is None or BEGINNINGS.intersection(step.change)
    return 2 if is_beginning else 1 if ENDINGS.intersection(step.change) else 0
