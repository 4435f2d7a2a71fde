"""Show what was told of a file, of one step of it, and of a session with its prompts."""

from itertools import groupby
from typing import Any

from lib.ledger.diff import unified
from lib.web.file_view import DIFF_CHARACTERS, DIFF_LINES, Room
from lib.web.page import Absent
from lib.web.team.deeds import Deed, Question

STEPS, CHANGES, UNITS = 100, 300, 200
# In characters: more of a prompt is not shown.
PROMPT = 20_000


def file(asked: Question) -> dict[str, Any]:
    """Tell the steps of a file, newest first, and the functions that it had at the last."""
    project, path, skip = asked.text("project"), asked.text("path"), asked.number("but")
    steps = asked.deeds("project = ? AND path = ?", (project, path), STEPS, skip)
    if not steps:
        raise Absent("no step of that file is known" + (" before those" if skip else ""))
    return {
        "project": project,
        "path": path,
        "steps": steps,
        "units": units_of(asked, steps[0].seq) if not skip else [],
        "next": skip + STEPS if len(steps) == STEPS else 0,
    }


def step(asked: Question) -> dict[str, Any]:
    """Tell of one event: who made it, for which prompt, and what it changed."""
    found = asked.deeds("seq = ?", (asked.number("id", most=2**62),), 1)
    if not found:
        raise Absent("no such event is known")
    (one,) = found
    (row,) = asked.rows("SELECT prompt, code, event_id FROM events WHERE seq = ?", (one.seq,))
    prompt, code, event_id = row
    edges = asked.rows(
        "SELECT parent, edge_type FROM edges WHERE seq = ? ORDER BY place LIMIT 20", (one.seq,)
    )
    before = code_of(asked, edges[0][0], one.project) if edges else ""
    lines, cut = diff(before, code)
    return {
        "one": one,
        "event_id": event_id,
        "prompt": (prompt or "")[:PROMPT],
        "cut_prompt": max(0, len(prompt or "") - PROMPT),
        "parents": edges,
        "lines": lines,
        "cut": cut,
        "units": units_of(asked, one.seq),
    }


def session(asked: Question) -> dict[str, Any]:
    """Tell what a session changed, by prompt where prompts were sent."""
    session_id, skip = asked.text("id"), asked.number("but")
    changes = asked.deeds("session_id = ?", (session_id,), CHANGES, skip)[::-1]
    if not changes:
        raise Absent("no event of that session is known")
    groups = [
        (prompt_id, asked_for(asked, several), several)
        for prompt_id, several in (
            (prompt_id, list(some))
            for prompt_id, some in groupby(changes, lambda one: one.prompt_id)
        )
    ]
    return {
        "id": session_id,
        "people": sorted({one.person for one in changes}),
        "projects": sorted({one.project for one in changes}),
        "models": sorted({one.model for one in changes if one.model}),
        "changes": changes,
        "groups": groups,
        "next": skip + CHANGES if len(changes) == CHANGES else 0,
    }


def asked_for(asked: Question, changes: list[Deed]) -> str:
    """Return the prompt that some events were made for, "" where it was not sent."""
    if not changes[0].prompt_id:
        return ""
    query = "SELECT prompt FROM events WHERE seq = ?"
    prompt = asked.rows(query, (changes[0].seq,))[0][0]
    return (prompt or "")[:PROMPT]


def units_of(asked: Question, seq: int) -> list[tuple[Any, ...]]:
    """List the functions in an event's code: pattern_id, kind, name, first line, last line."""
    query = (
        "SELECT pattern_id, pattern_type, qualified_name, start_line, end_line FROM units "
        "WHERE seq = ? ORDER BY place LIMIT ?"
    )
    return asked.rows(query, (seq, UNITS))


def code_of(asked: Question, pattern_id: str, project: str = "") -> str | None:
    """Return the code of a pattern as events of a project tell it, or any that may be seen."""
    seen, projects = ("project = ?", [project]) if project else asked.among()
    query = (
        f"SELECT code FROM events WHERE pattern_id = ? AND {seen} AND told < 2 "
        "AND code IS NOT NULL ORDER BY told, received LIMIT 1"
    )
    found = asked.rows(query, (pattern_id, *projects))
    return found[0][0] if found else None


def diff(before: str | None, after: str | None) -> tuple[list[str] | None, int]:
    """Return the lines of a diff, None where no code was sent, and how many are left out."""
    if before is None or after is None:
        return None, 0
    lines = list(unified(before.splitlines(), after.splitlines()))
    return Room(DIFF_LINES, DIFF_CHARACTERS).shortened(lines)
