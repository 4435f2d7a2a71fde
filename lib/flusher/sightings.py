"""Remember what files hold soon after they were recorded: a formatter may have been there.

A later call of the shell tells only what it left. Whatever a file held before that call began, and
was not recorded, is what somebody else made of it, and is seen here alone. One small file a path,
in the spool, without secrets.
"""

import os
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any, cast

from lib.capture.payload import Change, event_of
from lib.flusher.look import seen
from lib.ledger.revisions import OUTSIDE
from lib.spool import outbox
from lib.spool.spooled import Event
from lib.system import files, json_codec
from lib.system.digest import hex_digest

PREFIX = "sighting_"
# Of a file, the newest.
MOST = 4
# Files that are watched at a time.
MOST_WATCHED = 256
KEPT_SECONDS = 86_400.0


class Sightings:
    """The sightings in the spool at `directory`. For the holder of the flusher's lock.

    `clean` takes the secrets out of an event; nothing is noted without it.
    """

    def __init__(self, directory: str) -> None:
        self.clean: Callable[[Event], Event] | None = None
        self._directory = directory
        # When each watched file was changed last, in ns since 1970, and its recorded code's digest.
        self._watched: dict[str, tuple[int, str]] = {}

    def watch(self, events: Iterable[Event]) -> None:
        """Watch the files of events recorded just now: what was seen of them before is over."""
        new: dict[str, str] = {}
        for event in events:
            path = event["event_data"].get("file_path")
            details = event["event_data"].get("pattern_data")
            code = details.get("code") if isinstance(details, dict) else None
            if not isinstance(path, str) or not path.startswith("/") or not isinstance(code, str):
                continue
            new.pop(path, None)
            new[path] = code
        noted = {entry.name for entry in os.scandir(self._directory)} if new else set()
        for path in new:
            self._watched.pop(path, None)
            if (name := self._name(path)) in noted:
                outbox.acknowledge(self._directory, name)
        for path in list(new)[-MOST_WATCHED:]:
            self._watched[path] = (0, hex_digest(new[path]))
        while len(self._watched) > MOST_WATCHED:
            del self._watched[next(iter(self._watched))]

    def look(self) -> None:
        """Note what the watched files hold, without secrets, where that changed since."""
        if self.clean is not None:
            with suppress(OSError):
                self._look(self.clean)

    def _look(self, clean: Callable[[Event], Event]) -> None:
        for path, (before_ns, recorded) in self._watched.items():
            changed_ns, code = seen(path, before_ns)
            self._watched[path] = (changed_ns, recorded)
            if code is not None and hex_digest(code) != recorded:
                made = clean(_outside(path, changed_ns, code))
                kept = [*self._seen(path), {"changed_ns": changed_ns, "event": made}]
                text = json_codec.dumps({"path": path, "seen": kept[-MOST:]})
                files.replace(self._file(path), text.encode())

    def before(self, path: str, began_ns: int) -> Event | None:
        """Return the event of what a file held last before `began_ns`, None if nobody saw it."""
        found = [one["event"] for one in self._seen(path) if one["changed_ns"] < began_ns]
        return cast(Event, found[-1]) if found else None

    def sweep(self) -> None:
        """Remove what was seen long ago."""
        for entry in list(os.scandir(self._directory)):
            if entry.name.startswith(PREFIX):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > KEPT_SECONDS:
                    outbox.acknowledge(self._directory, entry.name)

    def _seen(self, path: str) -> list[dict[str, Any]]:
        try:
            with open(self._file(path), "rb") as file:
                found = json_codec.loads(file.read().decode("utf-8"))
        except (OSError, ValueError):
            return []
        seen = found.get("seen") if isinstance(found, dict) and found.get("path") == path else []
        return seen if isinstance(seen, list) else []

    def _file(self, path: str) -> str:
        return f"{self._directory}/{self._name(path)}"

    @staticmethod
    def _name(path: str) -> str:
        return f"{PREFIX}{hex_digest(path)[:32]}.json"


def _outside(path: str, changed_ns: int, code: str) -> Event:
    """Build the event of what somebody else made of a file at `changed_ns`."""
    made: dict[str, Any] = event_of(Change(path, code, None, before_known=False), {}, changed_ns)
    made["actor"] = OUTSIDE
    made["event_data"]["triggered_by"] = OUTSIDE
    return cast(Event, made)
