import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from lib.resilience.circuit_breaker import CircuitBreaker
from lib.resilience.testing import FakeClock
from lib.system import moment
from lib.system.clock import LONG_AGO, Clock, wall_of
from lib.system.storage import MemoryStorage

ROOT = Path(__file__).parent.parent
TEN_YEARS = 10 * 365.25 * 86400.0
TIMEOUT = 60.0
NONSENSE: list[object] = [
    None,
    3,
    "yesterday",
    [],
    {},
    {"up": "1"},
    {"boot": "boot-0", "up": None, "wall": None},
    {"boot": "boot-0", "up": 10**400, "wall": 0},
    {"boot": "boot-0", "up": float("nan"), "wall": 0},
    {"boot": "boot-0", "up": float("inf"), "wall": 0},
    {"boot": "boot-0", "up": float("-inf"), "wall": 0},
    {"boot": ["boot-0"], "up": 0, "wall": 0},
    {"boot": "", "up": 0, "wall": 0},
]


def test_time_passes_within_a_boot_whatever_the_wall_clock_does() -> None:
    clock = FakeClock()
    then = clock.now()
    clock.advance(7)
    clock.set_wall(clock.wall() - TEN_YEARS)
    assert clock.since(then) == 7


def test_what_cannot_be_measured_is_long_ago() -> None:
    clock = FakeClock(uptime=50)
    then = clock.now()
    clock.reboot()
    clock.advance(51)
    assert clock.since(then) == LONG_AGO
    future = {**clock.now(), "up": clock.uptime() + 1}
    assert clock.since(future) == LONG_AGO


@pytest.mark.parametrize("instant", NONSENSE, ids=repr)
@pytest.mark.parametrize("boot_id", ["boot-0", ""])
def test_nonsense_is_long_ago(instant: object, boot_id: str) -> None:
    assert FakeClock(boot_id=boot_id).since(instant) == LONG_AGO


def test_without_a_boot_id_both_clocks_must_agree() -> None:
    clock = FakeClock(boot_id="")
    then = clock.now()
    clock.advance(7)
    clock.set_wall(clock.wall() + 0.5)
    assert clock.since(then) == pytest.approx(7.5)
    clock.set_wall(clock.wall() - 1)
    assert clock.since(then) == 7
    clock.set_wall(clock.wall() - 1)
    assert clock.since(then) == LONG_AGO
    clock.set_wall(clock.wall() + 3)
    assert clock.since(then) == LONG_AGO


def test_without_a_boot_id_a_reboot_is_noticed_by_the_wall_clock() -> None:
    clock = FakeClock(uptime=5, boot_id="")
    then = clock.now()
    clock.reboot(off=1)
    clock.advance(8)
    assert clock.since(then) == LONG_AGO


def test_the_real_clock_agrees_with_another_process() -> None:
    clock = Clock()
    script = "import json; from lib.system.clock import Clock; print(json.dumps(Clock().now()))"
    command = [sys.executable, "-c", script]
    before = clock.uptime()
    output = subprocess.run(command, cwd=ROOT, check=True, capture_output=True).stdout
    then = json.loads(output)
    assert then["boot"] == clock.boot_id()
    assert before <= then["up"] <= clock.uptime()
    assert 0 <= clock.since(then) <= clock.uptime() - before


