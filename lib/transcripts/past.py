"""Find past sessions, and read the calls in them as the hook got them.

The files of a session, its own and those of its agents, are read side by side in the order of time.
"""

import json
import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from datetime import datetime, timedelta, timezone
from heapq import merge
from typing import Any, NamedTuple

from lib.ledger.prompts import Prompt
from lib.system.private_file import Refused, bounded, open_regular
from lib.transcripts.fields import path_of, word
from lib.transcripts.lines import SHELL, Lines, ToolResult, ToolUse
from lib.transcripts.reader import SUFFIX, Reader, open_transcript
from lib.transcripts.rewinds import Rewinds
from lib.transcripts.undone import Undone, config_dir_of, taken_back, typed

_PROJECTS, _AGENTS = "projects", "subagents"
_AGENT = "agent-"
# Calls that wait for their result: a few at a time, but for those that were interrupted.
_MOST_OPEN = 64
# A call has ended, or its client, where nothing was written for so long.
QUIET_SECONDS = 60.0
_MOST_META = 64 * 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


class Past(NamedTuple):
    """A session's transcripts: its own, then those of its agents; sizes in bytes."""

    session_id: str
    paths: list[str]
    size: int
    changed: float


class Call(NamedTuple):
    """A call that is over: the hook's `payload`, when it ended in ns since 1970, its `place`.

    `said` is what the model was told of it. In an agent's transcript there is no `tool_response`.
    `is_open`: nothing tells whether it ended, for the client was killed.
    """

    payload: dict[str, Any]
    ended_ns: int
    place: int
    said: str
    is_open: bool = False


Told = Call | Prompt | ToolUse | Undone


def sessions(config_dir: str, since: float = 0.0) -> list[Past]:
    """List the sessions of a client's directory that were written to since then (since 1970).

    The oldest first: what a later one holds of it is a copy.
    """
    found = [
        _session(directory, name)
        for directory, names in _directories(f"{config_dir}/{_PROJECTS}")
        for name in names
        if name.endswith(SUFFIX)
    ]
    return sorted((one for one in found if one.changed >= since), key=lambda one: one.changed)


def count(config_dir: str) -> int:
    """Count the sessions of a client's directory, without a look at each."""
    names = (names for _, names in _directories(f"{config_dir}/{_PROJECTS}"))
    return sum(name.endswith(SUFFIX) for several in names for name in several)


def _directories(path: str) -> Iterator[tuple[str, list[str]]]:
    for name in _names(path):
        yield f"{path}/{name}", _names(f"{path}/{name}")


def _names(path: str) -> list[str]:
    try:
        return sorted(os.listdir(path))
    except OSError:
        return []


def _session(directory: str, name: str) -> Past:
    session_id = name.removesuffix(SUFFIX)
    agents = f"{directory}/{session_id}/{_AGENTS}"
    names = [n for n in _names(agents) if n.startswith(_AGENT) and n.endswith(SUFFIX)]
    paths = [f"{directory}/{name}", *(f"{agents}/{one}" for one in names)]
    size, changed = 0, 0.0
    for path in paths:
        with suppress(OSError):
            status = os.lstat(path)
            size, changed = size + status.st_size, max(changed, status.st_mtime)
    return Past(session_id, paths, size, changed)


