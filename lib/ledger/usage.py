"""Count the ledger's patterns, files and edits, and how often patterns are reused."""

import re
from datetime import datetime, time, timedelta, timezone
from itertools import islice
from typing import NamedTuple

from lib.capture.identity import normalise
from lib.ledger.history import History
from lib.ledger.recording import is_nothing
from lib.system.places import in_any_worktree, is_gone

# That shorter code is the same says nothing.
USEFUL_TOKENS = 20
_TOKEN = re.compile(r"\w+|[^\w\s]")


class Series(NamedTuple):
    """The number of edits on each day, of one language or file."""

    name: str
    by_day: list[int]

    @property
    def total(self) -> int:
        """The number of all these edits."""
        return sum(self.by_day)


class Reused(NamedTuple):
    """A pattern that several files hold now, with their sorted paths.

    A file counts once, in however many worktrees of its repository it is.
    """

    pattern_id: str
    pattern_name: str | None
    files: list[str]


class Figures(NamedTuple):
    """Totals since the ledger's first event, and the edits of some days."""

    patterns: int
    files: int
    events: int
    since: str | None
    days: list[str]
    types: dict[str, int]
    languages: list[Series]
    paths: list[Series]
    reused: list[Reused]


class Session(NamedTuple):
    """What a session of the client changed in a project today; its id may be ""."""

    session_id: str
    edits: int
    files: int
    last_change: str


class Project(NamedTuple):
    """What is known of a project: its files, the last that was changed, and today's sessions.

    None before the first change; the session that was active last comes first.
    """

    files: int
    last_change: str | None
    last_file: str | None
    sessions: list[Session]


class Stats(History):
    """The ledger with its counts. Days are local ones; every method may raise sqlite3.Error."""

    def figures(self, days: list[str]) -> Figures:
        """Count everything, and the edits on `days` by type, language and file."""
        query = (
            "SELECT (SELECT count(*) FROM patterns), "
            "(SELECT count(DISTINCT file_path) FROM occurrences), "
            "count(*), min(timestamp) FROM events WHERE implied = 0"
        )
        patterns, files, events, since = self._db.execute(query).fetchone()
        languages, paths = (self._edits(column, days) for column in ("language", "file_path"))
        types, reused = self._by_type(days), self._reused()
        return Figures(patterns, files, events, since, days, types, languages, paths, reused)

    def project(self, root: str) -> Project:
        """Look at what lies below the directory `root`."""
        # A range, for an index cannot answer LIKE; "0" is the character after "/".
        below = (root.rstrip("/") + "/", root.rstrip("/") + "0")
        where = "file_path >= ? AND file_path < ?"
        events = f"FROM events WHERE implied = 0 AND {where}"
        files = f"SELECT count(DISTINCT file_path) FROM occurrences WHERE {where}"
        last = f"SELECT timestamp, file_path {events} ORDER BY seq DESC LIMIT 1"
        today = (
            "SELECT coalesce(session_id, ''), count(*), count(DISTINCT file_path), max(timestamp) "
            f"{events} AND timestamp >= ? GROUP BY 1 ORDER BY max(seq) DESC"
        )
        (count,) = self._db.execute(files, below).fetchone()
        when, file = self._db.execute(last, below).fetchone() or (None, None)
        sessions = self._db.execute(today, (*below, _begin(last_days(1))))
        return Project(count, when, file, [Session(*row) for row in sessions])

    def _by_type(self, days: list[str]) -> dict[str, int]:
        query = (
            "SELECT event_type, count(*) FROM events WHERE implied = 0 AND timestamp >= ? "
            "GROUP BY event_type ORDER BY 2 DESC, 1"
        )
        return dict(self._db.execute(query, (_begin(days),)).fetchall())

    def _edits(self, column: str, days: list[str]) -> list[Series]:
        """Count edits by the values of `column`, the most edited first."""
        query = (
            f"SELECT coalesce({column}, '') AS name, date(timestamp, 'localtime') AS day, "
            "count(*) FROM events WHERE implied = 0 AND timestamp >= ? GROUP BY name, day"
        )
        position = {day: number for number, day in enumerate(days)}
        found: dict[str, list[int]] = {}
        for name, day, count in self._db.execute(query, (_begin(days),)):
            if day in position:
                found.setdefault(name, [0] * len(days))[position[day]] = count
        series = [Series(name, by_day) for name, by_day in found.items()]
        return sorted(series, key=lambda one: (-one.total, one.name))

    def _reused(self) -> list[Reused]:
        """Find the patterns that several files hold, that in the most files first."""
        query = (
            "SELECT pattern_id, file_path FROM "
            "(SELECT file_path, pattern_id, max(last_seq) FROM occurrences GROUP BY file_path)"
        )
        files: dict[str, list[str]] = {}
        for pattern_id, path in self._db.execute(query):
            files.setdefault(pattern_id, []).append(path)
        names = self.names()
        several = []
        for pattern_id, paths in files.items():
            if len(paths) > 1 and self._is_useful(pattern_id):
                there = [path for path in sorted(paths, reverse=True) if not is_gone(path)]
                once = {in_any_worktree(path): path for path in there}
                several.append(Reused(pattern_id, names.get(pattern_id), sorted(once.values())))
        several = [one for one in several if len(one.files) > 1]
        return sorted(several, key=lambda one: (-len(one.files), one.pattern_id))

    def _is_useful(self, pattern_id: str) -> bool:
        """Check that a pattern is large enough to count as reused, as far as its code was kept."""
        code = self.code_of(pattern_id)
        if code is None:
            return not is_nothing(pattern_id)
        found = _TOKEN.finditer(normalise(code, self.words_of(pattern_id)[0]))
        return sum(1 for _ in islice(found, USEFUL_TOKENS)) == USEFUL_TOKENS


def last_days(count: int) -> list[str]:
    """List the last `count` local days up to today, oldest first, as ISO 8601 dates."""
    today = datetime.now().astimezone().date()
    return [str(today - timedelta(days=back)) for back in range(count - 1, -1, -1)]


def _begin(days: list[str]) -> str:
    """Write the first moment of `days` as the ledger's timestamps are written."""
    midnight = datetime.combine(datetime.fromisoformat(days[0]).date(), time()).astimezone()
    return midnight.astimezone(timezone.utc).isoformat(timespec="microseconds")
