"""`pattern-tracker forget`: what is forgotten is nowhere in the files, and the rest is whole."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.ledger import replay, snapshots, unplaced
from lib.ledger.history import History
from lib.ledger.steps import steps_of
from lib.spool import outbox
from lib.system.lock import Lock
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble

# Words that stand nowhere else. Long lines, so that zlib stores what it cannot shorten as it is.
ONE, TWO, THREE, FOUR = ("kwyjibo1", "kwyjibo2", "kwyjibo3", "kwyjibo4")
FIRST, SECOND, THIRD = "session-a", "session-b", "session-c"
PATH = "/p/a.py"


def code(*words: str) -> str:
    return "".join(f"def f_{word}():\n    return {word!r}\n\n\n" for word in words)


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Outpost:
    """A file that three sessions changed; the third took out what the second had put in."""
    outpost = Outpost(tmp_path / "spool")
    steps = [(FIRST, ("base", ONE)), (SECOND, ("base", ONE, TWO)), (THIRD, ("base", THREE))]
    before = None
    for number, (session_id, words) in enumerate(steps):
        text = code(*words)
        prompt_id = f"prompt-{number}"
        outpost.write(PATH, text, before, session_id=session_id, prompt_id=prompt_id)
        before = text
    assert outpost.flush()
    with closing(sqlite3.connect(outpost.directory / "ledger.db")) as db, db:
        for number, (session_id, _) in enumerate(steps):
            when = f"2026-01-0{number + 1}T00:00:00.000000+00:00"
            text = f"please do wish{number} {'long ' * 9999}{number}"
            values = (f"prompt-{number}", session_id, when, text)
            db.execute("INSERT INTO prompts VALUES (?, ?, ?, ?)", values)
            title = (session_id, f"title{number}")
            db.execute("INSERT INTO sessions (session_id, title) VALUES (?, ?)", title)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    assert cli.main(["search", "wish", "--json"]) == 0
    return outpost


def kept(outpost: Outpost) -> dict[str, Any]:
    """The texts that are left, as the ledger gives them."""
    with closing(History(f"{outpost.directory}/ledger.db")) as history:
        rows = history.rows("SELECT text FROM prompts WHERE text NOT NULL ORDER BY 1", ())
        titles = history.rows("SELECT title FROM sessions WHERE title NOT NULL ORDER BY 1", ())
        return {
            "prompts": [row[0][-1] for row in rows],
            "titles": [row[0][-1] for row in titles],
            "code": [history.snapshot(step.snapshot) for step in steps_of(history, PATH)][::-1],
            "snapshots": history.rows("SELECT count(*) FROM snapshots", ())[0][0],
        }


def bytes_of(outpost: Outpost) -> bytes:
    return b"".join(path.read_bytes() for path in outpost.directory.glob("ledger.db*"))


def forget(*words: str) -> None:
    assert cli.main(["forget", *words, "--yes"]) == 0


STATES = [code("base", ONE), code("base", ONE, TWO), code("base", THREE)]


def test_without_yes_nothing_changes(told: Outpost, capsys: pytest.CaptureFixture[str]) -> None:
    before = kept(told)
    capsys.readouterr()
    assert cli.main(["forget", "--session", FIRST]) == 0
    assert "--yes would forget 1 prompt, 1 title" in capsys.readouterr().out
    assert cli.main(["forget", "--session", FIRST, "--json"]) == 0
    told_by_json = json.loads(capsys.readouterr().out)
    assert (told_by_json["prompts"], told_by_json["done"]) == (1, False)
    assert kept(told) == before
    assert (told.directory / "ledger.db.search").exists()


def test_a_prompt_is_forgotten(told: Outpost) -> None:
    assert b"wish1" in bytes_of(told)
    forget("--prompt", "prompt-1")
    assert b"wish1" not in bytes_of(told)
    with closing(sqlite3.connect(told.directory / "ledger.db")) as db:
        assert db.execute("PRAGMA freelist_count").fetchone() == (0,)
    assert kept(told) == {**kept(told), "prompts": ["0", "2"], "code": STATES}


def test_a_session_is_forgotten_with_the_code_of_its_own(told: Outpost) -> None:
    forget("--session", "session-b")
    found = kept(told)
    assert (found["prompts"], found["titles"]) == (["0", "2"], ["0", "2"])
    # Nor does the next step tell what it found.
    assert (found["code"], found["snapshots"]) == ([STATES[0], None, STATES[2]], 2)
    assert b"wish1" not in bytes_of(told)
    assert b"title1" not in bytes_of(told)
    # What the file was left with stays: it stands on the disk.
    forget("--session", THIRD)
    assert kept(told)["code"] == [STATES[0], None, STATES[2]]


def test_a_file_is_forgotten_and_recorded_further(told: Outpost) -> None:
    forget("--file", PATH)
    found = kept(told)
    assert (found["code"], found["snapshots"]) == ([None, None, None], 0)
    assert found["prompts"] == ["0", "1", "2"]
    told.write(PATH, code("base"), STATES[2], session_id=THIRD)
    assert told.flush()
    assert kept(told)["code"][-1] == code("base")
    assert cli.main(["lineage", PATH, "--diff"]) == 0
    assert cli.main(["doctor"]) in (0, 1)


def test_what_is_forgotten_stays_so_when_steps_are_made_again(told: Outpost) -> None:
    comment = f"# {FOUR}\n"
    told.write(PATH, STATES[2] + comment, STATES[2], session_id="session-d")
    told.write(PATH, STATES[2], STATES[2] + comment, session_id=THIRD)
    told.write("/p/b.py", comment, "", session_id=THIRD)
    assert told.flush()
    forget("--session", SECOND)
    before = kept(told)
    with closing(History(f"{told.directory}/ledger.db")) as history:
        steps = [(step.pattern_id, step.actor) for step in steps_of(history, PATH)]
        replay.replay(history.connection)
        assert [(step.pattern_id, step.actor) for step in steps_of(history, PATH)] == steps
    assert kept(told) == before
    assert before["code"][3] == STATES[2] + comment
    forget("--session", "session-d")
    assert [code for code in kept(told)["code"] if code and FOUR in code] == []
    with closing(History(f"{told.directory}/ledger.db")) as history:
        replay.replay(history.connection)
        assert history.snapshot(steps_of(history, "/p/b.py")[0].snapshot) == comment
        kept_beside = history.rows("SELECT event FROM unplaced", ())
        gone = snapshots.digest_of(STATES[2] + comment)
        assert [text for (text,) in kept_beside if gone in text] == []
    assert [code for code in kept(told)["code"] if code and FOUR in code] == []


def test_what_waits_for_its_place_keeps_its_code(told: Outpost) -> None:
    """An event that came late is in no chain yet."""
    name = told.write("/p/late.py", STATES[1], session_id="session-d")
    event = outbox.read(str(told.directory), name)
    (told.directory / name).unlink()
    with closing(History(f"{told.directory}/ledger.db")) as history:
        unplaced.keep(history.connection, event, (None, None))
        forget("--session", SECOND)
        assert history.snapshot(snapshots.digest_of(STATES[1])) == STATES[1]
    assert kept(told)["code"] == STATES


def test_what_was_before_is_forgotten_and_the_last_code_stays(told: Outpost) -> None:
    with closing(sqlite3.connect(told.directory / "ledger.db")) as db, db:
        db.execute("UPDATE events SET timestamp = '2026-01-02T00:00:00.000000+00:00'")
        db.execute("UPDATE revisions SET timestamp = '2026-01-02T00:00:00.000000+00:00'")
    forget("--before", "2026-01-02T12:00:00+00:00")
    found = kept(told)
    assert (found["prompts"], found["titles"]) == (["2"], ["2"])
    assert found["code"] == [None, None, STATES[2]]


def test_the_books_and_the_lineage_stay_whole(
    tmp_path: Path, server: ServiceDouble, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    outpost = Outpost(tmp_path / "spool", server)
    outpost.story()
    assert outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))

    def told() -> list[object]:
        assert cli.main(["lineage", "/p/a.py", "--json"]) == 0
        edges = json.loads(capsys.readouterr().out)["edges"]
        assert cli.main(["status", "--json"]) == 0
        status = json.loads(capsys.readouterr().out)
        return [edges, status["captured"], status["delivered"], status["books"]]

    before = told()
    forget("--file", "/p/a.py")
    capsys.readouterr()
    assert told() == before


def test_it_waits_for_a_flusher(
    told: Outpost, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from lib.commands import forget as verb

    monkeypatch.setattr(verb, "PATIENCE", 0.0)
    lock = Lock(f"{told.directory}/{outbox.LOCK_FILE}")
    assert lock.acquire()
    assert cli.main(["forget", "--prompt", "prompt-1", "--yes"]) == 1
    lock.release()
    assert "a flusher is at work" in capsys.readouterr().err
    assert kept(told)["prompts"] == ["0", "1", "2"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("--session", "zzz"), "nothing is known of zzz"),
        (("--prompt", "zzz"), "nothing is known of zzz"),
        (("--prompt", "prompt"), "prompt may be any of: prompt-0, prompt-1, prompt-2"),
        (("--file", "/nowhere.py"), "was never recorded"),
        (("--before", "soon"), "is no time"),
    ],
)
def test_what_is_not_there_is_a_clear_line(
    told: Outpost, words: tuple[str, str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(["forget", *words, "--yes"]) == 1
    assert line in capsys.readouterr().err
