"""Remember what files hold soon after they were recorded: a formatter may have been there.

A later call of the shell tells only what it left. Whatever a file held before that call began, and
was not recorded, is what somebody else made of it, and is seen here alone; but for what a call of
the shell left amid its run, which is over by its end. One small file a path, in the spool, without
secrets.
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
        # The files of the spool in which something was noted, None where that is not known.
        self._noted: set[str] | None = None

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
        for path in new:
            self._watched.pop(path, None)
            self._keep(path, [])
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
            if code is not None:
                is_back = hex_digest(code) == recorded
                made = None if is_back else clean(_outside(path, changed_ns, code))
                kept = [*self._seen(_name(path))[1], {"changed_ns": changed_ns, "event": made}]
                self._keep(path, kept)

    def settle(self, began_ns: int, ended_ns: int) -> None:
        """Note that what files held amid a call of the shell is over, now that it is unfolded.

        What stands still is a step: the call's own, which was found, or somebody else's. May raise
        OSError.
        """
        if self._noted is None:
            names = (entry.name for entry in os.scandir(self._directory))
            self._noted = {name for name in names if name.startswith(PREFIX)}
        for name in list(self._noted):
            path, kept = self._seen(name)
            amid = [one for one in kept if began_ns <= one["changed_ns"] <= ended_ns]
            if any(one["event"] for one in amid):
                stands_ns = seen(path, 0)[0]
                for one in amid:
                    if one["changed_ns"] != stands_ns:
                        one["event"] = None
                self._keep(path, kept)

    def before(self, path: str, began_ns: int) -> Event | None:
        """Return the event of what a file held last before `began_ns`.

        None where nobody saw it, or it was as recorded, or that was over.
        """
        kept = self._seen(_name(path))[1]
        found = [one["event"] for one in kept if one["changed_ns"] < began_ns]
        return cast(Event, found[-1]) if found and found[-1] else None

    def sweep(self) -> None:
        """Remove what was seen long ago."""
        self._noted = None
        for entry in list(os.scandir(self._directory)):
            if entry.name.startswith(PREFIX):
                age = time.time() - entry.stat(follow_symlinks=False).st_mtime
                if age > KEPT_SECONDS:
                    outbox.acknowledge(self._directory, entry.name)

    def _seen(self, name: str) -> tuple[str, list[dict[str, Any]]]:
        """Read a file: the path that it is about, and what was seen there.

        One that is not as it was written tells nothing.
        """
        with suppress(OSError, ValueError, RecursionError):
            with open(f"{self._directory}/{name}", "rb") as file:
                found = json_codec.loads(file.read().decode("utf-8"))
            kept = found.get("seen") if isinstance(found, dict) else None
            if isinstance(found, dict) and isinstance(kept, list) and all(map(_is_sighting, kept)):
                return str(found.get("path")), kept
        return "", []

    def _keep(self, path: str, kept: list[dict[str, Any]]) -> None:
        """Write the last of what was seen at a path; without an event it is what is recorded."""
        name, kept = _name(path), kept[-MOST:]
        if any(one["event"] for one in kept):
            text = json_codec.dumps({"path": path, "seen": kept})
            files.replace(f"{self._directory}/{name}", text.encode())
            if self._noted is not None:
                self._noted.add(name)
        else:
            outbox.acknowledge(self._directory, name)


def _is_sighting(one: object) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("changed_ns"), int):
        return False
    made = one.get("event", "")
    return made is None or (isinstance(made, dict) and isinstance(made.get("event_data"), dict))


def _name(path: str) -> str:
    return f"{PREFIX}{hex_digest(path)[:32]}.json"


def _outside(path: str, changed_ns: int, code: str) -> Event:
    """Build the event of what somebody else made of a file at `changed_ns`."""
    made: dict[str, Any] = event_of(Change(path, code, None, before_known=False), {}, changed_ns)
    made["actor"] = OUTSIDE
    made["event_data"]["triggered_by"] = OUTSIDE
    return cast(Event, made)
