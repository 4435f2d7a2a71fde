"""Track events of programs: write each to the spool, then deliver it if that can be done now.

The steps of one call: the event is committed to the spool, before anything is awaited; it is
recorded in the ledger; if there is a service and its circuit is closed, it is sent; and only when
every destination has it, it is acknowledged. Whatever stops this half-way (an error, a cancelled
task, the end of the process) leaves the file for the flusher.
"""

import os
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, cast

from lib.delivery.answers import Failed
from lib.delivery.approval import Refused
from lib.delivery.drive import drive_async, supervised
from lib.delivery.engine import Engine
from lib.delivery.gate import OPEN_CIRCUIT, Circuit
from lib.delivery.parcels import Outcome, Parcel
from lib.delivery.service_state import state_of
from lib.flusher.intake import Held, Ignored, Intake
from lib.flusher.passage import Passage
from lib.ledger.rows import Taken
from lib.resilience.addressee import Addressee
from lib.resilience.cache import PatternCache
from lib.resilience.circuit_breaker import CircuitBreaker
from lib.resilience.executor import ResilientExecutor
from lib.resilience.health import DEFAULT_URL, Phase4HealthChecker
from lib.resilience.ledgers import Ledgers
from lib.resilience.plain import plain, with_fields, wrap
from lib.spool import inbox, outbox, tally
from lib.spool.spooled import Event
from lib.system import logger
from lib.system.clock import Clock
from lib.system.lock import patient_lock
from lib.system.state import FILE_NAME, StateFile
from lib.system.storage import MemoryStorage, SharedStorage, Storage

if TYPE_CHECKING:
    import httpx

Result = dict[str, Any]
TIMEOUT = 5.0


class TrackingError(Exception):
    """An event could not be delivered; the text says why."""


