"""Damage inside the ledger: what can be read is saved, and every event goes on."""

import asyncio
import json
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from lib.commands import cli, doctor
from lib.commands.doctor_checks import kept_data
from lib.commands.doctor_checks.finding import OK, WARNING
from lib.ledger import salvage
from lib.ledger.history import History
from lib.resilience.client import ResilientAPIClient
from lib.spool import outbox
from tests.support.books import balance
from tests.support.forms import few
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble

PAGE = 4096
FILES = 50


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A spool whose ledger has pages of every kind."""
    directory = tmp_path_factory.mktemp("grown") / "spool"
    outpost = Outpost(directory)
    for number in range(FILES):
        before = f"def f{number}():\n    return 0\n"
        outpost.write(f"/p/{number}.py", before)
        outpost.write(f"/p/{number}.py", f"def f{number}():\n    return 1\n", before)
    noise = os.urandom(12_000).hex()
    outpost.write("/p/large.py", f"x = '''\n{noise}\n'''\n")
    assert outpost.flush()
    with closing(sqlite3.connect(directory / "ledger.db")) as db:
        db.execute("CREATE TABLE filler (text)")
        db.execute("INSERT INTO filler VALUES (?)", ("x" * 5 * PAGE,))
        db.commit()
        db.execute("DROP TABLE filler")
        db.commit()
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return directory


def kinds(path: Path) -> dict[str, list[int]]:
    """The numbers of the pages, from 0 on, by their kind."""
    data = path.read_bytes()
    pages = [data[at : at + PAGE] for at in range(0, len(data), PAGE)]
    names = {2: "index, inner", 5: "table, inner", 10: "index, leaf", 13: "table, leaf"}
    found: dict[str, list[int]] = {"first": [0]}
    trunk = int.from_bytes(data[32:36], "big")
    found["free, trunk"] = [trunk - 1]
    leaves = int.from_bytes(pages[trunk - 1][4:8], "big")
    free = pages[trunk - 1][8 : 8 + 4 * leaves]
    found["free"] = [int.from_bytes(free[n : n + 4], "big") - 1 for n in range(0, len(free), 4)]
    for number, page in enumerate(pages):
        if number not in {n for these in found.values() for n in these}:
            found.setdefault(names.get(page[0], "overflow"), []).append(number)
    return found


def zero(path: Path, number: int) -> None:
    with path.open("r+b") as file:
        file.seek(number * PAGE)
        file.write(bytes(PAGE))


def damaged(grown: Path, tmp_path: Path, most: int) -> Iterator[tuple[str, Outpost]]:
    """The spool with one page of its ledger zeroed in turn, at most so many of each kind, and two
    events waiting."""
    for kind, numbers in kinds(grown / "ledger.db").items():
        for number in numbers[:: 1 + len(numbers) // most]:
            directory = tmp_path / f"{number}"
            shutil.copytree(grown, directory)
            zero(directory / "ledger.db", number)
            outpost = Outpost(directory)
            outpost._captured = 1000
            outpost.write("/p/0.py", "def f0():\n    return 2\n", "def f0():\n    return 1\n")
            outpost.write("/p/new.py", "new = 1\n")
            yield kind, outpost


def snapshots(history: History) -> int:
    found = history.connection.execute("SELECT count(*) FROM snapshots").fetchone()
    return int(found[0])


def test_there_are_pages_of_every_kind(grown: Path) -> None:
    assert set(kinds(grown / "ledger.db")) == {
        "first", "index, inner", "table, inner", "index, leaf", "table, leaf", "overflow",
        "free, trunk", "free",
    }  # fmt: skip


@pytest.mark.parametrize("number", few([2, 1000]))
def test_whichever_page_is_damaged_every_event_goes_on(
    grown: Path, tmp_path: Path, number: int
) -> None:
    with closing(History(str(grown / "ledger.db"))) as history:
        whole, codes = len(history.events()), snapshots(history)
    for kind, outpost in damaged(grown, tmp_path, number):
        run = outpost.run()
        assert (run._failed, outpost.pending()) == ("", []), kind
        # What a run does not come across, `sync` looks for.
        assert outpost.flush(), kind
        with closing(outpost.ledger()) as history:
            assert salvage.damage(history.connection, 60.0) == "", kind
            events = history.events()
            head = history.head("/p/0.py")
            missing = codes + 2 - snapshots(history)
        # With what SQLite kept beside it, where that could not be written back.
        asides = outpost.directory.glob(f"{salvage.ASIDE}*")
        assert len({path.name.partition("-")[2][:19] for path in asides}) <= 1, kind
        assert events[-1].file_path == "/p/new.py"
        assert events[-2].pattern_id == head
        # One page of the events' table.
        lost = whole + 2 - len(events)
        most = {"table, leaf": 25}.get(kind, 0)
        assert 0 <= lost <= most, kind
        most = {"table, inner": codes, "table, leaf": 80, "overflow": 1}.get(kind, 0)
        assert 0 <= missing <= most, kind
        shutil.rmtree(outpost.directory)


def test_doctor_finds_whatever_page_was_damaged(
    grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite does not judge the end of a long content: it is no longer what its digest says."""
    path = tmp_path / "ledger.db"
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(tmp_path))
    shutil.copy(grown / "ledger.db", path)
    assert kept_data.ledger(doctor.look()).level == OK
    found = {}
    for kind, numbers in kinds(path).items():
        for number in numbers if kind in ("overflow", "first", "free, trunk") else numbers[:2]:
            shutil.copy(grown / "ledger.db", path)
            zero(path, number)
            found[kind, number] = kept_data.ledger(doctor.look())
    whole = [kind for (kind, _), told in found.items() if told.level == OK]
    # There is nothing in them, and in one what is looked for in a transcript.
    assert set(whole) <= {"free", "overflow"}
    assert whole.count("overflow") <= 1
    lost = [told.text for told in found.values() if told.level == WARNING]
    assert "a page was damaged that held code: 1 content of files lost" in lost
    assert all(told.fix for told in found.values() if told.level != OK)


