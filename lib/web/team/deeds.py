"""Ask the storage what a view of the team's page tells: events, those that may be seen alone."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lib.ledger.reasons import first_line
from lib.system.timestamps import timestamp
from lib.web.page import number
from lib.web.team.stored import Reader, Row, Storage

DAY_SECONDS = 86_400
# Of so many projects, those that were active last, the newest events are looked at.
PROJECTS = 20
# Whoever's events are not in the order of an index is looked for among so many of the newest.
NEWEST = 2000
_COLUMNS = (
    "seq, event_type, pattern_id, pattern_name, pattern_type, language, tool_name, project, path, "
    "person, triggered_by, reason, session_id, prompt_id, model, received, captured_at"
)


class Deed(NamedTuple):
    """An event as it is listed.

    `who` made the change: agent, shell, outside, undo or another word of the client's; `at` is when
    it arrived, `captured` when it was captured by the clock of who sent it; both as ISO 8601.
    """

    seq: int
    kind: str
    pattern_id: str
    name: str
    pattern_type: str
    language: str
    project: str
    path: str
    person: str
    who: str
    reason: str
    session_id: str
    prompt_id: str
    model: str
    at: str
    captured: str


class Question:
    """One request: what was asked for, and what its reader may see."""

    def __init__(self, storage: Storage, reader: Reader, query: Mapping[str, str]) -> None:
        self.storage = storage
        self.reader = reader
        self._query = query

    def text(self, name: str) -> str:
        """Return what was asked for by `name`, "" if nothing was or a database cannot hold it."""
        text = self._query.get(name, "")
        return "" if "\0" in text or not _is_text(text) else text

    def number(self, name: str, least: int = 0, most: int = 10**6) -> int:
        """Return the number that was asked for by `name`, from `least` to `most`."""
        return number(self._query.get(name), least, most)

    def may_see(self, project: str) -> bool:
        """Check whether the reader may see a project."""
        return self.reader.projects is None or project in self.reader.projects

    def among(self, column: str = "project") -> tuple[str, list[Any]]:
        """Return a condition that holds for what the reader may see, and its parameters."""
        if self.reader.projects is None:
            return "1 = 1", []
        return one_of(column, self.reader.projects)

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Ask the storage. Raises StorageError."""
        return self.storage.rows(sql, parameters)

    def deeds(
        self, condition: str, parameters: Sequence[Any], most: int, skip: int = 0
    ) -> list[Deed]:
        """List the newest events that match and may be seen, newest first."""
        seen, projects = self.among()
        query = (
            f"SELECT {_COLUMNS} FROM events WHERE implied = 0 AND {condition} AND {seen} "
            "ORDER BY received DESC, seq DESC LIMIT ? OFFSET ?"
        )
        return [deed_of(row) for row in self.rows(query, (*parameters, *projects, most, skip))]

    def newest(self, projects: Iterable[str], most: int) -> list[Deed]:
        """List the newest events of some projects, newest first."""
        several = [one for one in projects if self.may_see(one)][:PROJECTS]
        if not several:
            return []
        # Each by its own index, whatever the database makes of several projects at once.
        of_one = (
            f"SELECT * FROM (SELECT {_COLUMNS} FROM events WHERE project = ? AND implied = 0 "
            "ORDER BY received DESC, seq DESC LIMIT ?) AS one"
        )
        query = " UNION ALL ".join([of_one] * len(several))
        found = self.rows(query, [value for one in several for value in (one, most)])
        found.sort(key=lambda row: (row[15], row[0]), reverse=True)
        return [deed_of(row) for row in found[:most]]

    def projects(self) -> list[tuple[str, int, int, str]]:
        """List projects that may be seen: name, events, people, last day; the last active first."""
        seen, projects = self.among()
        query = (
            "SELECT project, sum(events), count(DISTINCT person), max(day) FROM activity "
            f"WHERE {seen} GROUP BY project ORDER BY 4 DESC, 2 DESC"
        )
        found = self.rows(query, projects)
        return [(name, int(events), people, day_of(day)) for name, events, people, day in found]


def one_of(column: str, values: Iterable[str]) -> tuple[str, list[Any]]:
    """Return a condition that a column has one of some values, and its parameters."""
    several = sorted(values)
    if not several:
        return "1 = 0", []
    return f"{column} IN ({', '.join('?' * len(several))})", list(several)


def deed_of(row: Row) -> Deed:
    """Make a Deed of the columns that are asked for."""
    (seq, kind, pattern_id, name, pattern_type, language, tool, project, path, person, by, reason,
     session_id, prompt_id, model, received, captured) = row  # fmt: skip
    return Deed(
        seq, kind.removeprefix("pattern_"), pattern_id, name, pattern_type, language or "", project,
        path or "", person, who(by, tool), first_line(reason), session_id or "", prompt_id or "",
        model or "", iso(received), captured or "",
    )  # fmt: skip


def who(triggered_by: str, tool: str | None) -> str:
    """Say who made a change, by what a client tells of it."""
    if triggered_by != "claude-code":
        return triggered_by
    return "shell" if tool == "Bash" else "agent"


def iso(seconds: float | None) -> str:
    """Format unix seconds as ISO 8601, "" for none."""
    return "" if seconds is None else timestamp(int(seconds * 1_000_000) * 1000)


def day_of(day: int) -> str:
    """Format days since 1970 as an ISO date."""
    return timestamp(day * DAY_SECONDS * 10**9)[:10]


def _is_text(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
