"""Record what arrives: each event once, whatever the order and however often it comes."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from lib.web.team.bodies import TELLING, Edge, Fields, Telling, Unit
from lib.web.team.listed import flat, in_parts, insert, marks
from lib.web.team.stored import Outcome
from lib.web.team.working import Work

# A pattern in a project, and a version of one.
Named = tuple[str, str]
Versioned = tuple[str, str, str]
# What activity is counted by: day, project, person, type of event, language.
Cell = tuple[int, str, str, str, str]


class _Kept(NamedTuple):
    """What the row of an event, or a telling of it, says that decides between them."""

    seq: int
    weight: int
    digest: str
    received: float
    day: int
    project: str
    person: str
    event_type: str
    language: str | None
    implied: int

    @property
    def rank(self) -> tuple[int, str]:
        """Of two tellings of one event that with the higher rank stays."""
        return self.weight, self.digest

    @property
    def cell(self) -> Cell:
        """Where the event is counted."""
        return self.day, self.project, self.person, self.event_type, self.language or ""


class _Known(NamedTuple):
    """The patterns, by project, that somebody has told of; those with a version, too."""

    patterns: set[Named]
    versions: set[Versioned]


def record(work: Work, tellings: Sequence[Telling]) -> list[Outcome]:
    """Record `tellings` in the transaction `work`, and tell what became of each."""
    # One person's events are recorded one batch after another, so that what is asked here still
    # holds when it is written. Others' are beside them: all keys have the person in them.
    if people := {telling.fields.person for telling in tellings}:
        work.lock(*(f"person {person}" for person in people))
    work.by_index()
    kept = _kept(work, tellings)
    known = _known(work, tellings)
    _write(work, tellings, kept)
    return list(_outcomes(tellings, set(kept), known))


def _kept(work: Work, tellings: Sequence[Telling]) -> dict[str, _Kept]:
    found: dict[str, _Kept] = {}
    columns = ", ".join(_Kept._fields)
    for part in in_parts(sorted({t.fields.key for t in tellings})):
        sql = f"SELECT key, {columns} FROM events WHERE key IN ({marks(len(part))})"
        found |= {key: _Kept(*rest) for key, *rest in work.rows(sql, part)}
    return found


def _known(work: Work, tellings: Sequence[Telling]) -> _Known:
    needed = {(t.fields.project, name) for t in tellings for name in t.needs}
    own = {_version(t.fields) for t in tellings if t.fields.event_type in TELLING}
    patterns: set[Named] = set()
    versions: set[Versioned] = set()
    asked = (
        "SELECT 1 FROM events e WHERE e.pattern_id = a.id AND e.project = a.project AND told < 2"
    )
    for pairs in in_parts(sorted(needed)):
        sql = f"WITH a(project, id) AS (VALUES {marks(2, len(pairs))}) "
        sql += f"SELECT project, id FROM a WHERE EXISTS ({asked})"
        patterns |= {(row[0], row[1]) for row in work.rows(sql, flat(pairs))}
    for trios in in_parts(sorted(own)):
        sql = f"WITH a(project, id, version) AS (VALUES {marks(3, len(trios))}) "
        sql += f"SELECT project, id, version FROM a WHERE EXISTS ({asked} "
        sql += "AND e.pattern_version = a.version)"
        versions |= {(row[0], row[1], row[2]) for row in work.rows(sql, flat(trios))}
    return _Known(patterns, versions)


def _write(work: Work, tellings: Sequence[Telling], kept: dict[str, _Kept]) -> None:
    """Bring the tables from what is kept to what the tellings say beside it."""
    first, heaviest = _chosen(tellings)
    gone, fresh, cells = [], [], Counter[Cell]()
    for key, telling in heaviest.items():
        old, fields = kept.get(key), telling.fields
        received, day = first[key]
        if old and (old.received, old.day) < (received, day):
            received, day = old.received, old.day
        new = _Kept(-1, *(getattr(fields, name) for name in _Kept._fields[1:]))
        if old is None or old.rank < new.rank:
            gone += [old.seq] if old else []
            fresh.append((fields._replace(received=received, day=day), telling))
        elif received < old.received:
            sql = "UPDATE events SET received = ?, day = ? WHERE seq = ?"
            work.run(sql, (received, day, old.seq))
            new = old
        else:
            continue
        cells[new._replace(day=day).cell] += not new.implied
        if old:
            cells[old.cell] -= not old.implied
    for part in in_parts(sorted(gone)):
        work.run(f"DELETE FROM events WHERE seq IN ({marks(len(part))})", part)
    _insert(work, fresh)
    count(work, cells)


def _chosen(
    tellings: Sequence[Telling],
) -> tuple[dict[str, tuple[float, int]], dict[str, Telling]]:
    """Find, by key, when an event arrived first, and the telling of it that counts."""
    first: dict[str, tuple[float, int]] = {}
    heaviest: dict[str, Telling] = {}
    for telling in tellings:
        fields = telling.fields
        times = fields.received, fields.day
        first[fields.key] = min(first.get(fields.key, times), times)
        other = heaviest.get(fields.key)
        if other is None or other.fields.rank < fields.rank:
            heaviest[fields.key] = telling
    return first, heaviest


def _insert(work: Work, fresh: list[tuple[Fields, Telling]]) -> None:
    given: dict[str, int] = {}
    for part in in_parts(fresh):
        rows = [fields for fields, _ in part]
        given |= dict(insert(work, "events", Fields._fields, rows, "RETURNING key, seq"))
    edges, units = [], []
    for fields, telling in fresh:
        seq, project = given[fields.key], fields.project
        edges += [(seq, project, fields.implied, *edge) for edge in telling.edges]
        units += [(seq, project, *unit) for unit in telling.units]
    for edge_rows in in_parts(edges):
        insert(work, "edges", ("seq", "project", "implied", *Edge._fields), edge_rows)
    for unit_rows in in_parts(units):
        insert(work, "units", ("seq", "project", *Unit._fields), unit_rows)


def count(work: Work, cells: Counter[Cell]) -> None:
    """Change the counts of activity by `cells`."""
    changes = sorted((cell, change) for cell, change in cells.items() if change)
    names = ("day", "project", "person", "event_type", "language", "events")
    also = "ON CONFLICT (project, day, person, event_type, language) "
    also += "DO UPDATE SET events = activity.events + excluded.events"
    for part in in_parts(changes):
        insert(work, "activity", names, [(*cell, change) for cell, change in part], also)
    if any(change < 0 for _, change in changes):
        for cell, _ in changes:
            where = " AND ".join(f"{name} = ?" for name in names[:-1])
            work.run(f"DELETE FROM activity WHERE {where} AND events <= 0", cell)


def _outcomes(tellings: Sequence[Telling], kept: set[str], known: _Known) -> Iterator[Outcome]:
    told = {(t.fields.project, t.fields.pattern_id) for t in tellings if t.fields.told < 2}
    patterns = known.patterns | told
    for telling in tellings:
        fields = telling.fields
        missing = [n for n in telling.needs if (fields.project, n) not in patterns]
        status = _status(fields, _version(fields) in known.versions)
        yield Outcome("repeated" if fields.key in kept else status, tuple(missing))
        kept.add(fields.key)
        if fields.event_type in TELLING:
            known.versions.add(_version(fields))


def _status(fields: Fields, is_known: bool) -> str:
    if fields.event_type == "pattern_created":
        return "already_exists" if is_known else "created"
    if fields.event_type in TELLING and is_known:
        return "unchanged"
    return fields.event_type.removeprefix("pattern_")


def _version(fields: Fields) -> Versioned:
    return fields.project, fields.pattern_id, fields.pattern_version
