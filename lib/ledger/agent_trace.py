"""Tell in Agent Trace 0.1.0 which lines of a file an agent wrote, by whose lines they are today."""

import json
import uuid
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from lib import __version__
from lib.capture.event import AMENDED
from lib.ledger.attribution import Line
from lib.ledger.reasons import Reasons
from lib.ledger.revisions import AGENT, FORMAT, SHELL
from lib.ledger.steps import Step
from lib.system.digest import hex_digest

VERSION = "0.1.0"
NAMESPACE = uuid.UUID("6f1d5c3e-8f0b-5a55-9a57-0e6b8f3d7a11")
METADATA = "dev.pattern-tracker"
_MOST_CHARACTERS = 250


class Conversation(NamedTuple):
    """A prompt of a session, and the model that answered; None where that is not known.

    `type` is "mixed" where a person changed what the model proposed.
    """

    session_id: str | None
    prompt_id: str | None
    model: str | None
    type: str


def record(
    path: str, lines: Sequence[Line], is_whole: bool, reasons: Reasons, since: str = ""
) -> dict[str, Any] | None:
    """Return the record of a file, None where no line is an agent's.

    Args:
        path: relative to the repository.
        lines: the file's; `is_whole`: the last one ends as the others do.
        since: an ISO 8601 time; of steps before it nothing is told.
    """
    runs: dict[Conversation, list[dict[str, Any]]] = {}
    steps: dict[Conversation, dict[int, Step]] = {}
    start = 0
    for asked, run in groupby(lines, lambda line: _conversation(line.place.step, reasons, since)):
        texts = list(run)
        end = start + len(texts)
        if asked:
            code = "\n".join(line.text for line in texts)
            code += "\n" * (is_whole or end < len(lines))
            runs.setdefault(asked, []).append(_range(start, end, code))
            known = steps.setdefault(asked, {})
            known.update((s.revision_id, s) for line in texts if (s := line.place.step))
        start = end
    if not runs:
        return None
    conversations = [_told(asked, ranges) for asked, ranges in runs.items()]
    files = [{"path": path, "conversations": conversations}]
    newest = max(step.timestamp for known in steps.values() for step in known.values())
    return {
        "version": VERSION,
        "id": str(uuid.uuid5(NAMESPACE, json.dumps(files))),
        "timestamp": newest.replace("+00:00", "Z"),
        # Who tells it; which version of the client it was is not always known.
        "tool": {"name": "pattern-tracker", "version": __version__},
        "files": files,
        "metadata": {METADATA: {"agent": "claude-code", "conversations": [
            {**asked._asdict(), "event_ids": _events(known.values())}
            for asked, known in steps.items()
        ]}},
    }  # fmt: skip


def _conversation(step: Step | None, reasons: Reasons, since: str) -> Conversation | None:
    """Return what an agent wrote a line for, None for a line that is nobody's or somebody else's.

    A program that laid the code out anew did not write it, though the agent's shell ran it.
    """
    if step is None or step.actor not in (AGENT, SHELL) or step.timestamp < since:
        return None
    if step.actor == SHELL and step.reason == FORMAT:
        return None
    reason = reasons.of(step)
    whose = "mixed" if step.reason == AMENDED else "ai"
    return Conversation(step.session_id, reason.prompt_id, reason.model, whose)


def _told(asked: Conversation, ranges: list[dict[str, Any]]) -> dict[str, Any]:
    contributor = {"type": asked.type}
    if asked.model:
        contributor["model_id"] = asked.model[:_MOST_CHARACTERS]
    related = [
        {"type": kind, "url": _url(name)}
        for kind, name in (("session", asked.session_id), ("prompt", asked.prompt_id))
        if name
    ]
    told = {"contributor": contributor, "ranges": ranges}
    return {**told, "related": related} if related else told


def _url(name: str) -> str:
    """Return a URI of a session or prompt; the client names them by UUIDs."""
    try:
        return uuid.UUID(name).urn
    except ValueError:
        return f"urn:sha256:{hex_digest(name)}"


def _events(steps: Iterable[Step]) -> list[str]:
    return sorted({step.event_id for step in steps if step.event_id})


def _range(start: int, end: int, code: str) -> dict[str, Any]:
    digest = f"sha256:{hex_digest(code)}"
    return {"start_line": start + 1, "end_line": end, "content_hash": digest}
