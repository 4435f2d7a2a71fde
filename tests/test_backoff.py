"""When the service may be asked again: by one client, and by a thousand together."""

from statistics import mean
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.delivery import backoff
from lib.delivery.backoff import FAILING, RECOVERING, WELL, Backoff
from lib.resilience.testing import FakeClock
from tests.support.fleet import Fleet, Queueing, Quick, RateLimited

HOUR = 3600.0


def most(low: float, high: float) -> float:
    return high


def middle(low: float, high: float) -> float:
    return (low + high) / 2


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
        st.sampled_from(["phase", "failures", "delay", "delayed", "credits", "window", "pause"]),
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
    assert 0 <= made.wait() <= backoff.MAX_SECONDS
    made.drained()
    assert made.wait() == 0
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
    assert made.has_credit()
    made.drained()
    assert made.phase == WELL


def test_success_earns_more_and_more_requests_with_a_pause_between() -> None:
    clock = FakeClock()
    made = Backoff({}, clock, middle)
    made.failed("unwell", "down")
    made.succeeded()
    steps = []
    for _ in range(8):
        assert made.wait() == backoff.PAUSE_SECONDS
        clock.advance(made.wait())
        steps.append(0)
        while not made.wait():
            made.spend()
            made.succeeded(0.3)
            steps[-1] += 1
    assert steps == [2, 4, 8, 16, 32, 32, 32, 32]


def test_a_slow_answer_halves_the_steps_and_doubles_the_pauses() -> None:
    clock = FakeClock()
    made = Backoff({}, clock, middle)
    made.failed("unwell", "down")
    made.succeeded()
    made.state["window"] = 32.0
    found = []
    for _ in range(8):
        clock.advance(made.wait())
        made.spend()
        made.succeeded(backoff.SLOW_SECONDS + 1)
        found.append((made.state["window"] * 2, made.wait()))
    assert found[:4] == [(16, 4), (8, 8), (4, 16), (2, 32)]
    assert found[-1][1] == backoff.MAX_SECONDS
    assert made.has_credit()


def test_what_was_not_answered_is_tried_in_small_and_growing_parts() -> None:
    made = Backoff({}, FakeClock())
    assert made.most() == 100
    made.doubted(1)  # it cannot be less
    assert made.most() == 100
    made.doubted(100)
    found = [made.most()]
    made.succeeded(0.01, events=1)  # says nothing of more
    made.doubted(50)
    for seconds in (0.1, 2.5, 4.5, 1.9, 0.1, 0.1, 0.1):
        made.succeeded(seconds, events=made.most())
        found.append(made.most())
    assert found == [50, 50, 50, 25, 50, 100, 100, 100]
    assert "most" not in made.state
    useless: list[Any] = ["x", -3, 0, 1e12, None, []]
    assert all(Backoff({"most": value}).most() == 100 for value in useless)


def test_a_failure_takes_what_was_earned() -> None:
    clock = FakeClock()
    made = Backoff({}, clock, middle)
    made.failed("unwell", "down")
    made.succeeded()
    clock.advance(made.wait())
    made.spend()
    made.failed("unwell", "HTTP 429")
    assert (made.phase, made.has_credit()) == (FAILING, True)
    made.succeeded()
    assert made.wait() >= backoff.PAUSE_SECONDS


def test_what_an_earlier_version_stored_holds_nobody_up() -> None:
    made = Backoff({"phase": RECOVERING, "credits": 0.6, "url": "http://x"}, FakeClock())
    assert (made.wait(), made.has_credit()) == (0.0, True)


@pytest.mark.parametrize("interval", [10.0, 60.0, 600.0])
def test_an_hour_of_outage_costs_hardly_more_than_an_hour_of_health(interval: float) -> None:
    ill = Fleet(50, interval, Quick(), (0.0, HOUR)).run(HOUR)
    well = Fleet(50, interval, Quick(), (HOUR, HOUR)).run(HOUR)
    assert 0 < ill.offered.total() <= 1.1 * well.offered.total() + 50


OUTAGE = (600.0, 600.0 + HOUR)
# The ten minutes before the outage, the minutes after it.
BEFORE, AFTER = (2, 10), (70, 90)


def test_a_thousand_clients_that_recover_together_come_one_after_the_other() -> None:
    fleet = Fleet(1000, 60.0, Quick(), OUTAGE).run(90 * 60.0)
    steady = mean(fleet.minutes(*BEFORE))
    assert max(fleet.minutes(*AFTER)) <= 2 * steady
    # And what waited has gone, so the load is as before.
    assert abs(mean(fleet.minutes(80, 90)) - steady) < 0.2 * steady
    assert fleet.waiting < 10


def test_a_backlog_is_drained_within_two_runs_at_a_service_that_is_well() -> None:
    fleet = Fleet(1, 60.0, Quick(), OUTAGE, backlog=10_000).run(75 * 60.0)
    assert fleet.waiting == 0
    assert max(fleet.delivered.values()) > 5000


def test_a_thousand_backlogs_cost_a_service_with_a_limit_little_above_it() -> None:
    """It takes as much as it can, and refuses no more than edits earn."""
    fleet = Fleet(1000, 60.0, RateLimited(1000), OUTAGE, backlog=5000).run(85 * 60.0)
    assert max(fleet.minutes(70, 85)) <= 1000 + 1.1 * mean(fleet.minutes(*BEFORE))
    assert min(fleet.delivered[minute] for minute in range(71, 84)) > 90_000


def test_backlogs_never_drown_a_service_that_becomes_slow() -> None:
    service = Queueing()
    fleet = Fleet(50, 60.0, service, OUTAGE, backlog=5000).run(85 * 60.0)
    # 400 events a second are 24,000 a minute.
    assert min(fleet.delivered[minute] for minute in range(71, 80)) > 18_000
    assert max(service.longest[minute] for minute in range(70, 85)) < 8
    assert fleet.waiting < 50 * 100


def test_a_thousand_backlogs_offer_a_slow_service_no_more_than_its_usual_load() -> None:
    fleet = Fleet(1000, 60.0, Queueing(), OUTAGE, backlog=5000).run(90 * 60.0)
    assert max(fleet.minutes(*AFTER)) <= mean(fleet.minutes(*BEFORE))
    assert sum(fleet.delivered[minute] for minute in range(80, 90)) > 80_000
