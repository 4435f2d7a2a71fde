"""Delete events: what a person sent, what is of a project, what is too old."""

from collections.abc import Sequence
from typing import Any

from lib.web.team.bodies import SECONDS_A_DAY
from lib.web.team.working import Database, Work

# Of one transaction: others record between two of them.
MOST = 2000
# What stands in the audit for a person who is forgotten.
FORGOTTEN = "(forgotten)"


def forget_person(database: Database, person: str) -> int:
    """Delete a person's events, tokens and name; return how many events."""

    def finish(work: Work) -> None:
        work.lock(f"person {person}")
        work.run("DELETE FROM tokens WHERE person = ?", (person,))
        for column in ("actor", "about"):
            sql = f"UPDATE notes SET {column} = ? WHERE {column} = ?"
            work.run(sql, (FORGOTTEN, person))

    # The tokens first: what is sent with them while this goes on is refused.
    database.write(finish)
    return _remove(database, "person = ?", (person,))


def forget_project(database: Database, project: str) -> int:
    """Delete a project's events and consent; return how many events."""
    database.write(lambda work: work.run("DELETE FROM consents WHERE project = ?", (project,)))
    return _remove(database, "project = ?", (project,))


def retain(database: Database, days: int, now: float, project: str | None) -> int:
    """Delete the events of days that are more than `days` before that of `now`; return how many."""
    first = int(now // SECONDS_A_DAY) - days
    if project is None:
        return _remove(database, "day < ?", (first,))
    return _remove(database, "day < ? AND project = ?", (first, project))


def _remove(database: Database, where: str, parameters: Sequence[Any]) -> int:
    def part(work: Work) -> int:
        chosen = f"SELECT seq FROM events WHERE {where} LIMIT {MOST}"
        return work.run(f"DELETE FROM events WHERE seq IN ({chosen})", parameters)

    removed = 0
    while count := database.write(part):
        removed += count
    database.write(lambda work: work.run(f"DELETE FROM activity WHERE {where}", parameters))
    return removed
