"""Decide when the service may be asked again: a due time with jitter, and a retry budget.

Every run of every flusher is a process of its own, so this lives in the shared state file.
Nothing here waits: a run that is not due ends. Time as in `lib.system.clock`.

Back-off is exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And
Jitter", 2015). While the service fails, the budget counts in requests that healthy running would
take: a burst of edits earns 1.1 of them, and every request spends one. So an outage costs no more
than 1.1 times the usual load.

While it recovers, success earns. After the first request that is answered well two may follow, then
four, up to WINDOW, with a pause of random length before each such step. A slow answer halves the
steps and doubles the pauses; a failure takes all that was earned, and doubles the pauses too.

What was sent and not answered may have been stored, and is sent again. So that this does not happen
to the same events time and again, the next requests are half as large, and grow again as they are
answered fast.
"""

import random
from collections.abc import Callable

from lib.delivery.portions import BATCH
from lib.system.clock import Clock
from lib.system.state import State

SECTION = "delivery"
BASE_SECONDS = 2.0
MAX_SECONDS = 300.0
EARNED_FAILING = 1.1
MAX_CREDITS = 2.0
# The most requests between two pauses of a recovery, and the shortest pause on average.
WINDOW = 32
PAUSE_SECONDS = 2.0
# An answer that takes longer is a sign of load: the service takes a quarter of a second for 100.
SLOW_SECONDS = 2.0
FAILING, RECOVERING, WELL = "failing", "recovering", "well"


class Backoff:
    """The back-off and the retry budget, stored in one section of the state file.

    Args:
        state: the section, changed in place by the methods that say so.
        clock: what time is measured by.
        uniform: (low, high) -> a random number between them.
    """

    def __init__(
        self,
        state: State,
        clock: Clock | None = None,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        self.state = state
        self._clock = clock or Clock()
        self._uniform = uniform

    @property
    def phase(self) -> str:
        """FAILING, RECOVERING (it works again, and a backlog is left) or WELL."""
        found = self.state.get("phase")
        return found if found in (FAILING, RECOVERING) else WELL

    @property
    def failures(self) -> int:
        """How many requests failed in a row, at most 30."""
        return int(min(_number(self.state, "failures"), 30))

    def wait(self) -> float:
        """Return seconds until the service may be asked again, 0.0 for now."""
        if self.phase == WELL or (self.phase == RECOVERING and self._credits() >= 1.0):
            return 0.0
        delay = min(_number(self.state, "delay"), MAX_SECONDS)
        return max(0.0, delay - self._clock.since(self.state.get("delayed")))

    def earn(self, requests: int) -> None:
        """Add to the budget of an outage for new events that would take so many `requests`."""
        if self.phase == FAILING:
            earned = EARNED_FAILING * requests
            self.state["credits"] = round(
                min(self._credits() + earned, max(MAX_CREDITS, earned)), 6
            )

    def has_credit(self) -> bool:
        """Check whether the budget allows a request, now or after `wait`."""
        return self.phase != FAILING or self._credits() >= 1.0

    def spend(self) -> None:
        """Take one request from the budget."""
        if self.phase == RECOVERING and self._credits() < 1.0:  # its pause is over
            window = 2.0 * max(0.5, _number(self.state, "window"))
            # Small requests are no reason to ask more often.
            window = min(window, max(1.0, WINDOW * self.most() / BATCH))
            self.state["window"] = self.state["credits"] = window
        if self.phase != WELL:
            self.state["credits"] = round(max(0.0, self._credits() - 1.0), 6)

    def failed(self, verdict: str, reason: str, retry_after: float | None = None) -> None:
        """Note that a request failed; the service asked to wait `retry_after` seconds."""
        failures = self.failures + 1
        ceiling = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** (failures - 1))
        delay = self._uniform(0.0, ceiling)
        if retry_after is not None:
            # The jitter on top: what is told to all clients must not bring them back together.
            delay = min(retry_after + delay, MAX_SECONDS)
        if self.phase == RECOVERING:
            self.state["pause"] = min(2.0 * _number(self.state, "pause"), MAX_SECONDS)
        if self.phase == WELL:
            # The request that found the failure would have been made in any case.
            self.state["credits"] = 0.0
        self.state.update(
            phase=FAILING, failures=failures, delay=delay, delayed=self._clock.now(),
            verdict=verdict, reason=reason,
        )  # fmt: skip

    def most(self) -> int:
        """Return how many events the next request may hold."""
        return int(min(_number(self.state, "most") or BATCH, BATCH))

    def doubted(self, events: int) -> None:
        """Note that nobody knows whether so many events of a request arrived."""
        if events > 1:
            self.state["most"] = events // 2

    def succeeded(self, seconds: float = 0.0, events: int = 1) -> None:
        """Note that the service did its part, and took so many `seconds` for so many events."""
        if "most" in self.state and events >= self.most():
            self._resize(seconds, events)
        for name in ("failures", "verdict", "reason"):
            self.state.pop(name, None)
        if self.phase == FAILING:
            self.state.update(phase=RECOVERING, window=1.0, credits=0.0)
        if self.phase == RECOVERING:
            self._step(seconds > SLOW_SECONDS)

    def _resize(self, seconds: float, events: int) -> None:
        """Choose how many events the next request holds, lest it take long."""
        if seconds > 2.0 * SLOW_SECONDS:
            self.state["most"] = max(1, events // 2)
        elif seconds <= SLOW_SECONDS:
            self.state["most"] = 2 * self.most()
            if self.most() == BATCH:
                del self.state["most"]

    def _step(self, is_slow: bool) -> None:
        """Adapt window and pause of a recovery to an answer; begin a pause if nothing is left."""
        pause = max(PAUSE_SECONDS, _number(self.state, "pause"))
        pause = min(2.0 * pause if is_slow else pause, MAX_SECONDS)
        if is_slow:
            self.state.update(window=_number(self.state, "window") / 4.0, credits=0.0)
        if self._credits() < 1.0:
            delay = self._uniform(0.5, 1.5) * pause
            self.state.update(delay=delay, delayed=self._clock.now())
            pause = pause if is_slow else pause / 2.0
        self.state["pause"] = pause

    def drained(self) -> None:
        """Note that nothing is left to send, which ends a recovery."""
        if self.phase == RECOVERING:
            for name in ("phase", "credits", "window", "pause", "delay", "delayed"):
                self.state.pop(name, None)

    def _credits(self) -> float:
        return _number(self.state, "credits")


def _number(state: State, key: str) -> float:
    """Read a number from a state that anybody may have written; 0.0 for anything else."""
    value = state.get(key)
    if isinstance(value, (int, float)) and 0 <= value < 1e9:
        return float(value)
    return 0.0