class ResilientAPIClient:
    """Tracks pattern events, whatever the service does.

    Args:
        base_url: the service; None: INTELLIGENCE_SERVICE_URL, or what the user approved, else the
            embedded ledger; "": the embedded ledger. An explicit one needs no approval.
        enable_caching: whether events are kept on disk until they are delivered.
        enable_circuit_breaker: whether a service that keeps failing is left alone for a while.
        cache_dir: the spool; None: that of the hooks.
        clock: what time is measured by; `lib.resilience.testing.FakeClock` in tests.
        storage: called with "breaker" and "health" for where their states live; None: the file
            that all processes share, where each service has its own.
        transport: what httpx sends through, `httpx.MockTransport` in tests; None: the network.
        timeout: seconds that one request may take: whoever awaits a call waits for no longer.
            May be changed at any time.

    Attributes: executor, health_checker, circuit_breaker, cache. No method but `track_lineage`
    raises.
    """

    def __init__(
        self,
        base_url: str | None = None,
        enable_caching: bool = True,
        enable_circuit_breaker: bool = True,
        *,
        cache_dir: "str | os.PathLike[str] | None" = None,
        clock: Clock | None = None,
        storage: Callable[[str], Storage] | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
        timeout: float = TIMEOUT,
    ) -> None:
        self.timeout = timeout
        self.enable_caching = enable_caching
        self.enable_circuit_breaker = enable_circuit_breaker
        self._addressee = Addressee(base_url)
        self.base_url = self._addressee.url
        self._transport = transport
        self.cache = PatternCache(cache_dir)
        self._ledgers = Ledgers(self.cache.cache_dir)
        state = StateFile(f"{self.cache.cache_dir}/{FILE_NAME}", patient_lock)
        if storage is None and self.cache.cache_dir:
            storage = partial(SharedStorage, state_of(state, self.base_url or DEFAULT_URL))
        stored = storage or (lambda section: MemoryStorage())
        self.executor = ResilientExecutor()
        self.circuit_breaker = CircuitBreaker(storage=stored("breaker"), clock=clock)
        self.health_checker = Phase4HealthChecker(
            self.base_url or DEFAULT_URL, storage=stored("health"), clock=clock, transport=transport
        )
        self._syncing: Any = None

    async def track_pattern_resilient(
        self,
        event_type: str,
        pattern_id: str,
        pattern_name: str = "",
        pattern_data: "dict[str, Any] | None" = None,
        **kwargs: Any,
    ) -> Result:
        """Track one event: `event_type` and `pattern_id` as in the service's lineage/track.

        `kwargs`: the other fields of its body (parent_pattern_ids, file_path, ...), and event_id.
        Returns success (every destination has it), cached (it waits on disk), message, and
        event_id and data (what the destination said) where there is one. Never raises.
        """
        try:
            named = dict(event_type=event_type, pattern_id=pattern_id, pattern_name=pattern_name)
            return await self.track_event(with_fields(named, pattern_data or {}, kwargs))
        except Exception as error:
            logger.warning("an event could not be tracked: %r", error)
            return _result(False, False, f"not tracked: {error!r}")

    async def track_event(self, event: "dict[str, Any]") -> Result:
        """Track an event in the form of the spool's files, as `track_pattern_resilient` does."""
        stored = ""
        try:
            made = plain(wrap(event))
            # Whoever delivers it may have other settings. Only what the user chose, where that
            # cannot be read, is left for them to decide.
            if self.base_url or not self._addressee.refusal:
                made["service_url"] = self.base_url
            try:
                intake = Intake(self.cache.cache_dir)
                intake.judge(made)
                made = intake.clean(made)
            except Ignored:
                return _result(False, False, "its file is excluded")
            except Held as problem:
                stored = await self._store(made)
                return self._left(str(problem), stored, bool(stored))
            name = inbox.name_of(made)
            # From before it is there to be found: a sync of ours must not deliver it as well.
            self.cache.under_way.add(name)
            try:
                stored = await self._store(made)
                return await self._deliver(made, intake, stored)
            finally:
                self.cache.under_way.discard(name)
        except Exception as error:
            logger.warning("an event could not be delivered: %r", error)
            return _result(False, bool(stored), f"not delivered: {error!r}", stored)

    async def _store(self, event: Event) -> str:
        return await self.cache.cache_pattern_event(event) if self.enable_caching else ""

    def _left(self, problem: str, identifier: str, stored: bool) -> Result:
        kept = "it waits on disk" if stored else "it is not kept"
        return _result(False, stored, f"{problem}; {kept}", identifier)

    async def _deliver(self, event: Event, intake: Intake, stored: str) -> Result:
        directory, identifier, name = self.cache.cache_dir, event["event_id"], inbox.name_of(event)
        claimed = outbox.claim(directory, name) if stored else None
        if stored and claimed is None:
            return _result(False, True, "a flusher is delivering it", identifier)
        try:
            passage = Passage(directory, self._ledgers.own(), intake)
            if claimed is None:
                passage.ledger.record_all([event])
            else:
                key = tally.key(name, os.fstat(claimed).st_mtime_ns)
                passage.take([Taken(name, key, event, waits=bool(self.base_url))])
            problem = await self._send(passage, passage.parcel(name, event))
            if problem:
                return self._left(problem, identifier, bool(stored))
            passage.forget()
        finally:
            if claimed is not None:
                os.close(claimed)
        if not self.base_url:
            said, where = "recorded in the embedded ledger", "ledger"
        else:
            said, where = "delivered to the service", self.base_url
            self._sync_in_background()
        return _result(True, False, said, identifier, {"destination": where})

    async def _send(self, passage: Passage, parcel: Parcel) -> str:
        """Deliver one recorded event; return "", or why it was not delivered."""
        if not self.base_url:
            passage.settle(Outcome([parcel.name], {}, []), "")
            return ""
        try:
            token = await self._addressee.bearer()
        except Refused as refused:
            return str(refused)
        from lib.delivery.async_http import AsyncService

        circuit = Circuit(self.circuit_breaker if self.enable_circuit_breaker else None)
        engine = Engine(self.base_url, passage.ledger, batched=False)
        settle = partial(passage.settle, service=self.base_url)
        steps = supervised(engine, engine.deliver([parcel]), circuit, settle)
        try:
            async with AsyncService(self.base_url, token, self._transport, self.timeout) as service:
                await drive_async(steps, service.send)
        except Failed as failed:
            if self.enable_circuit_breaker and failed.answer.reason != OPEN_CIRCUIT:
                # Dead or degraded? Asked at most once an interval, and nobody waits for it.
                self.executor.fire_and_forget(self.health_checker.check_health())
            return failed.answer.reason or "not delivered"
        return (parcel.problem or "not delivered") if parcel.left else ""

    def _sync_in_background(self) -> None:
        """Start a sync of the events that wait, unless one runs: the service answers now."""
        is_busy = self._syncing is not None and not self._syncing.done()
        if self.enable_caching and not is_busy and inbox.has_pending(self.cache.cache_dir):
            self._syncing = self.executor.fire_and_forget(self.cache.sync_cached_events(self))

    async def track_lineage(self, **event_data: Any) -> Result:
        """Deliver one body now. Raises TrackingError if it is not delivered.

        `PatternCache.sync_cached_events` calls this.
        """
        directory = self.cache.cache_dir
        try:
            intake = Intake(directory)
            event = intake.clean(plain(wrap({"event_data": event_data})))
            passage = Passage(directory, self._ledgers.own(), intake)
            if passage.ledger.resolved(event["event_id"]) is None:
                passage.ledger.record_all([event])
            problem = await self._send(passage, passage.parcel("", event))
        except Exception as error:
            raise TrackingError(repr(error)) from error
        if problem:
            raise TrackingError(problem)
        return {"destination": self.base_url or "ledger"}

    async def get_stats(self) -> "dict[str, Any]":
        """Return the states of the four parts: executor, circuit_breaker, cache, health."""
        return {
            "executor": self.executor.get_stats(),
            "circuit_breaker": self.circuit_breaker.get_state(),
            "cache": self.cache.get_stats(),
            "health": self.health_checker.get_health_status(),
        }


def _result(
    success: bool, cached: bool, message: str, event_id: str = "", data: Any = None
) -> Result:
    more = {name: value for name, value in (("event_id", event_id), ("data", data)) if value}
    return cast(Result, {"success": success, "cached": cached, "message": message, **more})
