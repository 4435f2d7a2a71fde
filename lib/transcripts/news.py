"""Read what is new in the transcript of a session, for who joins events with it.

Which file is read, a payload says, and that may be anybody's. So a transcript is a regular file of
this user's own, no link, named after the session that the payload is of, and only the records that
name this session count. Whatever else a path leads to, another user's file or one that is no
transcript, tells nothing.
"""

import os
import re
from itertools import islice
from typing import Any, BinaryIO, NamedTuple, TypedDict

from lib.ledger.joining import Use
from lib.ledger.prompts import Prompt, Session
from lib.system import json_codec
from lib.system.aside import Touch
from lib.system.digest import hex_digest
from lib.system.places import Places
from lib.system.private_file import Refused
from lib.transcripts.lines import Lines, ToolUse
from lib.transcripts.missed import is_cancelled, payloads
from lib.transcripts.reader import SUFFIX, Reader, open_transcript, state_at, state_of
from lib.transcripts.rewinds import Rewinds
from lib.transcripts.undone import Undone, config_dir_of, standing, typed, undone

# What is read at once, in bytes.
PORTION = 8 * 1024 * 1024
# Agents of a workflow have a directory each; so many are looked into.
_MOST_WORKFLOWS = 256
_AGENTS = "/subagents/"
_AGENT = re.compile(r"agent-[\w-]+\.jsonl")
# Of so many names in a directory, the newest agents'.
_MOST_NAMES, _MOST_AGENTS = 10_000, 16
# So many bytes before an offset tell that what is there was read before.
_END = 256


class Left(NamedTuple):
    """Where reading was left off: in which file, at which byte, with what to remember."""

    file: str = ""
    offset: int = 0
    memory: str = ""


class News(TypedDict):
    """What a portion of a transcript tells, `left` and whether there is `more`, as JSON holds it.

    `places` are the directories that the session was in; `cancelled`: a hook was over its time;
    `rewound`: before a prompt the client may have taken files back.
    """

    prompts: list[Prompt]
    calls: list[Use]
    session: Session
    places: list[str]
    left: Left
    more: bool
    cancelled: bool
    rewound: bool


