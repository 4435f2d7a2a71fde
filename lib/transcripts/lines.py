"""Understand the records of a transcript: its prompts, calls of tools, their results, its session.

The format is nobody's promise. What is not understood is skipped, and every field may be missing or
of another type.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from lib.ledger.prompts import Prompt, Session
from lib.system import json_codec
from lib.transcripts.fields import blocks, clean, path_of, prompt_text, when, word

# The tools whose calls count: those that may change a file.
SHELL = "Bash"
TOOLS = frozenset(("Write", "Edit", "MultiEdit", "NotebookEdit", SHELL))
# Of so many lines it is remembered which prompt they belong to, and of so many till the next run.
_RECENT, _KEPT = 512, 32
_MOST_PLACES = 64
# How good a title is: the user's own is better than the client's.
_TITLES = {
    "custom-title": (3, "customTitle"),
    "ai-title": (2, "aiTitle"),
    "summary": (1, "summary"),
}
_SYNTHETIC, _NO_BRANCH = "<synthetic>", "HEAD"
# The field of a result with the uuid of the line that asked for it.
_ASKED_BY = "sourceToolAssistantUUID"


class ToolUse(NamedTuple):
    """A call of a tool, as the model asked for it; `model` is None where that is not told.

    `prompt_id` and `agent_id` are "" for none; `uuid` is that of its line, `cwd` the directory.
    """

    session_id: str
    tool_use_id: str
    tool_name: str
    given: dict[str, Any]
    model: str | None
    prompt_id: str
    agent_id: str
    timestamp: str
    cwd: str
    uuid: str


class ToolResult(NamedTuple):
    """What came of a call: `answer` is what a hook gets as `tool_response`, None if not kept.

    `asked_by` is the uuid of the line with the call, which has the same `tool_use_id`; `content` is
    what the model was told.
    """

    session_id: str
    tool_use_id: str
    answer: object
    content: object
    is_error: bool
    prompt_id: str
    agent_id: str
    timestamp: str
    cwd: str
    uuid: str
    asked_by: str


Told = Prompt | ToolUse | ToolResult


class Lines:
    """Understands the records of one transcript, one after another.

    Args:
        session_id: the session that the file is named after.
        memory: what `memory` returned when reading was left off; "" at the beginning.
        seen: the lines that were there already, by a hash of their uuid: each counts once. To be
            shared among the files of sessions that went on in others, whose lines are copied.

    `session` is what these records tell of the session, `places` the directories that it was in.
    """

    def __init__(self, session_id: str, memory: str = "", seen: set[int] | None = None) -> None:
        self.session = Session(session_id)
        self.places: set[str] = set()
        self._seen: set[int] = set() if seen is None else seen
        self._rank = 0
        # The prompt that was given last, and those that the newest lines belong to, by their uuid.
        self._prompt = ""
        self._of: dict[str, str] = {}
        self._recall(memory)

    def take(self, record: dict[str, object]) -> Iterator[Told]:
        """Yield what the next record tells: prompts, calls of `TOOLS`, results of any tool.

        A prompt may come again with another text, added later: the first one is what was asked.
        """
        kind, uuid = word(record, "type"), word(record, "uuid")
        if kind in _TITLES:
            self._take_title(record, *_TITLES[kind])
        if not uuid or hash(uuid) in self._seen:
            return
        self._seen.add(hash(uuid))
        asked = prompt_text(record) if kind == "user" else None
        prompt_id = self._prompt_of(record, uuid, asked is not None)
        self._take_facts(record)
        message = record.get("message")
        if not isinstance(message, dict):
            return
        if asked is not None:
            session_id = word(record, "sessionId") or self.session.session_id
            yield Prompt(prompt_id, session_id, when(record), asked)
        elif kind == "assistant":
            yield from self._uses(record, message, prompt_id, uuid)
        elif kind == "user":
            yield from self._results(record, message, prompt_id, uuid)

    def memory(self) -> str:
        """Return what is to be remembered till reading goes on, as JSON: ids alone."""
        of: dict[str, list[str]] = {}
        for uuid in list(self._of)[-_KEPT:]:
            of.setdefault(self._of[uuid], []).append(uuid)
        return json_codec.dumps({"prompt": self._prompt, "of": of, "rank": self._rank})

    def _recall(self, memory: str) -> None:
        if not memory:
            return
        try:
            kept: Any = json_codec.loads(memory)
            self._prompt, self._rank = str(kept["prompt"]), int(kept["rank"])
            self._of = {str(uuid): prompt for prompt, of in kept["of"].items() for uuid in of}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            return

    def _prompt_of(self, record: dict[str, object], uuid: str, is_prompt: bool) -> str:
        """Find the prompt that a line belongs to, and remember it; "" before the first one.

        Earlier clients do not tell (2.1.50 did not): then it is the uuid of the line with the
        prompt, which one comes to by going from each line to its parent.
        """
        told = word(record, "promptId") or (uuid if is_prompt else "")
        before = (self._of.get(word(record, name)) for name in ("parentUuid", _ASKED_BY))
        found = told or next(filter(None, before), self._prompt)
        if told:
            self._prompt = told
        self._of.pop(uuid, None)
        self._of[uuid] = found
        if len(self._of) > _RECENT:
            del self._of[next(iter(self._of))]
        return found

    def _take_title(self, record: dict[str, object], rank: int, name: str) -> None:
        title = clean(record.get(name)).strip()
        is_own = word(record, "sessionId") == self.session.session_id
        # A summary names its session by the last line of it: others' stand among them.
        if not is_own and word(record, "leafUuid") not in self._of:
            return
        if title and rank >= self._rank:
            self._rank = rank
            self.session = self.session._replace(title=" ".join(title.split()))

    def _take_facts(self, record: dict[str, object]) -> None:
        known = self.session
        if record.get("isSidechain") is True or word(record, "sessionId") != known.session_id:
            return
        if (place := path_of(record)) and len(self.places) < _MOST_PLACES:
            self.places.add(place)
        branch = word(record, "gitBranch")
        self.session = known._replace(
            cwd=known.cwd or place or None,
            branch=known.branch if branch in ("", _NO_BRANCH) else branch,
            client=word(record, "version") or known.client,
        )

    def _uses(
        self, record: dict[str, object], message: dict[str, Any], prompt_id: str, uuid: str
    ) -> Iterator[ToolUse]:
        model = word(message, "model")
        for block in blocks(message, "tool_use"):
            name, used = word(block, "name"), word(block, "id")
            given = block.get("input")
            if not used or not isinstance(given, dict) or name not in TOOLS:
                continue
            yield ToolUse(
                word(record, "sessionId") or self.session.session_id,
                used,
                name,
                given,
                model if model and model != _SYNTHETIC else None,
                prompt_id,
                word(record, "agentId"),
                when(record),
                path_of(record),
                uuid,
            )

    def _results(
        self, record: dict[str, object], message: dict[str, Any], prompt_id: str, uuid: str
    ) -> Iterator[ToolResult]:
        for block in blocks(message, "tool_result"):
            if not (used := word(block, "tool_use_id")):
                continue
            yield ToolResult(
                word(record, "sessionId") or self.session.session_id,
                used,
                record.get("toolUseResult"),
                block.get("content"),
                block.get("is_error") is True,
                prompt_id,
                word(record, "agentId"),
                when(record),
                path_of(record),
                uuid,
                word(record, _ASKED_BY) or word(record, "parentUuid"),
            )
