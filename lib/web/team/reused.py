"""Show what stands more than once: in a project, and across those that consent to that."""

from collections.abc import Iterable
from typing import Any, NamedTuple

from lib.web.page import Absent
from lib.web.team.deeds import NEWEST, Question, one_of

# Functions of fewer lines are alike by chance.
LEAST_LINES = 4
SHOWN, PLACES = 60, 12


class Place(NamedTuple):
    """Where a function stands."""

    project: str
    path: str
    name: str
    start: int | None
    end: int | None


class Shared(NamedTuple):
    """A function that stands in several places; `more` are not listed."""

    pattern_id: str
    name: str
    lines: int
    places: list[Place]
    more: int
    projects: int


def reuse(asked: Question) -> dict[str, Any]:
    """Tell which functions of a project stand elsewhere, or choose a project first."""
    name = asked.text("project")
    consents = asked.storage.consents()
    if not name:
        mine = [(one, one in consents) for one, *_ in asked.projects()]
        return {
            "project": "",
            "projects": mine,
            "shared": [],
            "others": [],
            "is_shown": False,
            "may_see": asked.may_see,
        }
    if not asked.may_see(name):
        raise Absent("no project of that name is known")
    # A project that does not consent is compared with itself alone.
    compared = consents if name in consents else frozenset({name})
    return {
        "project": name,
        "projects": [],
        "may_see": asked.may_see,
        "is_shown": name in consents,
        "others": sorted(compared - {name}),
        "shared": _shared(asked, name, compared | {name}),
    }


def _shared(asked: Question, project: str, compared: Iterable[str]) -> list[Shared]:
    """List functions of a project's newest events that stand in other files too, longest first."""
    inside, projects = one_of("o.project", compared)
    mine = (
        "SELECT u.pattern_id, max(u.end_line - u.start_line + 1) AS lines FROM (SELECT seq FROM "
        "events WHERE project = ? AND implied = 0 ORDER BY received DESC LIMIT ?) AS newest "
        "JOIN units u ON u.seq = newest.seq WHERE u.end_line - u.start_line + 1 >= ? "
        "GROUP BY u.pattern_id"
    )
    query = (
        f"SELECT mine.pattern_id, mine.lines, count(DISTINCT o.project), "
        "count(DISTINCT o.project || ' ' || e.path) "
        f"FROM ({mine}) AS mine JOIN units o ON o.pattern_id = mine.pattern_id AND {inside} "
        "JOIN events e ON e.seq = o.seq WHERE e.path IS NOT NULL "
        "GROUP BY mine.pattern_id, mine.lines "
        "HAVING count(DISTINCT o.project || ' ' || e.path) > 1 ORDER BY 3 DESC, 2 DESC, 1 LIMIT ?"
    )
    found = asked.rows(query, (project, NEWEST, LEAST_LINES, *projects, SHOWN))
    return [
        Shared(pattern_id, several[0].name, lines, several, places - len(several), projects)
        for pattern_id, lines, projects, places in found
        if (several := _places(asked, pattern_id, compared))
    ]


def _places(asked: Question, pattern_id: str, compared: Iterable[str]) -> list[Place]:
    inside, given = one_of("u.project", compared)
    query = (
        "SELECT u.project, e.path, max(u.qualified_name), max(u.start_line), max(u.end_line) "
        f"FROM units u JOIN events e ON e.seq = u.seq WHERE u.pattern_id = ? AND {inside} "
        "AND e.path IS NOT NULL GROUP BY u.project, e.path ORDER BY max(e.received) DESC LIMIT ?"
    )
    return [Place(*row) for row in asked.rows(query, (pattern_id, *given, PLACES))]
