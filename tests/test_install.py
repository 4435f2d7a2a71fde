"""Installing, registering, uninstalling: a careful guest in somebody's settings."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.commands.common import CommandError
from lib.commands.registration import command, register, unregister
from tests.support.bundle import ROOT, Bundle, payload
from tests.support.service_double import ServiceDouble


def run_install(home: Path, *arguments: str, cwd: Path | None = None, **environ: str) -> Any:
    return subprocess.run(
        [str(ROOT / "install.sh"), *arguments], cwd=cwd,
        env={"HOME": str(home), "PATH": os.environ["PATH"], **environ},
        capture_output=True, text=True, check=False,
    )  # fmt: skip


# Downloads are kept for the next test: a package index is not what is tested.
SHARED = {"PIP_CACHE_DIR": str(ROOT / ".cache" / "pip")}


def tree(directory: Path) -> dict[str, bytes]:
    """Every file below `directory` but what running code leaves behind."""
    return {
        str(path): path.read_bytes()
        for path in directory.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


@pytest.mark.xdist_group("client")
def test_installing_ends_with_a_lineage_and_leaves_no_event(installed_home: Path) -> None:
    done = run_install(installed_home)
    assert done.returncode == 0, done.stderr
    assert "greet  <- asked for" in done.stdout
    spool = installed_home / ".claude" / "hooks" / ".cache"
    assert not list(spool.rglob("pending_*"))


@pytest.mark.xdist_group("client")
def test_installing_twice_changes_nothing(installed_home: Path) -> None:
    before = tree(installed_home)
    assert run_install(installed_home).returncode == 0
    assert tree(installed_home) == before


@pytest.mark.xdist_group("client")
def test_a_service_can_be_chosen_with_the_installation(installed_home: Path) -> None:
    kept = installed_home / ".claude" / "hooks" / "pattern-tracker.approved.json"
    with ServiceDouble() as server:
        try:
            done = run_install(installed_home, "--service-url", server.url)
            assert done.returncode == 0, done.stderr
            assert json.loads(kept.read_text())["service_url"] == server.url
            assert kept.stat().st_mode & 0o777 == 0o600
            # The sample of the self-check is nobody's pattern.
            assert server.requests == []
            bundle = Bundle(
                installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker"
            )
            bundle.spool = installed_home / "chosen"
            bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
            bundle.post(payload("01-write-create-js-marker.post"))
            bundle.wait_delivered()
            assert len(server.commits) == 1
        finally:
            kept.unlink(missing_ok=True)


@pytest.mark.parametrize(
    "arguments",
    [("--service-url",), ("--service-url", ""), ("--uninstall", "--service-url", "x"), ("--no",)],
)
def test_options_that_make_no_sense_change_nothing(
    tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    done = run_install(tmp_path, *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("install.sh: ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.xdist_group("client")
def test_a_service_that_may_not_be_used_is_refused(installed_home: Path) -> None:
    done = run_install(installed_home, "--service-url", "http://patterns.example.com")
    assert done.returncode == 1
    assert "is not https" in done.stderr


def test_another_configuration_directory_is_installed_into_and_left(tmp_path: Path) -> None:
    config = tmp_path / "elsewhere with 'quotes' and spaces"
    environ = {"CLAUDE_CONFIG_DIR": str(config), **SHARED}
    assert run_install(tmp_path, **environ).returncode == 0
    assert not (tmp_path / ".claude").exists()
    settings = json.loads((config / "settings.json").read_text())
    (group,) = settings["hooks"]["PostToolUse"]
    assert group["matcher"] == "Write|Edit|MultiEdit|NotebookEdit"
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
    done = run_install(tmp_path, "--uninstall", **environ)
    assert (done.returncode, str(bundle.spool) in done.stdout) == (0, True)
    fire()
    assert not (config / "settings.json").exists()
    assert not bundle.root.exists()
    assert (bundle.spool / "ledger.db").exists()


@pytest.mark.parametrize(
    ("arguments", "environ", "message"),
    [
        (["--frobnicate"], {}, "unknown option"),
        ([], {"HOME": ""}, "no home directory"),
        ([], {"CLAUDE_CONFIG_DIR": "relative"}, "absolute"),
        (["--uninstall"], {}, "nothing is installed"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(
    tmp_path: Path, arguments: list[str], environ: dict[str, str], message: str
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


OTHER = {"matcher": "Write", "hooks": [{"type": "command", "command": "echo pattern-tracker"}]}
SETTINGS = {
    "none": None,
    "empty object": "{}",
    "empty file": "",
    "tabs": '{\n\t"model": "opus",\n\t"z": 1,\n\t"a": [1, 2]\n}\n',
    "four spaces, no final newline": '{\n    "env": {"A": "é"}\n}',
    "one line": '{"model": "opus", "hooks": {}}',
    "CRLF": '{\r\n  "model": "opus"\r\n}\r\n',
    "BOM": '\ufeff{\n  "model": "opus"\n}\n',
    "other people's hooks": json.dumps({"hooks": {"PostToolUse": [OTHER], "Stop": []}}, indent=2),
}


@pytest.mark.parametrize("text", SETTINGS.values(), ids=SETTINGS.keys())
def test_settings_come_back_byte_for_byte(tmp_path: Path, text: str | None) -> None:
    path, root = tmp_path / "settings.json", tmp_path / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    if text is not None:
        path.write_bytes(text.encode())
        path.chmod(0o640)
    before = json.loads((text or "{}").lstrip("\ufeff"))
    assert register(str(path), str(root), "/usr/bin/python3")
    installed = path.read_bytes()
    assert not register(str(path), str(root), "/usr/bin/python3")
    assert path.read_bytes() == installed
    settings = json.loads(installed.decode("utf-8-sig"))
    assert {k: v for k, v in settings.items() if k != "hooks"} == {
        k: v for k, v in before.items() if k != "hooks"
    }
    assert unregister(str(path), str(root))
    assert (path.read_bytes().decode() if path.exists() else None) == text
    if text is not None:
        assert path.stat().st_mode & 0o777 == 0o640


def test_what_others_wrote_meanwhile_stays(tmp_path: Path) -> None:
    path, root = tmp_path / "settings.json", tmp_path / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    path.write_text("{}")
    register(str(path), str(root), "/usr/bin/python3")
    settings = json.loads(path.read_text())
    settings["hooks"]["PostToolUse"].append(OTHER)
    settings["model"] = "opus"
    path.write_text(json.dumps(settings))
    unregister(str(path), str(root))
    assert json.loads(path.read_text()) == {"hooks": {"PostToolUse": [OTHER]}, "model": "opus"}


def test_an_older_entry_of_ours_is_replaced(tmp_path: Path) -> None:
    path, root = tmp_path / "settings.json", tmp_path / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    register(str(path), str(root), "/old/python")
    assert register(str(path), str(root), "/new/python")
    (group,) = json.loads(path.read_text())["hooks"]["PreToolUse"]
    assert group["hooks"][0]["command"] == command(str(root), "/new/python", "pre_tool_use.py")
    unregister(str(path), str(root))
    assert not path.exists()


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    path, root = tmp_path / "settings.json", tmp_path / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    (tmp_path / "dotfiles.json").write_text("{}")
    path.symlink_to("dotfiles.json")
    register(str(path), str(root), "/usr/bin/python3")
    assert path.is_symlink()
    assert "hooks" in json.loads((tmp_path / "dotfiles.json").read_text())


@pytest.mark.parametrize(
    "text", ["{", "[]", '{"hooks": []}', '{"hooks": {"PostToolUse": {}}}', "{\n// c\n}"]
)
def test_settings_that_are_not_understood_are_left_alone(tmp_path: Path, text: str) -> None:
    path, root = tmp_path / "settings.json", tmp_path / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(CommandError, match="nothing was changed"):
        register(str(path), str(root), "/usr/bin/python3")
    assert path.read_text() == text


@pytest.mark.xdist_group("client")
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


@pytest.mark.xdist_group("client")
def test_a_project_s_settings_and_what_was_recorded_go_with_the_rest(tmp_path: Path) -> None:
    home, project = tmp_path / "home", tmp_path / "project"
    (project / ".claude").mkdir(parents=True)
    home.mkdir()
    settings = project / ".claude" / "settings.json"
    settings.write_text('{ "env": {} }\n')
    (home / ".claude").mkdir()
    (home / ".claude" / "mine").write_text("")
    done = run_install(home, "--project", cwd=project, **SHARED)
    assert done.returncode == 0, done.stderr
    assert not (home / ".claude" / "settings.json").exists()
    assert set(json.loads(settings.read_text())["hooks"]) == {"PreToolUse", "PostToolUse"}
    bundle = Bundle(home, home / ".claude" / "hooks" / "pattern-tracker")
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_delivered()
    done = run_install(home, "--uninstall")
    assert (done.returncode, str(bundle.spool) in done.stdout) == (0, True)
    assert settings.read_text() == '{ "env": {} }\n'
    assert (bundle.spool / "ledger.db").exists()
    assert run_install(home, **SHARED).returncode == 0
    done = run_install(home, "--purge")
    assert done.returncode == 0, done.stderr
    left = sorted(path.name for path in (home / ".claude").rglob("*"))
    assert left == ["hooks", "mine"]


def test_a_directory_with_more_than_ours_is_not_purged(tmp_path: Path) -> None:
    from lib.commands.install import _is_spool

    for name in ("ledger.db", "ledger.db-wal", "tally", "pending_1.json", "README"):
        (tmp_path / name).touch()
    assert _is_spool(str(tmp_path))
    (tmp_path / "thesis.tex").touch()
    assert not _is_spool(str(tmp_path))
