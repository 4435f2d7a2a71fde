"""Count the edits of many days by language, of all that was recorded or of one project."""

from collections import defaultdict

from lib.ledger.usage import Series, Stats, below

_DAYS = "WHERE day >= ? AND day <= ?"


def activity(stats: Stats, days: list[str], root: str = "") -> list[Series]:
    """Count the edits on `days` by language, below the directory `root` if there is one.

    Raises sqlite3.Error.
    """
    edits = stats.edits_from(days[0])
    found = _below(stats, edits, days, root) if root else _all(stats, edits, days)
    several = (Series(name, by_day) for name, by_day in found.items())
    return sorted(several, key=lambda one: (-one.total, one.name))


def _below(stats: Stats, edits: str, days: list[str], root: str) -> dict[str, list[int]]:
    query = (
        f"SELECT day, language, sum(count) FROM {edits} {_DAYS} "
        "AND file IN (SELECT file_id FROM files WHERE path >= ? AND path < ?) GROUP BY 1, 2"
    )
    position = {day: number for number, day in enumerate(days)}
    found: defaultdict[str, list[int]] = defaultdict(([0] * len(days)).copy)
    for day, language, count in stats.rows(query, (days[0], days[-1], *below(root))):
        found[language][position[day]] = count
    return found


def _all(stats: Stats, edits: str, days: list[str]) -> dict[str, list[int]]:
    """Count without sorting: the edits are by day already, and the languages are few."""
    between = days[0], days[-1]
    query = f"SELECT DISTINCT language FROM {edits} {_DAYS}"
    languages = [row[0] for row in stats.rows(query, between)]
    sums = "".join([", sum(count) FILTER (WHERE language = ?)"] * len(languages))
    query = f"SELECT day{sums} FROM {edits} {_DAYS} GROUP BY 1"
    found = {language: [0] * len(days) for language in languages}
    position = {day: number for number, day in enumerate(days)}
    for day, *counts in stats.rows(query, (*languages, *between)):
        for language, count in zip(languages, counts, strict=True):
            found[language][position[day]] = count or 0
    return found
