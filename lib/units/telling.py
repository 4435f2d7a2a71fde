"""Write into the ledger what one feed of files did to their units."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import zip_longest
from typing import NamedTuple

from lib.capture import identity
from lib.capture.languages import language_of
from lib.ledger.lives import BEFORE, COPIED, DELETED, INTRODUCED, Body, Lives, Place, Standing
from lib.units import continuing
from lib.units.continuing import Changed, Step
from lib.units.extraction import Unit
from lib.units.fingerprint import Fingerprint, fingerprints
from lib.units.recent import Recent
from lib.units.repeated import LEAST_DISTINCT, LEAST_RENAMED, LEAST_SAME

# A unit by its file and the byte at which it begins.
Key = tuple[str, int]


class File(NamedTuple):
    """A file in a feed: its code before and after, and its units; None where there is no file.

    `stood` are its units before. `is_met`: what was there before is not known, for it was recorded
    for the first time, so nothing in it is new.
    """

    place: Place
    path: str
    language: str
    before: str | None
    after: str | None
    stood: list[Standing]
    stands: list[Unit]
    is_met: bool

    @property
    def has_other_names(self) -> bool:
        """Whether it lost or gained a name."""
        return sorted(one.name for one in self.stood) != sorted(
            one.qualified_name for one in self.stands
        )


class Telling:
    """Tells what a feed did, within the caller's transaction. May raise sqlite3.Error."""

    def __init__(self, lives: Lives, files: Sequence[File]) -> None:
        self._lives = lives
        self._files = {file.path: file for file in files}
        self._old = {(file.path, one.start): one for file in files for one in file.stood}
        self._new = {(file.path, one.start): one for file in files for one in file.stands}
        # The units that stand now, and those of before that are accounted for.
        self._ids: dict[Key, int] = {}
        self._met: set[Key] = set()
        self._prints: dict[str, dict[int, Fingerprint]] = {}

    def tell(self, recent: Recent) -> None:
        """Write the steps of all units, and what stands in the files now."""
        several = [
            Changed(file.path, file.language, file.before, file.after)
            for file in self._files.values() if not file.is_met
        ]  # fmt: skip
        steps = continuing.follow(several, recent) if several else []
        # What goes on has its place before anything is a copy of it.
        for step in sorted(steps, key=_rank):
            self._late(step, step.late) if step.late is not None else self._tell(step)
        for file in self._files.values():
            self._rest(file)
            if file.after is None:
                self._lives.clear(file.place.file_id)
            else:
                here = (self._standing(self._ids[file.path, one.start], one) for one in file.stands)
                self._lives.let_stand(file.place, here)

    def _tell(self, step: Step) -> None:
        words, old, new = set(step.change), step.old, step.new
        was = old and self._old.get((old.path, old.unit.start))
        if words & continuing.BEGINNINGS and new:
            origin = self._lives.last_step(was.unit_id) if was else None
            self._begin((new.path, new.unit.start), " ".join(step.change), origin)
        elif words & continuing.ENDINGS and old and was:
            self._end((old.path, old.unit.start), " ".join(step.change))
        elif old and new and was:
            self._met.add((old.path, old.unit.start))
            self._go_on((new.path, new.unit.start), was.unit_id, " ".join(step.change))

    def _late(self, step: Step, feed: int) -> None:
        """Tell what takes the place of something that was told in an earlier feed."""
        old, new, change = step.old, step.new, " ".join(step.change)
        if old is None or new is None:
            return
        ended = self._lives.told(old.path, feed, old.unit.qualified_name, old.unit.start, True)
        begun = self._lives.told(new.path, feed, new.unit.qualified_name, new.unit.start, False)
        was = self._old.get((old.path, old.unit.start))
        is_beginning = bool(continuing.BEGINNINGS.intersection(step.change))
        if ended and (new.path, new.unit.start) in self._new:
            if is_beginning:
                self._begin((new.path, new.unit.start), change, ended.step_id)
            else:
                self._lives.retract(ended.step_id)
                self._go_on((new.path, new.unit.start), ended.unit_id, change)
        elif begun and was and is_beginning:
            self._lives.rename(begun.step_id, change, self._lives.last_step(was.unit_id))
        elif begun and was and begun.unit_id != was.unit_id:
            self._met.add((old.path, old.unit.start))
            self._lives.absorb(was.unit_id, begun.unit_id, begun.step_id, change)
            self._replace(begun.unit_id, was.unit_id)

    def _replace(self, younger: int, unit_id: int) -> None:
        """Let what stands here as the `younger` unit be the other one."""
        for key, one in self._old.items():
            if one.unit_id == younger:
                self._old[key] = one._replace(unit_id=unit_id)
        self._ids = {key: unit_id if n == younger else n for key, n in self._ids.items()}

    def _rest(self, file: File) -> None:
        """Tell of those that no step tells of: as a rule they are as they were."""
        olds, news = defaultdict(list), defaultdict(list)
        for one in (old for old in file.stood if (file.path, old.start) not in self._met):
            olds[one.name].append(self._old[file.path, one.start])
        for unit in (new for new in file.stands if (file.path, new.start) not in self._ids):
            news[unit.qualified_name].append(unit)
        for name in {**olds, **news}:
            for old, new in zip_longest(olds[name], news[name]):
                if old is None:
                    self._begin((file.path, new.start), BEFORE if file.is_met else INTRODUCED, None)
                elif new is None:
                    self._end((file.path, old.start), DELETED)
                else:
                    self._ids[file.path, new.start] = old.unit_id

    def _begin(self, key: Key, change: str, origin: int | None) -> None:
        body = self._body(key)
        if origin is None and change == INTRODUCED:
            origin = self._lives.same(body)
            change = COPIED if origin else change
        place, unit = self._files[key[0]].place, self._standing(0, self._new[key])
        self._ids[key] = self._lives.begin(place, unit, change, body, origin)

    def _go_on(self, key: Key, unit_id: int, change: str) -> None:
        self._ids[key] = unit_id
        unit = self._standing(unit_id, self._new[key])
        self._lives.go_on(self._files[key[0]].place, unit, change, self._body(key))

    def _end(self, key: Key, change: str) -> None:
        self._met.add(key)
        self._lives.end(self._files[key[0]].place, self._old[key], change)

    def _standing(self, unit_id: int, unit: Unit) -> Standing:
        return Standing(unit_id, *unit)

    def _body(self, key: Key) -> Body:
        """Return the id of what a unit holds, and the digests of its tokens."""
        path, start = key
        file, unit = self._files[path], self._new[key]
        data = (file.after or "").encode("utf-8", "surrogatepass")[start : unit.end]
        language = language_of(path)
        code = identity.normalise(data.decode("utf-8", "surrogatepass"), language)
        pattern_id = identity.pattern_id(code, language, unit.kind)
        if path not in self._prints:
            found = fingerprints(file.after or "", file.language)
            self._prints[path] = {one.unit.start: one for one in found}
        return Body(pattern_id, *_digests(self._prints[path].get(start)))


def _digests(told: Fingerprint | None) -> tuple[bytes | None, bytes | None]:
    """Return the digests of a unit's tokens, and without names; None where it is too small."""
    if told is None or told.tokens < LEAST_SAME:
        return None, None
    is_large = told.tokens >= LEAST_RENAMED and told.distinct >= LEAST_DISTINCT
    exact, renamed = bytes.fromhex(told.exact[:16]), bytes.fromhex(told.renamed[:16])
    return exact, renamed if is_large else None


def _rank(step: Step) -> int:
    """Tell which steps come first: what goes on, then what ends, then what begins."""
    words = set(step.change)
    return 2 if words & continuing.BEGINNINGS else 1 if words & continuing.ENDINGS else 0
