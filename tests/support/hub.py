"""A team's server as an operator has it: two instances behind a proxy, and PostgreSQL."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from pathlib import Path
from types import TracebackType

import httpx
import psycopg

from lib.web.team import bearer
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Storage, Token
from tests.support.bundle import ROOT, wait_for
from tests.support.postgres import PostgresServer
from tests.support.served import START
from tests.support.service_listener import LOOPBACK
from tests.support.switch import Switch

HEALTH = "/api/pattern-traceability/health"
BALLAST = "ballast"


class Instance:
    """One process of `pattern-tracker serve --team`, always at the same port."""

    def __init__(self, home: Path, database: str) -> None:
        with closing(socket.create_server((LOOPBACK, 0))) as free:
            self.port: int = free.getsockname()[1]
        self._command = [
            sys.executable, "-I", "-c", START, str(ROOT), "serve", "--team", "--database", database,
            "--port", str(self.port), "--rate", "0",
        ]  # fmt: skip
        self._environ = {"HOME": str(home), "PATH": os.environ["PATH"]}
        self._home = home
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start it; it may take a while until it answers, and it ends where it has no database."""
        with (self._home / f"server-{self.port}.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command, env=self._environ, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )

    def is_well(self) -> bool:
        """Check whether it answers, and says that it is well; one that has ended is started."""
        if self.process is None or self.process.poll() is not None:
            self.start()
        try:
            answer = httpx.get(f"http://{LOOPBACK}:{self.port}{HEALTH}", timeout=5.0)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    def send(self, what: signal.Signals) -> None:
        """Send it a signal."""
        if self.process is not None:
            self.process.send_signal(what)

    def kill(self) -> None:
        """End it as a power cut would."""
        self.send(signal.SIGKILL)
        if self.process is not None:
            self.process.wait()
        self.process = None


class Hub:
    """Two instances over a PostgreSQL; `url` is what homes are told.

    `disk` is where PostgreSQL has its files, a directory that others than root can reach.
    """

    def __init__(self, home: Path, disk: Path) -> None:
        self._disk = disk
        self._postgres = PostgresServer(disk / "postgres")
        self._stack = ExitStack()
        self._home = home

    def __enter__(self) -> "Hub":
        with ExitStack() as stack:
            (self._disk / "postgres").mkdir()
            stack.enter_context(self._postgres)
            self.database = self._postgres.url
            self.instances = [Instance(self._home, self.database) for _ in range(2)]
            for one in self.instances:
                stack.callback(one.kill)
                one.start()
            self._switch = Switch([one.port for one in self.instances])
            stack.callback(self._switch.close)
            self.url = self._switch.url
            self.heal()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stack.close()

    @contextmanager
    def storage(self) -> Iterator[Storage]:
        """The tables, once the database answers."""
        with closing(open_storage(self.database)) as found:
            yield found

    def tokens(self, people: Sequence[str]) -> list[str]:
        """Make a token for each of some people."""
        found = []
        with self.storage() as storage:
            for person in people:
                token = bearer.make()
                digest = bearer.digest_of(token)
                rights = frozenset({"read", "write"})
                storage.add_token(Token(digest[:12], digest, person, rights, None, time.time()))
                found.append(token)
        return found

    def cut(self, seconds: float) -> None:
        """Cut all connections of homes, again and again."""
        for _ in range(int(seconds / 0.2)):
            self._switch.cut()
            time.sleep(0.2)

    def lose_answers(self, seconds: float) -> None:
        """Lose two answers: homes do not know what was kept, and send it again."""
        self._switch.lose_answers(2, 20 * seconds)

    def kill_instance(self, seconds: float) -> None:
        """Kill one instance, which is started again after a while."""
        self.instances[0].kill()
        time.sleep(seconds)
        self.instances[0].start()

    def kill_database(self, seconds: float) -> None:
        """Kill PostgreSQL and all that it has started."""
        self._kill_database()
        time.sleep(seconds)
        self._start_database()

    def kill_all(self, seconds: float) -> None:
        """Kill both instances and PostgreSQL."""
        for one in self.instances:
            one.kill()
        self.kill_database(seconds)
        for one in self.instances:
            one.start()

    def freeze_database(self, seconds: float) -> None:
        """Let PostgreSQL and all that it has started stand still."""
        _freeze(self._database_processes(), seconds)

    def freeze_instance(self, seconds: float) -> None:
        """Let one instance stand still."""
        process = self.instances[1].process
        _freeze([process.pid] if process else [], seconds)

    def end_instance(self, seconds: float) -> None:
        """End one instance in order, as a rolling restart does."""
        one = self.instances[1]
        one.send(signal.SIGTERM)
        if one.process is not None:
            one.process.wait()
        one.start()
        time.sleep(seconds)

    def drop_connections(self, seconds: float) -> None:
        """End the database's connections to the instances, again and again."""
        query = (
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
            "WHERE backend_type = 'client backend' AND pid != pg_backend_pid()"
        )
        for _ in range(int(seconds / 0.2)):
            with suppress(psycopg.Error), psycopg.connect(self.database, autocommit=True) as db:
                db.execute(query)
            time.sleep(0.2)

    def fill_disk(self, seconds: float) -> None:
        """Fill the disk of the database to the last byte, and free it after a while."""
        with (self._disk / BALLAST).open("wb", buffering=0) as file, suppress(OSError):
            while True:
                file.write(bytes(65536))
        query = "CREATE TABLE more AS SELECT repeat('x', 500) FROM generate_series(1, 100000)"
        try:
            with psycopg.connect(self.database) as db:
                db.execute(query)
        except psycopg.Error:  # either that the disk is full, or it has ended by that
            pass
        else:
            raise AssertionError("the disk of the database is not full")
        time.sleep(seconds)
        (self._disk / BALLAST).unlink()

    def heal(self) -> None:
        """Wait until both instances say that they are well; what has ended is started."""
        self._start_database()
        wait_for(lambda: all(one.is_well() for one in self.instances))

    def _start_database(self) -> None:
        """Start PostgreSQL unless it runs: what it left behind may keep it from that at first."""
        process = self._postgres.process
        if process is not None and process.poll() is None:
            return
        self._postgres.process = None

        def is_up() -> bool:
            try:
                self._postgres.start()
            except AssertionError:
                self._postgres.process = None
            return self._postgres.process is not None

        wait_for(is_up)

    def _kill_database(self) -> None:
        for pid in self._database_processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        if self._postgres.process is not None:
            self._postgres.process.wait()
        self._postgres.process = None

    def _database_processes(self) -> list[int]:
        """List PostgreSQL's processes, by their parent."""
        process = self._postgres.process
        if process is None:
            return []
        found = [process.pid]
        for place in Path("/proc").iterdir():
            with suppress(OSError, ValueError):
                parent = (place / "stat").read_text().rpartition(")")[2].split()[1]
                if int(parent) == process.pid:
                    found.append(int(place.name))
        return found


def _freeze(pids: Sequence[int], seconds: float) -> None:
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGSTOP)
    time.sleep(seconds)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGCONT)


Fault = Callable[[Hub, float], None]
FAULTS: dict[str, Fault] = {
    "server killed": Hub.kill_instance,
    "answers lost": Hub.lose_answers,
    "connections cut": Hub.cut,
    "database killed": Hub.kill_database,
    "database frozen": Hub.freeze_database,
    "server ended in order": Hub.end_instance,
    "connections of the database ended": Hub.drop_connections,
    "server frozen": Hub.freeze_instance,
    "disk full": Hub.fill_disk,
    "all killed": Hub.kill_all,
}
