"""An earlier version's ledger is converted bit by bit: killed, interrupted, by two at once."""

import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from lib.commands import cli
from lib.flusher.conversion import watched
from lib.ledger import connecting, migration, schema
from lib.ledger.store import FILE_NAME
from lib.ledger.usage import Stats, last_days
from tests.support import layout_5
from tests.support.bundle import ROOT
from tests.support.outpost import Outpost

EVENTS = 480
# Opens the ledger argv[1]; the process kills itself when it is asked the argv[2]th time.
OPEN = f"""
import os, signal, sys
sys.path.insert(0, {str(ROOT)!r})
from lib.ledger import connecting, migration
from lib.ledger.history import History
migration.PORTION, migration._STEPS = 50, 500
left = [int(sys.argv[2])]
def progress(part):
    left[0] -= 1
    if left[0] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
History(sys.argv[1], progress).close()
"""
COUNTED = ("files", "edits", "sums")


@pytest.fixture
def old(tmp_path: Path) -> Path:
    path = tmp_path / FILE_NAME
    layout_5.write(path, 160, 3, 2.0)
    tmp_path.chmod(0o700)
    return path


def rows(path: Path, table: str) -> list[tuple[object, ...]]:
    db = sqlite3.connect(path)
    # The number of a revision depends on when it was made, and nothing else does on it.
    columns = "file_id, path, head, last_seq, gone" if table == "files" else "*"
    found = db.execute(f"SELECT {columns} FROM {table}").fetchall()
    db.close()
    return sorted(found)


def opened(path: Path, at: int = 0) -> int:
    return subprocess.run([sys.executable, "-c", OPEN, str(path), str(at)], check=False).returncode


def converted(path: Path, tmp_path: Path) -> dict[str, list[tuple[object, ...]]]:
    """Convert a copy undisturbed."""
    copy = tmp_path / "copy.db"
    shutil.copy(path, copy)
    Stats(str(copy)).close()
    return {table: rows(copy, table) for table in (*COUNTED, "events")}


def is_converted(path: Path) -> bool:
    db = sqlite3.connect(path)
    (version,) = db.execute("PRAGMA user_version").fetchone()
    db.close()
    return bool(version >= schema.COUNTED)


def test_killed_at_any_moment_it_opens_and_goes_on(old: Path, tmp_path: Path) -> None:
    wanted = converted(old, tmp_path)
    kills, at = 0, 1
    while opened(old, at) == -signal.SIGKILL:
        kills += 1
        # Nothing of before is lost, whatever was done by then.
        assert rows(old, "events") == wanted["events"]
        assert is_converted(old) or len(rows(old, "occurrences")) == EVENTS
        at += 7
    assert kills > 3
    assert {table: rows(old, table) for table in wanted} == wanted
    assert opened(old) == 0


def test_two_at_once_count_nothing_twice(old: Path, tmp_path: Path) -> None:
    wanted = converted(old, tmp_path)
    command = [sys.executable, "-c", OPEN, str(old), "0"]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [process.wait() for process in both] == [0, 0]
    assert {table: rows(old, table) for table in wanted} == wanted