class Reading:
    """Reads a past session; `seen` are the lines that were read before, see `Lines`.

    `lines` understands the session's own file, `refused` counts files that may not be read.
    """

    def __init__(self, past: Past, seen: set[int]) -> None:
        self.lines = Lines(past.session_id, "", seen)
        self.refused = 0
        self._past = past
        self._seen = seen
        self._readers: list[Reader] = []

    @property
    def read(self) -> int:
        """How many bytes were read."""
        return sum(reader.offset for reader in self._readers)

    def told(self) -> Iterator[Told]:
        """Yield prompts, calls as they are made, calls that are over, and what was taken back.

        In the order of time.
        """
        with ExitStack() as stack:
            streams = []
            for path in self._past.paths:
                try:
                    file = stack.enter_context(open_transcript(path))
                except (OSError, ValueError, Refused):
                    self.refused += 1
                    continue
                self._readers.append(Reader(file))
                streams.append(self._stream(path, self._readers[-1]))
            for _, one in merge(*streams, key=lambda pair: pair[0]):
                yield one

    def _stream(self, path: str, reader: Reader) -> Iterator[tuple[str, Told]]:
        is_own = path == self._past.paths[0]
        rewinds = Rewinds(self._past.session_id, typed(config_dir_of(path), self._past.session_id))
        lines = self.lines if is_own else Lines(self._past.session_id, "", self._seen)
        agent_type = "" if is_own else _agent_type(path)
        calls: dict[str, ToolUse] = {}
        cwd = last = ""
        with suppress(OSError):
            for record in reader.records():
                cwd = cwd or path_of(record)
                for told in lines.take(record):
                    if isinstance(told, ToolUse):
                        calls[told.tool_use_id] = told
                        if len(calls) > _MOST_OPEN:
                            del calls[next(iter(calls))]
                    if not isinstance(told, ToolResult):
                        yield told.timestamp, told
                    elif (use := calls.pop(told.tool_use_id, None)) and _may_have_changed(
                        use, told
                    ):
                        prompt_id = word(record, "promptId")
                        yield told.timestamp, _call(use, told, prompt_id, agent_type, reader.offset)
                    last = max(last, told.timestamp)
                if is_own and (rewound := rewinds.take(record)):
                    for undone in taken_back(rewound, path, self._past.session_id, cwd):
                        yield rewound.when, undone
        if self._past.changed < time.time() - QUIET_SECONDS:
            for use in calls.values():
                yield last, _open_call(use, agent_type, reader.offset)


def _may_have_changed(use: ToolUse, result: ToolResult) -> bool:
    """Check that a call may have changed a file: of those that failed, one of the shell."""
    return not result.is_error or use.tool_name == SHELL


def _call(use: ToolUse, result: ToolResult, prompt_id: str, agent_type: str, place: int) -> Call:
    told = {
        "session_id": result.session_id,
        "cwd": result.cwd,
        "prompt_id": prompt_id,
        "agent_id": result.agent_id,
        "agent_type": agent_type,
        "tool_use_id": use.tool_use_id,
    }
    payload: dict[str, Any] = {name: value for name, value in told.items() if value}
    payload |= {"tool_name": use.tool_name, "tool_input": use.given}
    if result.answer is not None:
        payload["tool_response"] = result.answer
    return Call(payload, _nanoseconds(result.timestamp), place, _text(result.content))


def _open_call(use: ToolUse, agent_type: str, place: int) -> Call:
    """Return a call that was made and has no result."""
    none = None, None, False, use.prompt_id, use.agent_id, use.timestamp, use.cwd, "", ""
    result = ToolResult(use.session_id, use.tool_use_id, *none)
    return _call(use, result, use.prompt_id, agent_type, place)._replace(is_open=True)


def _text(content: object) -> str:
    """Return the text of what a model was told of a call."""
    if isinstance(content, list):
        texts = (one.get("text") for one in content if isinstance(one, dict))
        return "\n".join(text for text in texts if isinstance(text, str))
    return content if isinstance(content, str) else ""


def _nanoseconds(timestamp: str) -> int:
    """Return ns since 1970 of a time as the ledger writes it, 0 for none."""
    if not timestamp:
        return 0
    return (datetime.fromisoformat(timestamp) - _EPOCH) // timedelta(microseconds=1) * 1000


def _agent_type(path: str) -> str:
    """Read the type of an agent, which stands beside its transcript; "" where it does not."""
    try:
        with open_regular(f"{path.removesuffix(SUFFIX)}.meta.json") as file:
            found = json.loads(bounded(file, _MOST_META))
    except (OSError, ValueError, Refused, RecursionError):
        return ""
    return word(found, "agentType") if isinstance(found, dict) else ""
