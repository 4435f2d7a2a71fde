"""Installed as a plugin: with the real client, and until its environment is there."""

import json
import posix
import re
import shutil
import subprocess
import venv
from pathlib import Path
from typing import Any

import pytest

from lib import __version__
from lib.capture import hook
from lib.commands.setup.staging import PARTS
from lib.flusher import plugin_environment
from lib.registration.hook_command import SCRIPTS, plugin_command
from lib.registration.hook_groups import TIMEOUT_SECONDS, group_of
from lib.spool import wake
from lib.system import environment
from lib.system.bundle import kept
from lib.system.pythons import longest_lived
from lib.system.settings import Settings
from lib.system.state import StateFile
from tests.support.bundle import (
    CLIENT,
    ENVIRONMENT,
    INTERPRETER,
    ROOT,
    Bundle,
    other_version,
    seed,
    wait_for,
    write_payload,
)
from tests.support.copies import rewrite
from tests.support.forms import few
from tests.support.service_double import ServiceDouble

CODE = "def f():\n    return 1\n"
PLUGIN = "pattern-tracker@pattern-tracker"
ADDRESS = "https://git.invalid/pattern-tracker.git"


def git(*arguments: str, home: Path, cwd: Path | None = None) -> None:
    environ = {"HOME": str(home), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    subprocess.run(["git", *arguments], cwd=cwd, env=environ, check=True, capture_output=True)


def published(source: Path, home: Path) -> str:
    """`source` as a repository that the client takes for one on another host; its address."""
    git("init", "--quiet", home=home, cwd=source)
    git("add", "--all", home=home, cwd=source)
    identity = ("-c", "user.name=x", "-c", "user.email=x@localhost")
    git(*identity, "commit", "--quiet", "-m", "x", home=home, cwd=source)
    git("config", "--global", f"url.file://{source}.insteadOf", ADDRESS, home=home)
    return ADDRESS


def claude_plugin(bundle: Bundle, *arguments: str) -> str:
    done = subprocess.run(
        [str(CLIENT), "plugin", *arguments],
        env={**bundle.environ, "DISABLE_AUTOUPDATER": "1",
             "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.client
@pytest.mark.usefixtures("client")
@pytest.mark.parametrize("place", few(["a repository", "a directory"]))
def test_from_the_marketplace_to_a_lineage(bundle: Bundle, tmp_path: Path, place: str) -> None:
    """Adding the marketplace and installing the plugin is all that a user does."""
    source = other_version(tmp_path / "source")
    data = bundle.home / ".claude" / "plugins" / "data" / "pattern-tracker-pattern-tracker"
    seed(data)
    address = str(source) if place == "a directory" else published(source, bundle.home)
    claude_plugin(bundle, "marketplace", "add", address)
    claude_plugin(bundle, "install", PLUGIN)
    work = tmp_path / "work"
    work.mkdir()
    call = ("Write", {"file_path": str(work / "a.py"), "content": CODE})
    done = bundle.claude([[call]], work)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "done", "")
    bundle.wait_delivered()
    if place == "a repository":
        cache = bundle.home / ".claude/plugins/cache/pattern-tracker/pattern-tracker"
        bundle.root = cache / __version__
    else:
        bundle.root = source / "plugin"
    wait_for((bundle.root / ".venv").exists)
    assert (bundle.root / ".venv").resolve() == data / ".venv"
    (event,) = bundle.log()
    assert (event["event_type"], event["pattern_name"]) == ("pattern_created", "f")
    assert bundle.json("lineage", str(work / "a.py"))["pattern_id"] == event["pattern_id"]
    status = bundle.json("status")
    assert status["environment"] == {"state": "ready"}
    checks = {check["name"]: check for check in bundle.json("doctor")["checks"]}
    assert checks["hooks"]["text"] == f"registered in the plugin {PLUGIN}"
    assert {check["level"] for check in checks.values()} == {"ok"}


@pytest.mark.long
@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_a_checkout_that_is_installed_and_moves(bundle: Bundle, tmp_path: Path) -> None:
    """Its environments stay where they are; doctor finds it gone, and says what mends that."""
    source = other_version(tmp_path / "source")
    for name in (".cache", ".venv", "tests"):
        (source / name).mkdir()
        (source / name / "large").write_text("x" * 1000)
    claude_plugin(bundle, "marketplace", "add", str(source))
    claude_plugin(bundle, "install", PLUGIN)
    cache = bundle.home / ".claude/plugins/cache/pattern-tracker/pattern-tracker" / __version__
    assert {path.name for path in cache.iterdir()} == {part for part in PARTS if part != "plugin"}
    assert (cache / "lib" / "capture" / "hook.py").is_file()

    def hooks() -> dict[str, str]:
        done = bundle.command("doctor", "--json")
        checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
        found: dict[str, str] = checks["hooks"]
        return found

    assert hooks()["level"] == "ok"
    moved = source.rename(tmp_path / "moved")
    found = hooks()
    assert (found["level"], str(source) in found["text"]) == ("serious", True)
    assert found["fix"].startswith("claude plugin marketplace add")
    claude_plugin(bundle, "marketplace", "add", str(moved))
    assert hooks()["level"] == "ok"


def test_a_plugin_is_the_bundle_and_nothing_else() -> None:
    """The client follows the links and copies what they lead to."""
    plugin = ROOT / "plugin"
    parts = {part for part in PARTS if part != "plugin"}
    assert {path.name for path in plugin.iterdir() if path.name != ".venv"} == parts
    for part in parts - {".claude-plugin"}:
        assert (plugin / part).samefile(ROOT / part)
        assert not (plugin / part).readlink().is_absolute()
    assert (plugin / ".claude-plugin" / "plugin.json").samefile(ROOT / "plugin.json")
    assert kept(".approved.json", str(plugin)) == f"{ROOT}.approved.json"


class Plugin(Bundle):
    """A plugin without an environment, run by a Python without packages."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory / "home", other_version(directory / "source"))
        self.home.mkdir()
        self.data = directory / "data"
        venv.create(directory / "bare", symlinks=True)
        self.python = str(directory / "bare" / "bin" / "python")

    def write(self, use: str, *data: str, **environ: str) -> None:
        """What the client does after a Write; `data`: what it names as the plugin's directory."""
        script = str(self.root / "hooks" / "post_tool_use.py")
        done = subprocess.run(
            [self.python, "-I", "-S", script, *data],
            input=json.dumps(write_payload(f"/p/{use}.py", f"x = {use!r}\n", use)).encode(),
            env={**self.environ, **environ}, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def bare(self, *arguments: str) -> Any:
        """The command line, by that Python too."""
        run = "import sys; sys.path[:0] = [sys.argv.pop(1)]; import lib.commands.cli as c; "
        run += "exit(c.main())"
        return subprocess.run(
            [self.python, "-I", "-c", run, str(self.root), *arguments],
            env=self.environ, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def state(self) -> StateFile:
        return StateFile(str(self.spool / "state.json"))

    def told(self) -> str:
        return str(self.state().section(plugin_environment.SECTION).get("state"))


def beside(plugin: Plugin) -> Bundle:
    """A bundle with an environment, and the same spool."""
    made = Bundle(plugin.home)
    made.environ |= plugin.environ
    return made


@pytest.fixture
def plugin(tmp_path: Path) -> Any:
    made = Plugin(tmp_path)
    yield made
    wait_for(lambda: not made.spool.is_dir() or not wake.is_running(str(made.spool)))


@pytest.mark.long
def test_until_the_environment_is_there_all_is_kept_and_status_says_so(
    plugin: Plugin, server: ServiceDouble
) -> None:
    plugin.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    plugin.write("1", str(plugin.data), PIP_NO_INDEX="1")
    wait_for(lambda: plugin.told() == plugin_environment.FAILED)
    status = json.loads(plugin.bare("status", "--json").stdout)
    assert (status["captured"], status["pending"], status["delivered"]) == (1, 1, 0)
    assert "httpx" in status["service"]["problem"]
    said = "could not be made [0-9]+ s ago, tried again hourly: pip"
    assert re.search(said, plugin.bare("status").stdout)
    doctor = plugin.bare("doctor")
    assert doctor.returncode == 1
    assert "serious  packages" in doctor.stdout
    # What was captured can be looked at even so.
    assert "created" in plugin.bare("log").stdout
    assert "/p/1.py" in plugin.bare("lineage", "/p/1.py").stdout
    assert "1 patterns in 1 files" in plugin.bare("stats").stdout
    # An installation beside it has its own, and is not concerned.
    assert beside(plugin).json("status")["environment"] == {"state": "ready"}
    # Not tried again within the hour.
    before = plugin.state().section(plugin_environment.SECTION)
    plugin_environment.ensure(str(plugin.root), str(plugin.data), str(plugin.spool))
    assert plugin.state().section(plugin_environment.SECTION) == before
    assert server.commits == {}


def test_what_waited_is_delivered_when_the_environment_is_there(
    plugin: Plugin, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    plugin.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    plugin.write("1")
    plugin.wait_flushed()
    assert plugin.told() == "None"

    def build(made: str, lock: str, interpreter: str, earlier: str) -> None:
        assert lock == str(plugin.root / "requirements.lock")
        assert interpreter == longest_lived(INTERPRETER)
        assert plugin.told() == plugin_environment.PREPARING
        assert "being made in the background for" in plugin.bare("status").stdout
        environment.copy(str(ENVIRONMENT), made)

    seed(plugin.home / "spare")
    monkeypatch.setattr(environment, "build", build)
    monkeypatch.setattr(plugin_environment, "limit_time", lambda: None)
    for name, value in plugin.environ.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir("/")
    plugin_environment.ensure(str(plugin.root), str(plugin.data), str(plugin.spool))
    assert plugin.told() == plugin_environment.READY
    plugin.wait_delivered()
    assert len(server.commits) == 1
    assert plugin.json("status")["environment"] == {"state": "ready"}


def test_an_environment_for_other_packages_is_made_anew(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []

    def build(place: str, lock: str, interpreter: str, earlier: str) -> None:
        made.append(place)
        environment.copy(str(ENVIRONMENT), place)
        Path(place, environment.MARK).unlink()
        Path(place, environment.MARK).write_text(environment._signature(lock))

    seed(plugin.data)
    plugin.spool.mkdir(parents=True, mode=0o700)
    monkeypatch.setattr(environment, "build", build)
    monkeypatch.setattr(plugin_environment, "limit_time", lambda: None)
    place = (str(plugin.root), str(plugin.data), str(plugin.spool))
    plugin_environment.ensure(*place)
    assert (made, plugin.told()) == ([], plugin_environment.READY)
    lock = plugin.root / "requirements.lock"
    rewrite(lock, f"{lock.read_text()}# another\n")
    plugin_environment.ensure(*place)
    plugin_environment.ensure(*place)
    assert len(made) == 1
    names = {path.name for path in plugin.data.iterdir()}
    assert {name for name in names if not name.startswith("python")} == {
        ".venv",
        "environment.lock",
    }


def test_a_checkouts_own_environment_stays(plugin: Plugin) -> None:
    """A plugin directory may be somebody's working copy, in which the first hook takes over."""
    seed(plugin.home / "own")
    seed(plugin.data)
    plugin.spool.mkdir(parents=True, mode=0o700)
    own = plugin.root / ".venv"
    own.symlink_to(plugin.home / "own" / ".venv")
    place = (str(plugin.root), str(plugin.data), str(plugin.spool))
    plugin_environment.ensure(*place, suspect=True)
    assert own.readlink() == plugin.home / "own" / ".venv"
    # One that does not work is replaced.
    shutil.rmtree(plugin.home / "own")
    plugin_environment.ensure(*place, suspect=True)
    assert own.resolve() == plugin.data / ".venv"


@pytest.mark.parametrize("data", ["", "relative", "${CLAUDE_PLUGIN_DATA}"])
def test_without_a_place_for_it_no_environment_is_made(plugin: Plugin, data: str) -> None:
    plugin.spool.mkdir(parents=True, mode=0o700)
    plugin_environment.ensure(str(plugin.root), data, str(plugin.spool))
    assert plugin.told() == "None"
    assert not (plugin.root / ".venv").is_symlink()


def test_the_hook_takes_the_clients_word_for_the_place(
    plugin: Plugin, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[str, ...]] = []
    monkeypatch.setattr(hook, "wake", lambda spool, root, environ, *data: taken.append(data))
    monkeypatch.setitem(posix.environ, b"CLAUDE_PLUGIN_DATA", b"/a/repositorys")
    for given in ([], ["/the/plugins"], ["/the/plugins", "mend", "more"]):
        monkeypatch.setattr("sys.argv", ["post_tool_use.py", *given])
        hook._wake(str(plugin.spool), str(plugin.root), Settings(plugin.environ))
    assert taken == [(), ("/the/plugins",), ("/the/plugins", "mend")]


def test_the_python_behind_a_shim_is_found_once(plugin: Plugin, tmp_path: Path) -> None:
    seed(plugin.data)
    told, shim = tmp_path / "told", tmp_path / "shims" / "python3"
    shim.parent.mkdir()
    shim.write_text(f'#!/bin/sh\necho x >>{told}\nexec {INTERPRETER} "$@"\n')
    shim.chmod(0o755)
    plugin.environ |= {
        "PATH": f"{shim.parent}:/usr/bin:/bin", "CLAUDE_PLUGIN_ROOT": str(plugin.root),
        "CLAUDE_PLUGIN_DATA": str(plugin.data),
    }  # fmt: skip

    def write(use: str) -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", plugin_command(SCRIPTS["PostToolUse"])], env=plugin.environ,
            input=json.dumps(write_payload(f"/p/{use}.py", f"x = {use!r}\n", use)).encode(),
            capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    write("1")
    wait_for((plugin.data / "python").exists)
    assert (plugin.data / "python").readlink() == Path(longest_lived(INTERPRETER))
    plugin.wait_delivered()
    before = told.read_text()
    write("2")
    assert told.read_text() == before
    plugin.wait_delivered()
    assert len(plugin.log()) == 2


def test_no_variable_tells_where_an_environment_is(plugin: Plugin, tmp_path: Path) -> None:
    """A cloned repository can set CLAUDE_PLUGIN_DATA for hooks that are no plugin's."""
    evil = tmp_path / "evil"
    python = evil / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text(f"#!/bin/sh\ntouch {tmp_path}/was-run\n")
    python.chmod(0o755)
    plugin.environ["CLAUDE_PLUGIN_DATA"] = str(evil)
    plugin.write("1")
    plugin.bare("status")
    plugin.command("status")
    plugin.wait_delivered()
    assert plugin.told() == "None"
    assert not (tmp_path / "was-run").exists()


def test_approvals_outlive_a_version_of_the_plugin() -> None:
    root = "/home/me/.claude/plugins/cache/market/pattern-tracker/1.2.3"
    assert kept(".x", root) == "/home/me/.claude/hooks/pattern-tracker.x"
    assert kept(".x", "/src/pattern-tracker/") == "/src/pattern-tracker.x"
    assert kept(".x").startswith(str(ROOT))


def test_a_plugins_hooks_are_those_of_an_installation() -> None:
    hooks = json.loads((ROOT / "hooks" / "hooks.json").read_text())["hooks"]
    for event, (group,) in hooks.items():
        assert group == group_of(event, plugin_command(SCRIPTS[event]))
    # What is over its time before a call loses nothing, after it an event.
    assert TIMEOUT_SECONDS["PreToolUse"] < TIMEOUT_SECONDS["PostToolUse"]
