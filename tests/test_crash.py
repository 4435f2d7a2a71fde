"""Kill -9 before every system call that changes something, and each of them failing."""

import json
import os
import posix
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.commands.facts import gather
from lib.flusher import hook_image
from lib.flusher.process import Flusher
from lib.registration.entries import register, unregister
from lib.registration.hook_command import SCRIPTS
from lib.spool import books, inbox, outbox, tally
from lib.system import files
from lib.system.settings import Settings
from tests.support import tracing
from tests.support.books import assert_whole, balance, sweep_and_flush
from tests.support.bundle import INTERPRETER, ROOT, payload, write_payload
from tests.support.forms import few
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble
from tests.support.tracing import Call

pytestmark = tracing.needs_strace()

HOOK = [INTERPRETER, "-I", "-S", str(ROOT / "hooks" / "post_tool_use.py")]
DATA = json.dumps(payload("01-write-create-js-marker.post")).encode()
# Every how manieth call the quick form tries.
STEP = 19
# And the long one, of each of two scenes.
LONG_STEP = 2


def environ_of(directory: Path, url: str = "") -> dict[str, str]:
    found = {"HOME": "/nowhere", "PATTERN_CACHE_DIR": str(directory), "PATH": os.environ["PATH"]}
    return {**found, "INTELLIGENCE_SERVICE_URL": url} if url else found


def flusher(directory: Path) -> tracing.Script:
    """What flushes once and is gone."""
    return tracing.Script(
        "import os\n"
        "from lib.spool import books as accounts; accounts.OLD_SECONDS = -1\n"
        "from lib.flusher.process import Flusher; from lib.system.settings import Settings\n"
        f"Flusher({str(directory)!r}, Settings(os.environ)).run_once(5)"
    )


def flush(directory: Path) -> bool:
    return Flusher(str(directory), Settings(environ_of(directory))).run_once(5)


