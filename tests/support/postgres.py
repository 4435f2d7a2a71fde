"""A real PostgreSQL for tests: on loopback, in a scratch directory, ended by its id.

    with PostgresServer() as server:
        url = server.new_schema()

The fixture `postgres` is one for all tests of a worker.

Debian's packages or those that .ci/postgresql has fetched; skipped by name where there are none.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest

from tests.support.bundle import ROOT

# Who imports this is skipped where the packages of a team's server are not.
psycopg = pytest.importorskip("psycopg")

_FETCHED = ROOT / ".cache/postgresql/root/usr/lib"
_PLACES = (Path("/usr/lib/postgresql"), _FETCHED / "postgresql")
_NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
_SETTINGS = {
    "max_connections": "60",
    "shared_buffers": "32MB",
    "log_min_messages": "fatal",
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    # What is killed in tests is the program, never the machine.
    "fsync": "off",
}


def binaries() -> Path | None:
    """Return the directory of `postgres` and `initdb`, None where there are none."""
    usual = shutil.which("initdb")
    found = [Path(usual)] if usual else []
    found += [path for place in _PLACES for path in place.glob("*/bin/initdb")]
    return found[0].parent if found else None


class PostgresServer:
    """A server of its own, on a free port of loopback; `settings` are added to its own."""

    def __init__(self, directory: Path | None = None, **settings: str) -> None:
        found = binaries()
        if found is None:
            pytest.skip("PostgreSQL is not installed")
        self._bin, self._settings = found, _SETTINGS | settings
        # It does not run as root, and others may not enter the directories of root's tests.
        self._started_as: dict[str, Any] = dict(_NOBODY) if os.geteuid() == 0 else {}
        # What was fetched has its libraries beside it.
        libraries = ":".join(map(str, _FETCHED.glob("*-linux-*")))
        self._started_as["env"] = {"LD_LIBRARY_PATH": libraries, "PATH": os.defpath}
        self._directory = directory or Path(tempfile.mkdtemp(prefix="postgres-"))
        self._data = self._directory / "data"
        self._numbers = count()
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "PostgresServer":
        self._directory.mkdir(exist_ok=True)
        if "user" in self._started_as:
            shutil.chown(self._directory, self._started_as["user"], self._started_as["group"])
        command: list[Any] = [self._bin / "initdb", "-D", self._data, "--no-sync"]
        command += ["-U", "tests", "-A", "trust", "--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._started_as)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        # A test that failed may have left some of it frozen.
        if self.process:
            self.signal_all(signal.SIGCONT)
        self.stop()
        shutil.rmtree(self._directory, ignore_errors=True)

    @property
    def url(self) -> str:
        """The address of the database that is there from the start."""
        return f"postgresql://tests@127.0.0.1:{self.port}/postgres"

    def new_schema(self) -> str:
        """Make an empty schema and return the address under which its tables are found."""
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(f"CREATE SCHEMA {name}")
        return f"{self.url}?options=-csearch_path%3D{name}"

    def start(self) -> None:
        """Start the server and wait until it answers."""
        deadline = time.monotonic() + 60
        while True:
            # Of one that was killed, processes may be left for a moment: then this one ends.
            if self.process is None or self.process.poll() is not None:
                self.process = self._started()
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.05)

    def _started(self) -> subprocess.Popen[bytes]:
        given = [f"--{name}={value}" for name, value in self._settings.items()]
        return subprocess.Popen(
            [self._bin / "postgres", "-D", self._data, "-p", str(self.port), *given],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._started_as,
        )  # fmt: skip

    def signal_all(self, number: signal.Signals) -> None:
        """Send a signal to the server and to each of its processes."""
        assert self.process is not None
        pid = self.process.pid
        # That one first: while it stands still, its children do not become others.
        os.kill(pid, number)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            with suppress(ProcessLookupError):
                os.kill(int(child), number)

    def processor_seconds(self) -> float:
        """Return the processor time that its processes have taken so far, ended ones included."""
        assert self.process is not None
        pid = self.process.pid
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        ticks = sum(map(_ticks, children)) + _ticks(str(pid), ended=True)
        return ticks / os.sysconf("SC_CLK_TCK")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """End the server: SIGINT at once but in order, SIGQUIT or SIGKILL as in a crash."""
        if self.process is None:
            return
        self.process.send_signal(how)
        self.process.wait(60)
        self.process = None


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _ticks(pid: str, ended: bool = False) -> int:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended else 13]))
