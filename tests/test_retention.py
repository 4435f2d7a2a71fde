"""The bounds of a spool: 50 MB and 7 days, at all times."""

import os
import random
from collections import Counter, deque
from pathlib import Path

import pytest

from lib.spool import inbox, outbox, retention, tally
from lib.spool.books import Accounts, totals
from lib.spool.outbox import Waiting
from lib.spool.retention import DAY_NS, MEGABYTE

DAYS, MEGABYTES = 7.0, 50.0
START = 1_800_000_000 * 10**9


def simulate(events: int, seed: int) -> Counter[str]:
    """A service that is down for good: `events` captured in bursts, a flusher after each."""
    dice = random.Random(seed)
    waiting: deque[Waiting] = deque()
    dropped: Counter[str] = Counter()
    now, number = START, 0
    while number < events:
        # Mostly at work, sometimes on holiday.
        now += int(dice.choice([60, 600, 86_400, 10 * 86_400]) * dice.random() * 1e9)
        for _ in range(min(dice.randint(1, 200), events - number)):
            now += dice.randint(1, 10**10)
            waiting.append(Waiting(now, f"pending_{number}.json", dice.randint(300, 100_000)))
            number += 1
        before = list(waiting)
        doomed = retention.choose(before, now, DAYS, MEGABYTES)
        for cause, items in doomed.items():
            # The oldest, and in their order.
            assert items == [waiting.popleft() for _ in items]
            dropped[cause] += len(items)
        size = sum(item.size for item in waiting)
        assert size <= MEGABYTES * MEGABYTE
        assert not waiting or waiting[0].captured_ns >= now - DAYS * DAY_NS
        if doomed.get("overflow"):
            # Not one more than had to go.
            assert size + doomed["overflow"][-1].size > MEGABYTES * MEGABYTE
        assert number == len(waiting) + dropped.total()
    return dropped


def test_the_bounds_hold_after_every_burst() -> None:
    assert min(simulate(50_000, 1)[cause] for cause in ("expired", "overflow")) > 0


@pytest.mark.long
def test_the_bounds_hold_through_a_million_events() -> None:
    assert min(simulate(1_000_000, 2)[cause] for cause in ("expired", "overflow")) > 0


def test_what_is_dropped_is_counted(tmp_path: Path) -> None:
    directory, now = str(tmp_path), START
    for number in range(200):
        event: dict[str, object] = {"event_id": str(number), "filler": "x" * 10_000}
        key = inbox.commit(directory, event, now + number, sync=False)
        tally.add(directory, "captured", key)
    limit = 1.0
    dropped, left = retention.expire(directory, Accounts(directory), 1e6, limit)
    waiting = outbox.pending(directory)
    assert dropped == {"overflow": 200 - len(waiting)}
    assert sum(item.size for item in waiting) == int(limit * MEGABYTE - left)
    assert [item.captured_ns for item in waiting] == list(
        range(now + 200 - len(waiting), now + 200)
    )
    assert totals(directory, {}) == {"captured": 200, **dropped}


def test_what_another_process_delivers_is_neither_dropped_nor_counted(tmp_path: Path) -> None:
    inbox.commit(str(tmp_path), {"event_id": "1"}, 1, sync=False)
    (item,) = outbox.pending(str(tmp_path))
    held = outbox.claim(str(tmp_path), item.name)
    assert held is not None
    dropped, _ = retention.expire(str(tmp_path), Accounts(str(tmp_path)), 7.0, 50.0)
    os.close(held)
    assert (dropped, totals(str(tmp_path), {})) == ({}, {})
    assert outbox.pending(str(tmp_path)) == [item]


def test_a_full_disk_does_not_keep_the_bounds_from_being_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(10):
        inbox.commit(str(tmp_path), {"event_id": str(number), "filler": "x" * 10_000}, number + 1)
    add, full = tally.add, [True]

    def add_where_there_is_room(directory: str, outcome: str, *keys: str) -> None:
        if len(outbox.pending(directory)) == 10:
            full[0] = False
            raise OSError(28, "No space left on device")
        add(directory, outcome, *keys)

    monkeypatch.setattr(tally, "add", add_where_there_is_room)
    retention.expire(str(tmp_path), Accounts(str(tmp_path)), 1e6, 0.05)
    assert not full[0]
    found = totals(str(tmp_path), {})
    assert found == {
        "captured": found["overflow"],
        "overflow": 10 - len(outbox.pending(str(tmp_path))),
    }
