"""Deliver the events that wait, oldest first, through the client of a caller."""

import os
import time
from collections.abc import Container
from typing import Any, Protocol

from lib.capture import shell
from lib.flusher.intake import Intake
from lib.flusher.passage import Passage, Stage
from lib.ledger import salvage
from lib.ledger.rows import Taken
from lib.spool import destination
from lib.spool.order import in_order
from lib.spool.outbox import Waiting
from lib.spool.spooled import Event
from lib.system import files, json_codec, logger
from lib.system.settings import Settings
from lib.system.timestamps import timestamp

# A service that fails so often in a row is not asked for the rest.
MAX_FAILURES_IN_A_ROW = 10


class Tracker(Protocol):
    """What events are delivered through."""

    async def track_lineage(self, **event_data: Any) -> object:
        """Deliver one event body; raise an exception if it is not delivered."""


class CatchingUp:
    """Delivers the events of a spool; for the holder of the flusher's lock.

    Attributes:
        counts: how many waited ("total_found") and were synced, failed and skipped so far.
        delivered: how many events left the spool.
    """

    def __init__(self, directory: str, api_client: Tracker, max_retries: int) -> None:
        self.counts = {"total_found": 0, "synced": 0, "failed": 0, "skipped": 0}
        self.delivered = 0
        self._directory = directory
        self._client = api_client
        self._max_retries = max_retries

    async def deliver(self, waiting: list[Waiting], under_way: Container[str]) -> None:
        """Deliver the files `waiting`, but for those `under_way`. Raises OSError, sqlite3.Error."""
        ledger = salvage.opened(self._directory)
        passage = Passage(self._directory, ledger, Intake(self._directory))
        try:
            passage.recall({file.name for file in waiting})
            in_a_row = 0
            for file in in_order(self._directory, waiting):
                if in_a_row >= MAX_FAILURES_IN_A_ROW or file.name in under_way:
                    self.counts["skipped"] += 1
                    continue
                has_failed = await self._deliver_one(passage, file)
                in_a_row = in_a_row + 1 if has_failed else 0
            passage.forget()
        finally:
            self.delivered = passage.delivered
            ledger.close()

    async def _deliver_one(self, passage: Passage, file: Waiting) -> bool:
        """Deliver one file and count what becomes of it; True if that failed."""
        name = file.name
        if destination.mark_in(name) not in ("", destination.mark(_url_of(self._client))):
            self.counts["skipped"] += 1
            return False
        event = passage.read([file]).get(name)
        if event is None:
            stage = passage.stage(name)
            self.counts["skipped"] += stage is Stage.WAITS
            self.counts["failed"] += stage is Stage.REFUSED
            return stage is Stage.REFUSED
        # A call of the shell is unfolded by the flusher.
        is_ready = event["event_type"] != shell.EVENT_TYPE and _retries(event) < self._max_retries
        if not is_ready or not _is_for(event, self._client):
            self.counts["skipped"] += 1
            return False
        passage.take([Taken(name, file.key, event, waits=True)])
        if passage.stage(name) is Stage.RECORDED:
            try:
                await self._client.track_lineage(**event["event_data"])
            except Exception as error:
                logger.warning("a cached event could not be delivered: %r", error)
                self._count_retry(file, event)
                self.counts["failed"] += 1
                return True
        passage.acknowledge([name])
        self.counts["synced"] += 1
        return False

    def _count_retry(self, file: Waiting, event: Event) -> None:
        event["retry_count"] = _retries(event) + 1
        event["last_retry"] = timestamp(time.time_ns())
        data = json_codec.dumps(event).encode()
        path = f"{self._directory}/{file.name}"
        files.replace(path, data, sync=True, mtime_ns=file.captured_ns)


def _retries(event: Event) -> int:
    retries = event.get("retry_count")
    return retries if isinstance(retries, int) else 0


def _is_for(event: Event, api_client: object) -> bool:
    """Check that `event` is kept for the service of `api_client`, or that no one was decided on."""
    url, decided = _url_of(api_client), destination.of_event(event)
    if decided is not None:
        return decided == url
    wanted = Settings(os.environ).service_url.rstrip("/")
    return not wanted or not url or wanted == url


def _url_of(api_client: object) -> str | None:
    """Return the service that a client delivers to, "" for the ledger, None if it names none."""
    url = getattr(api_client, "base_url", None)
    return url if isinstance(url, str) else None
