"""Decide whether the service may be asked now, by circuit, back-off and budget together."""

from lib.delivery.answers import FAILURES, Answer, Verdict
from lib.delivery.backoff import Backoff
from lib.delivery.breaker import Breaker
from lib.delivery.circuit import CLOSED, Permit
from lib.system.clock import Clock
from lib.system.timestamps import timestamp

OVER_BUDGET = "the retry budget is spent"
OPEN_CIRCUIT = "the circuit is open"
PAUSE = "what waited during an outage is sent in steps, with a pause between them"


class Circuit:
    """Lets requests through unless the circuit is open; always if `breaker` is None."""

    def __init__(self, breaker: Breaker | None) -> None:
        self._breaker = breaker
        self._permit: Permit | None = None

    def enter(self) -> str:
        """Ask to let one request through: "" if it is, else why not. Call `answered` after."""
        if self._breaker is None:
            return ""
        self._permit = self._breaker.try_acquire()
        return "" if self._permit else OPEN_CIRCUIT

    def answered(self, answer: Answer, events: int = 1) -> bool:
        """Record the answer to so many events; return whether the service did its part."""
        failed = answer.verdict in FAILURES
        permit, self._permit = self._permit, None
        if self._breaker is not None and permit is not None:
            (self._breaker.record_failure if failed else self._breaker.record_success)(permit)
        return not failed

    def leave(self) -> None:
        """Release a permit that was not used."""
        if self._breaker is not None and self._permit is not None:
            self._breaker.release(self._permit)
        self._permit = None


class Gate(Circuit):
    """Lets a flusher's requests through by back-off, budget and circuit.

    Args:
        backoff, breaker: what decides.
        clock: what time is measured by.
        forced: a person asked: neither back-off nor circuit nor budget holds the request back.
    """

    def __init__(
        self, backoff: Backoff, breaker: Breaker, clock: Clock, forced: bool = False
    ) -> None:
        super().__init__(None if forced else breaker)
        self.backoff = backoff
        self._circuit = breaker
        self._clock = clock
        self._forced = forced
        self._entered: object = None

    def wait(self) -> float:
        """Return seconds until back-off and circuit let the service be asked."""
        return max(self.backoff.wait(), self._circuit.available_in())

    def is_open(self) -> bool:
        """Check whether a run may begin to ask."""
        return self._forced or (self.wait() <= 0 and self.backoff.has_credit())

    def enter(self) -> str:
        """Ask for one request to be let through, as `Circuit.enter`."""
        if not self._forced and not self.backoff.has_credit():
            return OVER_BUDGET
        if not self._forced and self.backoff.wait() > 0:
            return PAUSE
        refusal = super().enter()
        if not refusal:
            self.backoff.spend()
        self._entered = self._clock.now()
        return refusal

    def answered(self, answer: Answer, events: int = 1) -> bool:
        """Record the answer, as `Circuit.answered`."""
        if answer.verdict is Verdict.NOT_ALLOWED:
            # One that does not let us in is well; only asking less often helps.
            self.leave()
        if answer.verdict is Verdict.UNKNOWN:
            self.backoff.doubted(events)
        if not super().answered(answer):
            self.backoff.failed(answer.verdict.value, answer.reason, answer.retry_after)
            return False
        if self._forced and self._circuit.get_state()["state"] != CLOSED:
            self._circuit.reset()
        self.backoff.succeeded(self._clock.since(self._entered), events)
        self.backoff.state["last_delivery"] = timestamp(int(self._clock.wall() * 1e9))
        return True
