"""Events that arrive at once share a transaction, and only that."""

import asyncio
import threading
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from lib.web.team import grouping
from lib.web.team.grouping import Grouping
from lib.web.team.stored import Arrived, Outcome, StorageError


def sent(name: str) -> Arrived:
    return Arrived("ann", "", {"pattern_id": name}, 0.0)


class Tables:
    """What is recorded, by transaction; the first one waits until it may go on."""

    def __init__(self) -> None:
        self.transactions: list[list[str]] = []
        self.first = threading.Event()

    def record(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        names = [one.body["pattern_id"] for one in arrived]
        if "wait" in names:
            assert self.first.wait(20)
        for bad, passing in (("bad", False), ("away", True)):
            if bad in names:
                raise StorageError(bad, passing=passing)
        self.transactions.append(names)
        return [Outcome(name) for name in names]


def told(
    tables: Tables, act: Callable[[Grouping], Coroutine[Any, Any, Any]], writers: int = 1
) -> Any:
    async def run() -> Any:
        made = Grouping(tables.record, writers)
        try:
            return await act(made)
        finally:
            tables.first.set()
            await made.stop()

    return asyncio.run(run())


async def after_first(
    tables: Tables, made: Grouping, requests: Sequence[Sequence[str]]
) -> list[Any]:
    """Add requests while a transaction is under way, and return what each is told."""
    jobs = [asyncio.create_task(made.add([sent("wait")]))]
    await asyncio.sleep(0)
    jobs += [asyncio.create_task(made.add([sent(n) for n in names])) for names in requests]
    await asyncio.sleep(0)
    tables.first.set()
    found = await asyncio.gather(*jobs, return_exceptions=True)
    return [
        "/".join(outcome.status for outcome in one) if isinstance(one, list) else str(one)
        for one in found[1:]
    ]


def test_what_waits_is_recorded_together_and_each_is_told_its_own() -> None:
    tables = Tables()
    found = told(tables, lambda made: after_first(tables, made, [["a"], ["b", "c"], ["d"]]))
    assert found == ["a", "b/c", "d"]
    assert tables.transactions == [["wait"], ["a", "b", "c", "d"]]


def test_a_transaction_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(grouping, "MOST", 3)
    tables = Tables()
    requests = [["a"], ["b"], ["c"], ["d"], ["e", "f", "g", "h"], ["i"]]
    assert told(tables, lambda made: after_first(tables, made, requests)) == [
        "a", "b", "c", "d", "e/f/g/h", "i",
    ]  # fmt: skip
    assert [len(names) for names in tables.transactions] == [1, 3, 5, 1]


def test_what_cannot_be_recorded_stops_itself_alone() -> None:
    tables = Tables()
    requests = [["a"], ["bad"], ["b", "bad"], ["c"]]
    found = told(tables, lambda made: after_first(tables, made, requests))
    assert found == ["a", "bad", "bad", "c"]
    assert tables.transactions == [["wait"], ["a"], ["c"]]


def test_while_the_database_is_away_nothing_is_tried_one_by_one() -> None:
    tables = Tables()
    found = told(tables, lambda made: after_first(tables, made, [["a"], ["away"], ["b"]]))
    assert found == ["away"] * 3
    assert tables.transactions == [["wait"]]


@pytest.mark.parametrize(("size", "beside"), [(1, 1), (grouping.FEW + 1, 2)])
def test_another_transaction_begins_beside_it_for_many_events(size: int, beside: int) -> None:
    tables = Tables()

    async def act(made: Grouping) -> None:
        for _ in range(2):
            tables.first.clear()
            first = asyncio.create_task(made.add([sent("wait")]))
            await asyncio.sleep(0)
            many = asyncio.create_task(made.add([sent(f"{number}") for number in range(size)]))
            await asyncio.sleep(0)
            assert len(made._tasks) == beside
            if beside > 1:
                await many
            tables.first.set()
            await asyncio.gather(first, many)
            assert made._size == 0

    told(tables, act, writers=2)


def test_the_end_waits_for_what_is_recorded_and_what_nobody_waits_for_any_more() -> None:
    tables = Tables()

    async def act(made: Grouping) -> None:
        jobs = [asyncio.create_task(made.add([sent(name)])) for name in ("wait", "a")]
        await asyncio.sleep(0)
        for job in jobs:
            job.cancel()

    told(tables, act)
    assert tables.transactions == [["wait"], ["a"]]