def test_it_waits_while_another_process_is_at_it(
    old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = converted(old, tmp_path)
    monkeypatch.setattr(connecting.connect, "__defaults__", (0.0,))
    with pytest.raises(KeyboardInterrupt):
        Stats(str(old), _interrupt)
    other = sqlite3.connect(old, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    heard = []

    def let_go(part: float) -> None:
        heard.append(part)
        if len(heard) == 2:
            other.execute("COMMIT")

    Stats(str(old), let_go).close()
    other.close()
    assert len(heard) > 2
    assert {table: rows(old, table) for table in wanted} == wanted


def _interrupt(part: float) -> None:
    raise KeyboardInterrupt


def test_what_the_earlier_version_records_meanwhile_counts(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "PORTION", 50)
    other = sqlite3.connect(old, isolation_level=None)
    added: list[str] = []

    def record(part: float) -> None:
        if part > 0.5 and not added:
            added.append("/home/user/late.py")
            other.execute(
                "INSERT INTO events (event_id, timestamp, event_type, pattern_id, file_path, "
                "parent_pattern_ids, content_id) VALUES "
                "('late', '2026-01-01T00:00:00.000000+00:00', 'pattern_created', 'p', ?, '', 'p')",
                added,
            )

    ledger = Stats(str(old), record)
    other.close()
    assert added
    assert ledger.figures(last_days(1)).events == EVENTS + 1
    assert ledger.head(added[0]) == "p"
    ledger.close()


def test_it_may_be_interrupted(old: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = converted(old, tmp_path)
    monkeypatch.setattr(migration, "PORTION", 50)
    monkeypatch.setattr(migration, "_STEPS", 500)
    heard: list[float] = []
    for stop in (0.2, 0.5, 0.7, 0.9):

        def interrupt(part: float, stop: float = stop) -> None:
            # Within a statement: between two the part would be another.
            if part > stop and part in heard:
                raise KeyboardInterrupt
            heard.append(part)

        heard.clear()
        with pytest.raises(KeyboardInterrupt):
            Stats(str(old), interrupt)
    Stats(str(old)).close()
    assert {table: rows(old, table) for table in wanted} == wanted


def test_recorded_or_converted_it_is_the_same(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.story()
    outpost.write("/p/a.py", "def f():\n    return 0\n", "def f():\n    return 5\n")
    assert outpost.flush()
    path = outpost.directory / FILE_NAME
    recorded = {table: rows(path, table) for table in COUNTED}
    assert all(recorded.values())
    db = sqlite3.connect(path)
    db.executescript(
        "CREATE TABLE occurrences (file_path TEXT); DROP INDEX events_by_file; "
        "UPDATE files SET head = 'x'; PRAGMA user_version = 5"
    )
    db.close()
    Stats(str(path)).close()
    assert {table: rows(path, table) for table in COUNTED} == recorded


def test_steps_that_are_made_again_keep_who_made_them(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "x = 1\n")
    outpost.write("/p/a.py", "x = 3\n", "x = 2\n")
    assert outpost.flush()
    with closing(outpost.ledger()) as ledger:
        recorded = ledger.steps()
        schema.count_again(ledger.connection, keeps_revisions=False)
    with closing(outpost.ledger()) as ledger:
        assert ledger.steps() == recorded
        assert (recorded["agent"], recorded["outside"]) == (2, 1)


@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu", "UTC", ""])
def test_days_are_those_of_the_zone_where_one_asks(
    old: Path, zone: str, in_zone: Callable[[str], None]
) -> None:
    Stats(str(old)).close()
    if zone:
        in_zone(zone)
    days = last_days(5)
    ledger = Stats(str(old))
    found = ledger.figures(days)
    query = (
        "SELECT date(timestamp, 'localtime'), count(*) FROM events "
        "WHERE implied = 0 AND file_path = ? GROUP BY 1"
    )
    for series in found.paths:
        by_day = dict(map(tuple, ledger._db.execute(query, (series.name,))))
        assert series.by_day == [by_day.get(day, 0) for day in days]
    assert sum(series.total for series in found.paths) == EVENTS
    assert found.types == {"pattern_modified": EVENTS * 2 // 3, "pattern_created": EVENTS // 3}
    ledger.close()


def test_the_flusher_lives_on_and_logs(tmp_path: Path) -> None:
    hear = watched(str(tmp_path), 45)
    # The suite's own deadline is an alarm too.
    kept = signal.alarm(0)
    try:
        hear(0.0)
        assert signal.alarm(10) == 0  # without a deadline it gets none
        for part in (0.04, 0.31, 0.33, 1.0):
            hear(part)
        assert signal.alarm(0) > 40
    finally:
        signal.alarm(kept)
    (log,) = tmp_path.glob("*.log")
    assert [line.rsplit(" ", 1)[1] for line in log.read_text().splitlines()] == [
        "0%", "31%", "100%",
    ]  # fmt: skip


def test_a_person_is_told_once(
    old: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("lib.commands.reading._PATIENCE", 0.0)
    monkeypatch.setattr(migration, "PORTION", 50)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(old.parent))
    for told in (["pattern-tracker: converting the ledger for this version, once"], []):
        assert cli.main(["stats"]) == 0
        printed = capsys.readouterr()
        assert printed.err.splitlines() == told
        assert f"{EVENTS} edits" in printed.out
