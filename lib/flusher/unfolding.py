"""Unfold a call of the shell into the events of the files that it changed.

What the hook read counts as it is. What was there before follows from the client's hunks, else it
is what was recorded last. Where the client did not tell all, the project is looked through.
"""

import re
from collections.abc import Iterator
from functools import cached_property
from typing import Any, Protocol, cast

from lib.capture import event
from lib.capture.event import Content
from lib.capture.payload import Change, context, event_of
from lib.flusher import hunks, left_out, look
from lib.flusher.known import found_by
from lib.flusher.look import Found, Window
from lib.flusher.missing import is_named
from lib.flusher.sightings import Sightings
from lib.ledger.overlaps import NAMED
from lib.ledger.revisions import OUTSIDE, SHELL
from lib.spool.spooled import Event

TOOL = "Bash"
# So far back the first look at a project goes for files that are known: what an agent did whose
# client was killed before the hook came, nobody else tells.
FIRST_NS = 3600 * 10**9
# What others did was not done for a prompt.
_OF_CALL = ("transcript_path", "tool_use_id", "prompt_id", "agent_id", "agent_type")
# How the client names what it will rename.
_WRITING = re.compile(r"\.tmp\.\d+\.[0-9a-f]{8,}\Z")


class Known(left_out.Known, Protocol):
    """What the ledger knows of files."""

    def files_below(self, root: str) -> list[str]:
        """List the recorded files below a directory that are not gone."""

    def holds(self, path: str, event: Event) -> bool:
        """Check whether a file was recorded last with just the code of an event."""

    def code(self, path: str) -> str | None:
        """Return what a file held last by what is recorded; None where that is not known."""

    def looked(self, root: str) -> int:
        """Return until when a directory was looked through, in ns since 1970; 0: never."""


