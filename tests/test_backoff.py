"""When the service may be asked again: by one client, and by a thousand together."""

import heapq
import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.delivery import backoff
from lib.delivery.answers import Answer, Verdict
from lib.delivery.backoff import FAILING, RECOVERING, WELL, Backoff
from lib.delivery.gate import Gate
from lib.resilience import CircuitBreaker
from lib.resilience.testing import FakeClock

DOWN = Answer(Verdict.UNWELL, "down")
GOOD = Answer(Verdict.DELIVERED)
HOUR = 3600.0


def most(low: float, high: float) -> float:
    return high


def test_the_delay_doubles_up_to_a_bound_with_full_jitter() -> None:
    made = Backoff({}, FakeClock(), most)
    delays = []
    for _ in range(10):
        made.failed("unwell", "down")
        delays.append(made.state["delay"])
    assert delays[:4] == [2, 4, 8, 16]
    assert delays[-1] == backoff.MAX_SECONDS
    asked: list[tuple[float, float]] = []

    def least(low: float, high: float) -> float:
        asked.append((low, high))
        return low

    Backoff({}, FakeClock(), least).failed("x", "y")
    assert asked == [(0.0, 2.0)]


def test_retry_after_is_the_least_and_jitter_comes_on_top() -> None:
    clock = FakeClock()
    made = Backoff({}, clock, most)
    made.failed("unwell", "down", retry_after=30)
    assert made.wait() == 32
    clock.advance(31)
    assert made.wait() == 1
    clock.advance(1)
    assert made.wait() == 0


@given(
    state=st.dictionaries(
        st.sampled_from(["phase", "failures", "delay", "failed", "credits", "verdict"]),
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just(FAILING)
        | st.lists(st.none()) | st.fixed_dictionaries({"up": st.floats(), "boot": st.text()}),
    )
)  # fmt: skip
def test_no_state_makes_anyone_wait_for_long(state: dict[str, Any]) -> None:
    made = Backoff(state, FakeClock())
    assert 0 <= made.wait() <= backoff.MAX_SECONDS
    made.earn(1)
    made.failed("unwell", "down")
    assert 0 <= made.wait() <= backoff.MAX_SECONDS
    made.succeeded()
    assert made.wait() == 0
    made.drained()
    assert (made.phase, made.has_credit()) == (WELL, True)


def test_a_failing_service_costs_a_request_only_where_new_events_earned_one() -> None:
    made = Backoff({}, FakeClock(), most)
    assert made.has_credit()
    made.failed("unwell", "down")
    assert not made.has_credit()
    made.earn(1)
    assert made.has_credit()
    made.spend()
    assert not made.has_credit()
    made.succeeded()
    assert made.phase == RECOVERING
    made.earn(1)
    made.spend()
    made.earn(1)
    assert made.has_credit()
    made.drained()
    assert made.phase == WELL


class Client:
    """One machine with the real policy and a model of everything around it."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        self.clock = clock
        # A boot of its own would make no difference: instants never leave the machine.
        uniform = random.Random(seed).uniform
        breaker = CircuitBreaker(3, 60, clock=clock)
        self.gate = Gate(Backoff({}, clock, uniform), breaker, clock)
        self.waiting = 0

    def run(self, up: bool, new: int = 0) -> int:
        """One flusher run; how many requests it made."""
        self.waiting += new
        backoff = self.gate.backoff
        backoff.earn(-(-new // 100))
        requests = 0
        while self.waiting and self.gate.is_open() and not self.gate.enter():
            requests += 1
            if not self.gate.answered(GOOD if up else DOWN):
                break
            self.waiting = max(0, self.waiting - 100)
        self.gate.leave()
        if not self.waiting:
            backoff.drained()
        return requests


def edits(clients: int, interval: float, until: float) -> Iterator[tuple[float, int, bool]]:
    """(time, client, whether it is the hook that captures), in order of time."""
    chance = random.Random(7)
    queue = [(chance.expovariate(1 / interval), number, False) for number in range(clients)]
    heapq.heapify(queue)
    while queue and queue[0][0] < until:
        when, number, captures = heapq.heappop(queue)
        yield when, number, captures
        later = when + (1.0 if not captures else chance.expovariate(1 / interval))
        heapq.heappush(queue, (later, number, not captures))


def requests_by_minute(
    clients: int, interval: float, outage: tuple[float, float], until: float, burst: int = 1
) -> Counter[int]:
    clock = FakeClock()
    fleet = [Client(clock, seed) for seed in range(clients)]
    found: Counter[int] = Counter()
    now = 0.0
    for when, number, captures in edits(clients, interval, until):
        clock.advance(when - now)
        now = when
        up = not outage[0] <= when < outage[1]
        found[int(when // 60)] += fleet[number].run(up, burst if captures else 0)
    return found


@pytest.mark.parametrize("interval", [10.0, 60.0, 600.0])
def test_an_hour_of_outage_costs_hardly_more_than_an_hour_of_health(interval: float) -> None:
    ill = requests_by_minute(50, interval, (0.0, HOUR), HOUR)
    well = requests_by_minute(50, interval, (HOUR, HOUR), HOUR)
    assert 0 < sum(ill.values()) <= 1.1 * sum(well.values()) + 50


@pytest.mark.parametrize("burst", [1, 90])
def test_a_thousand_clients_that_recover_together_come_one_after_the_other(burst: int) -> None:
    outage = (600.0, 600.0 + HOUR)
    found = requests_by_minute(1000, 60.0, outage, outage[1] + HOUR, burst)
    steady = sum(found[minute] for minute in range(2, 10)) / 8
    after = [found[minute] for minute in range(70, 129)]
    assert max(after) <= 2 * steady
    # And what waited has gone, so the load is as before.
    if burst == 1:
        assert abs(sum(after[-10:]) / 10 - steady) < 0.2 * steady
