"""The Python behind the hooks goes, or becomes another: nothing is lost, and it mends itself."""

import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.flusher import mending
from lib.registration import hook_command
from lib.registration.entries import installing_path
from lib.spool import wake
from lib.system import lock
from lib.system.bytecode import image_path
from lib.system.state import FILE_NAME, StateFile
from tests.support.bundle import INTERPRETER, ROOT, Bundle, seed, wait_for, write_payload
from tests.support.copies import Kept, bundle_at, rewrite
from tests.support.forms import few
from tests.support.pythons import MINOR, NAME, Brew, other_python, python_in

SHELLS = {"dash": ["dash"], "bash": ["bash"], "busybox": ["busybox", "sh"]}
ORIGINAL = '{"model": "opus"}'


class Installed(Bundle):
    """An installation of its own, by a Python that can be taken away."""

    def __init__(self, home: Path) -> None:
        super().__init__(home, home / ".claude" / "hooks" / "pattern-tracker")
        # What is needed for the packages is there.
        self.environ |= {"PATH": "/usr/bin:/bin", "PIP_NO_INDEX": "1"}
        self.fired = 0

    def install(self, python: Path) -> None:
        seed(self.root)
        self.settings.write_text(ORIGINAL)
        done = subprocess.run(
            [str(ROOT / "install.sh")], capture_output=True, text=True, check=False,
            env={"HOME": str(self.home), "PATH": f"{python.parent}:/usr/bin:/bin"},
        )  # fmt: skip
        assert done.returncode == 0, done.stderr

    @property
    def settings(self) -> Path:
        return self.home / ".claude" / "settings.json"

    def commands(self) -> dict[str, str]:
        """What the client runs, by event."""
        hooks = json.loads(self.settings.read_text())["hooks"]
        return {event: hooks[event][0]["hooks"][0]["command"] for event in hook_command.SCRIPTS}

    def python(self) -> str:
        """The interpreter that both hooks are registered with."""
        texts = self.commands().values()
        (found,) = {next(hook_command.scripts_in(text))[0] for text in texts}
        return found

    def fire(self, **environ: str) -> None:
        """A Write, as the client tells of it before and after."""
        self.fired += 1
        for command in self.commands().values():
            run(["/bin/sh"], command, f"{self.fired}", {**self.environ, **environ})

    def is_mended(self) -> bool:
        """Whether hooks take the short way again, and nobody is at work any more."""
        return hook_command.is_marked(str(self.root), self.python()) and self.is_quiet()

    def is_quiet(self) -> bool:
        return self.is_at_rest() and not lock.is_held(installing_path(str(self.root)))

    def all_recorded(self) -> bool:
        self.wait_delivered()
        return len(self.log()) == self.fired


def run(shell: list[str], command: str, use: str, environ: dict[str, str]) -> None:
    """Run a hook as the client does, and see that it is silent and exits 0."""
    data = json.dumps(write_payload(f"/p/{use}.py", f"x = {use!r}\n" * 90_000, use)).encode()
    with subprocess.Popen(
        [*shell, "-c", command], env=environ,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    ) as process:  # fmt: skip
        assert process.stdin
        assert process.stdout
        # Nor is the client left writing to nobody.
        process.stdin.write(data)
        process.stdin.close()
        assert process.stdout.read() == b""
    assert process.returncode == 0


