"""The order of events is that of their capture, whatever clock and file dates do."""

import asyncio
import json
import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.flusher.intake import Intake
from lib.resilience.client import ResilientAPIClient
from lib.spool import inbox, order, outbox, wake
from lib.system import moment
from tests.support.bundle import Bundle, write_payload
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble

STEPS = 12
TEXTS = [f"def f():\n    return {number}\n" for number in range(STEPS)]
SECOND = 10**9


def calls(path: str = "/p/a.py") -> list[dict[str, Any]]:
    before: list[str | None] = [None, *TEXTS]
    return [
        write_payload(path, text, f"{path}-{number}", before[number])
        for number, text in enumerate(TEXTS)
    ]


def truncate(to_seconds: int) -> Callable[[Path, int], None]:
    """What a file system does that keeps dates to so many seconds."""

    def date(path: Path, number: int) -> None:
        whole = path.stat().st_mtime_ns // (to_seconds * SECOND) * to_seconds * SECOND
        os.utime(path, ns=(whole, whole))

    return date


def set_back(path: Path, number: int) -> None:
    """What a clock does that is set back by a second, or by an hour, before every hook."""
    then = path.stat().st_mtime_ns - number * (SECOND if number % 2 else 3600 * SECOND)
    os.utime(path, ns=(then, then))


DATES = {"whole seconds": truncate(1), "two seconds": truncate(2), "a clock set back": set_back}


@pytest.mark.skipif(not moment.boot_id(), reason="no boot id here")
@pytest.mark.parametrize("date", DATES.values(), ids=DATES.keys())
def test_what_was_written_last_is_current(
    bundle: Bundle, date: Callable[[Path, int], None], server: ServiceDouble
) -> None:
    """Events of the real hooks wait together; then one run takes them all."""
    bundle.spool.mkdir(mode=0o700, parents=True)
    running = wake.say_running(str(bundle.spool))
    try:
        for number, call in enumerate(calls()):
            before = set(bundle.pending())
            bundle.post(call, INTELLIGENCE_SERVICE_URL=server.url)
            (made,) = set(bundle.pending()) - before
            date(made, number)
    finally:
        os.close(running)
    outpost = Outpost(bundle.spool, server)
    outpost.flush_until_done()
    with closing(outpost.ledger()) as history:
        events = [event for event in history.events() if not event.implied]
        assert [history.snapshot(event.snapshot) for event in events] == TEXTS
        assert history.head("/p/a.py") == events[-1].pattern_id
    assert [told["pattern_data"]["code"] for told in sent(server)] == TEXTS


def sent(server: ServiceDouble) -> list[dict[str, Any]]:
    return [event.body for event in server.events if event.body["file_path"]]


def spooled(directory: Path, payload: dict[str, Any], captured_ns: int) -> str:
    event = capture(payload, captured_ns)
    assert inbox.commit(str(directory), event, captured_ns)
    return inbox.file_name(str(event["event_id"]))


def move(path: Path, boot: str, up: int) -> None:
    """Make a file one of another boot, with its date as it is."""
    then = path.stat().st_mtime_ns
    event = {**json.loads(path.read_text()), "captured": {"boot": boot, "up": up}}
    path.write_text(json.dumps(event, separators=(",", ":")))
    os.utime(path, ns=(then, then))


def test_boots_follow_each_other_and_what_has_no_moment_its_date(tmp_path: Path) -> None:
    """The clock was an hour behind until shortly before the first boot ended."""
    now = time.time_ns()
    minute = 60 * SECOND
    rows = [
        # boot, minutes of uptime, minutes of the date
        ("", 0, -500), ("one", 1, -401), ("one", 2, -402), ("", 0, -300), ("one", 190, -210),
        ("two", 1, -200), ("two", 3, -190), ("two", 4, -191), ("", 0, -1),
    ]  # fmt: skip
    names = []
    for number, (boot, up, date) in enumerate(rows):
        payload = write_payload(f"/p/{number}.py", f"x = {number}\n", f"use-{number}")
        names.append(spooled(tmp_path, payload, now + date * minute))
        path = tmp_path / names[-1]
        if boot:
            move(path, boot, up * minute)
        else:  # of an earlier version
            path.write_text("{" + path.read_text().partition("},")[2])
            os.utime(path, ns=(now + date * minute, now + date * minute))
    found = order.in_order(str(tmp_path), outbox.pending(str(tmp_path)))
    assert [item.name for item in found] == names