def holding(path: Path, what: str, number: int) -> int:
    """The number of the page, from 0 on, that holds the last of the events, or a small table; the
    given one where that is not below 0. What is in the log is in the file then."""
    with closing(sqlite3.connect(path)) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        if number >= 0:
            return number
        if what != "events":
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            return int(db.execute(query, (what,)).fetchone()[0]) - 1
        (event_id,) = db.execute("SELECT event_id FROM events ORDER BY seq DESC").fetchone()
    data = path.read_bytes()
    pages = {at // PAGE for at in range(0, len(data), PAGE)
             if data[at] == 13 and event_id.encode() in data[at : at + PAGE]}  # fmt: skip
    (number,) = pages
    return number


@pytest.mark.parametrize(
    "what", ["first", "taken", "counters", "events", "table, leaf", "index, leaf"]
)
def test_what_waits_for_a_service_reaches_it(
    grown: Path, tmp_path: Path, server: ServiceDouble, what: str
) -> None:
    """Of those that are recorded already the ledger may know nothing any more."""
    found = kinds(grown / "ledger.db").get(what, [-1])
    for number in found[::18]:
        directory = tmp_path / f"{number}"
        shutil.copytree(grown, directory)
        outpost = Outpost(directory, server)
        outpost._captured = 1000 * (number + 2)
        outpost.write(f"/q/{number}.py", f"old{number} = 1\n")
        with server.faults.during(Fault.STATUS, status=503):
            outpost.run()
        assert len(outpost.pending()) == 1
        there = holding(directory / "ledger.db", what, number)
        zero(directory / "ledger.db", there)
        outpost.write(f"/q/{number}.py", f"new{number} = 1\n")
        assert outpost.flush(), outpost.section("flusher")
        paths = [event.body["file_path"] for event in server.events]
        assert paths.count(f"/q/{number}.py") == 2, number
        told = balance(directory)
        assert (told["pending"], told["captured"]) == (0, 2 * FILES + 3), number


def test_commands_say_in_one_line_what_to_do(
    grown: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    directory = tmp_path / "spool"
    shutil.copytree(grown, directory)
    for number in kinds(grown / "ledger.db")["table, leaf"]:
        zero(directory / "ledger.db", number)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(directory))
    for words in (["status"], ["log"], ["lineage", "/p/0.py"], ["stats"], ["export"]):
        assert cli.main(words) == 1, words
        said = capsys.readouterr().err
        assert said.count("\n") == 1
        assert "the ledger is damaged" in said
        assert "pattern-tracker sync" in said
    assert cli.main(["doctor", "--json"]) == 1
    checks = {check["name"]: check for check in json.loads(capsys.readouterr().out)["checks"]}
    assert checks["ledger"]["level"] == "serious"
    assert checks["ledger"]["text"].startswith("damaged: ")
    assert "pattern-tracker sync" in checks["ledger"]["fix"]
    assert cli.main(["sync"]) == 0
    assert cli.main(["status"]) == 0
    assert cli.main(["log"]) == 0


def test_a_run_killed_while_it_saves_is_made_up_for(grown: Path, tmp_path: Path) -> None:
    """Before the new ledger is complete, and when only its name is missing."""
    directory = tmp_path / "spool"
    shutil.copytree(grown, directory)
    outpost = Outpost(directory)
    outpost._captured = 1000
    zero(directory / "ledger.db", kinds(grown / "ledger.db")["table, leaf"][0])
    (directory / "ledger.db.salvaged").write_bytes(b"half")
    (directory / "ledger.db.salvaged-wal").write_bytes(b"half")
    outpost.write("/p/new.py", "new = 1\n")
    assert outpost.flush()
    assert not list(directory.glob("*.salvaged*"))
    saved = outpost.recorded()
    assert saved > FILES
    for part in directory.glob("ledger.db-*"):
        part.unlink()
    (directory / "ledger.db").rename(directory / "ledger.db.salvaged")
    outpost.write("/p/newer.py", "newer = 1\n")
    assert outpost.flush()
    assert outpost.recorded() == saved + 1
    assert outbox.pending(str(directory)) == []


def test_a_program_that_has_the_ledger_open_goes_on_in_the_new_one(
    grown: Path, tmp_path: Path
) -> None:
    directory = tmp_path / "spool"
    shutil.copytree(grown, directory)

    async def story() -> None:
        client = ResilientAPIClient(cache_dir=directory)
        await client.track_pattern_resilient("pattern_created", "a-1", "a", {"code": "a = 1"})
        zero(directory / "ledger.db", kinds(grown / "ledger.db")["table, leaf"][0])
        assert Outpost(directory).flush()
        found = await client.track_pattern_resilient("pattern_created", "b-1", "b", {"code": "b"})
        assert found["success"]

    asyncio.run(story())
    assert list(directory.glob(f"{salvage.ASIDE}*"))
    with closing(Outpost(directory).ledger()) as history:
        assert [history.knows(pattern_id) for pattern_id in ("a-1", "b-1")] == [True, True]
