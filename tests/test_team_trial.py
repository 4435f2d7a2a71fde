"""Twenty homes that send to a team's server while everything between them and the tables fails."""

import os
import random
import shutil
import subprocess
import tempfile
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from lib.system.wording import since
from tests.support.bundle import ROOT
from tests.support.homes import PROJECT, Clock, Home, union, wrong_events
from tests.support.hub import FAULTS, Hub
from tests.support.mounts import alone

pytestmark = [
    pytest.mark.long,
    pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="it looks for processes"),
]


def _asked(name: str, usual: float) -> float:
    return float(os.environ.get(f"TRIAL_{name}", usual))


# More of it by TRIAL_HOMES=50 and so on. Each home makes so many edits at least, one in PACE
# seconds on average, and each fault takes so many seconds.
HOMES, EDITS, ROUNDS = (int(_asked(*one)) for one in (("HOMES", 20), ("EDITS", 3), ("ROUNDS", 1)))
PACE, FAULT_SECONDS = _asked("PACE", 10.0), _asked("FAULT_SECONDS", 1.0)
# So many homes deliver what is left at the same time.
HANDS = 8
# On a machine that is busy with all other tests.
PATIENCE_SECONDS = _asked("PATIENCE", 400.0)
TWO_DAYS = 2 * 86_400
COMPILER = shutil.which("cc") or shutil.which("gcc") or ""


def off(place: Path, seconds: int) -> Clock | None:
    """A clock that is off, None where nothing compiles it."""
    library = place / "clock_off.so"
    source = ROOT / "tests" / "support" / "clock_off.c"
    if not COMPILER:
        return None
    subprocess.run(
        [COMPILER, "-O1", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True
    )
    return Clock(library, seconds)


@partial(alone, seconds=PATIENCE_SECONDS)
def test_what_homes_send_through_faults_is_in_the_tables_once(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="disk-") as name:
        command = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "none", name]
        subprocess.run(command, check=True)
        try:
            trial(tmp_path, Path(name))
        finally:
            subprocess.run(["umount", "-l", name], check=True)


class Said:
    """Says what is going on, for who looks on with -s."""

    def __init__(self) -> None:
        self._began = time.monotonic()

    def __call__(self, what: str) -> None:
        print(f"{time.monotonic() - self._began:5.1f} s: {what}", flush=True)


def trial(tmp_path: Path, disk: Path) -> None:
    """Let homes work while faults come one after the other, heal all, and compare."""
    people = [f"person-{number}" for number in range(HOMES)]
    clocks = {people[0]: off(tmp_path, -TWO_DAYS), people[1]: off(tmp_path, TWO_DAYS)}
    say = Said()
    with Hub(tmp_path, disk) as hub:
        tokens = hub.tokens(people)
        homes = [
            Home(tmp_path / "homes", person, hub.url, token, clocks.get(person))
            for person, token in zip(people, tokens, strict=True)
        ]
        say("all stands")
        work(homes, hub, say)
        say("nobody works any more")
        with ThreadPoolExecutor(HANDS) as hands:
            for _ in range(5):
                if all(hands.map(Home.deliver, homes)):
                    break
        say("nothing waits")
        say(compare(homes, hub))
        for person, clock in clocks.items():
            assert clock is None or clocks_differ(hub, person)


def work(homes: list[Home], hub: Hub, say: Said) -> None:
    """Let all homes work until each fault has been there."""
    is_over = threading.Event()

    def day(home: Home) -> None:
        chance, edits = random.Random(f"pace of {home.person}"), 0
        while edits < EDITS or not is_over.is_set():
            # Apart from each other: each edit starts a flusher, and this is one machine.
            is_over.wait(chance.uniform(0.0, 2 * PACE))
            home.edit()
            edits += 1

    with ThreadPoolExecutor(len(homes)) as hands:
        days = [hands.submit(day, home) for home in homes]
        try:
            for _ in range(ROUNDS):
                for name, fault in FAULTS.items():
                    fault(hub, FAULT_SECONDS)
                    say(name)
                    hub.heal()
                    say("well again")
        finally:
            is_over.set()
        for one in days:
            one.result()


def compare(homes: list[Home], hub: Hub) -> str:
    """See that the tables have what the ledgers have: every event once, and the same lineage.

    Returns how much that is.
    """
    told = {home.person: home.told() for home in homes}
    edges, patterns = union(told.values())
    with hub.storage() as storage:
        rows = storage.rows("SELECT person, event_id FROM events WHERE implied = 0")
        found = storage.rows("SELECT DISTINCT parent, child, edge_type FROM edges")
        known = storage.rows("SELECT DISTINCT pattern_id FROM events")
        projects = storage.rows("SELECT DISTINCT project FROM events")
        counted = storage.rows("SELECT sum(events) FROM activity")
    for home in homes:
        assert home.pending() == []
        assert home.quarantined() == []
        arrived = Counter(event_id for person, event_id in rows if person == home.person)
        assert wrong_events(told[home.person], arrived) == [], home.person
    assert {tuple(edge) for edge in found} == edges
    assert {pattern_id for (pattern_id,) in known} == patterns
    assert projects == [(PROJECT,)]
    assert int(counted[0][0]) == len(rows)
    return f"{len(rows)} events of {len(homes)} homes, {len(edges)} edges"


def clocks_differ(hub: Hub, person: str) -> bool:
    """Check that a person's clock was off when their events were captured."""
    query = "SELECT captured_at, received FROM events WHERE person = ? AND implied = 0"
    with hub.storage() as storage:
        rows = storage.rows(query, (person,))
    return all(abs(received + since(captured, 0.0)) > TWO_DAYS / 2 for captured, received in rows)
