"""Send from the ledger what the service should have: it was named later, or lost its data.

The events go the way of new ones and with the ids that they had: through the same engine, in the
order of the ledger, parents first. What the user's settings exclude now is not sent, whatever they
were when it was recorded.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import closing
from functools import lru_cache
from itertools import islice
from typing import Any, cast

from lib.delivery import wire
from lib.delivery.approval import Refused
from lib.delivery.parcels import Outcome, Parcel
from lib.delivery.services import Services
from lib.flusher.intake import Held, Ignored, Intake
from lib.flusher.process import Flusher
from lib.flusher.project_names import ProjectNames
from lib.flusher.told_units import ToldUnits
from lib.ledger import history
from lib.ledger.filters import Filter
from lib.ledger.history import History
from lib.ledger.reasons import told_to_services
from lib.ledger.rows import Origin
from lib.ledger.store import FILE_NAME
from lib.privacy import ignore
from lib.spool import inbox
from lib.spool.spooled import Event
from lib.system import json_codec
from lib.system.settings import Settings

PAGE = 500
_NAME = len(inbox.PREFIX) + 32
NO_SERVICE = "there is no service: set INTELLIGENCE_SERVICE_URL, or pattern-tracker trust URL --use"


class Resender(Flusher):
    """A flusher that sends again what the ledger has.

    `sent` and `excluded` count events, `refused` has the reasons of those that the service refused,
    by id. `goes_on` is the time of capture of the first that it has not got, "" if it has all, and
    `trouble` says why.
    """

    sent = excluded = 0
    goes_on = trouble = ""

    def resend(self, timeout: float, since: str = "") -> bool:
        """Send what was captured at `since` (as the ledger writes it; "": ever) or later.

        What waits in the spool is left to `run_once`; `timeout` is as there. Returns whether the
        service got all of it. Raises Refused where no service may be used, Unusable, OSError,
        sqlite3.Error, TimeoutError.
        """
        self.refused: dict[str, str] = {}

        def work() -> None:
            path = f"{self.directory}/{FILE_NAME}"
            # Who asks for it waits for it: the time that it takes has no bound.
            with (
                closing(History(path)) as ledger,
                closing(ToldUnits(self.directory, part=1.0)) as units,
            ):
                self._resend(ledger, since, units)

        if not self._hold(timeout, work):
            raise TimeoutError("another flusher is at work")
        return not self.goes_on and not self.refused

    def _resend(self, ledger: History, since: str, units: ToldUnits) -> None:
        missing: dict[str, Parcel] = {}

        def settle(outcome: Outcome, service: str) -> None:
            for name in (*outcome.delivered, *outcome.refused):
                del missing[name]
            self.sent += len(outcome.delivered)
            self.refused.update(outcome.refused)
            ledger.settle((), service, outcome.told)

        sendable = Sendable(self.directory, ledger, self.settings, units)
        services = Services(self.settings, self.state, sendable, settle, True, self._approvals)
        if not services.default:
            raise Refused(NO_SERVICE)
        dispatch = services.to(services.default)
        if not dispatch.open:
            raise Refused(dispatch.problem)
        ledger.forget_service(dispatch.url)
        sendable.tells_prompts &= services.get_prompts([dispatch.url])
        # Without the marks of their services.
        last, waiting = 0, {name[:_NAME] for name in ledger.waiting()}
        for page in _pages(ledger, since):
            rows = [r for r in page if inbox.file_name(r.event_id)[:_NAME] not in waiting]
            parcels = sendable.parcels(rows)
            self.excluded += len(rows) - len(parcels)
            missing |= {parcel.name: parcel for parcel in parcels}
            dispatch.send(parcels)
            _finish(services)
            self._progress(self.sent, len(missing))
            last = rows[-1].seq if rows else last
            if missing and not dispatch.open:
                break
        dispatch.finish()
        _finish(services)
        services.close((), complete=False, whole=True)
        if missing:
            self.trouble = dispatch.problem or next(iter(missing.values())).problem
            rest = (row for rows in _pages(ledger, since) for row in rows)
            self.goes_on = min(r.timestamp for r in rest if r.event_id in missing or r.seq > last)


class Sendable:
    """The ledger as a service may know it now: the events in it, and the engine's memory.

    `tells_prompts`: whether prompts go with the events. Raises Unusable where nothing may go.
    """

    def __init__(
        self, directory: str, ledger: History, settings: Settings, units: ToldUnits
    ) -> None:
        self.tells_prompts = settings.keep_prompts
        self.known_at = ledger.known_at
        self.forget_known = ledger.forget_known
        self._directory = directory
        self._ledger = ledger
        self._units = units
        self._keep_content = settings.keep_content
        self._intake = Intake(directory)
        self._intake.patterns()
        self._projects = ProjectNames(ledger, self._intake.cleaned)
        self._is_excluded = lru_cache(10_000)(self._excludes)

    def parcels(self, rows: list[history.Event]) -> list[Parcel]:
        """Make the parcels of those of `rows` that may be sent. Raises Unusable."""
        # Matching has a limit of time, which is not that of all that was ever captured.
        self._intake = Intake(self._directory)
        return [self._parcel(r) for r in rows if not self._is_excluded(r.file_path or "")]

    def _parcel(self, row: history.Event) -> Parcel:
        event = self._units.added(self._intake.redacted(self._event(row)))
        resolved = self._ledger.resolved(row.event_id)
        asked: Mapping[str, str] = wire.NOTHING
        if self.tells_prompts:
            found = told_to_services(self._ledger, row.event_id)
            asked = {name: self._intake.cleaned(text) for name, text in found.items()}
        size = len(json_codec.dumps(event)) + len(asked.get("prompt", ""))
        place = self._projects.told(event)
        made = wire.bodies(event, resolved, asked, place) if resolved else []
        return Parcel(row.event_id, made, size)

    def _event(self, row: history.Event) -> Event:
        _, pattern_type = self._ledger.words_of(row.content_id)
        data: dict[str, Any] = {"session_id": row.session_id or ""}
        if self._keep_content and row.snapshot:
            data["code"] = self._ledger.snapshot(row.snapshot)
        names = ("pattern_name", "language", "file_path", "tool_name", "reason")
        told = {name: getattr(row, name) for name in names}
        return {
            "event_id": row.event_id,
            "timestamp": row.timestamp,
            "event_type": row.event_type,
            "pattern_id": row.pattern_id,
            "event_data": {**told, "pattern_type": pattern_type or None, "pattern_data": data},
        }

    def creation_of(self, pattern_id: str) -> Origin:
        """Collect the fields of a pattern's creation that may be sent."""
        made = self._ledger.creation_of(pattern_id)
        first = self._ledger.first_events([pattern_id]).get(pattern_id)
        if first and self._is_excluded(first.file_path or ""):
            made["pattern_name"] = made["code"] = None
        if not self._keep_content:
            made["code"] = None
        if first:
            # What is another project's is told as of that.
            where = {"file_path": first.file_path, "pattern_data": {"session_id": first.session_id}}
            told = self._projects.told(cast(Event, {"event_data": where}))
            made["project"] = told.get("project")
        return cast(Origin, self._intake.redacted(cast(Event, made)))

    def _excludes(self, path: str) -> bool:
        """Check whether a file is excluded now; "" is not."""
        event = {"cwd": _above(path), "event_data": {"file_path": path}}
        try:
            self._intake.judge(cast(Event, event))
        except (Ignored, Held):
            return bool(path)
        return False


def _finish(services: Services) -> None:
    """Wait until all requests are answered."""
    while services.pump(1.0):
        pass


def _pages(ledger: History, since: str) -> Iterator[list[history.Event]]:
    """Yield the captured events in the order of the ledger, some at a time."""
    events = ledger.stream(Filter(since=since))
    while rows := list(islice(events, PAGE)):
        yield [row for row in rows if not row.implied]


def _above(path: str) -> str:
    """Return the highest directory above a file that has rules, "" if none has.

    Outside of a repository rules count from the session's directory on, which the ledger does not
    tell.
    """
    found, directory = "", os.path.dirname(path)
    for _ in range(ignore.MAX_LEVELS):
        if os.path.lexists(f"{directory}/{ignore.FILE_NAME}"):
            found = directory
        if directory == os.path.dirname(directory):
            break
        directory = os.path.dirname(directory)
    return found