class Hook:
    """A hook in `directory` that starts no flusher: one seems to be on its way."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.given: dict[str, Any] = {"input": DATA, "env": environ_of(directory)}

    def prepare(self, exists: bool) -> None:
        if exists:
            self.directory.mkdir(mode=0o700)
            (self.directory / "flusher.waking").touch()

    def calls(self, scratch: Path) -> list[Call]:
        hook_image.ensure(str(ROOT))
        return tracing.calls(HOOK, scratch, since="read(0", **self.given)

    def run(self, call: Call, what: str) -> Any:
        return tracing.run_with(HOOK, call, what, **self.given)


@pytest.mark.parametrize("exists", [True, False], ids=["", "first-ever"])
def test_a_hook_killed_anywhere_leaves_all_or_nothing(
    tmp_path: Path, exists: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Hook(tmp_path / "model")
    model.prepare(exists)
    found = [call for call in model.calls(tmp_path) if call.name not in ("flock", "fcntl")]
    names = [call.name for call in found]
    assert names.index("write") < names.index("fdatasync") < names.index("link")
    outcomes = []
    for call in found:
        hook = Hook(tmp_path / str(call))
        hook.prepare(exists)
        assert tracing.was_killed(hook.run(call, "signal=KILL")), call
        if not hook.directory.exists():
            continue
        assert_whole(hook.directory)
        there = len(outbox.pending(str(hook.directory)))
        sweep_and_flush(hook.directory, lambda at=hook.directory: flush(at), monkeypatch)
        status = balance(hook.directory)
        assert (status["captured"], status["delivered"]) == (there, there), call
        outcomes.append(there)
    assert set(outcomes) == {0, 1}


@pytest.mark.parametrize(
    "error", few(["EINTR", "ENOSPC", "EDQUOT", "EROFS", "EIO", "EACCES", "EMFILE"], 2)
)
def test_a_hook_whose_calls_fail_is_silent_and_leaves_nothing_torn(
    tmp_path: Path, error: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = Hook(tmp_path / "model")
    model.prepare(True)
    lost = 0
    for call in model.calls(tmp_path):
        hook = Hook(tmp_path / str(call))
        hook.prepare(True)
        done = hook.run(call, f"error={error}")
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b""), call
        assert_whole(hook.directory)
        there = len(outbox.pending(str(hook.directory)))
        # Lost, and said so.
        failed = not there and gather(str(hook.directory))["skipped"]
        assert there or failed == {"failed": 1}, call
        lost += not there
        sweep_and_flush(hook.directory, lambda at=hook.directory: flush(at), monkeypatch)
        assert balance(hook.directory)["delivered"] == there
    assert (lost > 0) == (error != "EINTR")


class Scene:
    """A spool in which a flusher has one of everything to do."""

    def __init__(
        self, directory: Path, server: ServiceDouble | None = None, served: bool = False
    ) -> None:
        self.directory = directory
        self.server = server
        self.served = served
        self.given: dict[str, Any] = {"env": environ_of(directory, server.url if server else "")}

    def prepare(self) -> "Scene":
        now = time.time_ns()
        for number, age in enumerate([0, 0, 0, 8 * 86_400]):
            data = write_payload(f"/p/{number}.py", f"x = {number}\n", f"use-{number}")
            captured_ns = now - age * 10**9 + number
            event = capture(data, captured_ns)
            if age:  # it waits, and that too long
                event["service_url"] = "http://127.0.0.1:9"
            key = inbox.commit(str(self.directory), event, captured_ns)
            # The last hook but one was killed before it counted.
            if number != 2:
                tally.add(str(self.directory), "captured", key)
        # A file that is no event, and what a killed hook left.
        (self.directory / "pending_bad.json").write_text("{")
        (self.directory / "tmp_1_1").write_text("{")
        gone = [f"{number:016x}.1" for number in range(3)]
        tally.add(str(self.directory), "captured", *gone)
        tally.add(str(self.directory), "removed", *gone)
        (self.directory / "tally").rename(self.directory / books.OLD)
        return self

    @contextmanager
    def copied(self, directory: Path) -> Iterator["Scene"]:
        """The same scene in another place, with the same dates, and a service of its own."""
        subprocess.run(["cp", "-a", str(self.directory), str(directory)], check=True)
        if self.served:
            with ServiceDouble(rate_limit=None) as server:
                yield Scene(directory, server)
        else:
            yield Scene(directory)
        shutil.rmtree(directory)

    def check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """It is as it should be after a killed run, and after the next."""
        assert_whole(self.directory, "pending_bad.json")
        monkeypatch.setattr(books, "OLD_SECONDS", -1)
        settings = Settings(self.given["env"])
        runs = [Flusher(str(self.directory), settings).run_once(5) for _ in range(2)]
        assert runs[-1]
        sweep_and_flush(
            self.directory, lambda: Flusher(str(self.directory), settings).run_once(5), monkeypatch
        )
        status = balance(self.directory)
        assert (status["captured"], status["delivered"], status["pending"]) == (8, 3, 0)
        assert (status["quarantined"], status["dropped"]) == (1, {"expired": 1, "removed": 3})
        assert status["flusher"]["last_error"] is None
        # What is too old goes without a ledger too, if that is what failed.
        assert Outpost(self.directory).recorded() in (3, 4)
        if self.server:
            assert len(self.server.commits) == 3
            assert max(self.server.commits.values()) <= 2


def at_each_call(
    scene: Scene,
    scratch: Path,
    step: int,
    what: str,
    monkeypatch: pytest.MonkeyPatch,
    first: int = 0,
) -> Iterator[tuple[Call, Any]]:
    """Do `what` to each `step`th call of a flusher in a copy of `scene`, and check what follows."""
    with scene.copied(scratch / "model") as model:
        command = flusher(model.directory)
        # A process that has no descriptor left can read nothing either.
        found = tracing.calls(
            command, scratch, outbox.LOCK_FILE, opens="EMFILE" in what, **model.given
        )
        model.check(monkeypatch)
    assert {"unlink", "rename", "fdatasync", "pwrite64", "flock"} <= {call.name for call in found}
    for call in found[first::step]:
        with scene.copied(scratch / str(call)) as here:
            command = flusher(here.directory)
            yield call, tracing.run_with(command, call, what, **here.given)
            here.check(monkeypatch)


def kill_everywhere(
    scene: Scene, scratch: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    for call, done in at_each_call(scene, scratch, step, "signal=KILL", monkeypatch):
        assert tracing.was_killed(done), call


def fail_everywhere(
    scene: Scene,
    scratch: Path,
    step: int,
    error: str,
    monkeypatch: pytest.MonkeyPatch,
    first: int = 0,
) -> None:
    for call, done in at_each_call(scene, scratch, step, f"error={error}", monkeypatch, first):
        # A command says what is wrong; the detached flusher says it in its log.
        assert done.returncode in (0, 1), call


def test_a_flusher_killed_anywhere_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "scene").prepare()
    kill_everywhere(scene, tmp_path, STEP, monkeypatch)


@pytest.mark.long
def test_a_flusher_killed_at_any_call_is_made_up_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "scene").prepare()
    kill_everywhere(scene, tmp_path, LONG_STEP, monkeypatch)


@pytest.mark.parametrize("step", few([STEP, LONG_STEP]))
def test_a_flusher_killed_while_it_delivers_to_a_service_is_made_up_for(
    tmp_path: Path, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "scene", served=True).prepare()
    kill_everywhere(scene, tmp_path, step, monkeypatch)


SETTINGS = b'{\n    "model": "opus",\n    "hooks": {"Stop": []}\n}\n'


class Home:
    """A configuration directory with settings, and an installer's step that registers there."""

    def __init__(self, directory: Path) -> None:
        self.settings = directory / "settings.json"
        self.root = directory / "hooks" / "pattern-tracker"
        self.root.mkdir(parents=True)
        self.settings.write_bytes(SETTINGS)
        self.command = tracing.Script(
            "from lib.registration.entries import register, unregister\n"
            f"register({str(self.settings)!r}, {str(self.root)!r}, '/usr/bin/python3')"
        )

    def check(self) -> None:
        """The settings are as they were or as they should be, and so after another try."""
        path, root = str(self.settings), str(self.root)
        found = self.settings.read_bytes()
        assert found == SETTINGS or all(script in found.decode() for script in SCRIPTS.values())
        register(path, root, "/usr/bin/python3")
        registered = json.loads(self.settings.read_bytes())["hooks"]
        assert [len(registered[event]) for event in SCRIPTS] == [1, 1]
        assert sorted(p.name for p in self.settings.parent.iterdir()) == ["hooks", "settings.json"]
        unregister(path, root)
        assert self.settings.read_bytes() == SETTINGS


