import asyncio
import gc
import json
import logging
import subprocess
import sys
from collections.abc import Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.delivery import circuit
from lib.delivery.breaker import LEASE, SUCCESS_INTERVAL, Breaker, shared_breaker
from lib.delivery.circuit import Permit
from lib.delivery.service_state import state_of
from lib.resilience import CircuitBreaker, MemoryStorage, SharedStorage, Storage
from lib.resilience.testing import FakeClock
from lib.system.settings import Settings
from lib.system.state import State, StateFile

ROOT = Path(__file__).parent.parent


async def succeed() -> str:
    return "result"


async def fail() -> str:
    raise ConnectionError("refused")


def acquire(breaker: Breaker) -> Permit:
    permit = breaker.try_acquire()
    assert permit
    return permit


def fail_times(breaker: Breaker, times: int) -> None:
    for _ in range(times):
        breaker.record_failure(acquire(breaker))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture(params=["memory", "shared"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    return MemoryStorage() if request.param == "memory" else SharedStorage(str(tmp_path / "s.json"))


@pytest.fixture
def breaker(storage: Storage, clock: FakeClock) -> CircuitBreaker:
    return CircuitBreaker(3, 60, storage=storage, clock=clock)


@pytest.fixture
def half_open(breaker: CircuitBreaker, clock: FakeClock) -> CircuitBreaker:
    fail_times(breaker, 3)
    clock.advance(60)
    assert breaker.get_state()["state"] == "half_open"
    return breaker


def test_circuit_breaker_closed_state(breaker: CircuitBreaker) -> None:
    assert asyncio.run(breaker.call(succeed)) == "result"
    state = breaker.get_state()
    assert state["state"] == "closed"
    assert state["is_available"] is True
    assert state["failure_count"] == 0
    assert state["consecutive_successes"] == 1


def test_circuit_breaker_opens_after_failures(breaker: CircuitBreaker) -> None:
    for failures in (1, 2):
        assert asyncio.run(breaker.call(fail)) is None
        assert breaker.get_state()["state"] == "closed"
        assert breaker.get_state()["failure_count"] == failures
    assert asyncio.run(breaker.call(fail)) is None
    state = breaker.get_state()
    assert state["state"] == "open"
    assert state["is_available"] is False
    assert state["failure_count"] == 3
    assert state["times_opened"] == 1
    assert asyncio.run(breaker.call(succeed)) is None


@pytest.mark.parametrize("later", [True, False])
def test_a_timeout_may_be_a_timedelta(clock: FakeClock, later: bool) -> None:
    breaker = CircuitBreaker(1, 5 if later else timedelta(minutes=2), clock=clock)
    if later:
        breaker.timeout = timedelta(minutes=2)  # type: ignore[assignment]
    assert asyncio.run(breaker.call(fail)) is None
    assert breaker.get_state()["state"] == "open"
    clock.advance(119)
    assert asyncio.run(breaker.call(succeed)) is None
    clock.advance(1)
    assert asyncio.run(breaker.call(succeed)) == "result"
    assert (breaker.timeout, breaker.get_state()["state"]) == (120.0, "closed")


def test_circuit_breaker_half_open_transition(breaker: CircuitBreaker, clock: FakeClock) -> None:
    fail_times(breaker, 3)
    clock.advance(59.9)
    assert breaker.get_state()["state"] == "open"
    assert breaker.available_in() == pytest.approx(0.1)
    clock.advance(0.1)
    state = breaker.get_state()
    assert state["state"] == "half_open"
    assert state["is_available"] is True
    assert breaker.available_in() == 0
    assert asyncio.run(breaker.call(succeed)) == "result"
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["failure_count"] == 0


def test_circuit_breaker_reset(breaker: CircuitBreaker) -> None:
    fail_times(breaker, 3)
    breaker.reset()
    state = breaker.get_state()
    assert state["state"] == "closed"
    assert state["failure_count"] == 0
    assert state["last_failure_time"] is None
    assert state["times_opened"] == 1
    assert asyncio.run(breaker.call(succeed)) == "result"


def test_a_failed_trial_opens_again_for_the_whole_timeout(
    half_open: CircuitBreaker, clock: FakeClock
) -> None:
    assert asyncio.run(half_open.call(fail)) is None
    assert half_open.get_state()["times_opened"] == 2
    assert half_open.available_in() == 60
    clock.advance(59)
    assert half_open.try_acquire() is None


def test_one_trial_at_a_time(half_open: CircuitBreaker) -> None:
    trial = acquire(half_open)
    assert half_open.try_acquire() is None
    assert half_open.get_state()["state"] == "half_open"
    assert half_open.get_state()["is_available"] is False
    half_open.record_success(trial)
    assert half_open.get_state()["state"] == "closed"
    assert half_open.get_state()["consecutive_successes"] == 1


def test_as_many_trials_as_asked_for(half_open: CircuitBreaker, clock: FakeClock) -> None:
    half_open.half_open_max_calls = 2
    acquire(half_open)
    clock.advance(1)
    acquire(half_open)
    assert half_open.try_acquire() is None
    assert half_open.available_in() == LEASE - 1
    half_open.half_open_max_calls = 1
    assert half_open.available_in() == LEASE
    clock.advance(LEASE - 1)
    assert half_open.try_acquire() is None
    clock.advance(1)
    acquire(half_open)


def test_no_more_than_no_trials_at_all_is_one(half_open: CircuitBreaker) -> None:
    half_open.half_open_max_calls = 0
    acquire(half_open)
    assert half_open.try_acquire() is None


def test_a_trial_without_an_outcome_is_replaced_after_its_lease(
    half_open: CircuitBreaker, clock: FakeClock
) -> None:
    acquire(half_open)
    clock.advance(LEASE - 0.5)
    assert half_open.available_in() == 0.5
    assert half_open.try_acquire() is None
    clock.advance(0.5)
    acquire(half_open)
    assert half_open.try_acquire() is None


def test_a_failed_trial_leaves_no_lease_behind(clock: FakeClock) -> None:
    breaker = CircuitBreaker(1, timeout=5, clock=clock, lease=30)
    fail_times(breaker, 1)
    for _ in range(3):
        clock.advance(5)
        fail_times(breaker, 1)
    assert breaker.get_state()["times_opened"] == 4


@pytest.mark.parametrize(
    "trials",
    [
        [1, "trial", None, [], {}, {"id": "x"}, {"id": "x", "since": "now"}],
        5, True, "trials", {"id": "x"},
    ],
)  # fmt: skip
def test_leases_that_are_no_leases_take_no_place(
    storage: Storage, clock: FakeClock, trials: object
) -> None:
    opened = clock.now()
    clock.advance(60)
    storage.update(lambda state: state.update(opened=opened, trials=trials))
    breaker = CircuitBreaker(3, 60, storage=storage, clock=clock)
    assert breaker.get_state()["state"] == "half_open"
    acquire(breaker)
    assert breaker.try_acquire() is None


def test_a_late_success_of_a_replaced_trial_closes(
    half_open: CircuitBreaker, clock: FakeClock
) -> None:
    late = acquire(half_open)
    clock.advance(LEASE)
    current = acquire(half_open)
    half_open.record_success(late)
    assert half_open.get_state()["state"] == "closed"
    half_open.record_failure(current)
    assert half_open.get_state()["state"] == "closed"
    assert half_open.get_state()["failure_count"] == 0


def test_a_released_trial_makes_room_and_says_nothing(half_open: CircuitBreaker) -> None:
    half_open.half_open_max_calls = 2
    kept, given_up = acquire(half_open), acquire(half_open)
    half_open.release(given_up)
    assert half_open.get_state()["state"] == "half_open"
    acquire(half_open)
    assert half_open.try_acquire() is None
    half_open.record_success(kept)
    assert half_open.get_state()["state"] == "closed"


def test_stragglers_do_not_keep_the_circuit_open(breaker: CircuitBreaker, clock: FakeClock) -> None:
    stragglers = [acquire(breaker) for _ in range(5)]
    fail_times(breaker, 3)
    clock.advance(30)
    for permit in stragglers:
        breaker.record_failure(permit)
    assert breaker.available_in() == 30
    assert breaker.get_state()["times_opened"] == 1
    assert breaker.get_state()["failure_count"] == 3


def test_a_straggler_does_not_close_the_circuit(breaker: CircuitBreaker) -> None:
    straggler = acquire(breaker)
    fail_times(breaker, 3)
    breaker.record_success(straggler)
    assert breaker.get_state()["state"] == "open"
    assert breaker.get_state()["failure_count"] == 3


def test_a_failure_from_before_a_reset_does_not_count(breaker: CircuitBreaker) -> None:
    straggler = acquire(breaker)
    breaker.reset()
    breaker.record_failure(straggler)
    assert breaker.get_state()["failure_count"] == 0


def test_a_success_ends_a_row_of_failures(breaker: CircuitBreaker) -> None:
    for _ in range(3):
        fail_times(breaker, 2)
        breaker.record_success(acquire(breaker))
        assert breaker.get_state()["failure_count"] == 0
    assert breaker.get_state()["state"] == "closed"


def test_times_are_wall_times(breaker: CircuitBreaker, clock: FakeClock) -> None:
    assert breaker.get_state()["last_failure_time"] is None
    assert breaker.get_state()["last_success_time"] is None
    breaker.record_success(acquire(breaker))
    clock.advance(1)
    breaker.record_success(acquire(breaker))
    clock.advance(1)
    fail_times(breaker, 1)
    state = breaker.get_state()
    assert state["last_failure_time"] == clock.wall()
    json.dumps(state, allow_nan=False)


def test_successes_in_a_row_are_counted(breaker: CircuitBreaker, clock: FakeClock) -> None:
    for count in range(1, 6):
        breaker.record_success(acquire(breaker))
        assert breaker.get_state()["consecutive_successes"] == count
        assert breaker.get_state()["last_success_time"] == clock.wall()
        clock.advance(SUCCESS_INTERVAL / 2)
    fail_times(breaker, 1)
    assert breaker.get_state()["consecutive_successes"] == 0
    breaker.record_success(acquire(breaker))
    assert breaker.get_state()["consecutive_successes"] == 1


def test_successes_in_a_row_end_with_a_failure_of_another_process(
    storage: Storage, clock: FakeClock
) -> None:
    mine, other = (CircuitBreaker(9, 60, storage=storage, clock=clock) for _ in range(2))

    def succeed_times(times: int) -> None:
        for _ in range(times):
            mine.record_success(acquire(mine))

    succeed_times(3)
    fail_times(other, 1)
    assert mine.get_state()["consecutive_successes"] == 0
    succeed_times(1)
    assert mine.get_state()["consecutive_successes"] == 1
    succeed_times(2)
    fail_times(mine, 1)
    other.record_success(acquire(other))
    assert mine.get_state()["consecutive_successes"] == 1
    succeed_times(2)
    mine.reset()
    assert mine.get_state()["consecutive_successes"] == 0


def test_an_ordinary_success_leaves_other_calls_alone(breaker: CircuitBreaker) -> None:
    one, other = acquire(breaker), acquire(breaker)
    breaker.record_success(one)
    breaker.record_failure(other)
    assert breaker.get_state()["failure_count"] == 1


def test_looking_and_giving_up_ordinary_calls_write_nothing(
    tmp_path: Path, clock: FakeClock
) -> None:
    breaker = CircuitBreaker(1, 60, storage=SharedStorage(str(tmp_path / "s.json")), clock=clock)
    breaker.release(acquire(breaker))
    breaker.get_state()
    assert not list(tmp_path.iterdir())


def test_successes_do_not_write_the_file_each_time(tmp_path: Path, clock: FakeClock) -> None:
    file = tmp_path / "state.json"
    breaker = CircuitBreaker(3, 60, storage=SharedStorage(str(file)), clock=clock)
    breaker.record_success(acquire(breaker))
    inode = file.stat().st_ino, file.stat().st_mtime_ns
    for _ in range(100):
        breaker.record_success(acquire(breaker))
    clock.advance(SUCCESS_INTERVAL - 1)
    breaker.record_success(acquire(breaker))
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == inode
    clock.advance(1)
    breaker.record_success(acquire(breaker))
    other = CircuitBreaker(3, 60, storage=SharedStorage(str(file)), clock=clock)
    assert other.get_state()["consecutive_successes"] == 103
    assert other.get_state()["last_success_time"] == clock.wall()


def test_attributes_are_tunable(breaker: CircuitBreaker, clock: FakeClock) -> None:
    breaker.failure_threshold = 1
    breaker.timeout = 120
    fail_times(breaker, 1)
    assert breaker.available_in() == 120
    breaker.timeout = 10
    clock.advance(10)
    breaker.lease = 5
    acquire(breaker)
    assert breaker.available_in() == 5


@pytest.mark.parametrize("nonsense", ["soon", None, []])
def test_attributes_of_no_use_are_taken_for_a_closed_circuit(
    half_open: CircuitBreaker, nonsense: Any
) -> None:
    half_open.timeout = nonsense
    assert half_open.get_state()["state"] == "closed"
    assert half_open.get_state()["is_available"] is True
    assert half_open.storage_errors == 2
    half_open.failure_threshold = nonsense
    assert asyncio.run(half_open.call(succeed)) == "result"
    assert asyncio.run(half_open.call(fail)) is None
    assert half_open.get_state()["state"] == "closed"


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "7")
    monkeypatch.setenv("CIRCUIT_BREAKER_TIMEOUT", "12.5")
    assert CircuitBreaker().failure_threshold == 7
    assert CircuitBreaker().timeout == 12.5
    assert CircuitBreaker(2, 5).failure_threshold == 2
    assert CircuitBreaker(2, 5).timeout == 5
    mixed = CircuitBreaker(failure_threshold=2)
    assert (mixed.failure_threshold, mixed.timeout) == (2, 12.5)
    mixed = CircuitBreaker(timeout=5)
    assert (mixed.failure_threshold, mixed.timeout) == (7, 5)


def test_defaults_and_one_line_about_a_bad_setting(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lib.system.logger._said", set())
    monkeypatch.setenv("CIRCUIT_BREAKER_FAILURE_THRESHOLD", "abc")
    monkeypatch.delenv("CIRCUIT_BREAKER_TIMEOUT", raising=False)
    breakers = [CircuitBreaker(), CircuitBreaker()]
    assert [(b.failure_threshold, b.timeout, b.half_open_max_calls) for b in breakers] == [
        (3, 60, 1),
        (3, 60, 1),
    ]
    assert [r.name for r in caplog.records if "THRESHOLD" in r.getMessage()] == ["pattern_tracker"]


@pytest.mark.filterwarnings("error")
def test_an_ordinary_function_and_a_coroutine_can_be_called(breaker: CircuitBreaker) -> None:
    ordinary: Any = lambda: 3  # noqa: E731
    assert asyncio.run(breaker.call(ordinary)) == 3
    assert asyncio.run(breaker.call(succeed())) == "result"
    fail_times(breaker, 3)
    assert asyncio.run(breaker.call(succeed())) is None
    gc.collect()


def test_a_refused_task_is_left_alone(breaker: CircuitBreaker) -> None:
    fail_times(breaker, 3)

    async def main() -> str:
        task = asyncio.create_task(succeed())
        assert await breaker.call(task) is None
        return await task

    assert asyncio.run(main()) == "result"


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes_and_ends_the_lease(
    half_open: CircuitBreaker, error: type[BaseException]
) -> None:
    async def interrupted() -> None:
        raise error

    with pytest.raises(error):
        asyncio.run(half_open.call(interrupted))
    assert half_open.get_state()["state"] == "half_open"
    assert half_open.get_state()["is_available"] is True
    assert half_open.get_state()["failure_count"] == 3


def test_a_cancelled_call_passes_and_counts_as_nothing(breaker: CircuitBreaker) -> None:
    async def main() -> None:
        task = asyncio.create_task(breaker.call(asyncio.Event().wait))
        await asyncio.sleep(0)
        task.cancel()
        await task

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(main())
    assert breaker.get_state()["failure_count"] == 0


def test_nobody_queues_behind_a_trial(half_open: CircuitBreaker) -> None:
    calls = 0

    async def main() -> list[str | None]:
        answer, asked = asyncio.Event(), asyncio.Event()

        async def request() -> str:
            nonlocal calls
            calls += 1
            asked.set()
            await answer.wait()
            return "result"

        trial = asyncio.create_task(half_open.call(request))
        await asked.wait()
        # Each of these ends before the trial does.
        refused = [await half_open.call(request) for _ in range(50)]
        answer.set()
        return [*refused, await trial]

    assert asyncio.run(main()) == [None] * 50 + ["result"]
    assert calls == 1


def test_a_failed_call_is_logged(breaker: CircuitBreaker, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, "pattern_tracker"):
        asyncio.run(breaker.call(fail))
    assert "ConnectionError('refused')" in caplog.text


def test_a_log_handler_that_fails_stops_nothing(breaker: CircuitBreaker) -> None:
    class Broken(logging.Filter):
        def filter(self, record: logging.LogRecord) -> bool:
            raise RuntimeError("the log is broken")

    broken = Broken()
    logging.getLogger("pattern_tracker").addFilter(broken)
    try:
        assert asyncio.run(breaker.call(fail)) is None
    finally:
        logging.getLogger("pattern_tracker").removeFilter(broken)


class BrokenStorage(Storage):
    """One that raises where it is told to."""

    def __init__(self, inner: Storage, broken: str) -> None:
        self._inner = inner
        self._broken = broken

    def read(self) -> State:
        if "read" in self._broken:
            raise OSError("unreadable")
        return self._inner.read()

    def update(self, change: Callable[[State], None]) -> State:
        if "update" in self._broken:
            raise OSError("disk full")
        return self._inner.update(change)


@pytest.mark.parametrize(
    ("broken", "errors"),
    # Of reading: 5 failed calls, 2 looks in the good one, 2 at the state. Of changing: 5, 1, 1.
    [("read", 9), ("update", 7), ("read update", 16)],
)
def test_a_storage_that_fails_is_a_closed_circuit_and_counted(
    clock: FakeClock, caplog: pytest.LogCaptureFixture, broken: str, errors: int
) -> None:
    storage = BrokenStorage(MemoryStorage(), broken)
    breaker = CircuitBreaker(9, 60, storage=storage, clock=clock)
    for _ in range(5):
        assert asyncio.run(breaker.call(fail)) is None
    assert asyncio.run(breaker.call(succeed)) == "result"
    breaker.reset()
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["warnings"] == 0
    assert breaker.storage_errors == errors
    assert ("disk full" in caplog.text) == ("update" in broken)


def test_an_open_circuit_whose_storage_turns_read_only(clock: FakeClock) -> None:
    inner = MemoryStorage()
    fail_times(CircuitBreaker(1, 60, storage=inner, clock=clock), 1)
    breaker = CircuitBreaker(1, 60, storage=BrokenStorage(inner, "update"), clock=clock)
    clock.advance(59.5)
    assert breaker.try_acquire() is None
    assert breaker.storage_errors == 0
    clock.advance(0.5)
    permit = acquire(breaker)
    assert breaker.storage_errors == 1
    healed = CircuitBreaker(1, 60, storage=inner, clock=clock)
    healed.record_success(permit)
    assert healed.get_state()["state"] == "closed"


class Busy(Storage):
    """A storage whose lock is not to be had, because another process changes the state."""

    def __init__(self, inner: Storage, other: Callable[[], object]) -> None:
        self._inner = inner
        self._other = other

    def read(self) -> State:
        return self._inner.read()

    def update(self, change: Callable[[State], None]) -> State:
        self._other()
        raise TimeoutError("held")


def test_who_waits_in_vain_for_the_lock_sees_what_happened_meanwhile(clock: FakeClock) -> None:
    inner = MemoryStorage()
    other = CircuitBreaker(1, 60, storage=inner, clock=clock)
    fail_times(other, 1)
    clock.advance(60)

    def take_the_trial() -> None:
        acquire(other)
        clock.advance(LEASE - 0.5)

    loser = CircuitBreaker(1, 60, storage=Busy(inner, take_the_trial), clock=clock)
    assert loser.try_acquire() is None

    other.reset()
    fail_times(other, 1)
    clock.advance(60)
    late = CircuitBreaker(1, 60, storage=Busy(inner, other.reset), clock=clock)
    permit = acquire(late)
    assert permit.trial == ""
    other.failure_threshold = 2
    other.record_failure(permit)
    assert other.get_state()["state"] == "closed"


def test_a_trial_that_finds_the_circuit_closed_is_an_ordinary_call(clock: FakeClock) -> None:
    class Late(MemoryStorage):
        """Shows, once, what was there before another process closed the circuit."""

        def read(self) -> State:
            return self.old.pop() if self.old else super().read()

        old: list[State] = []  # noqa: RUF012

    storage = Late()
    breaker = CircuitBreaker(1, 60, storage=storage, clock=clock)
    fail_times(breaker, 1)
    clock.advance(60)
    before = storage.read()
    breaker.reset()
    breaker.failure_threshold = 2
    storage.old = [before]
    permit = acquire(breaker)
    breaker.record_failure(permit)
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["failure_count"] == 1


def test_a_trial_taken_between_look_and_lock_is_respected(clock: FakeClock) -> None:
    class Slow(MemoryStorage):
        """Lets another process be quicker just before the lock is taken."""

        other: Callable[[], object] | None = None

        def update(self, change: Callable[[State], None]) -> State:
            other, self.other = self.other, None
            if other:
                other()
            return super().update(change)

    storage = Slow()
    breaker = CircuitBreaker(1, 60, storage=storage, clock=clock)
    fail_times(breaker, 1)
    clock.advance(60)

    def take_the_trial() -> None:
        acquire(breaker)
        clock.advance(LEASE - 0.5)

    storage.other = take_the_trial
    assert breaker.try_acquire() is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=6,
)
KEYS = (
    "opened epoch trials failure_count consecutive_successes last_failure last_success times_opened"
).split()
INSTANT = st.fixed_dictionaries({"boot": st.just("boot-0"), "up": JSON, "wall": JSON})
TRIALS = st.lists(st.fixed_dictionaries({"id": JSON, "since": INSTANT | JSON}), max_size=3)


@settings(max_examples=80)
@given(st.dictionaries(st.sampled_from(KEYS), JSON | INSTANT | TRIALS))
def test_any_stored_state_is_survived_and_overcome(stored: State) -> None:
    clock = FakeClock()
    storage = MemoryStorage()
    storage.update(lambda state: state.update(stored))
    breaker = CircuitBreaker(3, 60, storage=storage, clock=clock)
    json.dumps(breaker.get_state(), allow_nan=False)
    clock.advance(max(breaker.available_in(), 0))
    asyncio.run(breaker.call(fail))
    breaker.release(Permit(0, "x"))
    clock.advance(60 + LEASE)
    calls: list[Callable[[], Awaitable[str]]] = [succeed, succeed]
    assert asyncio.run(breaker.call(calls[0])) == "result"
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["failure_count"] == 0


def test_looking_costs_no_heavy_import() -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]);"
        "from lib.resilience.circuit_breaker import CircuitBreaker;"
        "from lib.system.storage import SharedStorage;"
        "CircuitBreaker(storage=SharedStorage('/nowhere/state.json')).try_acquire();"
        "from lib.resilience.health import Phase4HealthChecker;"
        "Phase4HealthChecker().get_health_status();"
        "print(*sys.modules)"
    )
    command = [sys.executable, "-I", "-S", "-c", script, str(ROOT)]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    heavy = {"asyncio", "httpx", "inspect", "dataclasses", "logging", "typing", "threading"}
    assert not heavy & set(output.split())


