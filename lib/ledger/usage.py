"""Count the ledger's patterns, files and edits, and how often patterns are reused."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

from lib.capture.identity import normalise
from lib.ledger import projects
from lib.ledger.history import History
from lib.ledger.moments import DERIVED
from lib.ledger.revisions import OUTSIDE, is_nothing
from lib.ledger.sums import EDITS, LEAST_AHEAD, PATTERNS, SINCE, ahead_on, begin_of
from lib.ledger.text import storable
from lib.system.places import is_gone

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
    """Totals since the ledger's first event, and the edits of some days.

    `steps` are those of each actor, as `History.steps` tells them; `edited` is the number of files
    that were edited in those days.
    """

    patterns: int
    files: int
    events: int
    since: str | None
    steps: dict[str, int]
    days: list[str]
    types: dict[str, int]
    languages: list[Series]
    edited: int
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

    None before the first change; the session that was active last comes first. `repository` is the
    directory that all worktrees of its git repository have in common.
    """

    files: int
    last_change: str | None
    last_file: str | None
    sessions: list[Session]
    repository: str | None = None


class Stats(History):
    """The ledger with its counts. Days are local ones; every method may raise sqlite3.Error."""

    def figures(self, days: list[str], most_paths: int = -1) -> Figures:
        """Count everything, and the edits on `days` by type, language and file.

        Of the files the `most_paths` edited ones (-1: all).
        """
        sums = dict(self._db.execute("SELECT name, value FROM sums").fetchall())
        (files,) = self._db.execute("SELECT count(*) FROM files").fetchone()
        totals = sums.get(PATTERNS, 0), files, sums.get(EDITS, 0), sums.get(SINCE)
        edits = self.edits_from(days[0])
        told = *self._types_and_languages(edits, days), *self._paths(edits, days, most_paths)
        return Figures(*totals, self.steps(), days, *told, self._reused())

    def project(self, root: str) -> Project:
        """Look at what lies below the directory `root`."""
        root = storable(root).rstrip("/")
        inside = below(root)
        files = "FROM files WHERE path >= ? AND path < ?"
        (count,) = self._db.execute(f"SELECT count(*) {files}", inside).fetchone()
        query = f"SELECT path, last_seq {files} ORDER BY last_seq DESC LIMIT 1"
        file, seq = self._db.execute(query, inside).fetchone() or (None, 0)
        query = "SELECT timestamp FROM events WHERE seq = ?"
        (when,) = self._db.execute(query, (seq,)).fetchone() or (None,)
        today = begin_of(last_days(1)[0])
        query = (
            "SELECT coalesce(session_id, ''), count(*), count(DISTINCT file_path), max(timestamp) "
            "FROM events INDEXED BY events_by_file "
            "WHERE file_path >= ? AND file_path < ? AND substr(timestamp, 1, 13) >= ? "
            "AND implied = 0 AND timestamp >= ? "
            f"AND actor IS NOT '{OUTSIDE}' GROUP BY 1 ORDER BY max(seq) DESC"
        )
        sessions = self._db.execute(query, (*inside, today[:13], today))
        several = [Session(*row) for row in sessions.fetchall()]
        query = "SELECT repository FROM projects WHERE root = ?"
        (repository,) = self._db.execute(query, (root,)).fetchone() or (None,)
        return Project(count, when, file, several, repository)

    def _types_and_languages(
        self, edits: str, days: list[str]
    ) -> tuple[dict[str, int], list[Series]]:
        """Count the rows of `edits` by type, and by language, each the most frequent first."""
        position = {day: number for number, day in enumerate(days)}
        types: Counter[str] = Counter()
        languages: defaultdict[str, list[int]] = defaultdict(([0] * len(days)).copy)
        query = f"SELECT day, event_type, language, sum(count) FROM {edits} WHERE day >= ?"
        query = f"{query} GROUP BY 1, 2, 3"
        for day, event_type, language, count in self._db.execute(query, (days[0],)):
            types[event_type] += count
            if day in position:
                languages[language][position[day]] += count
        kinds = dict(sorted(types.items(), key=lambda one: (-one[1], one[0])))
        several = [Series(name, by_day) for name, by_day in languages.items()]
        return kinds, sorted(several, key=lambda one: (-one.total, one.name))

    def _paths(self, edits: str, days: list[str], most: int) -> tuple[int, list[Series]]:
        """Count the files that were edited, and the edits of the `most` edited ones (-1: all)."""
        between = days[0], days[-1]
        files = (
            f"SELECT file, sum(count) AS total FROM {edits} WHERE day >= ? AND day <= ? GROUP BY 1"
        )
        query = (
            f"SELECT file, coalesce(path, ''), count(*) OVER () FROM ({files}) "
            "LEFT JOIN files ON file_id = file ORDER BY total DESC, 2 LIMIT ?"
        )
        found = self._db.execute(query, (*between, most)).fetchall()
        none = [0] * len(days)
        paths = {file: Series(path, none.copy()) for file, path, _ in found}
        position = {day: number for number, day in enumerate(days)}
        chosen = "" if most < 0 else f"AND file IN ({', '.join(map(str, paths))})"
        query = f"SELECT file, day, sum(count) FROM {edits} WHERE day >= ? AND day <= ? {chosen} "
        for file, day, count in self._db.execute(f"{query} GROUP BY 1, 2", between):
            paths[file].by_day[position[day]] = count
        return found[0][2] if found else 0, list(paths.values())

    def edits_from(self, first: str) -> str:
        """Name the table of day, type, language, file and count of edits, from a local day on."""
        if all(ahead in ahead_on(day) for day, ahead in self._zones(first)):
            return "(SELECT day, event_type, language, file_id AS file, count FROM edits)"
        # Some were counted by the days of another zone.
        begin = begin_of(first)
        self._db.execute("DROP TABLE IF EXISTS temp.told")
        self._db.execute(
            "CREATE TEMP TABLE told AS "
            "SELECT date(timestamp, 'localtime') AS day, event_type, "
            "coalesce(language, '') AS language, coalesce(file_id, 0) AS file, count(*) AS count "
            "FROM events INDEXED BY events_by_hour LEFT JOIN files ON path = file_path "
            "WHERE substr(timestamp, 1, 13) >= ? AND timestamp >= ? AND implied = 0 "
            f"AND told IS NOT '{DERIVED}' "
            "GROUP BY 1, 2, 3, 4",
            (begin[:13], begin),
        )
        return "told"

    def _zones(self, first: str) -> Iterator[tuple[str, int]]:
        """Yield each day from the one before `first` on, and how far local time was ahead on it.

        One after another: there are many rows of each, and the index leads to the next.
        """
        query = "SELECT min(day) FROM edits WHERE day > ?"
        after = "SELECT min(ahead) FROM edits WHERE day = ? AND ahead > ?"
        day = str(date.fromisoformat(first) - timedelta(days=2))
        while day := self._db.execute(query, (day,)).fetchone()[0]:
            ahead = LEAST_AHEAD
            while (ahead := self._db.execute(after, (day, ahead)).fetchone()[0]) is not None:
                yield day, ahead

    def _reused(self) -> list[Reused]:
        """Find the patterns that several files hold, that in the most files first."""
        query = (
            f"SELECT head, path, {projects.COLUMNS} FROM files "
            "LEFT JOIN projects ON project_id = project "
            "WHERE head IN (SELECT head FROM files GROUP BY head HAVING count(*) > 1)"
        )
        files: dict[str, dict[str, list[Any]]] = {}
        for pattern_id, path, *place in self._db.execute(query):
            files.setdefault(pattern_id, {})[path] = place
        names = self.names(files)
        several = []
        for pattern_id, paths in files.items():
            if self._is_useful(pattern_id):
                there = [path for path in sorted(paths, reverse=True) if not is_gone(path)]
                once = {projects.name_of(path, *paths[path]): path for path in there}
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


def below(root: str) -> tuple[str, str]:
    """Return between which texts the paths below a directory are: an index cannot answer LIKE."""
    root = storable(root).rstrip("/")
    return f"{root}/", f"{root}0"  # the character after "/"
