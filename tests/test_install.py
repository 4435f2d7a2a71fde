"""Installing, registering, uninstalling: a careful guest in somebody's settings."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.commands.setup import staging
from lib.registration.hook_command import FAILED, SCRIPTS, command
from lib.system.pythons import longest_lived
from tests.support.bundle import (
    INTERPRETER,
    ROOT,
    Bundle,
    other_version,
    payload,
    put_bundle,
    seed,
    wait_for,
    write_payload,
)
from tests.support.client_files import native_client, npm_client
from tests.support.copies import Kept, rewrite
from tests.support.forms import few
from tests.support.service_double import ServiceDouble
from tests.support.transcripts import Writer

# Without the compilers that pip asks for their versions: some leave files in the home directory.
PATH = f"{os.path.dirname(INTERPRETER)}:/usr/bin:/bin"


def run_install(
    home: Path, *arguments: str, cwd: Path | None = None, script: Path = ROOT / "install.sh",
    **environ: str,
) -> Any:  # fmt: skip
    return subprocess.run(
        [str(script), *arguments], cwd=cwd,
        env={"HOME": str(home), "PATH": PATH, **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


def tree(directory: Path) -> dict[str, object]:
    """Every file below `directory` but what running code leaves behind: what is in it, or of the
    many of the packages which file it is."""
    return {
        str(path): identity(path) if "site-packages" in path.parts else path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def identity(path: Path) -> tuple[int, ...]:
    found = path.stat()
    return found.st_ino, found.st_size, found.st_mtime_ns


@pytest.mark.long
def test_from_an_empty_home_to_a_lineage_in_one_command(tmp_path: Path) -> None:
    """With the packages from where pip has them: the one test that asks an index."""
    done = run_install(tmp_path, PIP_CACHE_DIR=str(ROOT / ".cache" / "pip"))
    assert done.returncode == 0, done.stderr
    said = [line.strip().partition("  ")[0] for line in done.stdout.splitlines()]
    assert said[0].endswith("into ~/.claude/hooks/pattern-tracker")
    assert said[1].startswith("making an environment with Python 3.")
    assert said[2:4] == [
        "installing the packages",
        "checking it: a sample file written and changed",
    ]
    assert "is as it was recorded last" in done.stdout
    assert "is gone" not in done.stdout  # the sample is a file, as it was recorded
    assert "registered the hooks in ~/.claude/settings.json" in said
    assert said[-2] == "~/.local/bin/pattern-tracker status"
    assert bundle_in(tmp_path).json("doctor")["serious"] == 0


def test_it_offers_past_sessions_and_imports_them_when_asked(installed: Bundle) -> None:
    home = installed.home
    projects = home / ".claude" / "projects" / "-p"
    for number in range(2):
        writer = Writer(projects, f"s-{number}")
        writer.prompt("write it")
        given = {"file_path": f"/p/{number}.py", "content": f"x = {number}\n"}
        writer.use("use", "Write", **given)
        writer.result("use", {"type": "create", "originalFile": None, **given})
    done = run_install(home)
    assert done.stdout.splitlines()[-1].startswith("2 past sessions can be imported: ")
    assert done.stdout.endswith(" import\n")
    done = run_install(home, "--import")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("2 events recorded, ")
    done = run_install(home, "--import", "--uninstall")
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)


def test_installing_again_ends_with_a_lineage_and_changes_nothing(installed: Bundle) -> None:
    before = tree(installed.home)
    source = identity(installed.root / "lib" / "__init__.py")
    done = run_install(installed.home)
    assert done.returncode == 0, done.stderr
    assert "is as it was recorded last" in done.stdout
    assert "past session" not in done.stdout
    # Nor is there an event of the sample.
    assert tree(installed.home) == before
    assert identity(installed.root / "lib" / "__init__.py") == source


def test_a_service_can_be_chosen_with_the_installation(installed: Bundle) -> None:
    kept = installed.root.with_name("pattern-tracker.approved.json")
    with ServiceDouble() as server:
        done = run_install(installed.home, "--service-url", server.url)
        assert done.returncode == 0, done.stderr
        assert json.loads(kept.read_text())["service_url"] == server.url
        assert kept.stat().st_mode & 0o777 == 0o600
        # The sample of the self-check is nobody's pattern.
        assert server.requests == []
        installed.post(payload("01-write-create-js-marker.post"))
        installed.wait_delivered()
        assert len(server.commits) == 1


@pytest.mark.parametrize(
    "arguments",
    few(
        [("--service-url",), ("--service-url", ""), ("--uninstall", "--service-url", "x"),
         ("--no",)], 2,
    ),
)  # fmt: skip
def test_options_that_make_no_sense_change_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run_install(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("install.sh: ")
    assert list(tmp_path.iterdir()) == []


def test_a_service_that_may_not_be_used_is_refused(tmp_path: Path) -> None:
    done = run_install(tmp_path, "--service-url", "http://patterns.example.com")
    assert done.returncode == 1
    assert "is not https" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_another_configuration_directory_is_installed_into_and_left(tmp_path: Path) -> None:
    config = tmp_path / "elsewhere with 'quotes' and spaces"
    environ: Any = {"CLAUDE_CONFIG_DIR": str(config)}
    seed(config / "hooks" / "pattern-tracker")
    assert run_install(tmp_path, **environ).returncode == 0
    assert not (tmp_path / ".claude").exists()
    settings = json.loads((config / "settings.json").read_text())
    (group,) = settings["hooks"]["PostToolUse"]
    assert group["matcher"] == "Write|Edit|MultiEdit|NotebookEdit|Bash"
    data = (ROOT / "tests" / "payloads" / "01-write-create-js-marker.post.json").read_bytes()
    bundle = Bundle(tmp_path, config / "hooks" / "pattern-tracker")
    bundle.spool = config / "hooks" / ".cache" / "patterns"
    bundle.environ["CLAUDE_CONFIG_DIR"] = str(config)

    def fire() -> None:
        done = subprocess.run(
            ["/bin/sh", "-c", group["hooks"][0]["command"]], input=data, env=bundle.environ,
            capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    fire()
    bundle.wait_delivered()
    assert len(bundle.log()) == 1
    # From a shell that knows nothing of it, the command is that of the installation it lies in.
    del bundle.environ["CLAUDE_CONFIG_DIR"]
    assert bundle.json("status")["cache_dir"] == str(bundle.spool)
    (hooks,) = (c for c in bundle.json("doctor")["checks"] if c["name"] == "hooks")
    assert (hooks["level"], str(config) in hooks["text"]) == ("ok", True)
    other = {**bundle.environ, "CLAUDE_CONFIG_DIR": str(tmp_path / "other")}
    command = [str(bundle.root / "bin" / "pattern-tracker"), "status", "--json"]
    done = subprocess.run(command, env=other, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout)["cache_dir"].startswith(str(tmp_path / "other"))
    bundle.environ |= environ
    done = run_install(tmp_path, "--uninstall", **environ)
    assert (done.returncode, str(bundle.spool) in done.stdout) == (0, True)
    fire()
    assert not (config / "settings.json").exists()
    assert not bundle.root.exists()
    assert (bundle.spool / "ledger.db").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--frobnicate"], {}, "unrecognized arguments: --frobnicate"),
        ([], {"HOME": ""}, "no home directory"),
        ([], {"CLAUDE_CONFIG_DIR": "relative"}, "absolute"),
        (["--uninstall"], {}, "nothing is installed"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], environ: Any, message: str
) -> None:
    done = run_install(tmp_path, *arguments, **environ)
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert list(tmp_path.iterdir()) == []


def test_only_an_old_python_is_a_clear_error(tmp_path: Path) -> None:
    tools = tmp_path / "bin"
    tools.mkdir()
    for name in ("dirname", "env", "sh"):
        (tools / name).symlink_to(f"/usr/bin/{name}")
    old = tools / "python3"
    old.write_text("#!/bin/sh\nexit 0\n")
    old.chmod(0o755)
    done = run_install(tmp_path, PATH=str(tools))
    assert (done.returncode, "Python 3.10 or newer" in done.stderr) == (1, True)


def test_a_dry_run_shows_the_change_and_makes_none(tmp_path: Path) -> None:
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text('{\n    "model": "opus"\n}\n')
    before = tree(tmp_path)
    done = run_install(tmp_path, "--dry-run")
    assert (done.returncode, done.stderr) == (0, "")
    assert [line for line in done.stdout.splitlines() if line[0] == "-"] == [
        f"--- {settings}",
        '-    "model": "opus"',
    ]
    assert done.stdout.count(" -I -S ") == 2
    assert tree(tmp_path) == before


def events_in(settings: Path) -> set[str]:
    return set(json.loads(settings.read_text())["hooks"])


def test_the_hook_of_failed_calls_is_for_clients_that_are_known_to_tell_of_them(
    installed: Bundle, tmp_path: Path
) -> None:
    """Older ones run no hook of settings that name an event that they do not know."""
    settings = installed.home / ".claude" / "settings.json"
    for put, version, tells in (
        (npm_client, "2.0.60", True), (npm_client, "2.0.59", False), (native_client, "2.1.0", True),
        (native_client, "latest", False),
    ):  # fmt: skip
        path = f"{put(tmp_path, version)}:{PATH}"
        shown = run_install(installed.home, "--dry-run", PATH=path).stdout
        sign = "+" if tells else "-"
        assert any(line[:1] == sign and f'"{FAILED}"' in line for line in shown.splitlines())
        done = run_install(installed.home, PATH=path)
        assert done.returncode == 0, done.stderr
        assert events_in(settings) == {*SCRIPTS, *([FAILED] if tells else [])}
        hooks = json.loads(settings.read_text())["hooks"]
        if tells:
            after, failed = (hooks[event][0]["hooks"][0] for event in ("PostToolUse", FAILED))
            assert (failed, hooks[FAILED][0]["matcher"]) == (after, "Bash")
        assert installed.json("doctor")["serious"] == 0
    assert not (tmp_path / "ran").exists()
    run_install(installed.home, PATH=f"{npm_client(tmp_path, '2.0.60')}:{PATH}")
    assert FAILED in events_in(settings)
    assert run_install(installed.home, "--uninstall").returncode == 0
    assert settings.read_text() == BEFORE


def test_a_project_s_settings_and_what_was_recorded_go_with_the_rest(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    home.mkdir()
    settings = project / ".claude" / "settings.json"
    settings.write_text('{ "env": {} }\n')
    (home / ".claude").mkdir()
    (home / ".claude" / "mine").write_text("")
    (home / ".local").mkdir()
    put_bundle(home / ".claude" / "hooks" / "pattern-tracker")
    # Other people's clients, which may be older, read these too.
    path = f"{npm_client(tmp_path, '2.1.0')}:{PATH}"
    done = run_install(home, "--project", cwd=project, PATH=path)
    assert done.returncode == 0, done.stderr
    assert not (home / ".claude" / "settings.json").exists()
    assert events_in(settings) == {"PreToolUse", "PostToolUse"}
    bundle = Bundle(home, home / ".claude" / "hooks" / "pattern-tracker")
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_delivered()
    done = run_install(home, "--uninstall")
    assert (done.returncode, str(bundle.spool) in done.stdout) == (0, True)
    assert settings.read_text() == '{ "env": {} }\n'
    assert (bundle.spool / "ledger.db").exists()
    # As it was told: what stayed goes with another command, though nothing is installed any more.
    done = run_install(home, "--purge")
    assert (done.returncode, str(bundle.spool) in done.stdout) == (0, True), done.stderr
    done = run_install(home, "--purge")
    assert (done.returncode, "nothing is installed" in done.stderr) == (1, True)
    left = sorted(str(path.relative_to(home)) for path in home.rglob("*"))
    assert left == [".claude", ".claude/mine", ".local"]


@pytest.mark.parametrize("order", few([("--uninstall", "--purge"), ("--purge", "--uninstall")]))
def test_to_uninstall_and_to_purge_is_to_purge(installed: Bundle, order: tuple[str, str]) -> None:
    fire(installed, "1")
    installed.wait_delivered()
    done = run_install(installed.home, *order)
    assert done.returncode == 0, done.stderr
    assert not installed.spool.exists()
    assert not installed.root.exists()
    assert not (installed.home / ".local").exists()


def test_a_directory_with_more_than_ours_is_not_purged(tmp_path: Path) -> None:
    from lib.system.own_directory import holds_only_ours

    for name in ("ledger.db", "ledger.db-wal", "tally", "pending_1.json", "README"):
        (tmp_path / name).touch()
    assert holds_only_ours(os.listdir(tmp_path))
    (tmp_path / "thesis.tex").touch()
    assert not holds_only_ours(os.listdir(tmp_path))


def bundle_in(home: Path) -> Bundle:
    return Bundle(home, home / ".claude" / "hooks" / "pattern-tracker")


def registered(bundle: Bundle) -> str:
    """The command that the client runs after a Write."""
    settings = json.loads((bundle.home / ".claude" / "settings.json").read_text())
    (group,) = settings["hooks"]["PostToolUse"]
    return str(group["hooks"][0]["command"])


def fire(bundle: Bundle, use: str) -> None:
    """A Write, as the client tells of it: the hook is silent and exits 0."""
    done = subprocess.run(
        ["/bin/sh", "-c", registered(bundle)],
        input=json.dumps(write_payload(f"/p/{use}.py", f"x = {use!r}\n", use)).encode(),
        env=bundle.environ, capture_output=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


@pytest.fixture(scope="module")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Kept:
    """A home in which it is installed, with settings that were there before."""
    home = tmp_path_factory.mktemp("place") / "home"
    put_bundle(bundle_in(home).root)
    (home / ".claude" / "settings.json").write_text(BEFORE)
    done = run_install(home)
    assert done.returncode == 0, done.stderr
    return Kept(home)


@pytest.fixture
def installed(installation: Kept) -> Bundle:
    """The installation anew at its place."""
    return bundle_in(installation.put())


BEFORE = '{\n\t"model": "opus"}'


def test_hooks_that_run_during_an_upgrade_lose_nothing(installed: Bundle, tmp_path: Path) -> None:
    source = other_version(tmp_path / "source", "lib/commands/cli.py", "# another\n")
    fired = 0
    upgrade = subprocess.Popen(
        [source / "install.sh"], env={"HOME": str(installed.home), "PATH": os.environ["PATH"]},
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    while upgrade.poll() is None:
        fire(installed, str(fired))
        fired += 1
    assert upgrade.returncode == 0
    assert (installed.root / "lib/commands/cli.py").read_text().endswith("# another\n")
    installed.wait_delivered()
    assert len(installed.log()) == fired > 10


BREAKAGES = {
    "the hook": ("lib/spool/inbox.py", "def commit(*given: object) -> str:\n    raise OSError\n"),
    "the command line": ("lib/commands/cli.py", "raise RuntimeError\n"),
    "the packages": ("requirements.lock", "no-such-package==1 --hash=sha256:00\n"),
}


@pytest.mark.parametrize("broken", few(BREAKAGES))
def test_a_failed_upgrade_leaves_the_old_version_at_work(
    installed: Bundle, tmp_path: Path, broken: tuple[str, str]
) -> None:
    source = other_version(tmp_path / "source", *broken)
    before = tree(installed.home)
    done = run_install(installed.home, script=source / "install.sh", PIP_NO_INDEX="1")
    assert (done.returncode, len(done.stderr.splitlines())) == (1, 1), done.stderr
    assert tree(installed.home) == before
    fire(installed, "after")
    installed.wait_delivered()
    assert len(installed.log()) == 1


def test_a_damaged_installation_is_mended_by_installing_again(
    installed: Bundle, tmp_path: Path
) -> None:
    """Where the sources are whole, only the look at whether it works finds what is not."""
    for torn in (installed.root / "lib" / "__pycache__").glob("hook*"):
        rewrite(torn, torn.read_bytes()[:-9])
    for torn in (installed.root / "lib").rglob("*.pyc"):
        rewrite(torn, torn.read_bytes()[:-9])
    done = run_install(installed.home, PATH=f"{npm_client(tmp_path, '2.1.0')}:{PATH}")
    assert done.returncode == 0, done.stderr
    assert FAILED in events_in(installed.home / ".claude" / "settings.json")
    fire(installed, "1")
    installed.wait_delivered()
    assert installed.json("doctor")["serious"] == 0


@pytest.mark.parametrize("gone", few(["", ".venv", "lib", "install.sh"], 2))
def test_uninstalling_needs_nothing_of_the_installation(installed: Bundle, gone: str) -> None:
    victim = installed.root / gone
    shutil.rmtree(victim) if victim.is_dir() else victim.unlink()
    done = run_install(installed.home, "--uninstall")
    assert done.returncode == 0, done.stderr
    assert [p.name for p in installed.home.rglob("*") if p.is_file()] == ["settings.json"]
    assert (installed.home / ".claude" / "settings.json").read_text() == BEFORE


def test_the_installation_uninstalls_itself(installed: Bundle) -> None:
    done = run_install(installed.home, "--uninstall", script=installed.root / "install.sh")
    assert done.returncode == 0, done.stderr
    assert not installed.root.exists()
    assert (installed.home / ".claude" / "settings.json").read_text() == BEFORE


@pytest.mark.parametrize("verb", few(["--uninstall", "--purge"]))
def test_a_dry_run_of_a_removal_removes_nothing(installed: Bundle, verb: str) -> None:
    before = tree(installed.home)
    done = run_install(installed.home, "--dry-run", verb)
    assert (done.returncode, done.stderr) == (0, "")
    assert f"{installed.root} would be removed" in done.stdout
    assert '-\t"model": "opus",' in done.stdout
    assert '+\t"model": "opus"}' in done.stdout
    assert tree(installed.home) == before


@pytest.mark.parametrize("marked", [True, pytest.param(False, marks=pytest.mark.long)])
def test_the_layout_of_before_is_upgraded_in_place(installed: Bundle, marked: bool) -> None:
    """An installer that was killed between its two renames, and an environment without a mark,
    which is made anew."""
    root, hooks = installed.root, installed.root.parent
    if not marked:
        (root / ".venv" / ".complete").unlink()
    (root / ".built").write_text("signature")
    root.rename(hooks / ".pattern-tracker.old.4711")
    (hooks / ".pattern-tracker.new.4711" / "lib").mkdir(parents=True)
    done = run_install(installed.home, PIP_CACHE_DIR=str(ROOT / ".cache" / "pip"))
    assert done.returncode == 0, done.stderr
    assert sorted(p.name for p in hooks.iterdir() if p.is_dir()) == [
        "pattern-tracker", "pattern-tracker.settings",
    ]  # fmt: skip
    fire(installed, "1")
    installed.wait_delivered()
    done = run_install(installed.home, "--uninstall")
    assert done.returncode == 0
    assert (installed.home / ".claude" / "settings.json").read_text() == BEFORE


@pytest.mark.long
def test_offline_it_fails_clearly_and_leaves_nothing(tmp_path: Path) -> None:
    done = run_install(tmp_path, PIP_INDEX_URL="http://127.0.0.1:9/simple")
    assert (done.returncode, done.stderr) == (
        1,
        "install.sh: no package index can be reached: is there a network?\n",
    )
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("text", few(["{ // comment\n}", '{"hooks": []}', "\0"]))
def test_settings_that_cannot_be_edited_are_told_before_anything_is_made(
    tmp_path: Path, text: str
) -> None:
    settings = tmp_path / ".claude" / "settings.json"
    settings.parent.mkdir()
    settings.write_text(text)
    done = run_install(tmp_path)
    assert done.returncode == 1
    assert "nothing was changed. To add by hand:" in done.stderr
    shown = json.loads(done.stderr.partition("by hand:")[2])
    root = tmp_path / ".claude" / "hooks" / "pattern-tracker"
    assert shown["hooks"]["PostToolUse"][0]["hooks"][0]["command"] == command(
        str(root), longest_lived(INTERPRETER), SCRIPTS["PostToolUse"]
    )
    assert list(tree(tmp_path).values()) == [text.encode()]


def test_installers_at_once_make_one_installation(tmp_path: Path) -> None:
    bundle = bundle_in(tmp_path)
    seed(bundle.root)

    def aside() -> list[Path]:
        return list(bundle.root.parent.glob(f"{staging.ASIDE}*"))

    started = []
    for _ in range(2):
        started.append(
            subprocess.Popen(
                [ROOT / "install.sh"], env={"HOME": str(tmp_path), "PATH": os.environ["PATH"]},
                stdout=subprocess.DEVNULL,
            )
        )  # fmt: skip
        # The other one begins while this one is at it.
        wait_for(aside)
    assert [process.wait() for process in started] == [0, 0]
    fire(bundle, "1")
    bundle.wait_delivered()
    assert not aside()
