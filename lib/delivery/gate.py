"""May the service be asked now? Circuit, back-off and budget together, as every run asks them."""

from lib.delivery.answers import FAILURES, Answer, Verdict
from lib.delivery.backoff import Backoff
from lib.delivery.breaker import Breaker
from lib.delivery.circuit import CLOSED, Permit
from lib.system.clock import Clock
from lib.system.timestamps import timestamp

OVER_BUDGET = "the retry budget is spent"
OPEN_CIRCUIT = "the circuit is open"


class Gate:
    """What lets requests through and hears how they ended.

    Args:
        backoff, breaker: what decides.
        clock: what time is measured by.
        forced: a person asked: neither back-off nor circuit nor budget holds the request back.
    """

    def __init__(
        self, backoff: Backoff, breaker: Breaker, clock: Clock, forced: bool = False
    ) -> None:
        self.backoff = backoff
        self._breaker = breaker
        self._clock = clock
        self._forced = forced
        self._permit: Permit | None = None

    def wait(self) -> float:
        """Seconds until the service may be asked, as far as time decides it."""
        return max(self.backoff.wait(), self._breaker.available_in())

    def is_open(self) -> bool:
        """Whether a run may begin to ask."""
        return self._forced or (self.wait() <= 0 and self.backoff.has_credit())

    def enter(self) -> str:
        """Take leave for one request: "" if it is given, else why not. Tell `answered` after."""
        if not self._forced:
            if not self.backoff.has_credit():
                return OVER_BUDGET
            self._permit = self._breaker.try_acquire()
            if self._permit is None:
                return OPEN_CIRCUIT
        self.backoff.spend()
        return ""

    def answered(self, answer: Answer) -> bool:
        """The request was answered; whether the service did its part."""
        permit, self._permit = self._permit, None
        if answer.verdict in FAILURES:
            # One that does not let us in is well; only asking less often helps.
            if permit and answer.verdict is Verdict.NOT_ALLOWED:
                self._breaker.release(permit)
            elif permit:
                self._breaker.record_failure(permit)
            self.backoff.failed(answer.verdict.value, answer.reason, answer.retry_after)
            return False
        if permit:
            self._breaker.record_success(permit)
        elif self._breaker.get_state()["state"] != CLOSED:
            self._breaker.reset()
        self.backoff.succeeded()
        self.backoff.state["last_delivery"] = timestamp(int(self._clock.wall() * 1e9))
        return True

    def leave(self) -> None:
        """Give back a leave that was not used."""
        if self._permit is not None:
            self._breaker.release(self._permit)
            self._permit = None
