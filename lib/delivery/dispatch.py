"""Deliver the events of one flusher run to the service, if it may be asked.

That is decided from the shared state file before anything is sent, so that a run which may not send
ends without loading `httpx`.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lib.delivery import answers
from lib.delivery.answers import Failed, Verdict
from lib.delivery.approval import Approvals, Destination, Refused
from lib.delivery.backoff import RECOVERING, SECTION, Backoff
from lib.delivery.breaker import shared_breaker
from lib.delivery.drive import drive, supervised
from lib.delivery.engine import BATCH, Engine
from lib.delivery.gate import Gate
from lib.delivery.parcels import Memory, Outcome, Parcel, Steps
from lib.system import packages
from lib.system.clock import Clock
from lib.system.settings import Settings
from lib.system.state import State, StateFile

if TYPE_CHECKING:
    from lib.delivery.http import Service

# A service without the batch route may have it after its next deployment, in seconds.
ROUTE_MEMORY = 3600.0
# How long the PreToolUse hook need not wake a flusher that waits for new events, in seconds.
IDLE_SECONDS = 300.0
# The same where the packages are missing: somebody may be putting them there.
INCOMPLETE_SECONDS = 30.0
REFUSED = "refused"
INCOMPLETE = "the installation is incomplete"


class Dispatch:
    """The delivery of one run.

    Args:
        settings: for its URL and the breaker's numbers.
        state: the shared state file.
        memory: what the service is known to have.
        settle: called with the outcome of each request, and the URL of the service.
        forced: a person asked: neither back-off nor circuit nor budget holds the run back.
        approvals: which services may be used.

    `url` is the service for which events are kept, "" for none. `open`: whether events may be
    sent, not before `begin`, nor after the first failure. `problem` says why not.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateFile,
        memory: Memory,
        settle: Callable[[Outcome, str], None],
        forced: bool = False,
        approvals: Approvals | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.url = settings.service_url.rstrip("/")
        self.open = False
        self.problem = ""
        self._state = state
        self._memory = memory
        self._settle = settle
        self._clock = clock or Clock()
        self._stored = state.section(SECTION)
        self._backoff = Backoff(dict(self._stored), self._clock)
        breaker = shared_breaker(settings, state, self._clock)
        self._gate = Gate(self._backoff, breaker, self._clock, forced)
        self._destination = self._find(approvals or Approvals())
        self._stopped = False
        self._service: Service | None = None
        self._engine: Engine | None = None

    def _find(self, approvals: Approvals) -> Destination | None:
        section = self._backoff.state
        try:
            found = approvals.destination(self.url)
        except Refused as refused:
            self.problem = str(refused)
            # Kept for the service that the user will approve.
            self.url = self.url or REFUSED
            section.update(verdict=REFUSED, reason=self.problem, url=self.url)
            return None
        if section.get("verdict") in (REFUSED, INCOMPLETE):
            section.pop("verdict")
            section.pop("reason", None)
        if found is None:
            section.clear()
        elif section.get("url") != found.url:
            section.clear()
            section["url"] = found.url
        self.url = found.url if found else ""
        return found

    def hold_off(self) -> float:
        """Return seconds in which a run without new events would deliver nothing."""
        if self._destination is None or not self._backoff.has_credit():
            return IDLE_SECONDS
        if self._backoff.state.get("verdict") == INCOMPLETE:
            return INCOMPLETE_SECONDS
        return self._gate.wait()

    def resumes_in(self, complete: bool) -> float:
        """Return seconds until the service takes more of what waits; infinity if it may not.

        `complete`: all that was there was looked at.
        """
        if self.open:
            return float("inf") if complete else 0.0
        state = self._backoff.state
        paused = self._backoff.phase == RECOVERING and "verdict" not in state
        return self._gate.wait() if paused else float("inf")

    def begin(self, events: int) -> None:
        """Let the budget grow for new events, and decide whether the service may be asked."""
        self._backoff.earn(-(-events // BATCH) if self._is_batched() else events)
        self.open = self._destination is not None and not self._stopped and self._gate.is_open()

    def send(self, parcels: Iterable[Parcel]) -> None:
        """Send recorded events while the service may be asked."""
        if self.open:
            self._drive(lambda engine: engine.deliver(parcels))

    def finish(self) -> None:
        """Send once more the events that were refused."""
        if self.open and self._engine is not None:
            self._drive(Engine.finish)

    def close(self, drained: bool) -> None:
        """End the run and store its state; `drained`: nothing is left to send. Raises OSError."""
        if self._service is not None:
            self._service.close()
        if drained:
            self._backoff.drained()
        self._store()

    def _drive(self, steps: Callable[[Engine], Steps]) -> None:
        state = self._backoff.state
        try:
            engine, service = self._connect()
            drive(supervised(engine, steps(engine), self._gate, self._told), service.send)
        except Failed as failed:
            self._stop(failed.answer.reason)
        except Refused as refused:
            state.update(verdict=REFUSED, reason=str(refused))
            self._stop(str(refused))
        except ImportError as error:
            # A bundle whose environment was not made yet: the events wait for it.
            state.update(verdict=INCOMPLETE, reason=str(error))
            self._stop(f"{INCOMPLETE}: {error}")

    def _told(self, outcome: Outcome) -> None:
        self._settle(outcome, self.url)

    def _connect(self) -> "tuple[Engine, Service]":
        """Connect once in a run, and make its engine. Raises Refused, ImportError."""
        if self._engine is None or self._service is None:
            assert self._destination is not None
            packages.find()
            from lib.delivery.http import Service  # its packages take a while to load

            self._service = Service(self.url, self._destination.bearer())
            # One event may be what it fails on; and what is sent again may be there already.
            doubtful = Verdict.BROKEN.value, Verdict.UNKNOWN.value
            failed = self._backoff.state.get("verdict") in doubtful
            failures = self._backoff.failures if failed else 0
            self._engine = Engine(self.url, self._memory, self._is_batched(), failures)
        return self._engine, self._service

    def _is_batched(self) -> bool:
        return self._clock.since(self._backoff.state.get("no_batch")) > ROUTE_MEMORY

    def _stop(self, reason: str) -> None:
        self.open, self._stopped = False, True
        self.problem = answers.clip(reason)
        self._store()

    def _store(self) -> None:
        made = self._engine
        if made is not None and made.proven and not made.batched and self._is_batched():
            self._backoff.state["no_batch"] = self._clock.now()
        if self._backoff.state == self._stored:
            return

        def change(section: State) -> None:
            section.clear()
            section.update(self._backoff.state)

        self._stored = dict(self._state.update(SECTION, change))