def works(python: str) -> bool:
    done = subprocess.run([python, "-I", "-S", "-c", "pass"], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(params=list(SHELLS.values()), ids=list(SHELLS))
def shell(request: pytest.FixtureRequest) -> list[str]:
    command: list[str] = request.param
    return command if shutil.which(command[0]) else pytest.skip(f"there is no {command[0]}")


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A prefix with a Python, and a home with an installation by it."""
    place = tmp_path_factory.mktemp("place") / "both"
    brew = Brew(place / "brew")
    Installed(place / "home").install(brew.prefix / "bin" / "python3")
    return Kept(place)


@pytest.fixture
def brew(kept: Kept) -> Brew:
    return Brew(kept.put() / "brew", poured=True)


@pytest.fixture
def installed(brew: Brew) -> Iterator[Installed]:
    made = Installed(brew.prefix.with_name("home"))
    yield made
    wait_for(made.is_quiet)


def replace(brew: Brew, script: str) -> None:
    binary = brew.keg("1") / "bin" / NAME
    binary.unlink()
    binary.write_text(script)
    binary.chmod(0o755)


def upgrade(brew: Brew) -> None:
    shutil.rmtree(brew.keg("1"))
    brew.pour("2")


def by_another(brew: Brew) -> None:
    """Another formula's, which has the links now."""
    shutil.rmtree(brew.prefix / "Cellar")
    brew.opt.unlink()
    binary = python_in(brew.prefix / "Cellar" / "python@3.99" / "3.99.1")
    brew.link(brew.prefix / "bin" / "python3", binary)


def spoilt(spoil: Callable[[Brew], object]) -> Callable[[Brew], object]:
    """What `spoil` does, where another Python was installed before."""

    def do(brew: Brew) -> None:
        brew.link(brew.prefix / "bin" / "python3", python_in(brew.prefix / "other"))
        spoil(brew)

    return do


def half_remove(brew: Brew) -> None:
    (library,) = brew.keg("1").glob("lib*/*")
    library.unlink()
    library.mkdir()
    (library / "os.py").touch()


def by_an_old_one(brew: Brew) -> None:
    old = other_python("3.9")
    shutil.rmtree(brew.keg("1"))
    brew.pour("1", old)
    brew.link(brew.prefix / "bin" / "python3", python_in(brew.prefix / "other"))


GONE: dict[str, tuple[Callable[[Brew], object], str]] = {
    "the whole prefix": (by_another, "is gone"),
    "a dangling link": (spoilt(lambda b: (b.keg("1") / "bin" / NAME).unlink()), "is gone"),
    "not executable": (spoilt(lambda b: (b.keg("1") / "bin" / NAME).chmod(0o644)), "is gone"),
    "an old one": (by_an_old_one, "is older than Python 3.10"),
    "a script that fails": (spoilt(lambda b: replace(b, "#!/bin/sh\nexit 2\n")), "does not start"),
    "a script that fails after reading": (
        spoilt(lambda b: replace(b, "#!/bin/sh\ncat\nexit 2\n")), "does not start",
    ),
    "a script that says nothing": (
        spoilt(lambda b: replace(b, "#!/bin/sh\n")), "does not start",
    ),
    "no program": (spoilt(lambda b: replace(b, "\x7fELF")), "does not start"),
    "half removed": (spoilt(half_remove), "does not start"),
}  # fmt: skip


@pytest.mark.parametrize("gone", few(GONE))
def test_where_it_is_gone_another_takes_over_and_is_registered(
    installed: Installed, brew: Brew, gone: tuple[Callable[[Brew], object], str]
) -> None:
    spoil, fault = gone
    before = installed.python()
    assert before == str(brew.python)
    spoil(brew)
    installed.fire()
    wait_for(installed.is_mended)
    after = installed.python()
    assert after != before
    assert works(after)
    own = installed.root / ".venv"
    assert os.readlink(own / "bin" / NAME) == after
    assert f"home = {os.path.dirname(after)}\n" in (own / "pyvenv.cfg").read_text()
    assert installed.all_recorded()
    told = installed.json("status")
    assert told["environment"] == {"state": "ready"}
    assert told["interpreter"]["was"] == before
    assert (told["interpreter"]["fault"], told["interpreter"]["is"]) == (fault, after)
    shown = installed.command("status").stdout
    assert f"{before} {fault}, {after} took over " in " ".join(shown.split())
    assert installed.json("doctor")["serious"] == 0
    uninstall = [str(installed.root / "install.sh"), "--uninstall"]
    subprocess.run(uninstall, env=installed.environ, capture_output=True, check=True)
    assert installed.settings.read_text() == ORIGINAL


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_the_client_does_not_notice(installed: Installed, brew: Brew, tmp_path: Path) -> None:
    by_another(brew)
    installed.environ["PATH"] = os.environ["PATH"]
    work = tmp_path / "work"
    work.mkdir()
    turns = [
        [("Write", {"file_path": f"{work}/{n}.py", "content": f"x = {n}\n"})] for n in range(3)
    ]
    done = installed.claude(turns, work, "--output-format", "stream-json", "--verbose")
    assert done.returncode == 0, done.stdout
    assert "hook error" not in done.stdout.lower()
    installed.fired = len(turns)
    wait_for(installed.is_mended)
    assert installed.all_recorded()


def test_an_upgrade_behind_the_registered_path_is_no_news(installed: Installed, brew: Brew) -> None:
    before = installed.settings.read_text()
    upgrade(brew)
    installed.fire()
    wait_for(installed.is_mended)
    assert installed.settings.read_text() == before
    assert installed.all_recorded()
    status = installed.json("status")
    assert (status["environment"], status["interpreter"]) == ({"state": "ready"}, {})


def test_the_next_version_of_a_version_manager_takes_over(tmp_path: Path) -> None:
    """Each version in a directory of its own, and no path without the patch number."""
    versions = tmp_path / "versions"
    python = python_in(versions / f"{MINOR}.7")
    installed = Installed(tmp_path / "home")
    installed.install(python)
    assert installed.python() == str(python)
    shutil.rmtree(python.parents[1])
    after = python_in(versions / f"{MINOR}.8")
    replaced = versions / "9.9.9" / "bin" / "python3"
    replaced.parent.mkdir(parents=True)
    replaced.write_text("#!/bin/sh\ncat\n")
    replaced.chmod(0o755)
    # At once, as parallel calls of a client are.
    command = installed.commands()["PostToolUse"]
    started = [
        subprocess.Popen(["/bin/sh", "-c", command], env=installed.environ, stdin=subprocess.PIPE)
        for _ in range(8)
    ]
    for number, process in enumerate(started):
        process.communicate(
            json.dumps(write_payload(f"/p/{number}.py", "x\n", str(number))).encode()
        )
        assert process.returncode == 0
    installed.fired = len(started)
    wait_for(installed.is_mended)
    assert installed.python() == str(after)
    assert installed.all_recorded()


def other_minor() -> str:
    """A Python that has none of the packages, though hooks run on it."""
    for minor in ("3.13", "3.12", "3.11", "3.10"):
        if minor != MINOR:
            try:
                return other_python(minor)
            except pytest.skip.Exception:
                pass
    pytest.skip("there is no other Python from 3.10 on")


@pytest.mark.long
def test_without_a_network_it_goes_on_without_packages(installed: Installed, brew: Brew) -> None:
    """Another minor version cannot use them, and those for it are not to be had."""
    another = python_in(brew.prefix / "other", other_minor())
    brew.link(brew.prefix / "bin" / "python3", another)
    shutil.rmtree(brew.keg("1"))
    installed.fire()
    wait_for(installed.is_mended)
    assert installed.python() == str(another.with_name("python3"))
    told = installed.json("status")
    assert told["environment"]["state"] == "failed"
    # Not tried again within the hour; the hooks and the flusher go on.
    installed.fire()
    assert installed.all_recorded()
    assert installed.json("status")["environment"] == told["environment"]


@pytest.mark.long
def test_another_minor_version_gets_packages_of_its_own(installed: Installed, brew: Brew) -> None:
    shutil.rmtree(brew.keg("1"))
    brew.pour("1", other_minor())
    del installed.environ["PIP_NO_INDEX"]
    installed.fire(PIP_CACHE_DIR=str(ROOT / ".cache" / "pip"))
    deadline = time.monotonic() + 120
    while not installed.is_mended():
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert installed.all_recorded()
    assert installed.json("status")["environment"] == {"state": "ready"}
    assert installed.python() == str(brew.python)


def spoil(installed: Installed) -> Path:
    """Let the Python that flushers are started with fail; its path."""
    own = installed.root / ".venv" / "bin" / NAME
    own.unlink()
    own.write_text("#!/bin/sh\nexit 1\n")
    own.chmod(0o755)
    return own


def test_an_environment_whose_python_fails_is_made_anew(installed: Installed) -> None:
    """The hooks' own Python is well, and the one that flushers are started with is not."""
    own = spoil(installed)
    installed.fire()
    mark = installed.spool / wake.MARK_FILE
    assert mark.exists()
    assert installed.pending()
    long_ago = time.time() - 60
    os.utime(mark, (long_ago, long_ago))
    installed.fire()
    wait_for(lambda: works(str(own)) and installed.is_quiet())
    assert installed.all_recorded()
    assert installed.json("status")["environment"] == {"state": "ready"}


def test_what_came_while_it_was_made_anew_does_not_wait_for_more(installed: Installed) -> None:
    """A hook that found nobody at work has started a flusher on the Python that fails."""
    own = spoil(installed)
    installed.fire()
    mend = (
        f"import sys; sys.path.insert(0, {str(installed.root)!r})\n"
        "from lib.flusher import mending\n"
        f"mending.mend({str(installed.root)!r}, '', {str(installed.spool)!r})"
    )
    os.utime(installed.spool / wake.MARK_FILE)
    subprocess.run(
        [installed.python(), "-I", "-c", mend], env=installed.environ, check=True,
        start_new_session=True,
    )  # fmt: skip
    assert works(str(own))
    assert installed.all_recorded()


@pytest.mark.long
def test_one_that_cannot_be_made_anew_is_not_used(installed: Installed) -> None:
    own = spoil(installed)
    (packages,) = (installed.root / ".venv").glob("lib/*/site-packages")
    shutil.rmtree(packages)
    installed.fire()
    mark = installed.spool / wake.MARK_FILE
    os.utime(mark, (time.time() - 60,) * 2)
    installed.fire()
    used = own.with_name("python")
    wait_for(lambda: not used.is_symlink() and installed.is_quiet())
    installed.fire()
    assert installed.all_recorded()
    assert installed.json("status")["environment"]["state"] == "failed"


def test_settings_that_cannot_be_changed_are_left_and_named(
    installed: Installed, brew: Brew
) -> None:
    run_it = installed.commands()["PostToolUse"]
    by_another(brew)
    text = installed.settings.read_text() + "// mine\n"
    installed.settings.write_text(text)
    run(["/bin/sh"], run_it, "1", installed.environ)
    state = StateFile(str(installed.spool / FILE_NAME))
    wait_for(lambda: state.section(mending.SECTION) and installed.is_quiet())
    installed.fired = 1
    assert installed.all_recorded()
    assert installed.settings.read_text() == text
    told = installed.json("status")["interpreter"]
    assert (told["state"], "is not JSON" in told["reason"]) == ("failed", True)
    assert "could not be registered anew" in installed.command("status").stdout


def test_hooks_that_somebody_took_out_are_not_put_back(installed: Installed, brew: Brew) -> None:
    run_it = installed.commands()["PostToolUse"]
    by_another(brew)
    installed.settings.write_text("{}")
    run(["/bin/sh"], run_it, "1", installed.environ)
    after = str(brew.keg("1").parents[1] / "python@3.99" / "3.99.1" / "bin" / NAME)
    wait_for(lambda: hook_command.is_marked(str(installed.root), after) and installed.is_quiet())
    assert installed.settings.read_text() == "{}"


def test_doctor_tells_of_it_before_it_is_mended(installed: Installed, brew: Brew) -> None:
    def check() -> Any:
        found = json.loads(installed.command("doctor", "--json").stdout)["checks"]
        return next(finding for finding in found if finding["name"] == "interpreter")

    assert check()["level"] == "ok"
    os.utime(brew.python, (1, 1))
    assert (check()["level"], "not what it was" in check()["text"]) == ("warning", True)
    shutil.rmtree(brew.keg("1"))
    another = python_in(brew.prefix / "other")
    brew.link(brew.prefix / "bin" / "python3", another)
    told = check()
    assert told["level"] == "warning"
    assert f"is gone: {brew.prefix}/bin/python3 takes over" in told["text"]


class Loose:
    """A bundle whose hooks are run by nobody's settings; its flusher seems to be at work."""

    def __init__(self, directory: Path) -> None:
        self.root = directory / "pattern-tracker"
        self.python = directory / "python" / "bin" / NAME
        self.spool = directory / "spool"
        self.environ = {"PATTERN_CACHE_DIR": str(self.spool), "PATH": "/usr/bin:/bin"}

    def make(self) -> None:
        bundle_at(self.root, ("lib", "hooks"))
        python_in(self.python.parents[1])
        self.mark()

    def mark(self, data: str = "") -> None:
        make = (
            f"import sys; sys.path.insert(0, {str(self.root)!r})\n"
            "from lib.registration import hook_command\n"
            f"hook_command.mark({str(self.root)!r}, {str(self.python)!r}, {data!r})"
        )
        subprocess.run([self.python, "-I", "-B", "-c", make], check=True)

    def run(self, shell: list[str], use: str = "1") -> int:
        """Run the PostToolUse hook; how many events wait then."""
        command = hook_command.command(str(self.root), str(self.python), "post_tool_use.py")
        run(shell, command, use, self.environ)
        return len(list(self.spool.glob("pending_*")))


@pytest.fixture(scope="module")
def kept_loose(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    place = tmp_path_factory.mktemp("place") / "loose"
    Loose(place).make()
    return Kept(place)


@pytest.fixture
def loose(kept_loose: Kept) -> Iterator[Loose]:
    made = Loose(kept_loose.put())
    made.spool.mkdir(mode=0o700)
    running = wake.say_running(str(made.spool))
    yield made
    os.close(running)


def with_another(loose: Loose) -> None:
    (loose.python.parent / "python3").unlink()
    (loose.python.parent / "python3").symlink_to(INTERPRETER)


def script(text: str) -> Callable[[Loose], object]:
    def do(loose: Loose) -> None:
        with_another(loose)
        loose.python.write_text(text)
        loose.python.chmod(0o755)

    return do


def dangling(loose: Loose) -> None:
    with_another(loose)
    loose.python.unlink()
    loose.python.symlink_to("gone")


def directory(loose: Loose) -> None:
    with_another(loose)
    loose.python.unlink()
    loose.python.mkdir()


def old(loose: Loose) -> None:
    with_another(loose)
    loose.python.unlink()
    loose.python.symlink_to(other_python("3.9"))


def very_old(loose: Loose) -> None:
    with_another(loose)
    loose.python.unlink()
    loose.python.symlink_to(other_python("3.8"))


def old_in_disguise(loose: Loose) -> None:
    """With the date of the registered one, so that the shell runs it."""
    dated = loose.python.stat().st_mtime
    old(loose)
    shutil.copy(loose.python.resolve(), loose.python.with_name("copy"))
    loose.python.with_name("copy").replace(loose.python)
    os.utime(loose.python, (dated, dated))


def imaged(loose: Loose) -> None:
    make = (
        f"import sys; sys.path.insert(0, {str(loose.root)!r})\n"
        f"from lib.flusher import hook_image; hook_image.ensure({str(loose.root)!r})"
    )
    subprocess.run([loose.python, "-I", "-B", "-c", make], check=True)


def torn(loose: Loose) -> None:
    """It begins as it should."""
    os.truncate(image_path(str(loose.root)), 70_000)


def in_turn(*changes: Callable[[Loose], object]) -> Callable[[Loose], object]:
    def do(loose: Loose) -> None:
        for change in changes:
            change(loose)

    return do


STATES: dict[str, tuple[Callable[[Loose], object], int]] = {
    "well": (lambda b: None, 1),
    "without marks": (lambda b: set(map(Path.unlink, b.root.glob("lib/__pycache__/python.*"))), 1),
    "an image, and no hook": (
        in_turn(imaged, lambda b: (b.root / "hooks" / "post_tool_use.py").unlink()), 0,
    ),
    "an image, and no module": (
        in_turn(imaged, lambda b: (b.root / "lib" / "capture" / "event.py").unlink()), 0,
    ),
    "dangling": (dangling, 1),
    "a directory": (directory, 1),
    "3.9": (old, 1),
    "3.8": (very_old, 1),
    "3.9 with the same date": (old_in_disguise, 1),
    "fails": (script("#!/bin/sh\nexit 2\n"), 1),
    "fails, and is older": (
        in_turn(script("#!/bin/sh\nexit 2\n"), lambda b: os.utime(b.python, (1, 1))), 1,
    ),
    "fails after reading": (script("#!/bin/sh\ncat; echo hello; exit 2\n"), 1),
    "no hook": (lambda b: (b.root / "hooks" / "post_tool_use.py").unlink(), 0),
    "no hooks": (lambda b: shutil.rmtree(b.root / "hooks"), 0),
    "no library": (lambda b: shutil.rmtree(b.root / "lib"), 0),
    "no bundle": (lambda b: shutil.rmtree(b.root), 0),
    "no takeover, and gone": (
        in_turn(dangling, lambda b: (b.root / "hooks" / "takeover.sh").unlink()), 0,
    ),
    "a torn takeover, and gone": (
        in_turn(dangling, lambda b: rewrite(b.root / "hooks" / "takeover.sh", "case x in\n(")),
        0,
    ),
}  # fmt: skip


@pytest.mark.parametrize("state", few(STATES, 4))
def test_in_every_state_each_shell_is_silent_and_exits_0(
    loose: Loose, shell: list[str], state: tuple[Callable[[Loose], object], int]
) -> None:
    change, events = state
    change(loose)
    assert loose.run(shell) == events
    loose.environ["PATH"] = ""
    assert loose.run([str(shutil.which(shell[0])), *shell[1:]], "2") in (events, 2 * events)


@pytest.mark.parametrize("spoil", [lambda b: None, torn], ids=["whole", "torn"])
def test_with_an_image_it_captures_whatever_is_in_it(
    loose: Loose, spoil: Callable[[Loose], object]
) -> None:
    imaged(loose)
    spoil(loose)
    assert loose.run(["/bin/sh"]) == 1
    # And it is made anew.
    imaged(loose)
    # Other Pythons may have left theirs in the checkout that this is a copy of.
    assert os.path.getsize(image_path(str(loose.root))) > 100_000


@pytest.mark.parametrize("is_imaged", [True, False], ids=["by the image", "by the script"])
@pytest.mark.parametrize("name", ["", "data"], ids=["installed", "plugin"])
def test_a_flusher_is_told_where_a_plugin_keeps_its_data_and_no_more(
    loose: Loose, tmp_path: Path, name: str, is_imaged: bool
) -> None:
    told, data = tmp_path / "told", name and str(tmp_path / name)
    own = loose.root / ".venv" / "bin" / "python"
    own.parent.mkdir(parents=True)
    own.write_text(f"""#!/bin/sh\nprintf '%s,' "$@" >{told}.new && mv {told}.new {told}\n""")
    own.chmod(0o755)
    if is_imaged:
        imaged(loose)
    script = "post_tool_use.py"
    command = hook_command.command(str(loose.root), str(loose.python), script)
    if data:
        Path(data).mkdir()
        loose.mark(data)
        command = hook_command.plugin_command(script)
    spool = tmp_path / "spool"
    plugin = {"CLAUDE_PLUGIN_ROOT": str(loose.root), "CLAUDE_PLUGIN_DATA": data}
    run(["/bin/sh"], command, "1", {**loose.environ, **plugin, "PATTERN_CACHE_DIR": str(spool)})
    wait_for(told.exists)
    assert told.read_text().split(",")[-5:] == [str(loose.root), str(spool), data, "", ""]


def test_where_it_cannot_become_python_another_does(loose: Loose, shell: list[str]) -> None:
    """It is taken away between the look at it and the start."""
    dated = loose.python.stat().st_mtime
    script("#!/gone\n")(loose)
    os.utime(loose.python, (dated, dated))
    assert loose.run(shell) == 1


def test_before_a_call_no_python_is_started_unless_events_may_wait(
    loose: Loose, shell: list[str]
) -> None:
    hook = loose.root / "hooks" / "pre_tool_use.py"
    text = "import os, sys; sys.stdin.buffer.read(); open(os.environ['TOLD'], 'a').write('x')\n"
    rewrite(hook, text)
    told = loose.root / "told"
    command = hook_command.command(str(loose.root), str(loose.python), hook.name)
    environ = {"PATH": "/usr/bin:/bin", "TOLD": str(told)}
    run(shell, command, "1", environ)
    usual = loose.root.parent / ".cache" / "patterns"
    usual.mkdir(parents=True)
    (usual / "ledger.db").touch()
    run(shell, command, "2", environ)
    assert not told.exists()
    (usual / "pending_x.json").touch()
    run(shell, command, "3", environ)
    assert told.read_text() == "x"
    (usual / "pending_x.json").unlink()
    run(shell, command, "4", {**environ, "PATTERN_CACHE_DIR": str(loose.spool)})
    assert told.read_text() == "xx"


@pytest.mark.parametrize("name", ["python", "python with 'quotes' and $HOME"])
def test_the_short_way_is_one_process(loose: Loose, name: str, shell: list[str]) -> None:
    """The shell becomes Python, and nothing else is started."""
    loose.python = loose.python.rename(loose.python.with_name(name))
    loose.mark()
    (loose.root / "hooks" / "takeover.sh").unlink()
    hook = loose.root / "hooks" / "post_tool_use.py"
    rewrite(hook, "import os; open(os.environ['TOLD'], 'w').write(f'{os.getpid()}')\n")
    loose.environ["TOLD"] = str(loose.root / "told")
    command = hook_command.command(str(loose.root), str(loose.python), hook.name)
    with subprocess.Popen([*shell, "-c", command], env=loose.environ) as process:
        assert process.wait() == 0
    assert (loose.root / "told").read_text() == str(process.pid)


def test_a_project_s_path_has_no_say(tmp_path: Path) -> None:
    """What it names comes last, and never from within the project."""
    fixed, project, elsewhere = (tmp_path / name for name in ("fixed", "project", "elsewhere"))
    takeover = tmp_path / "takeover.sh"
    text = (ROOT / "hooks" / "takeover.sh").read_text()
    for named in ("/usr/bin", "/usr/local/bin", "/opt/homebrew/bin"):
        assert f" {named}/python3" in text
        text = text.replace(f" {named}/python3", f" {fixed}/python3")
    takeover.write_text(text)
    for place in (fixed, project / "bin", elsewhere):
        place.mkdir(parents=True)
        (place / "python3").symlink_to(INTERPRETER)

    def found(path: str, registered: str = "/gone/python3") -> str:
        done = subprocess.run(
            ["/bin/sh", str(takeover), registered], cwd=project, capture_output=True,
            text=True, check=False, env={"PATH": path, "CLAUDE_PROJECT_DIR": str(project)},
        )  # fmt: skip
        return done.stdout.strip()

    assert found(str(elsewhere)) == f"{fixed}/python3"
    (fixed / "python3").unlink()
    assert found(str(elsewhere)) == f"{elsewhere}/python3"
    assert found(f"{project}/bin:{elsewhere}") == ""
    assert found(f"bin:{elsewhere}") == ""
    assert found("/gone") == ""
    # Nor has a name without a path to do with the working directory.
    beside = project / "python3"
    for place in (beside, beside / "bin"):
        place.mkdir()
        (place / "python3").symlink_to(INTERPRETER)
    assert found("/gone", "python3") == ""


PLUGIN_STATES: dict[str, str] = {
    "nothing": "",
    "a script that fails": "#!/bin/sh\nexit 2\n",
    "3.9": "3.9",
    "3.8": "3.8",
}


@pytest.mark.parametrize("state", PLUGIN_STATES.values(), ids=PLUGIN_STATES.keys())
def test_a_plugin_whose_python3_is_of_no_use_finds_another(
    loose: Loose, tmp_path: Path, shell: list[str], state: str
) -> None:
    takeover = loose.root / "hooks" / "takeover.sh"
    text = takeover.read_text()
    rewrite(takeover, text.replace(" /usr/bin/python3 ", f" {loose.python} "))
    tools = tmp_path / "tools"
    tools.mkdir()
    if state.startswith("#!"):
        (tools / "python3").write_text(state)
        (tools / "python3").chmod(0o755)
    elif state:
        (tools / "python3").symlink_to(other_python(state))
    registered = json.loads((loose.root / "hooks" / "hooks.json").read_text())["hooks"]
    environ = {
        **loose.environ, "PATH": f"{tools}", "CLAUDE_PLUGIN_ROOT": str(loose.root),
        "CLAUDE_PLUGIN_DATA": str(tmp_path / "data"),
    }  # fmt: skip
    for event in hook_command.SCRIPTS:
        command = registered[event][0]["hooks"][0]["command"]
        run([str(shutil.which(shell[0])), *shell[1:]], command, "1", environ)
    assert len(list(loose.spool.glob("pending_*"))) == 1
