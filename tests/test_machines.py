"""Installing on machines of every kind: mounts, images, ACLs, somebody else's home."""

import json
import os
import shutil
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from lib.flusher.plugin_environment import LOCK_FILE
from lib.registration import settings_file
from lib.registration.entries import register, unregister
from lib.system.lock import Lock
from tests.support.bundle import INTERPRETER, ROOT, Bundle, other_version, payload, put_bundle, seed
from tests.support.forms import few
from tests.support.mounts import needs_mounts, run_mounted

SETTINGS = '{\n  "model": "opus"\n}\n'
NOBODY = 65534


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A home directory with settings, in which ./install.sh finds its packages."""
    made = tmp_path / "home"
    (made / ".claude" / "hooks").mkdir(parents=True)
    (made / ".claude" / "settings.json").write_text(SETTINGS)
    return made


def install(home: Path, before: str = "", script: Path = ROOT / "install.sh", *more: str) -> Any:
    """Run the installer behind the shell commands `before`, in a mount namespace of its own."""
    return run_mounted(f"{before}\nexec {script} {' '.join(more)}", Bundle(home).environ)


def is_registered(home: Path) -> bool:
    found = json.loads((home / ".claude" / "settings.json").read_text())
    assert found["model"] == "opus"
    return "PostToolUse" in found.get("hooks", {})


def others_may(directory: Path) -> list[str]:
    """What in `directory` others may read or write."""
    return [
        str(path)
        for path in (directory, *directory.rglob("*"))
        if not path.is_symlink() and path.stat().st_mode & 0o077
    ]


class Settings:
    """A settings file with a bundle beside it, registered and taken out as the installer does."""

    def __init__(self, directory: Path) -> None:
        self.path = directory / "settings.json"
        self.path.write_text(SETTINGS)
        self.root = directory / "hooks" / "pattern-tracker"
        self.root.mkdir(parents=True)

    def there_and_back(self) -> None:
        assert register(str(self.path), str(self.root), "/usr/bin/python3")
        assert "PostToolUse" in self.path.read_text()
        assert unregister(str(self.path), str(self.root))
        assert self.path.read_text() == SETTINGS
        assert not list(self.path.parent.glob("*.tmp"))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    (tmp_path / "config").mkdir()
    return Settings(tmp_path / "config")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_settings_keep_their_owner_and_mode(settings: Settings) -> None:
    os.chown(settings.path, NOBODY, NOBODY)
    settings.path.chmod(0o664)
    settings.there_and_back()
    found = settings.path.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY, NOBODY, 0o664)


@pytest.mark.skipif(not shutil.which("setfacl"), reason="setfacl is not there")
def test_settings_keep_their_acl(settings: Settings) -> None:
    subprocess.run(["setfacl", "-m", f"u:{NOBODY}:rw", str(settings.path)], check=True)
    before = os.getxattr(settings.path, "system.posix_acl_access")
    settings.there_and_back()
    assert os.getxattr(settings.path, "system.posix_acl_access") == before


def test_settings_keep_their_hard_links(settings: Settings) -> None:
    other = settings.path.with_name("dotfiles.json")
    os.link(settings.path, other)
    settings.there_and_back()
    assert os.path.samefile(settings.path, other)


def test_settings_whose_writer_was_killed_are_made_whole(settings: Settings) -> None:
    """Where a file cannot be replaced, it is written over: its whole content lies beside."""
    register(str(settings.path), str(settings.root), "/usr/bin/python3")
    whole = settings.path.read_bytes()
    Path(f"{settings.path}{settings_file.TEMPORARY}").write_bytes(whole)
    settings.path.write_bytes(whole[:50])
    assert settings_file.read(str(settings.path)) == whole
    assert not register(str(settings.path), str(settings.root), "/usr/bin/python3")
    assert settings.path.read_bytes() == whole
    assert not list(settings.path.parent.glob("*.tmp"))


@needs_mounts()
def test_settings_that_are_a_mount_of_their_own_are_written_in_place(home: Path) -> None:
    put_bundle(home / ".claude" / "hooks" / "pattern-tracker")
    kept = home / "volume.json"
    kept.write_text(SETTINGS)
    settings = home / ".claude" / "settings.json"
    done = install(home, f"mount --bind {kept} {settings}")
    assert done.returncode == 0, done.stderr
    assert settings.read_text() == SETTINGS
    assert "PostToolUse" in kept.read_text()
    done = install(home, f"mount --bind {kept} {settings}", ROOT / "install.sh", "--uninstall")
    assert done.returncode == 0, done.stderr
    assert kept.read_text() == SETTINGS


@pytest.mark.long
@needs_mounts()
def test_a_bundle_in_the_layer_of_an_image_can_be_upgraded(home: Path, tmp_path: Path) -> None:
    seed(home / ".claude" / "hooks" / "pattern-tracker")
    assert install(home).returncode == 0
    upper, work, merged = (tmp_path / name for name in ("upper", "work", "merged"))
    for place in (upper, work, merged):
        place.mkdir()
    source = other_version(tmp_path / "source", addition="Another line.\n")
    # A file system that takes an overlay's upper layer, whatever the test's directory is on.
    layers = (
        f"mount -t tmpfs none {tmp_path}/upper; mkdir {upper}/u {upper}/w\n"
        f"mount -t overlay overlay -o lowerdir={home},upperdir={upper}/u,workdir={upper}/w {merged}"
    )
    environ = Bundle(merged).environ
    done = run_mounted(
        f"{layers}\n{source}/install.sh && tail -n 1 "
        f"{merged}/.claude/hooks/pattern-tracker/CHANGELOG.md\nls -A {merged}/.claude/hooks",
        environ,
    )
    assert done.returncode == 0, done.stderr
    assert "Another line." in done.stdout
    assert ".new." not in done.stdout


@needs_mounts()
def test_a_mount_on_which_nothing_may_run_is_told_at_once(home: Path) -> None:
    done = install(home, f"mount -t tmpfs -o noexec,mode=0755 none {home}")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "its file system is mounted noexec" in done.stderr
    assert "making an environment" not in done.stdout


@needs_mounts()
@pytest.mark.skipif(not shutil.which("bindfs"), reason="bindfs is not there")
def test_a_mount_that_shows_everything_to_all_is_refused_before_anything_is_built(
    home: Path,
) -> None:
    """As ntfs-3g does by default: modes are asked for, and stay as they are."""
    done = run_mounted(
        f"bindfs --perms=a=rwx --chmod-ignore {home} {home} && trap 'umount {home}' EXIT\n"
        f"{ROOT}/install.sh",
        Bundle(home).environ,
    )
    assert done.returncode == 1
    assert "cannot be private: its file system shows mode 777" in done.stderr
    assert "It is on" not in done.stdout
    assert "making an environment" not in done.stdout


@pytest.mark.skipif(not shutil.which("setfacl"), reason="setfacl is not there")
def test_a_default_acl_lets_nobody_in(home: Path) -> None:
    hooks = home / ".claude" / "hooks"
    asked = "u::rwx,g::rwx,o::rwx,m::rwx"
    subprocess.run(["setfacl", "-R", "-d", "-m", asked, str(home)], check=True)
    seed(hooks / "pattern-tracker")
    bundle = Bundle(home, hooks / "pattern-tracker")
    done = subprocess.run(
        [ROOT / "install.sh"], env=bundle.environ, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_delivered()
    assert others_may(bundle.root) == []
    assert others_may(bundle.spool) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be in the wrong home")
@pytest.mark.parametrize("verb", ["", "--uninstall", "--purge"])
def test_root_in_somebodys_home_is_refused_in_one_line(home: Path, verb: str) -> None:
    for path in (home, *home.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    done = subprocess.run(
        [ROOT / "install.sh", *verb.split()],
        env=Bundle(home).environ, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "without sudo" in done.stderr
    assert {path.stat().st_uid for path in home.rglob("*")} == {NOBODY}
    assert (home / ".claude" / "settings.json").read_text() == SETTINGS


def test_a_file_is_made_private_whatever_it_was(tmp_path: Path) -> None:
    from lib.system import files

    (tmp_path / "a").mkdir(mode=0o777)
    (tmp_path / "a" / "b").write_text("")
    (tmp_path / "a" / "b").chmod(0o755)
    (tmp_path / "a" / "link").symlink_to("/etc/hosts")
    files.make_all_private(str(tmp_path / "a"))
    assert others_may(tmp_path / "a") == []
    assert stat.S_IMODE((tmp_path / "a" / "b").stat().st_mode) == 0o700


LIBRARY = Path(os.__file__).parent
# Debian keeps what others have in site-packages in places of its own.
LOCATE = """
import importlib.util
for name in "pip", "virtualenv":
    found = importlib.util.find_spec(name)
    print(*(found.submodule_search_locations if found else []), sep="\\n")
