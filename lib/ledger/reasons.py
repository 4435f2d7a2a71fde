"""Tell why a step was made: the prompt that it was made for, and the model that made it."""

from typing import NamedTuple

from lib.ledger.prompts import Prompt, call_of, prompts
from lib.ledger.revisions import BEFORE, OUTSIDE
from lib.ledger.steps import Step
from lib.ledger.store import Ledger

# Who a step is by that nobody saw: the file was like that before anything was recorded.
BEFORE_RECORDING = "before recording"
# What is sent of a prompt at most, in characters.
MOST_SENT = 16 * 1024
NOT_KEPT = "prompt not kept"


class Reason(NamedTuple):
    """The prompt's id, or None if it is unknown; what is known of the prompt; the model or None."""

    prompt_id: str | None = None
    prompt: Prompt | None = None
    model: str | None = None

    @property
    def text(self) -> str | None:
        """The prompt's text, None where it is not kept."""
        return self.prompt and self.prompt.text


NO_REASON = Reason()


class Reasons:
    """Looks up the reasons of steps; each call of a tool once. Raises sqlite3.Error."""

    def __init__(self, history: Ledger) -> None:
        self._history = history
        self._known: dict[tuple[str | None, ...], Reason] = {}

    def of(self, step: Step | None) -> Reason:
        """Return the reason of a step; None is what was not recorded yet."""
        if step is None:
            return NO_REASON
        return self.of_call(step.session_id, step.tool_use_id, step.prompt_id)

    def of_call(
        self, session_id: str | None, tool_use_id: str | None, prompt_id: str | None
    ) -> Reason:
        """Return the reason of a call of a tool, as far as it is told which one that is."""
        if session_id is None:
            return NO_REASON
        key = session_id, tool_use_id, prompt_id
        if key not in self._known:
            call = call_of(self._history, *key)
            prompt_id = call.prompt_id or prompt_id
            found = prompts(self._history, [prompt_id] if prompt_id else [])
            prompt = found.get(prompt_id) if prompt_id else None
            self._known[key] = Reason(prompt_id or None, prompt, call.model)
        return self._known[key]


def told_to_services(ledger: Ledger, event_id: str) -> dict[str, str]:
    """Return what a service may be told of an event's reason: `prompt_id`, `prompt`, `model`."""
    query = (
        "SELECT e.session_id, r.tool_use_id, r.prompt_id FROM events e "
        "LEFT JOIN revisions r USING (seq) WHERE e.event_id = ?"
    )
    found = ledger.rows(query, (event_id,))
    reason = Reasons(ledger).of_call(*found[0]) if found else NO_REASON
    told = {"prompt_id": reason.prompt_id, "prompt": reason.text, "model": reason.model}
    return {name: value[:MOST_SENT] for name, value in told.items() if value}


def who(step: Step | None) -> str:
    """Say who made a step: a word of `lib.ledger.revisions`, or BEFORE_RECORDING."""
    if step is None:
        return OUTSIDE
    return BEFORE_RECORDING if step.change == BEFORE else step.actor


def first_line(text: str | None) -> str:
    """Return the first line of a text that says something."""
    return next((line.strip() for line in (text or "").splitlines() if line.strip()), "")


def summary(step: Step | None, reason: Reason) -> str:
    """Say in a line why a step was made."""
    if step is None:
        return "not recorded yet"
    if who(step) == BEFORE_RECORDING:
        return BEFORE_RECORDING
    if step.session_id is None:
        return step.reason or ""
    return first_line(reason.text) or NOT_KEPT
