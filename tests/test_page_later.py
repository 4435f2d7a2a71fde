"""What takes long: a view does not wait for it, and tells what held before meanwhile."""

import time
from functools import partial
from pathlib import Path
from threading import Event

from lib.commands import facts
from lib.commands.status import WORDS
from lib.ledger.store import FILE_NAME
from lib.ledger.usage import Stats
from lib.web import overview
from lib.web.asked import Aides, Asked, Sources
from lib.web.later import THREADS, Later
from lib.web.page import rendered
from tests.support.outpost import Outpost

WAITS = 60.0


def recorded(tmp_path: Path) -> str:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    return str(outpost.directory)


def test_nobody_waits_longer_than_they_want(tmp_path: Path) -> None:
    later, go = Later(recorded(tmp_path)), Event()
    now, until = ((1, 1, 1),), time.monotonic() + WAITS

    def slow(history: Stats) -> list[str]:
        assert go.wait(WAITS)
        return history.newest_files(1)

    assert later.of(now, "files", slow, 0, 0.0).told() == (None, True)
    waited = later.of(now, "files", slow, 0, until)
    go.set()
    assert waited.told() == (["/p/a.py"], False)
    # Known while nothing is recorded, and for some seconds; then it is told until there is more.
    go.clear()
    assert later.of(now, "files", slow, 0, 0.0).told() == (["/p/a.py"], False)
    now = ((1, 2, 2),)
    assert later.of(now, "files", slow, WAITS, 0.0).told() == (["/p/a.py"], False)
    assert later.of(now, "files", slow, 0, 0.0).told() == (["/p/a.py"], True)
    # Of a ledger that took the other one's place nothing is known.
    assert later.of(((3, 2, 2),), "files", slow, WAITS, 0.0).told() == (None, True)
    go.set()


def test_what_cannot_be_worked_out_is_tried_again_after_some_time(tmp_path: Path) -> None:
    later, now = Later(recorded(tmp_path)), ((1, 1, 1),)
    calls = []

    def wrong(history: Stats) -> int:
        calls.append(history.last_seq())
        raise TypeError

    for seconds, tries in ((WAITS, 1), (WAITS, 1), (0, 2)):
        until = time.monotonic() + WAITS
        assert later.of(now, "it", wrong, seconds, until).told() == (None, False)
        assert len(calls) == tries
    gone = Later(str(tmp_path / "nowhere"))
    assert gone.of(now, "it", Stats.last_seq, 0, time.monotonic() + WAITS).told() == (None, False)


def test_home_is_there_before_its_sums_are(tmp_path: Path) -> None:
    directory = recorded(tmp_path)
    aides, go = Aides(directory), Event()
    sources = Sources(directory, partial(facts.gather, directory), WORDS)
    for number in range(THREADS):
        asked = Asked({}, sources, aides)
        asked.later(f"{number}", lambda history: go.wait(WAITS))

    def home() -> str:
        history = Stats(f"{directory}/{FILE_NAME}", is_read_only=True)
        told = bytes(rendered("home.html", overview.home(history, Asked({}, sources, aides))).body)
        history.close()
        return told.decode()

    early = home()
    assert early.count("data-soon") == 3
    assert "a.py" in early
    assert "since" not in early
    go.set()
    deadline = time.monotonic() + WAITS
    while "data-soon" in (whole := home()):
        assert time.monotonic() < deadline
    assert "1 edit since" in whole
    assert "/p</span></a>" in whole