def test_the_package_loads_a_name_when_it_is_asked_for() -> None:
    import lib.resilience

    assert lib.resilience.CircuitBreaker is CircuitBreaker
    assert set(lib.resilience.__all__) <= set(dir(lib.resilience))
    with pytest.raises(AttributeError, match="Nothing"):
        lib.resilience.Nothing  # noqa: B018


def test_the_circuit_of_a_home_opens_again_at_a_moment_of_its_own() -> None:
    clock = FakeClock()
    waits = []
    for _ in range(50):
        breaker = Breaker(1, 60, clock=clock, jitter=0.25)
        fail_times(breaker, 1)
        waits.append(breaker.available_in())
        assert breaker.available_in() == waits[-1]
    assert 45 <= min(waits) < 50
    assert 55 < max(waits) <= 60
    assert len(set(waits)) > 10


def test_each_opening_draws_anew_and_the_trial_comes_when_it_was_said() -> None:
    clock = FakeClock()
    breaker = Breaker(1, 60, clock=clock, jitter=0.25)
    fail_times(breaker, 1)
    waits = set()
    for _ in range(20):
        waits.add(round(breaker.available_in(), 3))
        assert breaker.try_acquire() is None
        clock.advance(breaker.available_in())
        breaker.record_failure(acquire(breaker))
    assert len(waits) > 5


def test_the_flushers_circuit_has_a_moment_of_its_own_and_the_librarys_is_exact(
    tmp_path: Path,
) -> None:
    state, clock = state_of(StateFile(f"{tmp_path}/state.json"), "https://x"), FakeClock()
    mine = shared_breaker(Settings({}), state, clock)
    mine.failure_threshold = 1
    waits = set()
    for _ in range(10):
        mine.reset()
        fail_times(mine, 1)
        waits.add(round(mine.available_in(), 3))
        public = CircuitBreaker(1, 60, storage=SharedStorage(state, "breaker"), clock=clock)
        assert public.available_in() == 60
    assert len(waits) > 3


@pytest.mark.parametrize("spread", [None, "x", -1, 2, float("nan"), [], True])
def test_a_spread_that_is_none_is_taken_for_none(spread: object) -> None:
    opened = {"opened": FakeClock().now(), "spread": spread}
    assert 45 <= circuit.open_for(opened, 60, 0.25) <= 60