def test_without_a_boot_id_the_dates_decide_and_then_the_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(moment, "BOOT_ID_FILE", str(tmp_path / "none"))
    directory = tmp_path / "spool"
    now = time.time_ns() // SECOND * SECOND
    names = [spooled(directory, call, now + number // 6) for number, call in enumerate(calls())]
    found = order.in_order(str(directory), outbox.pending(str(directory)))
    assert [item.name for item in found] == names


@pytest.mark.parametrize("make", [os.mkdir, os.mkfifo, lambda path: os.symlink("/dev/zero", path)])
def test_what_is_no_event_has_a_place_all_the_same(
    tmp_path: Path, make: Callable[[str], None]
) -> None:
    name = spooled(tmp_path, calls()[0], time.time_ns() - SECOND)
    make(str(tmp_path / "pending_x.json"))
    found = order.in_order(str(tmp_path), outbox.pending(str(tmp_path)))
    assert [item.name for item in found] == [name, "pending_x.json"]


def test_an_event_that_comes_late_is_not_what_the_file_holds(tmp_path: Path) -> None:
    """It was in quarantine, or claimed by another process, while a later one was recorded."""
    outpost = Outpost(tmp_path / "spool")
    kept = tmp_path / "kept"
    kept.mkdir()
    first, second, third = (f"def f():\n    return {number}\n" for number in range(3))
    names = [outpost.write("/p/a.py", first), outpost.write("/p/a.py", second, first)]
    names.append(outpost.write("/p/a.py", third, second))
    for name in names[:2]:
        (outpost.directory / name).rename(kept / name)
    assert outpost.flush()
    for name in names[:2]:
        (kept / name).rename(outpost.directory / name)
    assert outpost.flush()
    with closing(outpost.ledger()) as history:
        assert history.code_of(history.head("/p/a.py")) == third
        assert len([e for e in history.events() if not e.implied]) == 3
    outpost.write("/p/a.py", first, third)
    assert outpost.flush()
    with closing(outpost.ledger()) as history:
        assert history.code_of(history.head("/p/a.py")) == first


def test_a_file_keeps_its_moment_when_it_is_written_again(tmp_path: Path) -> None:
    """Its secrets are taken out of it when it is read."""
    outpost = Outpost(tmp_path / "spool")
    name = outpost.write("/p/a.py", 'password = "hunter2-Tr0ub4dor&3"\n')
    path = outpost.directory / name
    before = path.read_text().partition("},")[0]
    Intake(str(outpost.directory)).read(name)
    assert "Tr0ub4dor" not in path.read_text()
    assert path.read_text().partition("},")[0] == before
    assert before.startswith(inbox.BEGINNING)


def test_the_library_delivers_in_that_order_too(tmp_path: Path, server: ServiceDouble) -> None:
    directory = tmp_path / "spool"
    now = time.time_ns()
    for number, call in enumerate(calls()):
        spooled(directory, call, now - number * SECOND)
    client = ResilientAPIClient(server.url, cache_dir=directory)
    asyncio.run(client.cache.sync_cached_events(client))
    assert [told["pattern_data"]["code"] for told in sent(server)] == TEXTS


@pytest.mark.skipif(sqlite3.sqlite_version_info < (3, 35), reason="it cannot drop a column")
def test_a_ledger_of_before_has_no_moments_and_goes_on(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", TEXTS[0])
    assert outpost.flush()
    with closing(sqlite3.connect(outpost.directory / "ledger.db")) as db:
        db.executescript(
            "ALTER TABLE events DROP COLUMN boot; ALTER TABLE events DROP COLUMN up; "
            "DROP TABLE boots; PRAGMA user_version = 5"
        )
    outpost.write("/p/a.py", TEXTS[1], TEXTS[0])
    assert outpost.flush()
    with closing(outpost.ledger()) as history:
        assert history.code_of(history.head("/p/a.py")) == TEXTS[1]
        assert not history.has_earlier_ids()
