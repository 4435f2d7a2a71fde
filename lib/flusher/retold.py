"""Make of a past call the events that its hook made, by the same rules and with the same ids.

The disk is asked where links lead and what is excluded, and for no content: that is of today. Only
of a call that was cut short by its client's end it tells whether there was a change at all.
"""

from collections import OrderedDict
from typing import Any, cast

from lib.capture import event, payload, shell, shell_words
from lib.capture.event import Content
from lib.capture.named_file import Refused, lies_in
from lib.capture.secret_names import holds_secrets
from lib.flusher import hunks, look, undoing
from lib.flusher.guessing import Held, Memory, told_of
from lib.flusher.intake import Held as Away
from lib.flusher.intake import Ignored, Intake
from lib.flusher.turned_down import CONTENT, ENABLED, TurnedDown
from lib.flusher.unfolding import TOOL, Unfolding
from lib.ledger import earlier_identity, unplaced
from lib.ledger.revisions import plain
from lib.spool.spooled import Event
from lib.system import places
from lib.system.settings import Settings
from lib.transcripts.past import Call
from lib.transcripts.undone import Undone

_MOST_KNOWN, _MOST_CLEAN = 50_000, 64
# Texts of so many characters are not kept to be compared.
_LONG = 256 * 1024


class Retelling:
    """Makes the events of past calls, one after another.

    `notes_earlier` as for an `Intake`. Every method may raise user_rules.Unusable.
    """

    def __init__(self, intake: Intake, settings: Settings, notes_earlier: bool) -> None:
        self._intake = intake
        self._settings = settings
        self._notes_earlier = notes_earlier
        self._turned_down = TurnedDown(settings.config_dir)
        self._held = Held()
        self._paths: dict[str, str] = {}
        self._verdicts: dict[tuple[str, str], str] = {}
        self._clean: OrderedDict[str, str] = OrderedDict()
        self._contents: OrderedDict[tuple[str, str], Content] = OrderedDict()

    def events(self, call: Call) -> list[Event]:
        """Make the events of a call, with their secrets. Raises Refused where there are none."""
        if not call.ended_ns:
            raise Refused("unreadable")
        if ENABLED in self.turned_down(call.payload.get("cwd")):
            raise Refused("ignored")
        if call.payload["tool_name"] == TOOL:
            return self._of_shell(call)
        given, told = call.payload["tool_input"], dict(call.payload)
        path = self._find(given.get("file_path") or given.get("notebook_path"))
        is_guessed = "tool_response" not in told
        if is_guessed:
            told["tool_response"] = self._held.answer(told, path, call.said)
        elif not isinstance(told["tool_response"], dict):
            raise Refused("other")
        answer = told["tool_response"]

        def read(_: str) -> str:
            before, told_hunks = answer.get("originalFile"), answer.get("structuredPatch")
            return told_of(hunks.applied(before, told_hunks) if isinstance(before, str) else None)

        made: dict[str, Any] = payload.capture(
            told, call.ended_ns, lambda _: path, read, self._content
        )
        if call.is_open and not _stands(path, made["event_data"]["pattern_data"].get("code")):
            raise Refused("other")
        for parent in made["parents"]:
            self._held.note(path, parent.get("code"))
        self._held.note(path, made["event_data"]["pattern_data"].get("code"))
        if is_guessed:
            made[unplaced.GUESSED] = True
        return [self._finished(made)]

    def undone(self, undone: Undone) -> Event:
        """Make the event of what the client took back. Raises Refused where there is none."""
        if ENABLED in self.turned_down(undone.cwd):
            raise Refused("ignored")
        path = self._find(undone.path)
        if undone.code is not None and self._held.code(path) == undone.code:
            raise Refused("other")
        self._hold(path, undone.code)
        moment = undoing.moment_of(undone, path)
        return self._finished(undoing.made_of(undone, path, moment.ns))

    def _content(self, code: str, path: str) -> Content:
        """Make a content, or find it: what was there before a call mostly came of one before."""
        known = self._contents.pop((code, path), None) or _Content(code, path)
        if len(code) <= _LONG:
            self._contents[code, path] = known
        if len(self._contents) > _MOST_CLEAN:
            self._contents.popitem(last=False)
        return known

    def _of_shell(self, call: Call) -> list[Event]:
        """Make the events of the files that the client told of a call of the shell."""
        given = call.payload["tool_input"].get("command")
        commands = shell_words.simple_commands(given) if isinstance(given, str) else []
        commands = [one for one in commands if shell_words.may_write(one)]
        told = call.payload.get("tool_response")
        diff = told.get("bashEditDiff") if isinstance(told, dict) else None
        if not isinstance(diff, dict) or diff.get("unavailable") or diff.get("skipped"):
            diff = {}
        changes = diff.get("files")
        if not isinstance(changes, list):
            if commands:
                self._held.clear()
            raise Refused("other")
        files = []
        for change in changes[: shell.MAX_FILES]:
            try:
                files.append(self._change(change))
            except Refused:
                continue
        record: Any = {
            "event_data": {
                "program": shell.program(commands),
                "session_id": call.payload.get("session_id"),
                "ended_ns": call.ended_ns,
                "files": files,
                "keeps_content": True,
            },
            **payload.context(call.payload),
        }
        past: Any = Memory(self._held)
        made = [self._finished(dict(one)) for one in Unfolding(record, past, past).events()]
        for file in files:
            self._hold(file["path"], file.get("code"))
        return made

    def _hold(self, path: str, code: str | None) -> None:
        """Note what a file holds after a call, None where that is gone."""
        if code is None:
            self._held.end(path)
        else:
            self._held.note(path, code)

    def _change(self, change: object) -> dict[str, Any]:
        if not isinstance(change, dict):
            raise Refused("unreadable")
        path, told = self._find(change.get("filePath")), change.get("hunks")
        if change.get("deleted") is True:
            return {"path": path, "gone": True, "hunks": told}
        if change.get("created") is True:
            return {"path": path, "code": told_of(hunks.written(told)), "created": True}
        return {"path": path, "code": self._held.patched(path, told), "hunks": told}

    def _find(self, named: object) -> str:
        """Return the real path of a file. Raises Refused where its name may not be captured."""
        if not isinstance(named, str) or not 0 < len(named) <= payload.MAX_PATH:
            raise Refused("unreadable")
        if named not in self._paths:
            if len(self._paths) >= _MOST_KNOWN:
                self._paths.clear()
            self._paths[named] = places.real(named)
        path = self._paths[named]
        if holds_secrets(named) or holds_secrets(path):
            raise Refused("secret")
        if lies_in(path, self._settings.config_dir):
            raise Refused("client")
        return path

    def turned_down(self, directory: object) -> frozenset[str]:
        """Return what is turned down for sessions in a directory, see `TurnedDown`."""
        return self._turned_down.where(directory)

    def _finished(self, made: dict[str, Any]) -> Event:
        if not self._settings.keep_content or CONTENT in self.turned_down(made.get("cwd")):
            event.forget_content(made)
        if self._notes_earlier:
            earlier_identity.note(cast(Event, made))
        return cast(Event, made)

    def refusal(self, made: Event) -> str:
        """Say why an event may not be recorded: "ignored", "unreadable", or "" where it may."""
        cwd = made.get("cwd")
        key = str(made["event_data"]["file_path"]), cwd if isinstance(cwd, str) else ""
        if key not in self._verdicts:
            if len(self._verdicts) >= _MOST_KNOWN:
                self._verdicts.clear()
            try:
                self._intake.judge(made)
                self._verdicts[key] = ""
            except Ignored:
                self._verdicts[key] = "ignored"
            except Away:
                self._verdicts[key] = "unreadable"
        return self._verdicts[key]

    def cleaned(self, made: Event) -> Event:
        """Redact an event. What a file held before was mostly redacted as what it held after."""
        holders = [made["event_data"]["pattern_data"], *cast(list[Any], made.get("parents") or [])]
        codes = [holder.pop("code", None) for holder in holders]
        clean = self._intake.redacted(made)
        parents = cast(list[Any], clean.get("parents") or [])
        for holder, code in zip(
            [clean["event_data"]["pattern_data"], *parents], codes, strict=True
        ):
            if isinstance(code, str):
                holder["code"] = self._text(code)
        return clean

    def _text(self, code: str) -> str:
        known = self._clean.get(code) if len(code) <= _LONG else None
        if known is None:
            known = self._intake.cleaned(code)
            if len(code) <= _LONG:
                self._clean[code] = known
            if len(self._clean) > _MOST_CLEAN:
                self._clean.popitem(last=False)
        return known


class _Content(Content):
    """A content that is asked more than once."""

    _exact = ""

    def exact(self) -> str:
        self._exact = self._exact or super().exact()
        return self._exact


def _stands(path: str, code: object) -> bool:
    """Check whether a file holds what a call would have written that nobody saw end."""
    found = look.code_of(path)
    return found is not None and isinstance(code, str) and plain(found) == plain(code)
