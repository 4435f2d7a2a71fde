"""One circuit, many real processes."""

import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import pytest

from lib.delivery.breaker import LEASE
from lib.resilience.circuit_breaker import CircuitBreaker
from lib.resilience.testing import FakeClock
from lib.system.clock import Clock
from lib.system.storage import SharedStorage

ROOT = Path(__file__).parent.parent
PATIENCE = 30

# Forks a herd that starts all at once. Each prints one word; their parent prints nothing.
HERD = """
import asyncio, http.client, os, sys
from lib.resilience.circuit_breaker import CircuitBreaker
from lib.system.storage import SharedStorage

task, path, size, argument = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])

def breaker(threshold):
    storage = SharedStorage(path, lock_timeout=30)
    return CircuitBreaker(threshold, 60, storage=storage)

async def request():
    connection = http.client.HTTPConnection("127.0.0.1", argument)
    connection.request("GET", "/")
    if connection.getresponse().status != 200:
        raise ConnectionError
    return "answered"

def call(start):
    start()
    return asyncio.run(breaker(3).call(request)) or "None"

def fail_often(start):
    mine = breaker(10**6)
    start()
    for _ in range(argument):
        mine.record_failure(mine.try_acquire())
    return str(mine.storage_errors)

def fail_once(start):
    mine = breaker(argument)
    permit = mine.try_acquire()
    start()
    mine.record_failure(permit)
    return str(mine.storage_errors)

ready_read, ready_write = os.pipe()
go_read, go_write = os.pipe()

def start():
    os.write(ready_write, b".")
    os.read(go_read, 1)

for _ in range(size):
    if os.fork() == 0:
        os.close(go_write)
        word = globals()[task](start)
        os.write(1, word.encode() + b"\\n")
        os._exit(0)
for _ in range(size):
    os.read(ready_read, 1)
os.close(go_write)
for _ in range(size):
    os.wait()
"""

PROBER = """
import sys
from lib.resilience.circuit_breaker import CircuitBreaker
from lib.system.storage import SharedStorage
permit = CircuitBreaker(3, 60, storage=SharedStorage(sys.argv[1])).try_acquire()
print("trial" if permit and permit.trial else "none", flush=True)
sys.stdin.read()
"""


def python(script: str, *arguments: object) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", script, *map(str, arguments)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def run_herd(*arguments: object) -> list[str]:
    with python(HERD, *arguments) as herd:
        output, errors = herd.communicate(timeout=PATIENCE)
    assert not errors
    return output.split()


@pytest.fixture
def path(tmp_path: Path) -> str:
    return str(tmp_path / "state.json")


def present(shift: float) -> FakeClock:
    """A clock that stands still `shift` seconds from now."""
    clock = Clock()
    return FakeClock(clock.uptime() + shift, clock.wall() + shift, clock.boot_id())


@pytest.fixture
def past_timeout(path: str) -> CircuitBreaker:
    """A breaker over a circuit that opened 61 seconds ago, with a timeout of 60."""
    old = CircuitBreaker(1, 60, storage=SharedStorage(path), clock=present(-61))
    permit = old.try_acquire()
    assert permit
    old.record_failure(permit)
    return CircuitBreaker(3, 60, storage=SharedStorage(path))


class Service(http.server.ThreadingHTTPServer):
    """Counts the requests, and answers none of them before it is told to."""

    daemon_threads = True
    request_queue_size = 300

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests = 0
        self.status = 200
        self.answer = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    server: Service

    def do_GET(self) -> None:
        self.server.requests += 1
        self.server.answer.wait(PATIENCE)
        self.send_response(self.server.status)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture
def service() -> Iterator[Service]:
    with Service() as service:
        thread = threading.Thread(target=service.serve_forever, args=(0.01,))
        thread.start()
        yield service
        service.answer.set()
        service.shutdown()
        thread.join()


def read_words(output: IO[str] | None, count: int) -> list[str]:
    assert output
    return [output.readline().strip() for _ in range(count)]


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        (200, ("answered", "closed", 1)),
        (503, ("None", "open", 2)),
    ],
)
@pytest.mark.long
def test_of_200_processes_exactly_one_tries(
    past_timeout: CircuitBreaker,
    service: Service,
    path: str,
    status: int,
    outcome: tuple[str, str, int],
) -> None:
    service.status = status
    with python(HERD, "call", path, 200, service.server_port) as herd:
        watchdog = threading.Timer(PATIENCE, service.answer.set)
        watchdog.start()
        # The others end while the trial waits for its answer.
        assert read_words(herd.stdout, 199) == ["None"] * 199
        service.answer.set()
        watchdog.cancel()
        word = read_words(herd.stdout, 1)[0]
        herd.communicate(timeout=PATIENCE)
    assert service.requests == 1
    state = past_timeout.get_state()
    assert (word, state["state"], state["times_opened"]) == outcome


def test_a_killed_prober_is_replaced_within_one_lease(
    past_timeout: CircuitBreaker, path: str
) -> None:
    with python(PROBER, path) as prober:
        assert read_words(prober.stdout, 1) == ["trial"]
        assert past_timeout.try_acquire() is None
        os.kill(prober.pid, signal.SIGKILL)
    clock = present(0)
    heir = CircuitBreaker(3, 60, storage=SharedStorage(path), clock=clock)
    assert heir.try_acquire() is None
    assert 0 < heir.available_in() <= LEASE
    clock.advance(LEASE)
    assert heir.try_acquire()
    assert heir.try_acquire() is None


def test_no_failure_is_lost_between_processes(path: str) -> None:
    assert run_herd("fail_often", path, 20, 10) == ["0"] * 20
    breaker = CircuitBreaker(10**6, 60, storage=SharedStorage(path))
    assert breaker.get_state()["failure_count"] == 200


def test_the_circuit_opens_once_however_many_fail_at_once(path: str) -> None:
    assert run_herd("fail_once", path, 50, 3) == ["0"] * 50
    state = CircuitBreaker(3, 60, storage=SharedStorage(path)).get_state()
    assert state["state"] == "open"
    assert state["times_opened"] == 1
    assert state["failure_count"] == 3