class Desk:
    """Reads transcripts. Calls `touch` as `Places` does, and raises what it does; or OSError."""

    def __init__(self, touch: Touch) -> None:
        self._touch = touch
        self._disk = Places(touch)

    def state(self, path: str) -> tuple[str, int]:
        """Tell the state of a transcript, see `State`."""
        return state_at(self._found(path))

    def read(self, path: str, session_id: str, *left: str | int) -> News | None:
        """Read the next portion from where reading was `Left`; None of what may not be read.

        A file that was replaced, or written anew, is read from its beginning.
        """
        before = Left(*left)  # type: ignore[arg-type]
        found = self._found(path)
        try:
            file = open_transcript(found)
        except (Refused, ValueError):
            return None
        with file:
            state = state_of(file)
            end, _, memory = before.memory.partition(" ")
            if state.file != before.file or end != _end(file, before.offset):
                before, memory = Left(state.file), ""
            reader = Reader(file, before.offset)
            known, memory = _recalled(memory)
            lines = Lines(session_id, memory)
            rewinds = Rewinds(session_id, typed(config_dir_of(found), session_id), known)
            news = _news(reader, lines, rewinds)
            kept = json_codec.dumps({"rewinds": rewinds.memory(), "lines": lines.memory()})
            memory = f"{_end(file, reader.offset)} {kept}"
        more = before.offset < reader.offset < state.size
        return {**news, "left": Left(state.file, reader.offset, memory), "more": more}

    def missed(self, path: str, session_id: str, start: int, end: int) -> list[dict[str, Any]]:
        """List what the hooks got that were over their time, by the bytes from `start` to `end`."""
        try:
            with open_transcript(self._found(path)) as file:
                return list(payloads(file, session_id, start, end))
        except (Refused, ValueError):
            return []

    def undone(self, path: str, session_id: str, start: int, end: int) -> list[Undone]:
        """List what the client took back before the prompts in the bytes from `start` to `end`."""
        found = self._found(path)
        when = typed(config_dir_of(found), session_id)
        try:
            with open_transcript(found) as file:
                return list(undone(file, found, session_id, when, start, end))
        except (Refused, ValueError):
            return []

    def standing(self, path: str, session_id: str, memory: str) -> list[Undone]:
        """List what the client took back after the last prompt; `memory` is what reading left."""
        found = self._found(path)
        when = typed(config_dir_of(found), session_id)
        known, _ = _recalled(memory.partition(" ")[2])
        if max(when, default="") <= Rewinds(session_id, (), known).asked:
            return []
        try:
            with open_transcript(found) as file:
                return list(standing(file, found, session_id, when, self._touch))
        except (Refused, ValueError):
            return []

    def agents(self, path: str) -> list[str]:
        """List the transcripts of the agents of a session, the newest first, by its own one.

        Some earlier clients do not tell which agent made a call, and put their transcripts beside.
        """
        main = self._found(path)
        for directory in (f"{main.removesuffix(SUFFIX)}{_AGENTS}", os.path.dirname(main)):
            try:
                with os.scandir(directory) as entries:
                    names = [e for e in islice(entries, _MOST_NAMES) if _AGENT.fullmatch(e.name)]
                names.sort(key=lambda e: e.stat(follow_symlinks=False).st_mtime_ns, reverse=True)
            except OSError:  # none there, or one of them vanished just now
                continue
            return [entry.path for entry in names[:_MOST_AGENTS]]
        return []

    def _found(self, path: str) -> str:
        """Return the real path of a transcript; that of an agent may be at one of several."""
        directory, _, name = path.rpartition("/")
        found = f"{self._disk.real(directory)}/{name}"
        self._touch(found)
        if _AGENTS not in path or os.path.lexists(found):
            return found
        session, _, _ = found.rpartition(_AGENTS)
        earlier = f"{os.path.dirname(session)}/{name}"
        try:
            with os.scandir(f"{session}{_AGENTS}workflows") as entries:
                places = [f"{entry.path}/{name}" for entry in islice(entries, _MOST_WORKFLOWS)]
        except OSError:
            places = []
        return next(filter(os.path.lexists, [earlier, *places]), found)


def _recalled(memory: str) -> tuple[str, str]:
    """Return what is remembered of rewinds and of lines; of these alone by an earlier version."""
    try:
        kept: Any = json_codec.loads(memory)
        return str(kept["rewinds"]), str(kept["lines"])
    except (ValueError, KeyError, TypeError, RecursionError):
        return "", memory


def _end(file: BinaryIO, offset: int) -> str:
    """Return a digest of what a file holds just before `offset`."""
    start = max(0, offset - _END)
    return hex_digest(os.pread(file.fileno(), offset - start, start).hex())[:16]


def _news(reader: Reader, lines: Lines, rewinds: Rewinds) -> News:
    prompts, calls, cancelled, rewound = [], [], False, False
    session_id = lines.session.session_id
    for record in reader.records(PORTION):
        is_own = record.get("sessionId") == session_id
        cancelled = cancelled or is_cancelled(record)
        rewound = rewinds.take(record) is not None or rewound
        for told in lines.take(record):
            if is_own and isinstance(told, Prompt):
                prompts.append(told)
            elif is_own and isinstance(told, ToolUse):
                use = told.tool_use_id, told.prompt_id, told.model, told.timestamp
                calls.append(Use(session_id, *use))
    return {
        "prompts": prompts,
        "calls": calls,
        "session": lines.session,
        "places": sorted(lines.places),
        "left": Left(),
        "more": False,
        "cancelled": cancelled,
        "rewound": rewound,
    }
