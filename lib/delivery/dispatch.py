"""Deliver the events of one flusher run that are for one service, if it may be asked.

That is decided from the shared state file before anything is sent, so that a run which may not send
ends without loading `httpx`. Nothing here waits: requests are sent by a thread, and `answer` is
called with what came of each.
"""

from _queue import SimpleQueue
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lib.delivery.answers import Failed, Verdict, clip
from lib.delivery.approval import Approvals, Destination, Refused
from lib.delivery.backoff import RECOVERING, SECTION, Backoff
from lib.delivery.breaker import shared_breaker
from lib.delivery.drive import supervised
from lib.delivery.engine import Engine
from lib.delivery.gate import Gate
from lib.delivery.parcels import Memory, Outcome, Parcel, Request, Steps
from lib.delivery.portions import BATCH
from lib.system import packages
from lib.system.clock import Clock
from lib.system.settings import Settings
from lib.system.state import Part, State

if TYPE_CHECKING:
    from lib.delivery.sender import Found, Sender

# A service without the batch route may have it after its next deployment, in seconds.
ROUTE_MEMORY = 3600.0
# How long the PreToolUse hook need not wake a flusher that waits for new events, in seconds.
IDLE_SECONDS = 300.0
# The same where the packages are missing: somebody may be putting them there.
INCOMPLETE_SECONDS = 30.0
# What waits to be sent in memory, in bytes of the files; what is beyond it is read again later.
ROOM_BYTES = 2 * 1024 * 1024
REFUSED = "refused"
INCOMPLETE = "the installation is incomplete"


