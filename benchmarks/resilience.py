"""What the library costs a program: `python -m benchmarks.resilience [ROUNDS]`.

Each figure is the median of rounds that take turns, with its deciles, and its ratio to an empty
call of the same kind (a plain one, or a coroutine run to its end) in the same round. Beside it
stands what the earlier system published for the same thing.
"""

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import NamedTuple

from benchmarks.hook import _scratch
from lib.resilience import (
    CircuitBreaker,
    PatternCache,
    Phase4HealthChecker,
    ResilientExecutor,
    SharedStorage,
)
from tests.support.service_double import ServiceDouble

ROUNDS = 50
SETTLE_SECONDS = 0.03
Work = Callable[[], Awaitable[None]]


class Case(NamedTuple):
    """What is measured: `calls` a round of `work`, the bound, and the earlier system's figure."""

    calls: int
    work: Work
    bound: str
    earlier: str


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch, ServiceDouble() as server:
        server.limit.limit = None
        found, requests = asyncio.run(_measure(Path(scratch), server, rounds))
        # Not in turn with the others: what it asks of the disk would slow them.
        synced = _time_synced(Path(scratch), rounds)
    print(f"{sys.version.split()[0]}, {rounds} rounds, microseconds a call")
    print(f"{'':<34} {'median':>8} {'deciles':>17} {'ratio':>7}  {'bound':<14} earlier system")
    base = statistics.median(found["an empty coroutine"][1])
    for name, (case, times) in found.items():
        low, *_, high = statistics.quantiles(times, n=10)
        middle = statistics.median(times)
        print(
            f"{name:<34} {middle:8.2f} {low:8.2f} {high:8.2f} {middle / base:7.1f}"
            f"  {case.bound:<14} {case.earlier}"
        )
    print(f"requests a fresh health check: {requests:.2f}")
    print(f"a 4 KB file, written and synced, afterwards: {synced:.0f} microseconds")


async def _measure(
    scratch: Path, server: ServiceDouble, rounds: int
) -> tuple[dict[str, tuple[Case, list[float]]], float]:
    cases = _cases(scratch, server)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, case in cases.items():
            start = time.perf_counter()
            for _ in range(case.calls):
                await case.work()
            spent = (time.perf_counter() - start) / case.calls * 1e6
            if number:
                times[name].append(spent)
            # What a case leaves to other threads and tasks is not the next one's.
            await asyncio.sleep(SETTLE_SECONDS)
    fresh = cases["health check, fresh"].calls * (rounds + 1)
    asked = server.count("/health") - 1
    return {name: (case, times[name]) for name, case in cases.items()}, asked / fresh


def _write(path: Path, data: bytes, sync: bool) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    os.write(fd, data)
    if sync:
        os.fdatasync(fd)
    os.close(fd)


def _time_synced(scratch: Path, rounds: int) -> float:
    """The median microseconds of writing and syncing 4 KB."""
    times = []
    for number in range(rounds):
        start = time.perf_counter()
        _write(scratch / f"synced-{number}", b"x" * 4096, sync=True)
        times.append((time.perf_counter() - start) * 1e6)
    return statistics.median(times)


def _cases(scratch: Path, server: ServiceDouble) -> dict[str, Case]:
    memory = CircuitBreaker()
    shared = CircuitBreaker(storage=SharedStorage(f"{scratch}/state.json"))
    shared.record_success(shared.try_acquire() or sys.exit("the circuit is open"))
    health = Phase4HealthChecker(server.url, check_interval=3600)
    executor = ResilientExecutor()
    cache = PatternCache(scratch / "spool")
    code = "x = 1\n" * 700
    made = iter(range(10**9))

    async def nothing() -> None:
        return None

    async def check_memory() -> None:
        memory.try_acquire()

    async def check_shared() -> None:
        shared.try_acquire()

    async def cached_health() -> None:
        await health.check_health()

    async def fresh_health() -> None:
        await health.check_health(force=True)

    async def forget() -> None:
        executor.fire_and_forget(nothing())

    async def store() -> None:
        number = next(made)
        await cache.cache_pattern_event(
            {
                "event_type": "pattern_created",
                "pattern_id": f"python-code-{number:016x}",
                "pattern_data": {"code": code, "number": number},
            }
        )

    async def written() -> None:
        _write(scratch / f"bare-{next(made)}", code.encode(), sync=False)

    return {
        "an empty coroutine": Case(2000, nothing, "", ""),
        "breaker check, in memory": Case(2000, check_memory, "5", "< 1000"),
        "breaker check, shared file": Case(500, check_shared, "50", "no such thing"),
        "health check, cached": Case(1000, cached_health, "5", "< 1000"),
        "health check, fresh": Case(3, fresh_health, "one request", "100000"),
        "fire_and_forget": Case(300, forget, "50", ""),
        "a 4 KB file, written": Case(10, written, "", ""),
        "cache_pattern_event, 4 KB": Case(10, store, "300", "5000"),
    }


if __name__ == "__main__":
    main()
