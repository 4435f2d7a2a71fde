"""Capture from a transcript what no hook told: calls whose hook was over its time, and rewinds."""

import time
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, cast

from lib.capture import event
from lib.capture.named_file import Refused, lies_in
from lib.capture.payload import capture
from lib.capture.secret_names import holds_secrets
from lib.flusher import undoing
from lib.flusher.turned_down import CONTENT, ENABLED, PROMPTS, TurnedDown
from lib.ledger import unplaced
from lib.ledger.event_ids import is_recorded
from lib.ledger.store import Ledger
from lib.spool import inbox, tally
from lib.spool.spooled import Event
from lib.system import places
from lib.system.moment import boot_id, uptime_ns
from lib.system.settings import Settings
from lib.transcripts.undone import Undone

Clean = Callable[[Event], Event]
# Why a hook captured nothing: the client did not wait for it any longer.
OVERTIME = "overtime"


class Recovery:
    """Puts into the spool at `directory` what hooks did not, as they would have."""

    def __init__(self, directory: str, settings: Settings) -> None:
        self._directory = directory
        self._settings = settings
        self._turned_down = TurnedDown(settings.config_dir)

    def take(self, payloads: Iterable[dict[str, Any]], ledger: Ledger, keeps: bool) -> None:
        """Capture what is not recorded yet. `keeps`: prompts of the session may be kept.

        Raises OSError, sqlite3.Error.
        """
        for payload in payloads:
            down = self._turned_down.where(payload.get("cwd"))
            if ENABLED in down:
                continue
            captured_ns = _ns(payload.get("timestamp"))
            try:
                made: dict[str, Any] = capture(payload, captured_ns)
            except (Refused, ValueError, RecursionError):
                continue
            path = str(made["event_data"]["file_path"])
            if lies_in(path, self._settings.config_dir):
                continue
            if not is_recorded(ledger.connection, made["event_id"]):
                if not self._settings.keep_content or CONTENT in down:
                    event.forget_content(made)
                if not keeps or not self._settings.keep_prompts or PROMPTS in down:
                    made["prompts"] = False
                if self._commit(made, captured_ns):
                    tally.add(self._directory, OVERTIME, "")

    def take_back(self, several: Iterable[Undone], ledger: Ledger, clean: Clean) -> None:
        """Capture what the client took back and is not recorded so; `clean` redacts an event.

        Raises OSError, sqlite3.Error, user_rules.Unusable.
        """
        for undone in several:
            down, path = self._turned_down.where(undone.cwd), places.real(undone.path)
            is_own = holds_secrets(undone.path) or holds_secrets(path)
            if ENABLED in down or is_own or lies_in(path, self._settings.config_dir):
                continue
            made = undoing.made_of(undone, path, 0)
            if unplaced.is_known(ledger.connection, cast(Event, made)):
                continue
            made = dict(clean(cast(Event, made)))
            found = undoing.moment_in(ledger.connection, undone, path, made)
            if found is None:
                continue
            if not self._settings.keep_content or CONTENT in down:
                event.forget_content(made)
            self._commit(undoing.at(made, found.ns), found.ns, found.clock)

    def _commit(
        self, made: dict[str, Any], captured_ns: int, clock: tuple[str, int] = ("", 0)
    ) -> bool:
        """Put an event into the spool; return whether it is new there."""
        # Which service the session had only its hook knew: this process may be another session's.
        made["service_url"] = ""
        up = uptime_ns() - (time.time_ns() - captured_ns)
        moment = clock if clock[0] else (boot_id(), up) if up > 0 else ("", 0)
        key = inbox.commit(self._directory, made, captured_ns, moment=moment)
        if key:
            tally.add(self._directory, "captured", key)
        return bool(key)


def _ns(timestamp: object) -> int:
    """Return an instant in ns since 1970, now where that is none."""
    try:
        return int(datetime.fromisoformat(str(timestamp)).timestamp() * 1e6) * 1000
    except (ValueError, OverflowError):
        return time.time_ns()
