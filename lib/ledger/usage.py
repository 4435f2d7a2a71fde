"""Figures over the ledger: how much, of what, where, and how often it is used again."""

from datetime import datetime, time, timedelta, timezone
from typing import Any, NamedTuple

from lib.ledger.history import History


class Series(NamedTuple):
    """Edits of one thing: what it is, and how many on each day."""

    name: str
    by_day: list[int]

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.by_day)


class Stats(History):
    """The ledger counted. Days are local ones; every method may raise sqlite3.Error."""

    def totals(self) -> dict[str, Any]:
        """Counts of patterns, files and events, and the time of the first event, None without."""
        query = (
            "SELECT (SELECT count(*) FROM patterns) AS patterns, "
            "(SELECT count(DISTINCT file_path) FROM occurrences) AS files, "
            "count(*) AS events, min(timestamp) AS since FROM events WHERE implied = 0"
        )
        return dict(self._db.execute(query).fetchone())

    def by_type(self, days: list[str]) -> dict[str, int]:
        """How many events of each type there were on `days`."""
        query = (
            "SELECT event_type, count(*) FROM events WHERE implied = 0 AND timestamp >= ? "
            "GROUP BY event_type ORDER BY 2 DESC, 1"
        )
        return dict(self._db.execute(query, (_begin(days),)).fetchall())

    def edits(self, column: str, days: list[str]) -> list[Series]:
        """The edits on `days` by "language" or "file_path", the most edited first."""
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

    def reused(self) -> list[dict[str, Any]]:
        """The patterns that stand in several files now, those in the most files first.

        Each with pattern_id, pattern_name and the sorted paths of its files.
        """
        query = (
            "SELECT pattern_id, file_path FROM "
            "(SELECT file_path, pattern_id, max(last_seq) FROM occurrences GROUP BY file_path)"
        )
        files: dict[str, list[str]] = {}
        for pattern_id, path in self._db.execute(query):
            files.setdefault(pattern_id, []).append(path)
        names = self.names()
        several = [
            {"pattern_id": p, "pattern_name": names.get(p), "files": sorted(paths)}
            for p, paths in files.items()
            if len(paths) > 1
        ]
        return sorted(several, key=lambda one: (-len(one["files"]), one["pattern_id"]))


def last_days(count: int) -> list[str]:
    """The last `count` local days up to today, oldest first, as ISO 8601 dates."""
    today = datetime.now().astimezone().date()
    return [str(today - timedelta(days=back)) for back in range(count - 1, -1, -1)]


def _begin(days: list[str]) -> str:
    """The first moment of `days`, as the ledger writes it."""
    midnight = datetime.combine(datetime.fromisoformat(days[0]).date(), time()).astimezone()
    return midnight.astimezone(timezone.utc).isoformat(timespec="microseconds")