@pytest.mark.parametrize("what", few(["signal=KILL", "error=ENOSPC", "error=EIO", "error=EMFILE"]))
def test_settings_are_never_torn(tmp_path: Path, what: str) -> None:
    model = Home(tmp_path / "model")
    found = tracing.calls(model.command, tmp_path, since=".pattern-tracker.lock")
    assert {"rename", "fdatasync", "write"} <= {call.name for call in found}
    for call in found:
        home = Home(tmp_path / str(call))
        done = tracing.run_with(home.command, call, what)
        assert tracing.was_killed(done) or "KILL" not in what, call
        home.check()


# Other reasons in the long form, below: a call fails alike whatever it is.
def test_a_flusher_whose_calls_fail_loses_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "scene").prepare()
    fail_everywhere(scene, tmp_path, STEP * 2, "EIO", monkeypatch)


# Every fourth call fails for what is told apart somewhere, and every sixth for another reason.
@pytest.mark.long
@pytest.mark.parametrize(
    ("errors", "step"), [(["EIO"], 4), (["EMFILE"], 4), (["ENOSPC", "EROFS"], 6), (["EINTR"], 12)]
)
def test_a_flusher_any_of_whose_calls_fail_loses_nothing(
    tmp_path: Path, errors: list[str], step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene = Scene(tmp_path / "scene").prepare()
    for number, error in enumerate(errors):
        fail_everywhere(scene, tmp_path, step * len(errors), error, monkeypatch, number * step)


def test_a_short_write_is_gone_on_with(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No disk can be told to take less; so the call is replaced by one that takes 7 bytes."""
    write = os.write
    monkeypatch.setattr(files, "posix", Short(posix, lambda fd, data: write(fd, data[:7])))
    now = time.time_ns()
    event = capture(write_payload("/p/a.py", "x = 1\n" * 99, "use-1"), now)
    tally.add(str(tmp_path), "captured", inbox.commit(str(tmp_path), event, now))
    assert_whole(tmp_path)
    assert flush(tmp_path)
    assert balance(tmp_path)["delivered"] == 1


class Short:
    """A module with another `write`."""

    def __init__(self, module: Any, write: Any) -> None:
        self.module = module
        self.write = write

    def __getattr__(self, name: str) -> Any:
        return getattr(self.module, name)