class Dispatch:
    """The delivery of one run to one service.

    Args:
        url: the service; REFUSED for the user's own where that cannot be told.
        settings: for the breaker's numbers.
        state: what is kept of the service.
        memory: what services are known to have.
        settle: called with the outcome of each request, and the URL of the service.
        results: where its sender puts what came of requests.
        forced: a person asked: neither back-off nor circuit nor budget holds the run back.
        approvals: which services may be used.

    `destination`: the service, None where it may not be used. `open`: whether events may be sent,
    not before `begin`, nor after the first failure. `problem` says why not. `skipped`: an event of
    this pass over the spool was left to the next one, and so must be those behind it.
    """

    def __init__(
        self,
        url: str,
        settings: Settings,
        state: Part,
        memory: Memory,
        settle: Callable[[Outcome, str], None],
        results: "SimpleQueue[tuple[Any, Found]]",
        forced: bool,
        approvals: Approvals,
        clock: Clock,
    ) -> None:
        self.url = url
        self.open = False
        self.skipped = False
        self.problem = ""
        self._state = state
        self._settle = settle
        self._results = results
        self._clock = clock
        self._stored = state.section(SECTION)
        self._backoff = Backoff(dict(self._stored), clock)
        self._gate = Gate(self._backoff, shared_breaker(settings, state, clock), clock, forced)
        self.destination = self._find(approvals)
        # One event may be what it fails on; and what is sent again may be there already.
        doubtful = Verdict.BROKEN.value, Verdict.UNKNOWN.value
        failures = self._backoff.failures if self._backoff.state.get("verdict") in doubtful else 0
        self._engine = Engine(url, memory, self._is_batched(), failures, self._backoff.most)
        self._sender: Sender | None = None
        self._steps: Steps | None = None
        self._stopped = self._halted = False
        self._queue: list[Parcel] = []
        self._queued_bytes = 0

    @property
    def busy(self) -> bool:
        """Check whether a request is under way."""
        return self._steps is not None

    @property
    def full(self) -> bool:
        """Check whether enough events wait in memory."""
        return self.open and self._queued_bytes > ROOM_BYTES

    def _find(self, approvals: Approvals) -> Destination | None:
        section = self._backoff.state
        try:
            found = approvals.destination("" if self.url == REFUSED else self.url)
        except Refused as refused:
            # Kept for the service that the user will approve.
            self.problem = str(refused)
            section.update(verdict=REFUSED, reason=self.problem)
            return None
        if section.get("verdict") in (REFUSED, INCOMPLETE):
            section.pop("verdict")
            section.pop("reason", None)
        return found

    def hold_off(self) -> float:
        """Return seconds in which a run without new events would deliver nothing."""
        if self.destination is None or not self._backoff.has_credit():
            return IDLE_SECONDS
        if self._backoff.state.get("verdict") == INCOMPLETE:
            return INCOMPLETE_SECONDS
        return self._gate.wait()

    def resumes_in(self, complete: bool) -> float:
        """Return seconds until the service takes more of what waits; infinity if it may not.

        `complete`: all that was there was looked at.
        """
        if self.open or self._halted:
            return float("inf") if complete else 0.0
        state = self._backoff.state
        paused = self._backoff.phase == RECOVERING and "verdict" not in state
        return self._gate.wait() if paused else float("inf")

    def begin(self, events: int) -> None:
        """Let the budget grow for new events, and decide whether the service may be asked."""
        self._backoff.earn(-(-events // BATCH) if self._is_batched() else events)
        self.open = self.destination is not None and not self._stopped and self._gate.is_open()

    def send(self, parcels: Iterable[Parcel]) -> None:
        """Queue recorded events, while the service may be asked."""
        if self.open:
            for parcel in parcels:
                self._queue.append(parcel)
                self._queued_bytes += parcel.size

    def start(self) -> None:
        """Begin to send what is queued, unless something is under way."""
        if self.open and self._queue and not self.busy:
            parcels, self._queue, self._queued_bytes = self._queue, [], 0
            self._begin(self._engine.deliver(parcels))

    def finish(self) -> None:
        """Begin to send once more the events that were refused."""
        if self.open and not self.busy:
            self._begin(self._engine.finish())

    def answer(self, found: "Found") -> None:
        """Go on with what came of the request that is under way."""
        steps, state = self._steps, self._backoff.state
        assert steps is not None
        if isinstance(found, list):
            answered = found
            self._advance(lambda: steps.send(answered))
            return
        if isinstance(found, Refused):
            state.update(verdict=REFUSED, reason=str(found))
        elif isinstance(found, ImportError):
            # A bundle whose environment was not made yet: the events wait for it.
            state.update(verdict=INCOMPLETE, reason=str(found))
            found = ImportError(f"{INCOMPLETE}: {found}")
        self._stop(str(found) or repr(found))

    def close(self, drained: bool, whole: bool) -> None:
        """End the run and store its state. Raises OSError.

        `drained`: nothing is left to send; `whole`: the run did not fail.
        """
        self._end_steps()
        if self._sender is not None:
            self._sender.end(wait=whole)
        if drained:
            self._backoff.drained()
        self._store()

    def give_up(self, late: bool) -> None:
        """Take a request that is under way, if need be only a `late` one, for unanswered."""
        if self._steps and self._sender and (found := self._sender.unanswered(late)):
            self.answer(found)

    def halt(self) -> None:
        """Send no further request; the answer to one under way still counts."""
        self._halted = self.open
        self.open = False

    def _begin(self, steps: Steps) -> None:
        made = supervised(self._engine, steps, self._gate, lambda it: self._settle(it, self.url))
        self._steps = made
        self._advance(lambda: next(made))

    def _advance(self, resume: Callable[[], Request]) -> None:
        try:
            request = resume()
        except StopIteration:
            self._steps = None
        except Failed as failed:
            self._stop(failed.answer.reason)
        else:
            if self.open:
                self._ask(request)
            else:
                self._end_steps()

    def _ask(self, request: Request) -> None:
        if self._sender is None:
            assert self.destination is not None
            packages.find()
            from lib.delivery.sender import Sender

            self._sender = Sender(self.destination, self, self._results)
        self._sender.ask(request)

    def _is_batched(self) -> bool:
        return self._clock.since(self._backoff.state.get("no_batch")) > ROUTE_MEMORY

    def _stop(self, reason: str) -> None:
        self._end_steps()
        self.open, self._stopped = False, True
        self._queue, self._queued_bytes = [], 0
        self.problem = clip(reason)
        self._store()

    def _end_steps(self) -> None:
        if self._steps is not None:
            self._steps.close()
            self._steps = None

    def _store(self) -> None:
        made = self._engine
        if made.proven and not made.batched and self._is_batched():
            self._backoff.state["no_batch"] = self._clock.now()
        if self._backoff.state == self._stored:
            return

        def change(section: State) -> None:
            section.clear()
            section.update(self._backoff.state)

        self._stored = dict(self._state.update(SECTION, change))
