"""`pattern-tracker log`: filters, times, following."""

import json
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.commands.common import CommandError
from lib.commands.when import instant, local
from lib.ledger import history
from lib.ledger.store import FILE_NAME
from tests.support import layout_5
from tests.support.bundle import PATIENCE_SECONDS, ROOT, Bundle, wait_for
from tests.support.outpost import Outpost


@pytest.fixture
def told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, in_zone: Callable[[str], None]
) -> Outpost:
    """A spool with a recorded story, which the command line of this process asks."""
    outpost = Outpost(tmp_path / "spool")
    outpost.story()
    outpost.write("/p/sub_dir/a.py", "z = 1\n", session_id="other")
    outpost.write("/p/subXdir/b.py", "z = 2\n")
    outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    in_zone("Europe/Berlin")
    return outpost


def log(capsys: pytest.CaptureFixture[str], *arguments: str) -> list[dict[str, Any]]:
    assert cli.main(["log", "--json", *arguments]) == 0
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


@pytest.mark.parametrize(
    ("arguments", "paths"),
    [
        (["--file", "/p/copy.py"], ["/p/copy.py"]),
        (["--file", "sub_dir/a.py"], ["/p/sub_dir/a.py"]),
        (["--file", "/p/sub_dir"], ["/p/sub_dir/a.py"]),
        (["--file", "/p/sub_dir/"], ["/p/sub_dir/a.py"]),
        (["--file", "/p/%"], []),
        (["--session", "other"], ["/p/sub_dir/a.py"]),
        (["--session", "oth"], ["/p/sub_dir/a.py"]),
        (["--session", "_ther"], []),
        (["--type", "modified", "--file", "/p/old.py"], ["/p/old.py"]),
        (["--type", "modified", "--file", "/p/a.py", "-n", "1"], ["/p/a.py"]),
        (["--since", "1h"], []),
        (["-n", "2"], ["/p/sub_dir/a.py", "/p/subXdir/b.py"]),
    ],
)
def test_filters(
    told: Outpost, capsys: pytest.CaptureFixture[str], arguments: list[str], paths: list[str]
) -> None:
    assert [event["file_path"] for event in log(capsys, *arguments)] == paths