"""
TOOLS = subprocess.run(
    [INTERPRETER, "-I", "-c", LOCATE], capture_output=True, text=True, check=True
).stdout.split()
# What a Debian has without python3-venv, python3-pip or python3-virtualenv.
HIDE = f"mkdir -p $HOME/nothing; mount --bind $HOME/nothing {LIBRARY}/ensurepip\n"
HIDE_PIP = "".join(f"mount --bind $HOME/nothing {tool}\n" for tool in TOOLS)
PREPARE = (
    "import sys; sys.path.insert(0, sys.argv[1]); from lib.system import environment as e; "
    "print(e._prepare(sys.argv[2], sys.argv[3])[0]); print(e.python_of(sys.argv[2]))"
)


@needs_mounts()
@pytest.mark.parametrize("tool", ["uv", "pip"])
def test_without_ensurepip_another_tool_makes_the_environment(home: Path, tool: str) -> None:
    uv = Path(sys.prefix) / "bin" / "uv"
    if tool == "uv" and not uv.exists():
        pytest.skip("uv is not there")
    if tool == "pip" and not any(path.endswith("/pip") for path in TOOLS):
        pytest.skip("this Python has no pip of its own")
    if tool == "uv":
        (home / ".local" / "bin").mkdir(parents=True)
        (home / ".local" / "bin" / "uv").symlink_to(uv)
    made = home / "made"
    hidden = HIDE + (HIDE_PIP if tool == "uv" else "")
    run = f"{INTERPRETER} -I -c '{PREPARE}' {ROOT} {made} {INTERPRETER}"
    done = run_mounted(f"{hidden}{run}\n{made}/bin/python -c 'print(42)'", Bundle(home).environ)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split()[0].endswith(tool if tool == "uv" else Path(INTERPRETER).name)
    assert done.stdout.split()[-1] == "42"


@needs_mounts()
def test_where_nothing_makes_environments_it_records_without_packages(home: Path) -> None:
    done = install(home, HIDE + HIDE_PIP)
    assert done.returncode == 0, done.stderr
    assert "going on without packages" in done.stdout
    assert "apt install python3-venv" in done.stdout
    assert is_registered(home)
    bundle = Bundle(home, home / ".claude" / "hooks" / "pattern-tracker")
    assert not (bundle.root / ".venv").exists()
    # Here a tool would be there again, and the flusher not without packages for long.
    building = Lock(str(bundle.root / LOCK_FILE))
    assert building.acquire()
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_flushed()
    assert len(bundle.log()) == 1
    building.release()


@needs_mounts()
def test_where_nothing_makes_environments_an_earlier_installation_stays(
    home: Path, tmp_path: Path
) -> None:
    put_bundle(home / ".claude" / "hooks" / "pattern-tracker")
    assert install(home).returncode == 0
    source = other_version(tmp_path / "source", "requirements.lock", "# other\n")
    done = install(home, HIDE + HIDE_PIP, source / "install.sh")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert Bundle(home, home / ".claude" / "hooks" / "pattern-tracker").json("doctor")


@needs_mounts()
@pytest.mark.parametrize("was_there", few([(), (".claude",), (".claude/hooks",)]))
@pytest.mark.parametrize("verbs", few([["--uninstall", "--purge"], ["--purge"]]))
def test_what_was_there_stays_and_what_was_made_goes(
    tmp_path: Path, was_there: tuple[str, ...], verbs: list[str]
) -> None:
    """Directories that the installer found are left, though they are empty."""
    for name in was_there:
        (tmp_path / name).mkdir(parents=True)
    # The client's directory only: a place for programs may be anybody's.
    before = [".claude"] if was_there else []
    assert install(tmp_path, HIDE + HIDE_PIP).returncode == 0
    bundle = Bundle(tmp_path)
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_flushed()
    for verb in verbs:
        # What is recorded is kept by the first of two, and all of it is gone after the last.
        assert install(tmp_path, "", ROOT / "install.sh", verb).returncode == 0
        assert bundle.spool.exists() == (verb != "--purge")
    left = [path.name for path in tmp_path.iterdir() if path.name != "nothing"]
    assert left == before


@needs_mounts()
@pytest.mark.parametrize("was_there", few([True, False]))
def test_a_projects_directory_goes_if_it_was_made(home: Path, was_there: bool) -> None:
    project = home / "project"
    (project / ".claude" if was_there else project).mkdir(parents=True)
    done = install(home, f"cd {project}\n{HIDE + HIDE_PIP}", ROOT / "install.sh", "--project")
    assert done.returncode == 0, done.stderr
    assert (project / ".claude" / "settings.json").exists()
    assert install(home, "", ROOT / "install.sh", "--uninstall").returncode == 0
    assert list(project.rglob("*")) == ([project / ".claude"] if was_there else [])
