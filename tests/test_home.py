"""`pattern-tracker` alone: this project and no other, today, what waits, what to ask next."""

import json
import os
import shlex
import time
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble

OURS, OTHERS = "3f2a91bc-aaaa-4444-8888-000000000000", "77777777-bbbb"


@pytest.fixture
def app(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository that the command line of this process is asked in; the spool is beside it."""
    made = tmp_path / "my app"
    (made / ".git").mkdir(parents=True)
    (made / "src").mkdir()
    monkeypatch.chdir(made / "src")
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path / "spool"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    return made


@pytest.fixture
def edited(app: Path) -> Outpost:
    """Edits in the project by two sessions, and in its neighbours."""
    outpost = Outpost(app.parent / "spool")
    outpost.write(f"{app}/a.py", "a = 1\n", session_id=OURS)
    outpost.write(f"{app}/src/b c.py", "b = 1\n", session_id=OTHERS)
    outpost.write(f"{app}/a.py", "a = 2\n", "a = 1\n", session_id=OURS)
    for beside in (f"{app}ng/x.py", f"{app}.old/y.py", f"{app.parent}/z.py"):
        outpost.write(beside, f"x = {beside!r}\n", session_id="elsewhere")
    outpost.flush()
    # Today or later, though midnight may come while the test runs.
    for path in (f"{app}/a.py", f"{app}/src/b c.py"):
        move(outpost, path, 3600.0)
    return outpost


def home(capsys: pytest.CaptureFixture[str]) -> Any:
    assert cli.main(["--json"]) == 0
    return json.loads(capsys.readouterr().out)


def shown(capsys: pytest.CaptureFixture[str], *words: str) -> list[str]:
    assert cli.main(list(words)) == 0
    return capsys.readouterr().out.splitlines()


def move(outpost: Outpost, file: str, seconds: float) -> None:
    """Let the events of a file be that long after now."""
    timestamp = time.strftime("%FT%TZ", time.gmtime(time.time() + seconds))
    history = History(f"{outpost.directory}/{FILE_NAME}")
    history._db.execute("UPDATE events SET timestamp = ? WHERE file_path = ?", (timestamp, file))
    history.close()


def test_it_tells_of_this_project_alone(
    app: Path, edited: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    found = home(capsys)
    assert (found["project"], found["files"]) == (str(app), 2)
    assert found["last_file"] == f"{app}/a.py"
    sessions = {one["session_id"]: (one["edits"], one["files"]) for one in found["sessions"]}
    assert sessions == {OURS: (2, 1), OTHERS: (1, 1)}
    assert (found["waiting"], found["problems"]) == ([], [])
    lines = shown(capsys)
    assert lines[0] == "project   ~/my app"
    assert lines[1].strip() == "2 files tracked, 3 edits today"
    assert lines[2].strip().startswith("~/my app/a.py changed ")
    assert lines[3].startswith("sessions  3f2a91bc  2 edits in 1 file, the last at ")
    assert "waiting   nothing" in lines
    assert lines == shown(capsys, "home")


def test_what_it_names_can_be_asked(
    app: Path, edited: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    commands = home(capsys)["next"]
    assert [command.split()[0] for command in commands] == ["lineage", "log", "stats"]
    answers = [shown(capsys, *shlex.split(command)) for command in commands]
    assert "a.py" in answers[0][0]
    assert len(answers[1]) == 2  # by the beginning of the session's id
    edited.write(f"{app}/src/b c.py", "b = 2\n", "b = 1\n")
    edited.flush()
    command = home(capsys)["next"][0]
    assert command == "lineage --diff 'b c.py'"
    assert "b c.py" in "".join(shown(capsys, *shlex.split(command)))


def test_yesterday_is_not_today(
    app: Path, edited: Outpost, capsys: pytest.CaptureFixture[str]
) -> None:
    for path in (f"{app}/a.py", f"{app}/src/b c.py"):
        move(edited, path, -2 * 86_400.0)
    assert home(capsys)["sessions"] == []
    lines = shown(capsys)
    assert lines[1].strip() == "2 files tracked, 0 edits today"
    assert not any(line.startswith("sessions") for line in lines)


def test_outside_a_repository_the_directory_is_the_project(
    app: Path, edited: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    assert home(capsys)["files"] == 5
    monkeypatch.chdir(app.parent)
    (app / ".git").rmdir()
    monkeypatch.chdir(app / "src")
    assert home(capsys)["files"] == 1


def test_before_anything_happened(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = home(capsys)
    assert (found["files"], found["last_file"], found["sessions"]) == (0, None, [])
    assert found["next"] == ["doctor", "--help"]
    assert "it begins with Claude's first edit" in shown(capsys)[1]
    assert not (app.parent / "spool").exists()


def test_in_a_project_that_was_never_edited(
    edited: Outpost, app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    other = app.parent / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert shown(capsys)[1].strip() == "no file of it was recorded yet"


def test_what_waits_and_what_is_wrong(
    app: Path,
    edited: Outpost,
    server: ServiceDouble,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("INTELLIGENCE_SERVICE_URL", server.url)
    edited.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    edited.write(f"{app}/a.py", "a = 3\n", "a = 2\n")
    with server.faults.during(Fault.STATUS, status=503):
        edited.flush()
    (edited.directory / "quarantine").mkdir(exist_ok=True)
    (edited.directory / "quarantine" / "pending_1.json").write_text("{")
    monkeypatch.setenv("PATTERN_TRACKING_ENABLED", "false")
    found = home(capsys)
    assert found["waiting"] == ["1 event", "1 in quarantine"]
    assert found["problems"][0] == "tracking is off"
    assert any(problem.startswith("service: ") for problem in found["problems"])
    assert found["next"][:2] == ["doctor", "quarantine list"]
    assert "waiting   1 event; 1 in quarantine" in shown(capsys)


@pytest.mark.parametrize("columns", [60, 120])
def test_it_fits_one_screen(
    app: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, columns: int
) -> None:
    outpost = Outpost(app.parent / "spool")
    for number in range(9):
        path = f"{app}/\x1b[31m{'long/' * 12}{number}.py"
        outpost.write(path, f"x = {number}\n", session_id=f"\x1b[3{number}m" * 9)
    outpost.flush()
    monkeypatch.setenv("COLUMNS", str(columns))
    lines = shown(capsys)
    assert len(lines) <= 24
    assert max(map(len, lines)) <= columns
    assert all(line.isprintable() for line in lines)


def test_the_verb_takes_nothing_before_it(app: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What stands before a verb would be lost in silence."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--json", "status"])
    assert ended.value.code == 2


def test_a_name_that_is_no_utf8_stops_no_question(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The names of a directory, of a recorded file, of a copy, and of one that is unknown."""
    outpost = Outpost(tmp_path / "spool")
    below = os.fsdecode(os.fsencode(tmp_path) + b"/d\xe9")
    try:
        os.mkdir(below)
    except OSError:
        pytest.skip("this file system has UTF-8 names alone")
    recorded, copy, unknown = (f"{below}/{name}\udce9.py" for name in ("a", "b", "c"))
    outpost.write(recorded, "x = 0\n")
    outpost.write(recorded, "x = 1\n", "x = 0\n")
    for path, code in ((recorded, "x = 1\n"), (copy, "x = 1\n"), (unknown, "y = 5\n")):
        Path(path).write_text(code)
    assert outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.chdir(below)
    assert cli.main(["home"]) == 0
    assert "1 file tracked" in capsys.readouterr().out
    for question in ("stats", "log", "export", "status"):
        assert cli.main([question]) == 0
    for path, ended in ((recorded, 0), (copy, 0), (unknown, 1), ("a\udce9.py", 0)):
        for more in ([], ["--json"], ["--diff"]):
            assert cli.main(["lineage", path, *more]) == ended
        assert cli.main(["log", "--file", path]) == 0
    assert "nothing is known of" in capsys.readouterr().err
    assert cli.main(["lineage", copy]) == 0
    told = capsys.readouterr().out
    assert "was not recorded by that name" in told, told
