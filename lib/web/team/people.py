"""Show the whole team, a project and a person: what was done, when, by whom."""

import time
from collections.abc import Mapping
from typing import Any

from lib.web import drawing
from lib.web.page import Absent
from lib.web.team.answered import Analytics
from lib.web.team.deeds import DAY_SECONDS, NEWEST, Deed, Question, day_of, iso
from lib.web.team.stored import Reader

WEEKS = 26
LISTED, EVENTS, FILES, SESSIONS, LANGUAGES = 100, 12, 200, 8, 8


def home(asked: Question) -> dict[str, Any]:
    """Tell of all that may be seen: projects, people, when they were active, the newest events."""
    projects = asked.projects()
    found = asked.storage.analytics(asked.reader, _since())
    newest = asked.newest([name for name, *_ in projects], EVENTS)
    return {
        "events": sum(events for _, events, _, _ in projects),
        "projects": projects[:LISTED],
        "more": max(0, len(projects) - LISTED),
        "people": _people(asked),
        "activity": activity(found),
        "newest": newest,
    }


def project(asked: Question) -> dict[str, Any]:
    """Tell of a project: its people, its files and its sessions."""
    name = asked.text("name")
    if not asked.may_see(name):
        raise Absent("no project of that name is known")
    found = asked.storage.analytics(Reader(frozenset({name})), _since())
    newest = asked.newest([name], EVENTS)
    if not newest:
        raise Absent("no project of that name is known")
    query = (
        "SELECT path, max(received), count(*), count(DISTINCT person) FROM (SELECT path, received, "
        "person FROM events WHERE project = ? AND implied = 0 ORDER BY received DESC LIMIT ?) "
        "AS newest WHERE path IS NOT NULL GROUP BY path ORDER BY 2 DESC LIMIT ?"
    )
    files = asked.rows(query, (name, NEWEST, FILES))
    return {
        "name": name,
        "activity": activity(found),
        "people": _people(asked, "project = ?", name),
        "files": [(path, iso(at), count, people) for path, at, count, people in files],
        "sessions": sessions(asked, "project = ?", name),
        "newest": newest,
        "is_shown": name in asked.storage.consents(),
    }


def files(asked: Question) -> dict[str, Any]:
    """List the files of a project by their names."""
    name, after = asked.text("project"), asked.text("after")
    if not asked.may_see(name):
        raise Absent("no project of that name is known")
    query = (
        "SELECT path, max(received), count(*) FROM events WHERE project = ? AND path > ? "
        "AND implied = 0 GROUP BY path ORDER BY path LIMIT ?"
    )
    found = asked.rows(query, (name, after, FILES))
    return {
        "project": name,
        "files": [(path, iso(at), count) for path, at, count in found],
        "next": found[-1][0] if len(found) == FILES else "",
    }


def person(asked: Question) -> dict[str, Any]:
    """Tell of a person: the projects, and the sessions and events that are the newest."""
    name = asked.text("name")
    seen, projects = asked.among()
    query = (
        "SELECT project, sum(events), max(day) FROM activity "
        f"WHERE person = ? AND {seen} GROUP BY project ORDER BY 3 DESC, 2 DESC LIMIT ?"
    )
    found = asked.rows(query, (name, *projects, LISTED))
    if not found:
        raise Absent("nobody of that name has sent anything that you may see")
    return {
        "name": name,
        "projects": [(one, int(events), day_of(day)) for one, events, day in found],
        "activity": activity(_of_person(asked, name)),
        "sessions": sessions(asked, "person = ?", name),
        "newest": asked.deeds("person = ?", (name,), EVENTS),
    }


def sessions(
    asked: Question, condition: str, value: str
) -> list[tuple[str, str, str, int, str, str]]:
    """List sessions of the newest events: id, person, project, events, when, a prompt's line."""
    seen, projects = asked.among()
    query = (
        "SELECT session_id, min(person), min(project), count(*), max(received), max(reason) FROM "
        f"(SELECT * FROM events WHERE {condition} AND {seen} AND implied = 0 "
        "ORDER BY received DESC LIMIT ?) AS newest WHERE session_id IS NOT NULL "
        "GROUP BY session_id ORDER BY 5 DESC LIMIT ?"
    )
    return [
        (one, person, project, count, iso(at), why or "")
        for one, person, project, count, at, why in asked.rows(
            query, (value, *projects, NEWEST, SESSIONS)
        )
    ]


def activity(found: Analytics) -> dict[str, Any]:
    """Draw counts of events by week and by language."""
    today = int(time.time()) // DAY_SECONDS
    days = [day_of(today - back) for back in range(7 * WEEKS - 1, -1, -1)]
    weeks = drawing.weeks(days, [found.by_day.get(day, 0) for day in days])
    return {
        "weeks": weeks,
        "bars": drawing.bars([(f"week of {day}", count) for day, count in weeks], "events"),
        "languages": drawing.shares(_largest(found.by_language)),
        "kinds": drawing.shares(
            (name.removeprefix("pattern_"), count) for name, count in found.by_type.items()
        ),
        "total": sum(count for _, count in weeks),
    }


def actors(deeds: list[Deed]) -> list[tuple[str, int, float, float]]:
    """Place the events of a list by who made the change."""
    counts: dict[str, int] = {}
    for one in deeds:
        counts[one.who] = counts.get(one.who, 0) + 1
    return drawing.shares(counts.items())


def _since() -> float:
    return (int(time.time()) // DAY_SECONDS - 7 * WEEKS + 1) * DAY_SECONDS


def _largest(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    most = sorted(counts.items(), key=lambda one: -one[1])
    shown = [(name or "other", count) for name, count in most[:LANGUAGES]]
    return [*shown, ("others", sum(count for _, count in most[LANGUAGES:]))]


def _people(
    asked: Question, condition: str = "1 = 1", *values: str
) -> list[tuple[str, int, int, str]]:
    """List people: name, events, projects, last day; the last active first."""
    seen, projects = asked.among()
    query = (
        "SELECT person, sum(events), count(DISTINCT project), max(day) FROM activity "
        f"WHERE {condition} AND {seen} GROUP BY person ORDER BY 4 DESC, 2 DESC LIMIT ?"
    )
    found = asked.rows(query, (*values, *projects, LISTED))
    return [(name, int(events), several, day_of(day)) for name, events, several, day in found]


def _of_person(asked: Question, name: str) -> Analytics:
    seen, projects = asked.among()
    query = (
        "SELECT day, event_type, language, sum(events) FROM activity "
        f"WHERE person = ? AND day >= ? AND {seen} GROUP BY 1, 2, 3"
    )
    by: tuple[dict[str, int], ...] = ({}, {}, {})
    for day, kind, language, count in asked.rows(
        query, (name, int(_since()) // DAY_SECONDS, *projects)
    ):
        for counts, key in zip(by, (day_of(day), kind, language), strict=True):
            counts[key] = counts.get(key, 0) + int(count)
    days, kinds, languages = by
    return Analytics(sum(days.values()), 1, 0, kinds, languages, {}, {}, days)
