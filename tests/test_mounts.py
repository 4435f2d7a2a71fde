"""Disks of every kind: mounts that hang, die or are slow, and what they do to nobody else."""

import json
import os
import shutil
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import cast

import pytest

from lib.capture import shell
from lib.ledger.store import Ledger
from lib.spool import inbox, outbox, tally, wake
from lib.spool.books import totals
from lib.spool.spooled import Event
from lib.system import own_directory, remotes
from lib.system.aside import shared
from tests.support.bundle import Bundle, payload, wait_for, write_payload
from tests.support.forms import few
from tests.support.mounts import Fuse, alone, needs_fuse
from tests.support.outpost import Outpost

Mount = Callable[..., Fuse]
# What one run of the flusher may take for all that hang.
RUN_SECONDS = 15.0


@pytest.fixture
def mount(tmp_path: Path) -> Iterator[Mount]:
    """Mounts what is shown at a directory; unmounted in the end."""
    made: list[Fuse] = []

    def at(name: str = "far", *options: str) -> Fuse:
        made.append(Fuse(tmp_path / f"{name}.source", tmp_path / name, *options))
        return made[-1]

    yield at
    for fuse in made:
        fuse.end()
    assert "fuse.tests" not in Path("/proc/self/mountinfo").read_text()


@pytest.fixture
def outpost(tmp_path: Path) -> Outpost:
    return Outpost(tmp_path / "spool")


def recorded(outpost: Outpost) -> set[str]:
    ledger = outpost.ledger()
    found = {event.file_path for event in ledger.events(newest=1000) if event.file_path}
    ledger.close()
    return found


def lost(outpost: Outpost) -> dict[str, int]:
    """What the books hold besides captures."""
    ledger = outpost.ledger()
    counted = totals(str(outpost.directory), ledger.counters())
    ledger.close()
    return {cause: n for cause, n in counted.items() if cause in tally.DROPPED}


