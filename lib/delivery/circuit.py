"""Define a breaker's stored state and its transitions.

opened (instant) is there while the circuit is not closed; trials holds the leases of the calls
that try it, each {"id", "since"}. epoch grows whenever the circuit opens or closes, and the
outcome of a call counts only in the epoch that let it in: stragglers from before the circuit
opened neither keep it open nor close it. spread (0 to 1) is drawn at each opening: what ends an
outage ends it for everybody at once, and not all should come in the same second. The rest are
counts and instants to look at.
"""

import os

from lib.system.storage import count

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.system.clock import Clock
    from lib.system.state import State

CLOSED = "closed"
OPEN = "open"
HALF_OPEN = "half_open"


class Permit:
    """A permit to make one call, returned with its outcome. `trial` names the lease, if any."""

    __slots__ = ("epoch", "trial")

    def __init__(self, epoch: int, trial: str = "") -> None:
        self.epoch = epoch
        self.trial = trial


def open_now(state: "State", now: object) -> None:
    """Open the circuit, or open it again after a trial."""
    state["opened"] = now
    state["times_opened"] = count(state, "times_opened") + 1
    state["spread"] = os.urandom(1)[0] / 255
    _turn(state)


def open_for(state: "State", timeout: float, jitter: float) -> float:
    """Return how long the circuit stays open: `timeout` seconds, less up to that share `jitter`."""
    spread = state.get("spread")
    if not isinstance(spread, (int, float)) or not 0 <= spread <= 1:
        return timeout
    return timeout * (1.0 - jitter * spread)


def close(state: "State") -> None:
    """Close the circuit."""
    state.pop("opened", None)
    _turn(state)


def _turn(state: "State") -> None:
    state["epoch"] = count(state, "epoch") + 1
    state.pop("trials", None)


def trials(state: "State", clock: "Clock", lease: float) -> "list[State]":
    """List the trials that are younger than `lease` seconds."""
    found = state.get("trials")
    return [
        trial
        for trial in (found if isinstance(found, list) else [])
        if isinstance(trial, dict) and clock.since(trial.get("since")) < lease
    ]
