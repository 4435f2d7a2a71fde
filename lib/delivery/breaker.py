"""Break the circuit to a failing service; the state is shared by all processes.

    closed --- failure_threshold failures in a row ---> open
    open ------ timeout seconds ----------------------> half-open
    half-open - a trial call succeeds ----------------> closed
    half-open - a trial call fails -------------------> open

Only `half_open_max_calls` trial calls run at a time, over all processes: each holds a lease, so
one whose process was killed is replaced when its lease ends. A refused call returns at once and
nobody queues behind the circuit, so no herd is let loose when it closes.

Imports builtins only: a program that just asks whether the circuit is open stays quick to start.
"""

import os

from lib.delivery import circuit
from lib.delivery.circuit import CLOSED, HALF_OPEN, OPEN, Permit
from lib.system import logger
from lib.system.clock import Clock, wall_of
from lib.system.settings import Settings
from lib.system.storage import MemoryStorage, SharedStorage, Storage, count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from lib.system.state import Part, State

LEASE = 30.0
JITTER = 0.25
# Successes in a row are counted in memory and stored this often, in seconds.
SUCCESS_INTERVAL = 10.0
# Seconds: whoever waits exactly `available_in` is let in, though sums of floats are not exact.
ROUNDING = 1e-6


class Breaker:
    """A circuit breaker that decides whether to call, and is told the outcome; it calls nothing.

    Args:
        failure_threshold: failures in a row that open the circuit.
        timeout: seconds the circuit stays open, less up to the share `jitter` of them.
        half_open_max_calls: trial calls at a time.
        storage: where the state lives; None: in memory.
        clock: what time is measured by.
        lease: seconds after which a trial without an outcome is given up.

    All of them but `storage` and `clock` are attributes that may be changed at any time. Nothing
    here raises: a storage that fails is counted in `storage_errors` and taken for a closed circuit.
    """

    def __init__(
        self,
        failure_threshold: int,
        timeout: float,
        half_open_max_calls: int = 1,
        *,
        storage: Storage | None = None,
        clock: Clock | None = None,
        lease: float = LEASE,
        jitter: float = 0.0,
    ) -> None:
        self.failure_threshold = failure_threshold
        self.timeout = timeout
        self.half_open_max_calls = half_open_max_calls
        self.lease = lease
        self.jitter = jitter
        self.storage_errors = 0
        self._storage = storage or MemoryStorage()
        self._clock = clock or Clock()
        self._successes = 0
        self._last_success: object = None

    def try_acquire(self) -> Permit | None:
        """Acquire a permit to make a call; None while the circuit is open or under trial.

        Every permit must come back by `record_success`, `record_failure` or `release`.
        """
        state = self._read()
        name, wait = self._judge(state)
        if name == CLOSED:
            return Permit(count(state, "epoch"))
        return None if wait > 0 else self._acquire_trial()

    def record_success(self, permit: Permit) -> None:
        """Record that the call of `permit` succeeded; a trial's success closes the circuit."""
        state = self._read()
        now = self._clock.now()
        calm = not permit.trial and not count(state, "failure_count")
        if calm and self._clock.since(state.get("last_success")) < SUCCESS_INTERVAL:
            self._successes += 1
            self._last_success = now
            return

        def change(state: "State") -> None:
            if count(state, "epoch") != permit.epoch:
                return
            earlier = self._successes if calm else 0
            state["consecutive_successes"] = count(state, "consecutive_successes") + earlier + 1
            state["last_success"] = now
            state["failure_count"] = 0
            if permit.trial:
                circuit.close(state)

        self._change(change)
        self._successes = 0

    def record_failure(self, permit: Permit) -> None:
        """Record that the call failed; enough failures, or a trial's, open the circuit."""

        def change(state: "State") -> None:
            if count(state, "epoch") != permit.epoch:
                return
            failures = count(state, "failure_count") + 1
            state["failure_count"] = failures
            state["consecutive_successes"] = 0
            now = state["last_failure"] = self._clock.now()
            if permit.trial or failures >= self.failure_threshold:
                circuit.open_now(state, now)

        self._change(change)
        self._successes = 0

    def release(self, permit: Permit) -> None:
        """Give up `permit` without an outcome; its lease, if any, ends."""

        def change(state: "State") -> None:
            trials = circuit.trials(state, self._clock, self.lease)
            state["trials"] = [trial for trial in trials if trial.get("id") != permit.trial]

        if permit.trial:
            self._change(change)

    def available_in(self) -> float:
        """Return seconds until a call may be let in, 0.0 if one may be now."""
        return self._judge(self._read())[1]

    def get_state(self) -> "dict[str, Any]":
        """Return the state of the circuit in JSON's types.

        Keys: state ("closed", "open" or "half_open"), failure_count and consecutive_successes
        (in a row), last_failure_time and last_success_time (seconds since 1970, or None),
        is_available, available_in (seconds), times_opened, warnings (damaged states met) and
        storage_errors (of this process).
        """
        state = self._read()
        name, wait = self._judge(state)
        failures = count(state, "failure_count")
        mine = 0 if failures else self._successes
        return {
            "state": name,
            "failure_count": failures,
            "consecutive_successes": count(state, "consecutive_successes") + mine,
            "last_failure_time": wall_of(state.get("last_failure")),
            "last_success_time": wall_of(self._last_success if mine else state.get("last_success")),
            "is_available": wait == 0,
            "available_in": wait,
            "times_opened": count(state, "times_opened"),
            "warnings": self._storage.warnings,
            "storage_errors": self.storage_errors,
        }

    def reset(self) -> None:
        """Close the circuit and forget what led to its state."""

        def change(state: "State") -> None:
            kept = {key: count(state, key) for key in ("epoch", "times_opened")}
            state.clear()
            state.update(kept)
            circuit.close(state)

        self._change(change)
        self._successes = 0

    def _judge(self, state: "State") -> tuple[str, float]:
        """Judge the circuit's state, and the seconds until a call may be let in."""
        opened = state.get("opened")
        if not isinstance(opened, dict):
            return CLOSED, 0.0
        try:
            total = circuit.open_for(state, self.timeout, self.jitter)
            wait = _left(total, self._clock.since(opened))
            if wait:
                return OPEN, wait
            return HALF_OPEN, self._wait_for_lease(state)
        except Exception:
            # An attribute was set to what is no number.
            self.storage_errors += 1
            return CLOSED, 0.0

    def _wait_for_lease(self, state: "State") -> float:
        ages = sorted(
            self._clock.since(trial["since"])
            for trial in circuit.trials(state, self._clock, self.lease)
        )
        places = max(1, self.half_open_max_calls)
        return _left(self.lease, ages[places - 1]) if len(ages) >= places else 0.0

    def _acquire_trial(self) -> Permit | None:
        lease = os.urandom(8).hex()
        permits = []

        def change(state: "State") -> None:
            name, wait = self._judge(state)
            if name == CLOSED:
                permits.append(Permit(count(state, "epoch")))
            elif wait <= 0:
                trial = {"id": lease, "since": self._clock.now()}
                state["trials"] = [*circuit.trials(state, self._clock, self.lease), trial]
                permits.append(Permit(count(state, "epoch"), lease))

        if self._change(change):
            return permits[0] if permits else None
        # Unable to write: either somebody else was quicker, or the storage is of no use.
        state = self._read()
        name, wait = self._judge(state)
        if wait > 0:
            return None
        return Permit(count(state, "epoch"), "" if name == CLOSED else lease)

    def _read(self) -> "State":
        try:
            return self._storage.read()
        except Exception:
            self.storage_errors += 1
            return {}

    def _change(self, change: "Callable[[State], None]") -> bool:
        try:
            self._storage.update(change)
        except Exception as error:
            self.storage_errors += 1
            logger.warning("the circuit breaker's state could not be stored: %r", error)
            return False
        return True


def shared_breaker(settings: Settings, state: "Part", clock: Clock | None = None) -> Breaker:
    """Make the breaker of the service whose state is in the part `state` of a file, for all."""
    numbers = settings.failure_threshold, settings.breaker_timeout
    return Breaker(*numbers, storage=SharedStorage(state, "breaker"), clock=clock, jitter=JITTER)


def _left(total: float, passed: float) -> float:
    left = total - passed
    return left if left > ROUNDING else 0.0
