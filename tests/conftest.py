"""Fixtures: nothing touches the real home directory."""

import gc
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from lib.capture import shell
from lib.spool import wake
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Storage
from tests.support import copies, mounts
from tests.support.bundle import CLIENT, NEWEST_CLIENT, ROOT, Bundle, brought, put_bundle, wait_for
from tests.support.outpost import Outpost
from tests.support.repository import Repository
from tests.support.service_double import ServiceDouble

if TYPE_CHECKING:
    from tests.support.postgres import PostgresServer

# For one test of the long form, in seconds; the others have what pyproject.toml gives them.
LONG_SECONDS = 900

# A busy machine is slow, and that is no failure; a fixture that examples share is meant so.
settings.register_profile(
    "any",
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture],
)
settings.load_profile("any")


def pytest_configure(config: pytest.Config) -> None:
    """Let tests that are marked `alone` run in a child process."""
    config.pluginmanager.register(mounts)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give the long tests longer until they count as hanging."""
    for item in items:
        if item.get_closest_marker("long"):
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.hookimpl(hookwrapper=True, tryfirst=True)
def pytest_runtest_protocol(item: pytest.Item) -> Iterator[None]:
    """Collect what other tests left before one in which each warning is an error.

    Since Python 3.13 a connection to SQLite warns when it is collected without having been closed.
    """
    if item.get_closest_marker("filterwarnings"):
        gc.collect()
    yield


@pytest.fixture(scope="session", autouse=True)
def _untouched_copies() -> Iterator[None]:
    """See at the end that nobody wrote into a file that is linked to others."""
    yield
    assert copies.changed() == []


@pytest.fixture
def bundle(tmp_path: Path) -> Iterator[Bundle]:
    """The checkout as a bundle, in a home directory of its own; its flusher ends with the test."""
    made = Bundle(tmp_path / "home")
    made.home.mkdir()
    yield made
    wait_for(lambda: not made.spool.is_dir() or not wake.is_running(str(made.spool)))


@pytest.fixture
def server() -> Iterator[ServiceDouble]:
    """A traceability service of the test's own, without a rate limit."""
    with ServiceDouble(rate_limit=None) as server:
        yield server


@pytest.fixture
def outpost(tmp_path: Path, server: ServiceDouble) -> Outpost:
    """A spool whose events are for `server`."""
    return Outpost(tmp_path / "spool", server)


@pytest.fixture(scope="session")
def postgres() -> "Iterator[PostgresServer]":
    """A PostgreSQL: one for all tests of a worker, none of which ends it or fills it."""
    from tests.support.postgres import PostgresServer

    with PostgresServer() as server:
        yield server


@pytest.fixture(params=["sqlite", "postgresql"])
def team_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of an empty database for a team's server, of each kind."""
    if request.param == "sqlite":
        return f"sqlite://{tmp_path}/team.db"
    server: PostgresServer = request.getfixturevalue("postgres")
    return server.new_schema()


@pytest.fixture
def team_storage(team_url: str) -> Iterator[Storage]:
    """The storage of a team's server, empty, in each kind of database."""
    storage = open_storage(team_url)
    yield storage
    storage.close()


@pytest.fixture(scope="session")
def installed_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A home directory in which ./install.sh has run, and found the real client on PATH: one for
    all tests of a worker."""
    home = tmp_path_factory.mktemp("installed")
    put_bundle(home / ".claude" / "hooks" / "pattern-tracker")
    environ = Bundle(home).environ
    done = subprocess.run(
        [str(ROOT / "install.sh")],
        env={**environ, "PATH": f"{CLIENT.parent}:{environ['PATH']}"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return home


@pytest.fixture
def installed(installed_home: Path, tmp_path: Path) -> Bundle:
    """The shared installation, with a spool of this test's own."""
    made = Bundle(installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker")
    made.spool = tmp_path / "spool"
    made.environ["PATTERN_CACHE_DIR"] = str(made.spool)
    return made


@pytest.fixture(
    params=[
        pytest.param(CLIENT, id="npm's"),
        pytest.param(NEWEST_CLIENT, id="newest", marks=pytest.mark.long),
    ]
)
def each_client(request: pytest.FixtureRequest) -> Path:
    """The real client, and in the long form the newest; skipped where it is not there."""
    return brought(request.param)


@pytest.fixture
def client() -> None:
    """The real client, or a skipped test where npm could not bring it."""
    if not CLIENT.exists():
        pytest.skip("the real client is not there: tests/run installs it with npm")


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Repository:
    """A repository with a spool, in which the commands of this process are run."""
    made = Repository(tmp_path)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(made.spool))
    monkeypatch.chdir(made.root)
    return made


@pytest.fixture
def in_zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Lets this process live in a time zone, until the test ends."""

    def live(zone: str) -> None:
        monkeypatch.setenv("TZ", zone)
        time.tzset()

    yield live
    monkeypatch.undo()
    time.tzset()


@pytest.fixture(scope="module")
def exact_times() -> Iterator[None]:
    """Calls of the shell begin when they say so: nothing lies between their end and the hook."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(shell, "SLACK_NS", 0)
        patch.setattr(shell, "LATE_NS", 0)
        patch.setattr(shell, "_age_ns", lambda: 0)
        yield