def test_since_and_until_are_inclusive_and_agree(
    told: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    everything = log(capsys)
    middle = everything[4]["timestamp"]
    before, after = log(capsys, "--until", middle), log(capsys, "--since", middle)
    assert before[-1] == after[0]
    assert len(before) + len(after) == len(everything) + 1
    assert len(log(capsys, "--since", "1d")) == len(everything)


@pytest.mark.parametrize("window", [0, 1, 3, 10_000])
def test_the_newest_before_a_time_are_those_of_all(
    told: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, window: int
) -> None:
    """However few of the last events are looked at first, and in whatever order times stand."""
    ledger = told.ledger()
    with ledger.connection as db:
        db.execute("UPDATE events SET timestamp = '2026-03-02T1' || (seq * 7 % 10) || ':00:00.5'")
    ledger.close()
    monkeypatch.setattr(history, "RECENT", window)
    for hour in range(10, 20):
        every = log(capsys, "--all", "--until", f"2026-03-02T{hour}:30Z")
        assert log(capsys, "-n", "3", "--until", f"2026-03-02T{hour}:30Z") == every[-3:]


def test_times_of_people(in_zone: Callable[[str], None]) -> None:
    in_zone("Europe/Berlin")
    assert instant("2026-01-31T12:00") == "2026-01-31T11:00:00.000000+00:00"
    assert instant("2026-01-31") == "2026-01-30T23:00:00.000000+00:00"
    assert instant("2026-01-31T12:00Z") == "2026-01-31T12:00:00.000000+00:00"
    assert instant("1h") < instant("5m") < instant("10s")
    assert local("2026-01-31T11:00:00.000000+00:00") == "2026-01-31 12:00:00"
    assert local("nonsense") == "nonsense"
    for text in ("", "yesterday", "h", "2y", "9999999d", "\x1b[31m"):
        with pytest.raises(CommandError, match="is no time"):
            instant(text)


@pytest.mark.parametrize("columns", ["60", "80", "120"])
def test_lines_fit(
    told: Outpost,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    columns: str,
) -> None:
    told.write("/p/\x1b]0;x\x07" + "long/" * 40 + "\x9bend.py", "q = 1\n")
    told.flush()
    monkeypatch.setenv("COLUMNS", columns)
    assert cli.main(["log"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 14
    assert max(map(len, lines)) <= int(columns)
    assert all(line.isprintable() for line in lines)


def test_in_a_pipe_nothing_is_cropped(
    told: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    path = "/p/" + "long/" * 200 + "end.py"
    told.write(path, "q = 1\n")
    told.flush()
    assert cli.main(["log", "-n", "1"]) == 0
    line = capsys.readouterr().out
    assert path in line
    assert "\x1b" not in line


class Follower:
    """A running `log -f`, whose output goes to a file: a test must not wait for ever."""

    def __init__(self, bundle: Bundle, *arguments: str) -> None:
        self.out = bundle.home / "out"
        with self.out.open("wb") as file:
            self.process = subprocess.Popen(
                [str(ROOT / "bin" / "pattern-tracker"), "log", "-f", "--json", *arguments],
                env=bundle.environ, stdout=file, stderr=subprocess.PIPE,
                # A shell's background job ignores Ctrl-C, and so would what it starts.
                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509
            )  # fmt: skip

    def wait_lines(self, count: int) -> list[str]:
        """The paths of the events printed so far, once there are `count`."""
        wait_for(lambda: self.out.read_bytes().count(b"\n") >= count)
        return [json.loads(line)["file_path"] for line in self.out.read_text().splitlines()]

    def end(self) -> tuple[int, bytes]:
        """Press Ctrl-C; the exit code and what it wrote to standard error."""
        self.process.send_signal(signal.SIGINT)
        errors = self.process.communicate(timeout=PATIENCE_SECONDS)[1]
        return self.process.returncode, errors


@pytest.fixture
def follow(bundle: Bundle) -> Iterator[Callable[..., Follower]]:
    started: list[Follower] = []

    def start(*arguments: str) -> Follower:
        started.append(Follower(bundle, *arguments))
        return started[-1]

    yield start
    for follower in started:
        follower.process.kill()
        follower.process.communicate()


def test_following_shows_what_comes_and_ends_quietly(
    bundle: Bundle, follow: Callable[..., Follower]
) -> None:
    outpost = Outpost(bundle.spool)
    follower = follow("--type", "created")
    paths = []
    for number in range(3):
        paths.append(f"/p/{number}.py")
        outpost.write(paths[-1], f"x = {number}\n")
        outpost.flush()
        assert follower.wait_lines(number + 1) == paths
    # A damaged ledger is put aside, and the new one counts from the beginning.
    for path in bundle.spool.glob("ledger.db*"):
        path.unlink()
    outpost.write("/p/new.py", "y = 1\n")
    outpost.flush()
    assert follower.wait_lines(4) == [*paths, "/p/new.py"]
    assert follower.end() == (130, b"")


def test_following_begins_with_the_newest(bundle: Bundle, follow: Callable[..., Follower]) -> None:
    outpost = Outpost(bundle.spool)
    outpost.story(12)
    outpost.flush()
    follower = follow()
    assert len(follower.wait_lines(10)) == 10
    follower.end()
    assert len(follower.wait_lines(10)) == 10


@pytest.mark.parametrize("arguments", [["--type", "deleted"], ["--since", "noon"], ["-n", "x"]])
def test_nonsense_is_a_clear_line(
    told: Outpost, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    try:
        code = cli.main(["log", *arguments])
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else -1
    assert code in (1, 2)
    assert capsys.readouterr().out == ""


def test_of_a_long_history_the_newest_are_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    layout_5.write(tmp_path / FILE_NAME, 160, 5, 3.0)
    tmp_path.chmod(0o700)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path))
    assert cli.main(["log"]) == 0
    newest = capsys.readouterr()
    assert newest.err == "pattern-tracker: the newest 100; --all shows all there are\n"
    assert cli.main(["log", "--all"]) == 0
    everything = capsys.readouterr()
    assert everything.err == ""
    assert len(everything.out.splitlines()) == 800
    assert everything.out.splitlines()[-100:] == newest.out.splitlines()
    assert cli.main(["log", "-n", "101"]) == 0
    assert not capsys.readouterr().err
