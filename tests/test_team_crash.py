"""A team's storage while its database or its own process is killed, frozen, cut off or full."""

import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import pytest

from lib.web.team.sql_storage import SqlStorage, open_storage
from lib.web.team.stored import Arrived, Reader, Storage, StorageError
from lib.web.team.working import Work
from tests.support.bundle import ROOT
from tests.support.mounts import alone
from tests.support.postgres import PostgresServer, psycopg
from tests.support.team import arrived, contents, recounted

ALL = Reader()
SENDERS, BATCHES, SIZE = 3, 20, 5


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """A PostgreSQL that may be ended and started again; what is here leaves it running."""
    with PostgresServer() as server:
        yield server


@pytest.fixture
def storage(server: PostgresServer) -> Iterator[Storage]:
    storage = open_storage(server.new_schema(), seconds=20)
    yield storage
    storage.close()


def batches_of(person: str) -> list[list[Arrived]]:
    """A line of events, each from the one before, in batches."""
    line = [
        arrived(str(n), "modified", f"{person} {n}", [f"{person} {n - 1}"], person=person)
        for n in range(1, BATCHES * SIZE + 1)
    ]
    return [line[start : start + SIZE] for start in range(0, len(line), SIZE)]


class Sending:
    """Several who send at once, and send again what was not acknowledged, as clients do.

    From the half on each sends the same again and again until `go_on`.
    """

    def __init__(self, storage: Storage) -> None:
        self._storage = storage
        self._half = threading.Semaphore(0)
        self._may_go_on = threading.Event()
        self._pool = ThreadPoolExecutor(SENDERS)
        self._running: list[Future[int]] = [
            self._pool.submit(self._send, f"person {n}") for n in range(SENDERS)
        ]

    def wait_for_half(self) -> None:
        """Wait until each has sent half of what it has."""
        for _ in range(SENDERS):
            assert self._half.acquire(timeout=60)

    def refused(self) -> int:
        """Wait until all is sent; return how often something was refused."""
        self._may_go_on.set()
        refused = sum(running.result(timeout=90) for running in self._running)
        self._pool.shutdown()
        return refused

    def _send(self, person: str) -> int:
        batches = batches_of(person)
        refused = sum(map(self._attempts, batches[: BATCHES // 2]))
        self._half.release()
        while not self._may_go_on.is_set():
            refused += self._attempts(batches[0])
        return refused + sum(map(self._attempts, batches[BATCHES // 2 :]))

    def _attempts(self, batch: list[Arrived]) -> int:
        """Send a batch until it is taken; return how often it was not."""
        for attempt in range(1000):
            try:
                self._storage.record(batch)
            except StorageError:
                time.sleep(0.05)
            else:
                return attempt
        raise AssertionError


def assert_whole(storage: Storage) -> None:
    """Every event is there once, and each line leads to its beginning."""
    wanted = SENDERS * BATCHES * SIZE
    assert storage.rows("SELECT count(*), count(DISTINCT key) FROM events") == [(wanted, wanted)]
    assert storage.rows("SELECT count(*) FROM edges") == [(wanted,)]
    for n in range(SENDERS):
        line = storage.ancestry(f"person {n} {BATCHES * SIZE}", ALL, depth=1000)
        assert len(line) == BATCHES * SIZE
    assert recounted(storage) == contents(storage)["activity"]


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_a_database_that_ends_and_starts_again_loses_and_doubles_nothing(
    server: PostgresServer, storage: Storage, how: signal.Signals
) -> None:
    sending = Sending(storage)
    sending.wait_for_half()
    server.stop(how)
    server.start()
    sending.refused()
    assert_whole(storage)


def test_a_database_that_is_away_for_long_is_found_again(server: PostgresServer) -> None:
    storage = open_storage(server.new_schema(), seconds=1)
    body = arrived("1", "created", "a")
    server.stop()
    # Longer than the pool tries by itself.
    told = [refusal(storage, body) for _ in range(3)]
    assert [error is not None and error.is_passing for error in told] == [True] * 3
    server.start()
    assert any(refusal(storage, body) is None for _ in range(10))
    storage.close()


def test_connections_that_are_cut_are_made_anew_without_a_word(
    server: PostgresServer, storage: Storage
) -> None:
    sending = Sending(storage)
    sending.wait_for_half()
    cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid != pg_backend_pid()"
    with psycopg.connect(server.url, autocommit=True) as db:
        db.execute(f"{cut} AND backend_type = 'client backend'")
    assert sending.refused() == 0
    assert_whole(storage)


def test_a_frozen_database_is_given_up_and_taken_up_again(server: PostgresServer) -> None:
    storage = open_storage(server.new_schema(), seconds=1)
    storage.record([arrived("1", "created", "a")])
    try:
        server.signal_all(signal.SIGSTOP)
        for _ in range(2):
            began = time.monotonic()
            with pytest.raises(StorageError) as caught:
                storage.record([arrived("2", "created", "b")])
            assert caught.value.is_passing
            # On a busy machine, too: what is not bounded would be here for good.
            assert time.monotonic() - began < 30
    finally:
        server.signal_all(signal.SIGCONT)
    storage.record([arrived("2", "created", "b")])
    assert storage.rows("SELECT count(*) FROM events") == [(2,)]
    storage.close()


def test_a_server_that_is_frozen_within_a_transaction_does_not_hold_up_the_others(
    server: PostgresServer,
) -> None:
    url = server.new_schema()
    storage, frozen = open_storage(url, seconds=1), open_storage(url, seconds=1)
    assert isinstance(frozen, SqlStorage)
    taken, over = threading.Event(), threading.Event()

    def freeze(work: Work) -> None:
        work.lock("person ann")
        taken.set()
        over.wait(60)

    with ThreadPoolExecutor(1) as thread:
        running = thread.submit(frozen._database.write, freeze)
        assert taken.wait(30)
        body = arrived("1", "created", "a")
        found = [refusal(storage, body)]
        while found[-1] is not None and len(found) < 12:
            found.append(refusal(storage, body))
        over.set()
        with suppress(StorageError):
            running.result(60)
    assert found[0] is not None
    assert found[-1] is None
    storage.close()
    frozen.close()


WRITER = """
import sys
from lib.web.team.sql_storage import open_storage
from tests.test_team_crash import batches_of
storage = open_storage(sys.argv[1])
while True:
    for number, batch in enumerate(batches_of("person 0")):
        storage.record(batch)
        print(number, flush=True)
"""


@pytest.mark.parametrize("killed", ["it alone", "its database too", "it over SQLite"])
def test_a_server_that_is_killed_has_kept_what_it_acknowledged(
    server: PostgresServer, tmp_path: Path, killed: str
) -> None:
    both, is_sqlite = killed == "its database too", killed == "it over SQLite"
    url = f"sqlite://{tmp_path}/team.db" if is_sqlite else server.new_schema()
    command = [sys.executable, "-c", WRITER, url]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == BATCHES // 2:
                break
        if both:
            server.stop(signal.SIGKILL)
        writer.kill()
        acknowledged = max([BATCHES // 2, *map(int, writer.stdout)]) + 1
    if both:
        server.start()
    storage = open_storage(url)
    [(kept,)] = storage.rows("SELECT count(*) FROM events")
    # Of what was not acknowledged, a batch is there or it is not.
    assert kept >= acknowledged * SIZE
    assert kept % SIZE == 0
    Sending(storage).refused()
    assert_whole(storage)
    storage.close()


@pytest.mark.long
@alone
def test_a_full_disk_refuses_and_goes_on_when_there_is_room() -> None:
    disk = mounted(10)
    fill(f"sqlite://{disk}/team.db", disk)


@pytest.mark.long
@alone
def test_a_full_disk_of_postgresql_refuses_and_goes_on_when_there_is_room() -> None:
    disk = mounted(160)
    with PostgresServer(disk / "data", min_wal_size="32MB", max_wal_size="32MB") as server:
        fill(server.new_schema(), disk, server)


def mounted(megabytes: int) -> Path:
    """Mount a small disk, which is gone with the test's mount namespace."""
    size = f"size={megabytes}m"
    subprocess.run(["mount", "-t", "tmpfs", "-o", size, "none", "/mnt"], check=True)
    return Path("/mnt")


def fill(url: str, disk: Path, server: PostgresServer | None = None) -> None:
    """Record until the disk is full, make room, and go on."""
    storage = open_storage(url)
    ballast = disk / "ballast"
    with ballast.open("wb") as file:
        room = os.statvfs(disk)
        file.write(bytes(room.f_bavail * room.f_frsize - 6 * 2**20))
    sent, refused = 0, None
    while refused is None:
        refused = refusal(storage, large(sent))
        sent += refused is None
        assert sent < 100
    assert refused.is_passing
    ballast.unlink()
    if server is not None:
        # It may have ended for want of room, and whoever runs it starts it again.
        server.start()
    storage.record([large(sent)])
    assert storage.rows("SELECT count(*) FROM events") == [(sent + 1,)]
    assert recounted(storage) == contents(storage)["activity"]
    storage.close()


def refusal(storage: Storage, body: Arrived) -> StorageError | None:
    try:
        storage.record([body])
    except StorageError as error:
        return error
    return None


def large(number: int) -> Arrived:
    """Make a body with code that does not compress."""
    code = random.Random(number).randbytes(200_000).decode("latin-1").replace("\0", "")
    return arrived(str(number), "created", f"p{number}", data={"code": code})
