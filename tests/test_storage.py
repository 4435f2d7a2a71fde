import json
import os
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from lib.resilience.circuit_breaker import CircuitBreaker
from lib.resilience.testing import FakeClock
from lib.system.lock import Lock
from lib.system.state import MAX_BYTES, State, StateFile
from lib.system.storage import MemoryStorage, SharedStorage, Storage, count, text

DAMAGED = {
    "empty": b"",
    "zeros": bytes(4096),
    "cut short": b'{"breaker": {"failure_count": 3, "opened": {"up"',
    "text": b"closed",
    "an array": b"[1, 2]",
    "null": b"null",
    "a string": b'"breaker"',
    "two objects": b"{}{}",
    "not a number": b'{"breaker": {"failure_count": NaN}}',
    "not UTF-8": b'{"breaker": "\xff\xfe"}',
    "UTF-16": '{"breaker": {}}'.encode("utf-16"),
    "too deep": b"[" * 100_000,
    "too large": b'{"breaker": {}}'.ljust(MAX_BYTES + 1),
}
USELESS = {
    "no section": {},
    "a section that is a list": {"breaker": []},
    "a section that is a number": {"breaker": 3},
    "words for numbers": {"breaker": {"failure_count": "many", "opened": "yesterday"}},
    "negative numbers": {"breaker": {"failure_count": -5, "epoch": -1, "trials": -1}},
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.json"


def breaker_over(path: Path) -> CircuitBreaker:
    return CircuitBreaker(1, 60, storage=SharedStorage(str(path)), clock=FakeClock())


def open_circuit(breaker: CircuitBreaker) -> None:
    permit = breaker.try_acquire()
    assert permit
    breaker.record_failure(permit)
    assert breaker.get_state()["state"] == "open"


@pytest.mark.parametrize("content", DAMAGED.values(), ids=list(DAMAGED))
def test_a_damaged_file_is_a_closed_circuit_and_a_warning(path: Path, content: bytes) -> None:
    breaker = breaker_over(path)
    open_circuit(breaker)
    path.write_bytes(content)
    for _ in range(3):
        state = breaker.get_state()
        assert (state["state"], state["failure_count"]) == ("closed", 0)
        assert state["warnings"] == 1
    open_circuit(breaker)
    # The warning outlives the damage and this process.
    assert breaker_over(path).get_state()["warnings"] == 1
    assert breaker_over(path).get_state()["state"] == "open"
    path.write_bytes(content)
    assert breaker.get_state()["warnings"] == 2


@pytest.mark.parametrize("content", USELESS.values(), ids=list(USELESS))
def test_a_useless_section_is_a_closed_circuit(path: Path, content: State) -> None:
    path.write_text(json.dumps(content))
    breaker = breaker_over(path)
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["failure_count"] == 0
    open_circuit(breaker)


def test_a_missing_file_is_a_closed_circuit(path: Path) -> None:
    breaker = breaker_over(path)
    assert breaker.get_state()["state"] == "closed"
    assert breaker.get_state()["warnings"] == 0
    open_circuit(breaker)
    path.unlink()
    assert breaker.get_state()["state"] == "closed"


def test_a_directory_in_the_files_place(path: Path) -> None:
    path.mkdir()
    breaker = breaker_over(path)
    for _ in range(2):
        permit = breaker.try_acquire()
        assert permit
        breaker.record_failure(permit)
    assert breaker.get_state()["warnings"] == 1
    assert breaker.get_state()["storage_errors"] == 2
    assert breaker.get_state()["state"] == "closed"


def test_a_path_through_a_file_is_damaged_and_not_fatal(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    breaker = breaker_over(tmp_path / "file" / "state.json")
    assert breaker.try_acquire()
    assert breaker.get_state()["warnings"] == 1


def test_missing_directories_are_made_private(tmp_path: Path) -> None:
    path = tmp_path / "new" / "spool" / "state.json"
    open_circuit(breaker_over(path))
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_what_a_killed_writer_left_is_no_obstacle(path: Path) -> None:
    (path.parent / "state.json.tmp").write_text("half a st")
    open_circuit(breaker_over(path))
    assert sorted(os.listdir(path.parent)) == ["state.json", "state.lock"]


def test_sections_do_not_disturb_each_other(path: Path) -> None:
    file = StateFile(str(path))
    SharedStorage(file, "health").update(lambda state: state.update(state="healthy"))
    SharedStorage(file, "breaker").update(lambda state: state.update(epoch=1))
    assert json.loads(path.read_text()) == {"health": {"state": "healthy"}, "breaker": {"epoch": 1}}
    assert SharedStorage(str(path), "health").read() == {"state": "healthy"}


def test_an_unchanged_file_is_parsed_once(path: Path) -> None:
    path.write_bytes(b'{"breaker": {}}'.ljust(MAX_BYTES))
    file = StateFile(str(path))
    assert file.read() == {"breaker": {}}
    assert file.read() is file.read()


def test_a_state_file_tells_damaged_from_missing(path: Path) -> None:
    file = StateFile(str(path))
    damaged = []
    for content in ("", "{}", "{", None):
        path.unlink(missing_ok=True)
        if content is not None:
            path.write_text(content)
        assert file.read() == {}
        damaged.append(file.damaged)
    assert damaged == [True, False, True, False]
    assert file.damages == 2


def test_a_nonsense_damage_count_is_ignored(path: Path) -> None:
    path.write_text('{"damage": {"count": "many"}, "breaker": {}}')
    assert breaker_over(path).get_state()["warnings"] == 0


def test_a_lock_that_is_held_is_an_error_in_time(path: Path) -> None:
    lock = Lock(str(path.with_suffix(".lock")))
    assert lock.acquire()
    try:
        with pytest.raises(TimeoutError):
            SharedStorage(str(path), lock_timeout=0.02).update(lambda state: None)
    finally:
        lock.release()


def test_a_change_that_fails_leaves_no_trace(path: Path) -> None:
    for storage in (MemoryStorage(), SharedStorage(str(path))):
        assert storage.update(lambda state: state.update(epoch=1)) == {"epoch": 1}

        def fail(state: State) -> None:
            state["epoch"] = 2
            raise ValueError

        with pytest.raises(ValueError):  # noqa: PT011
            storage.update(fail)
        assert storage.read() == {"epoch": 1}


@pytest.mark.parametrize("kind", ["memory", "shared"])
def test_no_update_is_lost_between_threads(path: Path, kind: str) -> None:
    storage = MemoryStorage() if kind == "memory" else SharedStorage(str(path), lock_timeout=30)

    def add() -> None:
        for _ in range(25):
            storage.update(lambda state: state.update(n=count(state, "n") + 1))

    threads = [threading.Thread(target=add) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert storage.read() == {"n": 200}


def test_a_storage_of_ones_own_needs_read_and_update() -> None:
    storage = Storage()
    assert storage.warnings == 0
    with pytest.raises(NotImplementedError):
        storage.read()
    with pytest.raises(NotImplementedError):
        storage.update(lambda state: None)


def test_fields_that_anybody_may_have_written() -> None:
    state: State = {"n": 3, "minus": -3, "word": "w"}
    assert [count(state, key) for key in ("n", "minus", "word", "none")] == [3, 0, 0, 0]
    assert [text(state, key) for key in ("word", "n", "none")] == ["w", "", ""]


def test_a_path_may_be_given_in_any_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mine" / "state.json"
    path.parent.mkdir()
    SharedStorage(path).update(lambda state: state.update(count=7))
    for given in (str(path), "~/mine/state.json", Path("~/mine/state.json"), "mine/state.json"):
        assert SharedStorage(given).read() == {"count": 7}
    SharedStorage("~/mine/state.json").update(lambda state: state.update(count=8))
    assert SharedStorage(path).read() == {"count": 8}
    assert [found.name for found in tmp_path.iterdir()] == ["mine"]


def test_a_length_of_time_may_be_a_timedelta(path: Path) -> None:
    lock = Lock(str(path.with_suffix(".lock")))
    assert lock.acquire(1)
    storage = SharedStorage(path, lock_timeout=timedelta(milliseconds=1))
    with pytest.raises(TimeoutError):
        storage.update(lambda state: None)
    lock.release()
