"""Whole processes timed in turn, so that a noisy machine is noisy for all of them alike."""

import os
import statistics
import time
from collections.abc import Callable, Iterable
from typing import NamedTuple


class Cost(NamedTuple):
    """What one finished process cost: seconds of wall and processor time, peak memory in MB."""

    wall: float
    cpu: float
    memory: float


def run(command: list[str], data: bytes | Iterable[bytes], environ: dict[str, str]) -> Cost:
    """Run `command` with `data` on its standard input, and see it exit with 0.

    Its peak memory counts as no less than this process's own: until it runs another program, a
    new process is a copy of this one. So what is large is given piece by piece.
    """
    reader, writer = os.pipe()
    start = time.perf_counter()
    null = (os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)
    actions = [(os.POSIX_SPAWN_DUP2, reader, 0), null]
    pid = os.posix_spawn(command[0], command, environ, file_actions=actions)
    os.close(reader)
    _feed(writer, [data] if isinstance(data, bytes) else data)
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - start
    if status:
        raise RuntimeError(f"{command} ended with status {status}")
    return Cost(wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def _feed(writer: int, data: Iterable[bytes]) -> None:
    try:
        for piece in data:
            view = memoryview(piece)
            while view:
                view = view[os.write(writer, view) :]
    except BrokenPipeError:  # the bare interpreter does not read
        pass
    os.close(writer)


def interleave(cases: dict[str, Callable[[int], Cost]], rounds: int) -> dict[str, list[Cost]]:
    """The costs of each case, all of them run once a round; a first round is not counted.

    Each round begins with another case: what one leaves running disturbs all of them alike.
    """
    costs: dict[str, list[Cost]] = {name: [] for name in cases}
    names = list(cases)
    for number in range(rounds + 1):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            cost = cases[name](number)
            if number:
                costs[name].append(cost)
    return costs


def ratios(costs: list[Cost], baseline: list[Cost]) -> tuple[float, float, float]:
    """Median, lower and upper decile of the wall time's ratio to the baseline's of that round."""
    found = [cost.wall / base.wall for cost, base in zip(costs, baseline, strict=True)]
    return deciles(found)


def deciles(found: list[float]) -> tuple[float, float, float]:
    """Median, lower and upper decile."""
    tenths = statistics.quantiles(found, n=10)
    return statistics.median(found), tenths[0], tenths[-1]
