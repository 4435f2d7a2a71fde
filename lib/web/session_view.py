"""Show one session: its prompts in order, and what each changed."""

from collections import Counter
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import escape

from lib.ledger import session_figures
from lib.ledger.history import History
from lib.ledger.prompts import Prompt
from lib.ledger.session_figures import Change
from lib.web.asked import Asked
from lib.web.page import Absent

# Of one page: changes, prompts, and characters of one prompt, and of all of them as they are sent.
CHANGES, PROMPTS, PROMPT, TEXT = 150, 120, 1500, 60_000
_PROMPTS = (
    "SELECT prompt_id, session_id, timestamp, text FROM prompts WHERE session_id = ? "
    "ORDER BY timestamp"
)


class Group(NamedTuple):
    """A prompt, None if it is not known, with the changes of each agent that worked for it."""

    prompt: Prompt | None
    text: str
    agents: list[tuple[str, list[Change]]]


def session(history: History, asked: Asked) -> dict[str, Any]:
    """Tell what a session was asked for, and what that changed."""
    session_id, but = asked.text("id"), asked.number("but")
    brief = session_figures.brief(history, session_id)
    prompts = [Prompt(*row) for row in history.rows(_PROMPTS, (session_id,))]
    if not brief.edits and not prompts:
        raise Absent("no session is known by that id")
    changes = session_figures.changes_of(history, session_id, CHANGES, but)
    lines: Counter[str] = Counter()
    for change in changes:
        lines[_actor(change)] += change.added or 0
    groups = _groups(prompts, changes, not but)
    return {
        "brief": brief,
        "groups": groups[:PROMPTS],
        "left_out": max(0, len(groups) - PROMPTS),
        "lines": lines,
        "but": but,
        "shown": len(changes),
        "next": but + CHANGES if but + CHANGES < brief.edits else 0,
    }


def _actor(change: Change) -> str:
    if change.actor == "agent" and change.agent_id:
        return f"subagent {change.agent_type or ''}".strip()
    return change.actor


def _groups(prompts: list[Prompt], changes: list[Change], is_first: bool) -> list[Group]:
    """Put the changes below their prompts; prompts without any belong to the first page."""
    known = {prompt.prompt_id: prompt for prompt in prompts}
    made: dict[str, list[Change]] = {prompt.prompt_id: [] for prompt in prompts if is_first}
    for change in changes:
        wanted = change.prompt_id or ""
        made.setdefault(wanted if wanted in known else "", []).append(change)
    left = TEXT
    groups = []
    for prompt_id, some in made.items():
        prompt = known.get(prompt_id)
        text = ((prompt and prompt.text) or "")[: max(0, min(PROMPT, left))]
        left -= len(escape(text))
        agents = [(agent, list(own)) for agent, own in groupby(some, _actor)]
        groups.append(Group(prompt, text, agents))
    return groups
