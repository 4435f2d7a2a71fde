"""Show all projects, one project, and what became of every event that was captured."""

from itertools import groupby
from typing import Any

from lib.ledger import roots, session_figures
from lib.ledger.activity import activity
from lib.ledger.filters import ALL
from lib.ledger.revisions import FORMAT
from lib.ledger.usage import Series, Stats, below, last_days
from lib.web import drawing
from lib.web.asked import Asked
from lib.web.hints_view import summed
from lib.web.later import Due
from lib.web.page import Absent

WEEKS = 53
PROJECTS, SESSIONS, EVENTS, FILES, LANGUAGES = 100, 8, 12, 200, 8
# Of a project the steps of so many files are counted: those that were changed last.
NEWEST = 50
_FILES = (
    "SELECT path, gone, timestamp FROM files LEFT JOIN events ON seq = last_seq "
    "WHERE path >= ? AND path < ? ORDER BY last_seq DESC LIMIT ? OFFSET ?"
)
_ACTORS = (
    "SELECT actor, count(*) FROM revisions WHERE change != 'before' AND file_id IN "
    "(SELECT file_id FROM files WHERE path >= ? AND path < ? ORDER BY last_seq DESC LIMIT ?) "
    "GROUP BY 1"
)


def prepare(asked: Asked) -> None:
    """Begin with what the home page needs and takes long."""
    _year(asked)
    asked.later("roots", roots.roots)
    summed(asked)


def home(history: Stats, asked: Asked) -> dict[str, Any]:
    """Tell of all projects: when they were changed, by whom, and what waits."""
    year, several, counted = _year(asked), asked.later("roots", roots.roots), summed(asked)
    steps = history.steps()
    sessions = [
        session_figures.brief(history, session_id)
        for session_id in session_figures.newest(history, SESSIONS)
    ]
    facts, events = asked.facts(), history.events(ALL, EVENTS)[::-1]
    found, is_partial = several.told()
    projects = [(root, roots.when(history, root.last_seq)) for root in (found or ())[:PROJECTS]]
    return {
        "year": year.told(),
        "actors": drawing.shares((name, n) for name, n in steps.items() if name in ACTORS),
        "formats": steps[FORMAT],
        "projects": projects,
        "is_partial": is_partial,
        "more": len(found or ()) - len(projects),
        "sessions": sessions,
        "events": events,
        "facts": facts,
        "hints": counted.told(),
    }


ACTORS = ("agent", "shell", "outside")


def _year(asked: Asked, root: str = "") -> Due[dict[str, Any]]:
    """Begin to sum up the year that ends today."""
    days = last_days(7 * WEEKS)
    return asked.later(f"year {days[-1]} {root}", lambda history: _activity(history, days, root))


def _activity(history: Stats, days: list[str], root: str) -> dict[str, Any]:
    """Tell of the edits of a year, by week and by language."""
    languages = activity(history, days, root)
    by_day = [sum(counts) for counts in zip(*(one.by_day for one in languages), strict=True)]
    weeks = drawing.weeks(days, by_day or [0] * len(days))
    most = sorted(languages, key=_total, reverse=True)
    shown = [(one.name or "other", one.total) for one in most[:LANGUAGES]]
    rest = sum(one.total for one in most[LANGUAGES:])
    return {
        "weeks": weeks,
        "bars": drawing.bars([(f"week of {day}", count) for day, count in weeks], "edits"),
        "languages": drawing.shares([*shown, ("others", rest)]),
        "total": sum(by_day),
    }


def _total(series: Series) -> int:
    return series.total


def project(history: Stats, asked: Asked) -> dict[str, Any]:
    """Tell of a directory: its files, its activity, and whose steps they are."""
    root = asked.text("root").rstrip("/")
    but, year, counted = asked.number("but"), _year(asked, root), summed(asked, root)
    found = history.project(root)
    if not found.files:
        raise Absent(f"no file below {root or '/'} was recorded")
    inside = below(root)
    actors = asked.remembered(f"actors {root}", lambda: history.rows(_ACTORS, (*inside, NEWEST)))
    return {
        "root": root,
        "found": found,
        "actors": drawing.shares(actors),
        "newest": NEWEST if found.files > NEWEST else 0,
        "files": history.rows(_FILES, (*inside, FILES, but)),
        "year": year.told(),
        "hints": counted.told(),
        "but": but,
        "next": but + FILES if but + FILES < found.files else 0,
    }


def books(asked: Asked) -> dict[str, Any]:
    """Tell what became of the captured events, and how the services are."""
    facts = asked.facts()
    causes = {cause for book in facts["books"].values() for cause in book["dropped"]}
    rows = []
    for name, book in facts["books"].items():
        dropped = sum(book["dropped"].values())
        known = book["delivered"] + book["pending"] + book["quarantined"] + dropped
        rows.append((name, book, dropped, book["captured"] - known))
    return {"facts": facts, "rows": rows, "causes": sorted(causes), "meaning": asked.meaning}


def sessions(history: Stats, asked: Asked) -> dict[str, Any]:
    """List sessions, the one that changed code last first."""
    before = asked.number("before")
    ids = session_figures.newest(history, 2 * SESSIONS, before)
    found = [session_figures.brief(history, session_id) for session_id in ids]
    query = "SELECT min(seq) FROM events WHERE session_id = ?"
    first = [history.rows(query, (session_id,))[0][0] for session_id in ids[-1:]]
    by_day = [(day, list(some)) for day, some in groupby(found, lambda one: one.last[:10])]
    return {"days": by_day, "before": before, "next": first[0] if len(ids) == 2 * SESSIONS else 0}
