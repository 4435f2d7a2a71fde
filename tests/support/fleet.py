"""Many machines that deliver to one service: the real policy, and a model of the rest."""

import heapq
import itertools
import random
from collections import Counter, deque
from collections.abc import Callable, Iterator
from typing import Protocol

from lib.delivery.answers import Answer, Verdict
from lib.delivery.backoff import RECOVERING, Backoff
from lib.delivery.breaker import Breaker
from lib.delivery.gate import Gate
from lib.resilience.testing import FakeClock

RUN_SECONDS = 30.0
DOWN = Answer(Verdict.UNWELL, "down")
LIMITED = Answer(Verdict.UNWELL, "HTTP 429")
LATE = Answer(Verdict.UNKNOWN, "no answer in time")
GOOD = Answer(Verdict.DELIVERED)


class Model(Protocol):
    """A service: how long it takes for so many events, and what it answers."""

    def ask(self, now: float, events: int) -> tuple[float, Answer]:
        """Take a request at `now` (seconds)."""


class Quick:
    """Takes everything at once."""

    def ask(self, now: float, events: int) -> tuple[float, Answer]:
        return 0.3, GOOD


class RateLimited:
    """Takes so many requests in a sliding minute, and refuses the others at once."""

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._taken: deque[float] = deque()

    def ask(self, now: float, events: int) -> tuple[float, Answer]:
        while self._taken and self._taken[0] <= now - 60.0:
            self._taken.popleft()
        if len(self._taken) >= self.limit:
            return 0.0, LIMITED
        self._taken.append(now)
        return 0.3, GOOD


class Queueing:
    """Takes one request after the other at 400 events a second; clients give up after 8 seconds.

    `longest` is how long one would have had to wait, by minute.
    """

    def __init__(self) -> None:
        self.longest: Counter[int] = Counter()
        self._free = 0.0

    def ask(self, now: float, events: int) -> tuple[float, Answer]:
        self._free = max(self._free, now) + 0.003 + events / 400
        took, minute = self._free - now, int(now // 60)
        self.longest[minute] = int(max(self.longest[minute], took))
        return (took, GOOD) if took < 8.0 else (8.0, LATE)


class Machine:
    """One client. `until` is when its present run ends."""

    def __init__(self, clock: FakeClock, seed: int) -> None:
        uniform = random.Random(seed).uniform
        self.gate = Gate(Backoff({}, clock, uniform), Breaker(3, 60, clock=clock), clock)
        self.waiting = 0
        self.until = -1.0
        self.is_busy = False
        self.doubts = False


class Fleet:
    """So many machines, each with a burst of edits every `interval` seconds on average.

    `offered` counts the requests and `delivered` the events by minute. `outage` is when the service
    is down, from and until, in seconds; at its end each machine has `backlog` events more.
    """

    def __init__(
        self,
        number: int,
        interval: float,
        service: Model,
        outage: tuple[float, float],
        backlog: int = 0,
    ) -> None:
        self.offered: Counter[int] = Counter()
        self.delivered: Counter[int] = Counter()
        self._clock = FakeClock()
        self.machines = [Machine(self._clock, seed) for seed in range(number)]
        self._service = service
        self._outage = outage
        self._interval = interval
        self._chance = random.Random(7)
        self._order = itertools.count()
        self._queue: list[tuple[float, int, Callable[[float], None]]] = []
        for machine in self.machines:
            self._edit_later(0.0, machine)
        self._at(outage[1] - 1.0, lambda now: self._pile_up(backlog))

    @property
    def waiting(self) -> int:
        """How many events wait."""
        return sum(machine.waiting for machine in self.machines)

    def run(self, until: float) -> "Fleet":
        """Go on until so many seconds after the beginning."""
        last = 0.0
        while self._queue and self._queue[0][0] < until:
            now, _, step = heapq.heappop(self._queue)
            self._clock.advance(now - last)
            last = now
            step(now)
        return self

    def minutes(self, first: int, last: int) -> Iterator[int]:
        """The requests of each minute from `first` up to `last`."""
        return (self.offered[minute] for minute in range(first, last))

    def _at(self, when: float, step: Callable[[float], None]) -> None:
        heapq.heappush(self._queue, (when, next(self._order), step))

    def _pile_up(self, backlog: int) -> None:
        for machine in self.machines:
            machine.waiting += backlog

    def _edit_later(self, now: float, machine: Machine) -> None:
        when = now + self._chance.expovariate(1 / self._interval)
        self._at(when, lambda now: self._edit(now, machine))

    def _edit(self, now: float, machine: Machine) -> None:
        self._edit_later(now, machine)
        machine.waiting += 1
        machine.gate.backoff.earn(1)
        machine.until = now + RUN_SECONDS
        self._go_on(now, machine)

    def _go_on(self, now: float, machine: Machine) -> None:
        gate = machine.gate
        if machine.is_busy or now >= machine.until:
            return
        if not machine.waiting:
            gate.backoff.drained()
        elif gate.is_open() and not gate.enter():
            self._ask(now, machine)
        elif gate.backoff.phase == RECOVERING:
            self._at(now + gate.wait() + 0.1, lambda now: self._go_on(now, machine))

    def _ask(self, now: float, machine: Machine) -> None:
        events = 1 if machine.doubts else min(machine.gate.backoff.most(), machine.waiting)
        is_down = self._outage[0] <= now < self._outage[1]
        took, answer = (0.0, DOWN) if is_down else self._service.ask(now, events)
        self.offered[int(now // 60)] += 1
        machine.is_busy = True
        self._at(now + took, lambda now: self._answered(now, machine, answer, events))

    def _answered(self, now: float, machine: Machine, answer: Answer, events: int) -> None:
        machine.is_busy = False
        machine.doubts = answer is LATE
        if machine.gate.answered(answer, events):
            machine.waiting -= events
            self.delivered[int(now // 60)] += events
            self._go_on(now, machine)
        machine.gate.leave()
