"""Decide when the service may be asked again: a due time with jitter, and a retry budget.

Every run of every flusher is a process of its own, so this lives in the shared state file.
Nothing here waits: a run that is not due ends. Time as in `lib.system.clock`.

Back-off is exponential with full jitter (AWS Architecture Blog, "Exponential Backoff And
Jitter", 2015). The budget counts in requests that healthy running would take: while the service
fails, a burst of edits earns 1.1 of them, while it recovers 1.6, and every request spends one. So
an outage costs no more than 1.1 times, and a recovery of many clients at once no more than twice
the usual load.
"""

import random
from collections.abc import Callable

from lib.system.clock import Clock
from lib.system.state import State

SECTION = "delivery"
BASE_SECONDS = 2.0
MAX_SECONDS = 300.0
EARNED_FAILING = 1.1
EARNED_RECOVERING = 1.6
MAX_CREDITS = 2.0
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
        if self.phase != FAILING:
            return 0.0
        delay = min(_number(self.state, "delay"), MAX_SECONDS)
        return max(0.0, delay - self._clock.since(self.state.get("failed")))

    def earn(self, requests: int) -> None:
        """Add to the budget for new events that would normally take so many `requests`."""
        if self.phase != WELL:
            rate = EARNED_FAILING if self.phase == FAILING else EARNED_RECOVERING
            credits = _number(self.state, "credits") + rate * requests
            self.state["credits"] = round(min(credits, max(MAX_CREDITS, rate * requests)), 6)

    def has_credit(self) -> bool:
        """Check whether the budget allows a request now."""
        return self.phase == WELL or _number(self.state, "credits") >= 1.0

    def spend(self) -> None:
        """Take one request from the budget."""
        if self.phase != WELL:
            self.state["credits"] = round(max(0.0, _number(self.state, "credits") - 1.0), 6)

    def failed(self, verdict: str, reason: str, retry_after: float | None = None) -> None:
        """Note that a request failed; the service asked to wait `retry_after` seconds."""
        failures = self.failures + 1
        ceiling = min(MAX_SECONDS, BASE_SECONDS * 2.0 ** (failures - 1))
        delay = self._uniform(0.0, ceiling)
        if retry_after is not None:
            # The jitter on top: what is told to all clients must not bring them back together.
            delay = min(retry_after + delay, MAX_SECONDS)
        if self.phase == WELL:
            # The request that found the failure would have been made in any case.
            self.state["credits"] = 0.0
        self.state.update(
            phase=FAILING, failures=failures, delay=delay, failed=self._clock.now(),
            verdict=verdict, reason=reason,
        )  # fmt: skip

    def succeeded(self) -> None:
        """Note that the service did its part."""
        if self.phase == FAILING:
            self.state["phase"] = RECOVERING
        for name in ("failures", "delay", "failed", "verdict", "reason"):
            self.state.pop(name, None)

    def drained(self) -> None:
        """Note that nothing is left to send, which ends a recovery."""
        if self.phase == RECOVERING:
            for name in ("phase", "credits"):
                self.state.pop(name, None)


def _number(state: State, key: str) -> float:
    """Read a number from a state that anybody may have written; 0.0 for anything else."""
    value = state.get(key)
    if isinstance(value, (int, float)) and 0 <= value < 1e9:
        return float(value)
    return 0.0