def children() -> list[str]:
    done = subprocess.run(
        ["ps", "-ww", "-o", "args", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    return [line for line in done.stdout.splitlines() if "lib.system.aside" in line]


TROUBLES = {"hang": "does not answer", "late 20": "does not answer", "die": "not connected"}


@needs_fuse()
@pytest.mark.parametrize("order", few(["first", "last", "between"]))
@pytest.mark.parametrize("trouble", TROUBLES)
@alone
def test_one_mount_holds_nobody_else_up(
    tmp_path: Path, mount: Mount, outpost: Outpost, trouble: str, order: str
) -> None:
    near = tmp_path / "near"
    near.mkdir()
    far, well = mount("far"), mount("well")
    theirs = [f"{near}/{n}.py" for n in range(4)] + [f"{well.point}/{n}.py" for n in range(4)]
    its = [f"{far.point}/{n}.py" for n in range(3)]
    turns = {"first": its + theirs, "last": theirs + its, "between": theirs[:2] + its + theirs[2:]}
    for number, path in enumerate(turns[order]):
        outpost.write(path, f"x = {number}\n")
    far.say(trouble)
    begun = time.monotonic()
    outpost.run()
    assert time.monotonic() - begun < RUN_SECONDS
    assert recorded(outpost) == set(theirs)
    assert len(outpost.pending()) == 3
    noted = outpost.section("mounts")
    assert set(noted) == {str(far.point)}
    assert noted[str(far.point)]["events"] == 3
    assert TROUBLES[trouble] in noted[str(far.point)]["why"]
    if trouble == "die":
        far.end()
        far = mount("far")
    else:
        far.say("well")
    assert outpost.flush(), (outpost.section("mounts"), outpost.section("flusher"))
    assert recorded(outpost) == {*theirs, *its}
    assert outpost.section("mounts") == {}
    assert lost(outpost) == {}
    assert children() == []


@needs_fuse()
@alone
def test_a_mount_that_hangs_is_asked_by_one_child_and_left_to_it(
    tmp_path: Path, mount: Mount, outpost: Outpost
) -> None:
    far = mount()
    outpost.write(f"{far.point}/a.py", "x = 1\n")
    far.say("hang")
    for number in range(4):
        outpost.write(f"{tmp_path}/{number}.py", f"x = {number}\n")
        begun = time.monotonic()
        outpost.run()
        assert number == 0 or time.monotonic() - begun < 1.0
        assert len(recorded(outpost)) == number + 1
        # Whoever sleeps in the kernel cannot be killed, and needs no company.
        assert len(children()) <= 1
    far.say("well")
    assert outpost.flush()
    assert lost(outpost) == {}


@needs_fuse()
@alone
def test_who_is_unmounted_is_waited_for_and_not_recorded_unfiltered(
    tmp_path: Path, mount: Mount, outpost: Outpost
) -> None:
    far = mount()
    (far.point / ".patternignore").write_text("secret/\n")
    (far.point / "secret").mkdir()
    (far.point / ".git").mkdir()
    for path in ("secret/a.py", "b.py"):
        outpost.write(f"{far.point}/{path}", "x = 1\n")
    far.say("die")
    outpost.run()
    far.end()
    outpost.run()
    assert len(outpost.pending()) == 2
    assert "not mounted" in outpost.section("mounts")[str(far.point)]["why"]
    mount()
    assert outpost.flush()
    assert recorded(outpost) == {f"{far.point}/b.py"}
    assert lost(outpost) == {"ignored": 1}


@needs_fuse()
@alone
def test_after_three_days_an_event_is_put_aside_and_not_dropped(
    mount: Mount, outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = mount()
    name = outpost.write(f"{far.point}/a.py", "x = 1\n")
    far.say("die")
    outpost.run()
    assert outpost.pending() == [name]
    captured = (outpost.directory / name).stat().st_mtime
    for days, waits in ((2.9, True), (3.1, False)):
        monkeypatch.setattr("time.time_ns", lambda d=days: int((captured + d * 86_400) * 1e9))
        outpost.run()
        assert bool(outpost.pending()) is waits
    assert outpost.quarantined() == [name]
    assert "not connected" in outbox.reason_of(str(outpost.directory), name)
    assert lost(outpost) == {}


@needs_fuse()
@alone
def test_status_and_doctor_name_the_mount_and_the_flusher_waits_for_it(
    tmp_path: Path, mount: Mount, bundle: Bundle
) -> None:
    far = mount()
    path = str(far.point / "a.py")
    bundle.spool.mkdir(parents=True, mode=0o700)
    running = wake.say_running(str(bundle.spool))
    bundle.post(write_payload(path, "x = 1\n", "1"))
    os.close(running)
    far.say("hang")
    bundle.post(write_payload(str(tmp_path / "near.py"), "y = 1\n", "2"))
    wait_for(lambda: bundle.json("status")["mounts"] and len(bundle.log()) == 1)
    for command in ("status", "doctor"):
        assert f"{far.point}: does not answer" in bundle.command(command).stdout
    far.say("well")
    bundle.wait_delivered()
    assert {event["file_path"] for event in bundle.log()} == {path, str(tmp_path / "near.py")}
    assert bundle.json("status")["mounts"] == {}
    assert "mounts" in bundle.command("doctor").stdout


@alone
def test_rules_that_cannot_be_read_are_waited_for(
    tmp_path: Path, outpost: Outpost, mount: Mount
) -> None:
    """A file that is no file, or too long, excludes all and is no wish: doctor looks at that."""
    odd = tmp_path / "odd"
    odd.mkdir()
    os.mkfifo(odd / ".patternignore")
    outpost.write(f"{odd}/a.py", "x = 1\n")
    outpost.write(f"{odd}/b.py", "x = 2\n")
    assert outpost.flush()
    assert lost(outpost) == {"unclear": 2}


def checks(bundle: Bundle) -> list[dict[str, str]]:
    """What doctor says, whatever it exits with."""
    found: list[dict[str, str]] = json.loads(bundle.command("doctor", "--json").stdout)["checks"]
    return found


@needs_fuse()
@alone
def test_commands_answer_while_a_mount_does_not(
    tmp_path: Path, mount: Mount, bundle: Bundle
) -> None:
    far = mount()
    code = "def f(a, b, c):\n    return [a + b * c - a / b, a * b, b * c, c * a]\n"
    for directory in (far.point, tmp_path):
        for name in ("a.py", "b.py"):
            (directory / name).write_text(code)
            bundle.post(write_payload(str(directory / name), code, f"{directory}{name}"))
    bundle.wait_delivered()
    far.say("hang")
    for command in (["lineage", f"{far.point}/a.py"], ["stats"], ["log"], ["doctor"], ["status"]):
        program = [f"{bundle.root}/bin/pattern-tracker", *command]
        done = subprocess.run(
            program, env=bundle.environ, cwd=tmp_path, capture_output=True, timeout=20, check=False
        )
        assert done.returncode in (0, 1)
        assert b"Traceback" not in done.stderr
        assert done.stdout


@needs_fuse()
@alone
def test_the_project_of_a_file_is_asked_again_where_the_mount_hangs(
    tmp_path: Path, mount: Mount, outpost: Outpost
) -> None:
    far = mount()
    (far.point / ".git").mkdir()
    (tmp_path / ".git").mkdir()
    outpost.directory.mkdir()
    events = []
    for path in (f"{far.point}/a.py", f"{far.point}/deep/b.py", f"{tmp_path}/c.py"):
        name = outpost.write(path, f"x = {path!r}\n")
        events.append(outbox.read(str(outpost.directory), name))

    def record(ledger: Ledger) -> dict[str, str | None]:
        ledger.record_all(events)
        query = "SELECT path, root FROM files LEFT JOIN projects ON project_id = project"
        return dict(map(tuple, ledger.connection.execute(query)))

    far.say("hang")
    begun = time.monotonic()
    with closing(outpost.ledger()) as ledger:
        found = record(ledger)
        assert time.monotonic() - begun < RUN_SECONDS
        assert list(found.values()) == [None, None, str(tmp_path)]
        names = [remotes.project_of(f"{place}/.git") for place in (far.point, tmp_path)]
        assert names == [None, tmp_path.name]
        assert time.monotonic() - begun < RUN_SECONDS
        far.say("well")
        wait_for(lambda: not shared.is_waiting() or shared.has_news())
        assert remotes.project_of(f"{far.point}/.git") == "far"
        # It may be kept open for long.
        found = record(ledger)
    assert list(found.values()) == [str(far.point), str(far.point), str(tmp_path)]
    shared.close()


def ran(outpost: Outpost, cwd: str, number: int) -> None:
    """Commit a call of the shell in `cwd` of which nobody told what it did."""
    made = payload(
        "22-bash-nodiff.post", cwd=cwd, tool_input={"command": "make"},
        tool_response={"stdout": ""}, tool_use_id=f"make-{number}",
    )  # fmt: skip
    event = shell.capture(made, time.time_ns(), "", True)
    assert inbox.commit(str(outpost.directory), event, time.time_ns())


@needs_fuse()
@pytest.mark.parametrize("trouble", TROUBLES)
@alone
def test_a_look_at_a_project_holds_nobody_up(
    tmp_path: Path, mount: Mount, outpost: Outpost, trouble: str
) -> None:
    far, near = mount(), tmp_path / "near"
    for root in (far.point, near):
        (root / ".git").mkdir(parents=True)
        (root / "a.py").write_text("x = 0\n")
        outpost.write(f"{root}/a.py", "x = 0\n")
    assert outpost.flush()
    far.say(trouble)
    for number in range(3):
        ran(outpost, str(far.point), number)
    (near / "b.py").write_text("y = 1\n")
    ran(outpost, str(near), 4)
    outpost.write(f"{near}/c.py", "z = 1\n")
    begun = time.monotonic()
    flusher = outpost.run()
    # Those that watch what was recorded just now do not wait for it either.
    data = {"file_path": f"{far.point}/a.py", "pattern_data": {"code": "x = 0\n"}}
    flusher._sightings.watch([cast(Event, {"event_data": data})])
    flusher._sightings.look()
    assert time.monotonic() - begun < RUN_SECONDS
    assert outpost.pending() == []
    assert recorded(outpost) == {f"{far.point}/a.py", *(f"{near}/{n}.py" for n in "abc")}
    if trouble != "die":
        far.say("well")
    shared.close()
    assert children() == []


def failed_calls(bundle: Bundle) -> dict[str, int]:
    return dict(bundle.json("status")["skipped"])


@needs_fuse()
@pytest.mark.parametrize("mode", few(["0777", "0755"]))
@alone
def test_where_every_mode_is_open_no_code_is_written(
    tmp_path: Path, mount: Mount, bundle: Bundle, mode: str
) -> None:
    shown = mount("open", "--mode", mode)
    for spool in (shown.point / "new", shown.point / "there"):
        bundle.environ["PATTERN_CACHE_DIR"] = str(spool)
        if spool.name == "there":
            (tmp_path / "open.source" / "there").mkdir(mode=0o700)
        bundle.post(write_payload("/p/a.py", "secret = 'canary'\n", "1"))
        stored = [path for path in (tmp_path / "open.source").rglob("*") if path.is_file()]
        assert [path for path in stored if b"canary" in path.read_bytes()] == []
        told = bundle.command("doctor").stdout
        assert "others may" in told
        assert "chmod u+w" not in told


@needs_fuse()
@pytest.mark.parametrize("refusal", few(["EPERM", "ENOSYS"]))
@alone
def test_chmod_that_is_refused_is_no_error_where_it_is_not_needed(
    tmp_path: Path, mount: Mount, bundle: Bundle, refusal: str
) -> None:
    shown = mount("stiff", "--chmod", refusal)
    bundle.environ["PATTERN_CACHE_DIR"] = str(shown.point / "spool")
    for number in range(2):
        bundle.post(write_payload("/p/a.py", f"x = {number}\n", str(number)))
        bundle.spool = shown.point / "spool"
        bundle.wait_delivered()
    assert len(bundle.log()) == 2
    assert failed_calls(bundle) == {}
    modes = {path.stat().st_mode & 0o077 for path in bundle.spool.iterdir()}
    assert modes == {0}


@alone
def test_what_is_lost_on_a_disk_that_takes_nothing_is_counted(bundle: Bundle) -> None:
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    bundle.wait_delivered()
    disk = str(bundle.spool)
    subprocess.run(["mount", "--bind", disk, disk], check=True)
    subprocess.run(["mount", "-o", "remount,ro,bind", disk], check=True)
    for number in range(3):
        bundle.post(write_payload("/p/a.py", f"y = {number}\n", f"lost {number}"))
    found = {check["name"]: check for check in checks(bundle)}
    assert found["cache"]["fix"].startswith("mount it for writing")
    assert totals(disk, {})["failed"] == 3
    subprocess.run(["umount", disk], check=True)
    assert failed_calls(bundle) == {"failed": 3}
    bundle.post(write_payload("/p/a.py", "x = 2\n", "2"))
    bundle.wait_delivered()
    assert failed_calls(bundle) == {"failed": 3}
    assert not any(map(os.path.exists, tally.elsewhere(disk)))
    assert len(bundle.log()) == 2


@alone
def test_a_full_disk_is_called_full(bundle: Bundle) -> None:
    bundle.spool.mkdir(parents=True)
    disk = str(bundle.spool)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=600k,mode=700", "none", disk], check=True)
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    bundle.wait_delivered()
    rest = bundle.spool / "tmp_1_1"
    subprocess.run(["dd", "if=/dev/zero", f"of={rest}", "bs=4k"], capture_output=True, check=False)
    bundle.post(write_payload("/p/a.py", "x = 2\n", "2"))
    found = {check["name"]: check for check in checks(bundle)}
    assert found["cache"]["fix"] == "make room on that disk"
    assert totals(disk, {})["failed"] == 1
    rest.unlink()
    subprocess.run(["umount", "--lazy", disk], check=True)


def test_an_error_is_told_and_not_that_of_its_undoing(tmp_path: Path) -> None:
    """A database that cannot grow has undone the transaction itself."""
    ledger = Ledger(str(tmp_path / "ledger.db"))
    ledger._db.execute("PRAGMA max_page_count = 1")
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "".join(f"x{n} = {os.urandom(8)!r}\n" for n in range(4000)))
    event = outbox.read(str(outpost.directory), outpost.pending()[0])
    with pytest.raises(sqlite3.Error, match="full"):
        ledger.record_all([event])
    ledger.close()


@pytest.mark.parametrize("length", [480, 481])
def test_a_path_that_sqlite_does_not_take_is_refused(bundle: Bundle, length: int) -> None:
    root = str(bundle.home)
    fill = length - len(root) - 4
    spool = f"{root}/{'a' * (fill // 2)}/{'b' * (fill - fill // 2)}/s"
    assert len(spool) == length
    bundle.environ["PATTERN_CACHE_DIR"] = spool
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    if length == 480:
        bundle.spool = Path(spool)
        bundle.wait_delivered()
        assert len(bundle.log()) == 1
        return
    assert not os.path.exists(spool)
    os.makedirs(spool, 0o700)
    bundle.post(write_payload("/p/a.py", "x = 1\n", "1"))
    assert os.listdir(spool) == []
    found = {check["name"]: check for check in checks(bundle)}
    assert "480 bytes" in found["cache"]["text"]
    install = [str(bundle.root / "install.sh")]
    for command in ([f"{bundle.root}/bin/pattern-tracker", "status"], install):
        done = subprocess.run(
            command, env=bundle.environ, capture_output=True, text=True, check=False
        )
        assert done.returncode == 1
        assert "480 bytes" in done.stderr
    assert not (bundle.home / ".claude" / "settings.json").exists()


def test_the_strangers_in_a_directory_are_not_counted(tmp_path: Path) -> None:
    """One is enough, however many there are."""
    strangers = tmp_path / "theirs"
    strangers.mkdir()
    for number in range(5000):
        (strangers / f"photo-{number}.jpg").touch()
    seen = []

    def look() -> float:
        begun = time.perf_counter()
        seen.append(own_directory.is_foreign(str(strangers)))
        return time.perf_counter() - begun

    took = min(look() for _ in range(5))
    begun = time.perf_counter()
    os.listdir(strangers)
    assert took < (time.perf_counter() - begun) / 4
    assert all(seen)


class Image:
    """A file system in a file, mounted at `point` by a program of Debian's."""

    def __init__(self, directory: Path, make: list[str], program: list[str]) -> None:
        self.point = directory / "image"
        self.point.mkdir()
        file = directory / "image.file"
        with file.open("wb") as made:
            made.truncate(24 << 20)
        loop = subprocess.run(
            ["losetup", "--find", "--show", str(file)], capture_output=True, text=True, check=True
        )
        self._loop = loop.stdout.strip()
        for command in ([*make, self._loop], [*program, self._loop, str(self.point)]):
            subprocess.run(command, capture_output=True, check=True)

    def end(self) -> None:
        subprocess.run(["umount", str(self.point)], check=True)
        subprocess.run(["losetup", "--detach", self._loop], check=True)


EXFAT = (["mkfs.exfat"], ["mount.exfat-fuse"])
NTFS = (["mkntfs", "-F", "-q", "-f"], ["ntfs-3g"])


def needs(*programs: str) -> pytest.MarkDecorator:
    missing = [name for name in programs if not shutil.which(name)]
    return pytest.mark.skipif(bool(missing), reason=f"needs {', '.join(missing)}")


needs_exfat = needs("losetup", "mkfs.exfat", "mount.exfat-fuse")
needs_ntfs = needs("losetup", "mkntfs", "ntfs-3g")


@pytest.fixture(params=["fuse", pytest.param("exfat", marks=needs_exfat)])
def folding(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Path]:
    """A directory in which the case of names does not matter; only in a test's own namespace."""
    made: Fuse | Image
    if request.param == "fuse":
        made = Fuse(tmp_path / "fold.source", tmp_path / "fold", "--fold")
    else:
        made = Image(tmp_path, *EXFAT)
    yield made.point
    made.end()


@needs_fuse()
@alone
def test_rules_count_in_any_spelling_where_the_disk_does_not_mind(
    folding: Path, outpost: Outpost
) -> None:
    project = folding / "Project"
    (project / ".git").mkdir(parents=True)
    (project / "Private").mkdir()
    (project / "src").mkdir()
    (project / ".patternignore").write_text("private/\nSRC/*.Gen.py\n/[A-C]x.py\n")
    paths = ("private/a.py", "PRIVATE/b.py", "Private/c.py", "src/x.gen.py", "bx.py")
    for path in paths:
        outpost.write(f"{folding}/project/{path}", f"{path!r}\n")
    outpost.write(f"{folding}/PROJECT/src/App.py", "z = 1\n")
    assert outpost.flush()
    assert recorded(outpost) == {f"{project}/src/App.py"}
    assert lost(outpost) == {"ignored": len(paths)}


@needs_fuse()
@alone
def test_a_file_in_three_spellings_is_one_file(folding: Path, bundle: Bundle) -> None:
    for number, name in enumerate(("App.py", "app.py", "APP.py")):
        (folding / name).write_text(f"x = {number}\n")
        before = f"x = {number - 1}\n" if number else None
        bundle.post(write_payload(str(folding / name), f"x = {number}\n", name, before))
    bundle.wait_delivered()
    assert os.listdir(folding) == ["App.py"]
    assert {event["file_path"] for event in bundle.log()} == {str(folding / "App.py")}
    assert len(bundle.log()) == 3
    for name in ("app.py", "App.py"):
        found = bundle.json("lineage", str(folding / name))
        assert len(found["ancestors"]) == 2
    assert bundle.json("stats")["files"] == 1


@alone
def test_a_project_that_is_mounted_twice_keeps_its_rules(tmp_path: Path, outpost: Outpost) -> None:
    project, other = tmp_path / "project", tmp_path / "other"
    (project / "src").mkdir(parents=True)
    other.mkdir()
    (project / ".patternignore").write_text("secret.py\n")
    subprocess.run(["mount", "--bind", project, other], check=True)
    for path, cwd in ((project, other), (other, project)):
        outpost.write(f"{path}/src/secret.py", "x = 1\n", cwd=str(cwd))
        outpost.write(f"{path}/src/open.py", "y = 1\n", cwd=str(cwd))
    assert outpost.flush()
    assert recorded(outpost) == {f"{project}/src/open.py", f"{other}/src/open.py"}
    subprocess.run(["umount", other], check=True)


@pytest.mark.parametrize(
    "kind", [pytest.param(EXFAT, marks=needs_exfat), pytest.param(NTFS, marks=needs_ntfs)]
)
@alone
def test_no_code_is_written_where_a_disk_knows_no_modes(
    tmp_path: Path, bundle: Bundle, kind: tuple[list[str], list[str]]
) -> None:
    image = Image(tmp_path, *kind)
    try:
        bundle.environ["PATTERN_CACHE_DIR"] = str(image.point / "spool")
        bundle.post(write_payload("/p/a.py", "secret = 'canary'\n", "1"))
        assert not list(image.point.rglob("pending_*")) + list(image.point.rglob("tmp_*"))
    finally:
        image.end()
