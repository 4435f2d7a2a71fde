"""A real PostgreSQL for tests: started once a process, in a scratch directory, ended by its id.

    with PostgresServer() as server:
        url = server.new_database()

Debian's packages or those that .ci/postgresql has fetched; skipped by name where there are none.
"""

import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import pytest

from tests.support.bundle import ROOT

_PLACES = (ROOT / ".cache/postgresql/root/usr/lib/postgresql", Path("/usr/lib/postgresql"))
_NOBODY = {"user": "nobody", "group": "nogroup", "extra_groups": ()}
_SETTINGS = {
    # What is measured is the program, and what is tried is the program's end, not the machine's.
    "max_connections": "60",
    "shared_buffers": "64MB",
    "log_min_messages": "fatal",
    "autovacuum_naptime": "10min",
    "unix_socket_permissions": "0777",
}


def binaries() -> Path | None:
    """Return the directory of `postgres` and `initdb`, None where there are none."""
    usual = shutil.which("initdb")
    found = [Path(usual)] if usual else []
    found += [path for place in _PLACES for path in place.glob("*/bin/initdb")]
    return found[0].parent if found else None


class PostgresServer:
    """A server of its own, on a free port of loopback; `settings` are added to its own."""

    def __init__(self, data: Path | None = None, **settings: str) -> None:
        found = binaries()
        if found is None:
            pytest.skip("PostgreSQL is not installed")
        self._bin, self._settings = found, _SETTINGS | settings
        self._made = None if data else tempfile.mkdtemp(prefix="postgres-")
        self._data = data or Path(self._made or "") / "data"
        self._numbers = count()
        self.port = _free_port()
        self.process: subprocess.Popen[bytes] | None = None
        self._as: dict[str, Any] = _NOBODY if os.geteuid() == 0 else {}

    def __enter__(self) -> "PostgresServer":
        self._data.parent.chmod(0o755)
        self._data.mkdir(exist_ok=True)
        if self._as:
            shutil.chown(self._data, "nobody", "nogroup")
        command: list[Any] = [
            self._bin / "initdb",
            "-D",
            self._data,
            "-U",
            "tests",
            "-A",
            "trust",
            "-N",
        ]
        command += ["--encoding=UTF8", "--locale=C.UTF-8"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, cwd="/", **self._as)
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()
        if self._made:
            shutil.rmtree(self._made, ignore_errors=True)

    @property
    def url(self) -> str:
        """The address of the database that is there from the start."""
        return self.url_of("postgres")

    def url_of(self, database: str) -> str:
        """The address of a database."""
        return f"postgresql://tests@127.0.0.1:{self.port}/{database}"

    def new_database(self) -> str:
        """Make an empty database and return its address."""
        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as db:
            db.execute(f'CREATE DATABASE "{name}" STRATEGY file_copy')
        return self.url_of(name)

    def start(self) -> None:
        """Start the server and wait until it answers."""
        given = [f"--{name}={value}" for name, value in self._settings.items()]
        self.process = subprocess.Popen(
            [
                self._bin / "postgres", "-D", self._data, "-p", str(self.port), "-k", self._data,
                "--listen_addresses=127.0.0.1", *given,
            ],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/", **self._as,
        )  # fmt: skip
        deadline = time.monotonic() + 60
        while True:
            try:
                psycopg.connect(self.url, connect_timeout=5).close()
                return
            except psycopg.OperationalError:
                assert self.process.poll() is None, "PostgreSQL has ended"
                assert time.monotonic() < deadline, "PostgreSQL does not answer"
                time.sleep(0.05)

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