class Unfolding:
    """One call of the shell, as the hook recorded it.

    It ran from `began_ns` to `ended_ns`; `looked` is the directory looked through, "" for none.
    """

    def __init__(self, call: Event, known: Known, sightings: Sightings) -> None:
        self._call: dict[str, Any] = dict(call)
        self._data = call["event_data"]
        self._known = known
        self._sightings = sightings
        self.began_ns = _whole(self._data.get("began_ns"))
        self._context = context(dict(call))
        self._payload = {
            "tool_name": TOOL,
            "session_id": self._data.get("session_id"),
            **self._context,
        }
        missed = self._data.get("missed")
        self._cwd = cwd if isinstance(cwd := self._context.get("cwd"), str) else ""
        self._missed: list[str] = missed if isinstance(missed, list) else []
        self._is_git = self._data.get("program") == "git"
        self.ended_ns = _whole(self._data.get("ended_ns"))
        captured = call.get("captured")
        told = captured if isinstance(captured, dict) else {}
        # By the clock that gives the order; see `lib.spool.inbox`.
        self.moment = (str(told.get("boot") or ""), _whole(told.get("up")))
        self.looked = ""
        # Those that the command names, and whether they may have been changed before it began.
        self._named_files: dict[str, bool] = {}

    @cached_property
    def _root(self) -> str:
        """The project that the call ran in, "" where that is not known."""
        return look.project(self._cwd) if self._cwd[:1] == "/" else ""

    def events(self) -> list[Event]:
        """List the events: what others did before, then the ends of files, then the rest.

        So a move is known from a copy.
        """
        files = self._data.get("files")
        told = [f for f in files if _names_a_file(f)] if isinstance(files, list) else []
        told = [file for file in told if not _is_writing(file)]
        for file in told:
            if file.get("named") is True:
                self._named_files[file["path"]] = file.get("late") is True
        made = [made for file in told if (made := self._told(file)) is not None]
        made += self._found_by_looking({file["path"] for file in told})
        made.sort(key=lambda one: one["event_type"] != event.FILE_DELETED)
        return self._seen_before(made) + made

    def _for_whom(self, made: dict[str, Any]) -> Event:
        """Note what was decided when the call was captured."""
        for name in ("service_url", "prompts"):
            if name in self._call:
                made[name] = self._call[name]
        return cast(Event, made)

    def _seen_before(self, made: list[Event]) -> list[Event]:
        paths = [str(one["event_data"]["file_path"]) for one in made if not one.get("parents")]
        seen = [self._sightings.before(path, self.began_ns) for path in paths]
        return [
            self._for_whom(self._kept(dict(one))) for one in seen
            if one and not self._known.holds(str(one["event_data"]["file_path"]), one)
        ]  # fmt: skip

    def _kept(self, made: dict[str, Any]) -> dict[str, Any]:
        """Take the code out of an event where the call's session keeps none."""
        if self._data.get("keeps_content") is not True:
            event.forget_content(made)
        return made

    def _told(self, file: dict[str, Any]) -> Event | None:
        path, code = file["path"], file.get("code")
        if file.get("gone") is True:
            return self._deletion(path, self._who_ended(path), self._told_before(file, None))
        if not isinstance(code, str):
            made = self._read(path, self._who(path))
            return self._named(made) if made and file.get("named") is True else made
        who = self._who(path)
        before = self._told_before(file, code) if who == SHELL else None
        is_known = before is not None or (who == SHELL and file.get("created") is True)
        made = self._event(Change(path, code, before, is_known), who)
        if (file.get("late") is True or who == OUTSIDE) and self._known.holds(path, made):
            return None
        return self._named(made) if file.get("named") is True else made

    def _told_before(self, file: dict[str, Any], code: str | None) -> str | None:
        """Take the hunks out of what the hook read, `code`; None for a file that ended.

        Returns None where the diff begins too early, and where others went on after it: what was
        recorded last has all that it tells then, and is not what comes out.
        """
        path, told = file["path"], file.get("hunks")
        before = hunks.last(told) if code is None else hunks.taken_back(code, told)
        # Of a call of git it is not known who took back what stands there again.
        result = None if self._is_git else code
        states = self._known.states(path, self.ended_ns)
        if before is not None:
            before = found_by(states, self._known.cleaned, before, result)
        if code is not None and file.get("named") is not True:
            held = self._known.code(path)
            is_other = held not in (None, before, code)
            if is_other and hunks.taken_back(held or "", told) is not None:
                return None
        return before

    def _who(self, path: str) -> str:
        """Tell who changed a file about when the call ran: others, where it could not have."""
        is_late = self._named_files.get(path)
        if self._data.get("names_all") is True:
            return OUTSIDE if is_late is None else SHELL
        return OUTSIDE if is_late else SHELL

    def _who_ended(self, path: str) -> str:
        """Tell who ended a file: others, where the command does not name it, and ends no others."""
        # Where a link led to its directory, its names are other paths.
        is_here = bool(self._root) and self._cwd.startswith(self._root)
        is_sure = self._data.get("ends_named") is True and is_here
        return OUTSIDE if is_sure and not is_named(path, self._missed) else self._who(path)

    def _named(self, made: Event) -> Event:
        """Note that the call named the file: others that had it changed meanwhile did not do it."""
        return cast(Event, {**made, NAMED: self.began_ns})

    def _found_by_looking(self, told: set[str]) -> Iterator[Event]:
        looks, is_sure = self._data.get("looks"), self._data.get("names_all") is True
        if not isinstance(looks, bool) or (is_sure and not looks) or not (root := self._root):
            return
        for one in self._changed(root) if looks else self._left_out(root, told):
            if one.path not in told and (made := self._found(one)) is not None:
                yield made

    def _left_out(self, root: str, told: set[str]) -> Iterator[Found]:
        call = Window(self.began_ns, self.began_ns, self.ended_ns)
        return left_out.taken_back(self._known, root, call, told, self._is_git)

    def _changed(self, root: str) -> Iterator[Found]:
        """Look through the project at `root` for whatever changed since somebody did so."""
        self.looked = root
        looked_ns = self._known.looked(root)
        since_ns = min(looked_ns or self.began_ns, self.began_ns)
        back_ns = 0 if looked_ns else FIRST_NS
        window = Window(since_ns, self.began_ns, self.ended_ns, back_ns, self._missed)
        yield from look.changed(root, self._known.files_below(root), window)

    def _found(self, found: Found) -> Event | None:
        who = self._who_ended if found.gone else self._who
        actor = who(found.path) if found.during else OUTSIDE
        return self._deletion(found.path, actor) if found.gone else self._read(found.path, actor)

    def _read(self, path: str, actor: str) -> Event | None:
        code = look.code_of(path)
        if code is None:
            return None
        change = Change(path, code, None, before_known=False)
        made = self._event(change, actor)
        return None if self._known.holds(path, made) else made

    def _deletion(self, path: str, actor: str = SHELL, before: str | None = None) -> Event:
        made = event.build(
            event.FILE_DELETED,
            Content("", path),
            path=path,
            tool_name=TOOL,
            session_id=str(self._payload.get("session_id") or ""),
            tool_use_id=str(self._payload.get("tool_use_id") or ""),
            captured_ns=self.ended_ns,
            before=None if before is None else Content(before, path),
            extra=self._context,
        )
        return self._signed(made, actor)

    def _event(self, change: Change, actor: str) -> Event:
        return self._signed(self._kept(event_of(change, self._payload, self.ended_ns)), actor)

    def _signed(self, made: dict[str, Any], actor: str) -> Event:
        made["actor"] = actor
        if actor == OUTSIDE:
            made["event_data"].update(triggered_by=OUTSIDE, tool_name=None)
            made["event_data"]["pattern_data"]["session_id"] = ""
            for name in _OF_CALL:
                made.pop(name, None)
        else:
            made["program"] = self._data.get("program")
        return self._for_whom(made)


def _names_a_file(file: object) -> bool:
    return isinstance(file, dict) and isinstance(file.get("path"), str)


def _is_writing(file: dict[str, Any]) -> bool:
    """Check whether a client was just about to write: it does so beside the file, then renames."""
    return _WRITING.search(file["path"]) is not None


def _whole(value: object) -> int:
    """Take a number of nanoseconds, as files have it; 0 for what is none."""
    return value if isinstance(value, int) and 0 <= value < 2**63 else 0