def test_a_system_without_a_boot_id(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(moment, "BOOT_ID_FILE", str(tmp_path / "none"))
    clock = Clock()
    assert clock.boot_id() == ""
    assert 0 <= clock.since(clock.now()) < LONG_AGO


def test_a_boot_id_file_of_binary_noise(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    noise = tmp_path / "boot_id"
    noise.write_bytes(b"\xff\xfe")
    monkeypatch.setattr(moment, "BOOT_ID_FILE", str(noise))
    assert Clock().boot_id() == ""


def test_wall_time_of_an_instant() -> None:
    assert wall_of({"wall": 12.5}) == 12.5
    assert wall_of({"wall": -1}) == -1
    for nonsense in (None, {}, {"wall": "noon"}, {"wall": math.inf}, {"wall": math.nan}):
        assert wall_of(nonsense) is None


class Torture:
    """A machine whose circuit has just opened, and what is true about it."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.real = 0.0
        self.exact = True
        self.storage = MemoryStorage()
        breaker = self.breaker()
        permit = breaker.try_acquire()
        assert permit
        breaker.record_failure(permit)

    def breaker(self) -> CircuitBreaker:
        return CircuitBreaker(1, TIMEOUT, storage=self.storage, clock=self.clock)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.real += seconds

    def reboot(self, seconds: float) -> None:
        self.clock.reboot(seconds)
        self.real += seconds
        self.exact = False

    def set_wall(self, shift: float) -> None:
        self.clock.set_wall(self.clock.wall() + shift)
        self.exact = self.exact and bool(self.clock.boot_id())

    def look(self) -> None:
        """The oracle: not a moment too long, and without a reboot not too short either."""
        wait = self.breaker().available_in()
        assert 0 <= wait <= TIMEOUT
        if wait > 0:
            assert self.real <= TIMEOUT * 1.1
        if self.exact and self.real < TIMEOUT - 0.01:
            assert wait == pytest.approx(TIMEOUT - self.real, abs=0.01)


PAUSE = st.one_of(st.floats(0, 2 * TIMEOUT), st.floats(0, TEN_YEARS))
SHIFT = st.one_of(st.floats(-TEN_YEARS, TEN_YEARS), st.floats(-2 * TIMEOUT, 2 * TIMEOUT))
UPTIME = st.one_of(st.floats(0, 10), st.floats(0, TEN_YEARS))
ADVANCE = st.tuples(st.just("advance"), PAUSE)
REBOOT = st.tuples(st.just("reboot"), PAUSE)
SET_WALL = st.tuples(st.just("set_wall"), SHIFT)


def endure(clock: FakeClock, steps: list[tuple[str, float]]) -> None:
    torture = Torture(clock)
    for name, value in steps:
        getattr(torture, name)(value)
        torture.look()


@settings(max_examples=100)
@given(UPTIME, st.lists(st.one_of(ADVANCE, REBOOT, SET_WALL), max_size=12))
def test_the_circuit_is_never_open_too_long(uptime: float, steps: list[tuple[str, float]]) -> None:
    endure(FakeClock(uptime), steps)


@settings(max_examples=100)
@given(UPTIME, st.lists(st.one_of(ADVANCE, REBOOT), max_size=12))
def test_without_a_boot_id_through_reboots(uptime: float, steps: list[tuple[str, float]]) -> None:
    endure(FakeClock(uptime, boot_id=""), steps)


@settings(max_examples=100)
@given(UPTIME, st.lists(st.one_of(ADVANCE, SET_WALL), max_size=12))
def test_without_a_boot_id_through_wrong_dates(
    uptime: float, steps: list[tuple[str, float]]
) -> None:
    endure(FakeClock(uptime, boot_id=""), steps)


ANY_INSTANT = st.fixed_dictionaries(
    {
        "boot": st.sampled_from(["boot-0", "boot-1", "", None]),
        "up": st.one_of(SHIFT, st.floats(), st.none()),
        "wall": st.one_of(SHIFT, st.floats(), st.none()),
    }
)


@settings(max_examples=100)
@example({"boot": "boot-0", "up": 4.985334310284323, "wall": None}, "boot-0", [5.0])
@given(ANY_INSTANT, st.sampled_from(["boot-0", ""]), st.lists(st.floats(0, TIMEOUT), max_size=8))
def test_an_instant_from_a_nonsense_clock(
    instant: dict[str, object], boot_id: str, pauses: list[float]
) -> None:
    """Nobody who starts asking is refused for longer than the timeout."""
    clock = FakeClock(0, boot_id=boot_id)
    storage = MemoryStorage()
    storage.update(lambda state: state.update(opened=instant, failure_count=3))
    breaker = CircuitBreaker(1, TIMEOUT, storage=storage, clock=clock)
    refused_at = None
    for pause in pauses:
        clock.advance(pause)
        if breaker.available_in() == 0:
            refused_at = None
        elif refused_at is None:
            refused_at = clock.uptime()
        else:
            assert clock.uptime() - refused_at <= TIMEOUT * 1.1
    clock.advance(max(0.0, breaker.available_in()))
    assert breaker.try_acquire()
