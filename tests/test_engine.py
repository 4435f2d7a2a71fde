"""The engine that delivers, without a network: a model of a service gives the answers."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.delivery import engine, implied
from lib.delivery.answers import REFUSALS, Answer, Failed, Verdict
from lib.delivery.drive import drive_async, supervised
from lib.delivery.engine import Engine
from lib.delivery.gate import Circuit
from lib.delivery.parcels import Outcome, Parcel, Steps
from lib.delivery.wire import Body
from lib.ledger.rows import Origin

URL = "http://service"
SMALL_BATCH = 4
MANY = 3000
FAULTS = (
    "unwell", "not allowed", "broken", "refused", "too large", "lost before it", "lost after it",
    "half", "forgets", "no batch route",
)  # fmt: skip
GOOD = Answer(Verdict.DELIVERED)
WHOLE = {
    "unwell": Answer(Verdict.UNWELL, "down"),
    "not allowed": Answer(Verdict.NOT_ALLOWED, "who?"),
    "broken": Answer(Verdict.BROKEN, "oops"),
    "refused": Answer(Verdict.BAD, "bad"),
    "too large": Answer(Verdict.TOO_LARGE, "large"),
    "lost before it": Answer(Verdict.UNKNOWN, "time-out"),
}


def drive(steps: Steps, send: Callable[[list[Body], bool], list[Answer]]) -> None:
    """Send what `steps` yield, one after the other, and give them the answers."""
    try:
        request = next(steps)
        while True:
            request = steps.send(send(*request))
    except StopIteration:
        pass
    finally:
        steps.close()


def body(event_type: str, pattern_id: str, event_id: str, parents: Iterable[str] = ()) -> Body:
    return {
        "event_type": event_type, "pattern_id": pattern_id, "pattern_name": "",
        "parent_pattern_ids": list(parents), "pattern_type": "code", "pattern_version": "1",
        "triggered_by": "test", "tool_name": None, "file_path": None, "language": None,
        "edge_type": None, "transformation_type": None, "reason": None,
        "pattern_data": {"event_id": event_id, "code": "x"},
    }  # fmt: skip


def id_of(found: Body) -> str:
    return str(found["pattern_data"]["event_id"])


class Service:
    """What the service holds, what it was told of as far as we know, and what it answers.

    `faults`: one for each request to come, "" for none. `poison`: event ids that it refuses,
    `mines`: those that it breaks on; `taboo`: patterns whose creation it refuses.
    """

    def __init__(self, faults: Iterable[str] = ()) -> None:
        self.faults = list(faults)
        self.poison: set[str] = set()
        self.mines: set[str] = set()
        self.taboo: set[str] = set()
        self.nodes: set[str] = set()
        self.told: set[str] = set()
        self.stored: Counter[str] = Counter()
        self.ambiguous: Counter[str] = Counter()
        self.requests: list[list[Body]] = []
        self.last: dict[str, tuple[int, Answer]] = {}
        self.has_batches = True
        # What it did not take in this run, not even with nothing but its names.
        self.given_up: set[str] = set()

    def __repr__(self) -> str:
        return f"Service({self.faults}, {self.poison=}, {self.mines=}, {self.taboo=})"

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]:
        assert service == URL
        return self.told & set(pattern_ids)

    def forget_known(self, service: str, pattern_ids: Iterable[str]) -> None:
        assert service == URL
        self.told -= set(pattern_ids)

    def creation_of(self, pattern_id: str) -> Origin:
        return {"event_id": f"creation {pattern_id}", "timestamp": "then", "code": "y"}

    def send(self, bodies: list[Body], batch: bool) -> list[Answer]:
        assert batch == (len(bodies) > 1)
        self._check_order(bodies)
        self.requests.append(bodies)
        assert len(self.requests) < MANY, "it does not end"
        answers = self._answers(bodies, self.faults.pop(0) if self.faults else "")
        for sent, answer in zip(bodies, answers, strict=True):
            self.last[id_of(sent)] = len(bodies), answer
        is_bare = len(bodies) == 1 and "code" not in bodies[0]["pattern_data"]
        if is_bare and answers != [GOOD]:
            self.given_up.add(bodies[0]["pattern_id"])
        return answers

    def _check_order(self, bodies: list[Body]) -> None:
        """What a body needs was told of, goes before it, or is not taken in any form."""
        before = self.told | self.given_up
        for sent in bodies:
            assert set(implied.needs(sent)) <= before, sent
            before = before | {sent["pattern_id"]}

    def _answers(self, bodies: list[Body], fault: str) -> list[Answer]:
        self.has_batches = self.has_batches and fault != "no batch route"
        if len(bodies) > 1 and not self.has_batches:
            return [Answer(Verdict.NO_ROUTE, "404")] * len(bodies)
        if fault in WHOLE:
            return [WHOLE[fault]] * len(bodies)
        if fault == "forgets":
            self.nodes.clear()
        ids = [id_of(sent) for sent in bodies]
        if self.mines & set(ids):
            return [Answer(Verdict.BROKEN, "a mine")] * len(bodies)
        bad = [i for i, sent in enumerate(bodies) if self._is_bad(sent)]
        if bad:
            # A schema error names the event, another refusal does not.
            culprit = bad[0] if len(self.requests) % 2 else None
            return [Answer(Verdict.BAD, "poison", culprit=culprit)] * len(bodies)
        well = len(bodies) // 2 if fault == "half" else len(bodies)
        answers = [self._store(sent) for sent in bodies[:well]]
        answers += [Answer(Verdict.UNWELL, "half-way")] * (len(bodies) - well)
        if fault == "lost after it":
            self.ambiguous.update(ids)
            return [Answer(Verdict.UNKNOWN, "time-out")] * len(bodies)
        return answers

    def _is_bad(self, sent: Body) -> bool:
        is_taboo = sent["pattern_id"] in self.taboo and id_of(sent).startswith("creation")
        return is_taboo or id_of(sent) in self.poison

    def _store(self, sent: Body) -> Answer:
        if not set(implied.needs(sent)) <= self.nodes:
            return Answer(Verdict.MISSING, "no such parent")
        self.nodes.add(sent["pattern_id"])
        self.stored[id_of(sent)] += 1
        return GOOD


class Queue:
    """Events that wait for `service`, and what became of the others."""

    def __init__(self, service: Service, events: dict[str, list[Body]]) -> None:
        self.service = service
        self.events = events
        self.delivered: list[str] = []
        self.refused: dict[str, str] = {}
        self.failures = 0

    def waiting(self) -> list[str]:
        return [n for n in self.events if n not in self.delivered and n not in self.refused]

    def steps(self, made: Engine) -> Steps:
        def settle(outcome: Outcome) -> None:
            self.delivered += outcome.delivered
            self.refused |= outcome.refused
            self.service.told |= set(outcome.told)

        def all_steps() -> Steps:
            yield from made.deliver(Parcel(n, self.events[n]) for n in self.waiting())
            yield from made.finish()

        return supervised(made, all_steps(), Circuit(None), settle)

    def engine(self) -> Engine:
        return Engine(URL, self.service, self.service.has_batches, self.failures)

    def run(self) -> None:
        """Deliver what waits, as one run of the flusher does."""
        self.service.given_up.clear()
        try:
            drive(self.steps(self.engine()), self.service.send)
        except Failed as failed:
            self.failures += failed.answer.verdict is Verdict.BROKEN
        else:
            self.failures = 0


@st.composite
def stories(draw: st.DrawFn) -> tuple[Service, dict[str, list[Body]]]:
    """Events of a few patterns, some of which no service would take, and faults to come."""
    service = Service(draw(st.lists(st.sampled_from(["", "", *FAULTS]), max_size=12)))
    events: dict[str, list[Body]] = {}
    for number in range(draw(st.integers(1, 14))):
        name = f"e{number}"
        pattern = f"p{draw(st.integers(0, 9))}"
        parents = [p for p in draw(st.lists(st.sampled_from("pqr"), max_size=2)) if p != pattern]
        parents = sorted({f"{p}{draw(st.integers(0, 3))}" for p in parents} - {pattern})
        made = [body("pattern_modified" if parents else "pattern_created", pattern, name, parents)]
        if draw(st.booleans()):
            made.append(body("pattern_applied", f"m{number % 3}", f"{name} too"))
        events[name] = made
        kind = draw(st.sampled_from(["good"] * 6 + ["poison", "mine"]))
        if kind != "good":
            last = id_of(draw(st.sampled_from(made)))
            (service.poison if kind == "poison" else service.mines).add(last)
    service.taboo = draw(st.sets(st.sampled_from(["q0", "q1", "r2", "m1"]), max_size=2))
    return service, events


@settings(max_examples=150, deadline=None)
@given(stories())
def test_every_event_is_delivered_once_refused_or_waits(
    story: tuple[Service, dict[str, list[Body]]],
) -> None:
    service, events = story
    queue = Queue(service, events)
    with patch.object(engine, "BATCH", SMALL_BATCH):
        while service.faults and queue.waiting():
            check_run(queue)
        for _ in range(2 + len(events)):
            check_run(queue)
    # It is well by then: what waits is what it breaks on, or whose parents it does not take.
    held = {n for n in queue.waiting() if not is_held(service, events[n])}
    assert not held, (held, service, len(service.requests), service.requests[-6:])
    assert {n for n in queue.refused if not is_poison(service, events[n])} <= spurious(queue)


def check_run(queue: Queue) -> None:
    """Do a run, and see that it was one that may be."""
    service, events = queue.service, queue.events
    before, done = len(service.requests), [*queue.delivered, *queue.refused]
    queue.run()
    sent = service.requests[before:]
    size = sum(len(bodies) for bodies in events.values())
    needs = {
        need for bodies in events.values() for found in bodies for need in implied.needs(found)
    }
    assert len(sent) <= 6 * (size + 2 * len(needs)) + 4
    ours = [[id_of(found) for found in bodies if "creation" not in id_of(found)] for bodies in sent]
    assert all(len(ids) <= SMALL_BATCH for ids in ours)
    assert not {id_of(b) for n in done for b in events[n]} & {i for ids in ours for i in ids}
    assert len(queue.delivered) == len(set(queue.delivered))
    assert not set(queue.delivered) & set(queue.refused)
    for name in queue.delivered:
        assert all(service.stored[id_of(found)] for found in events[name])
    for bodies in events.values():
        for found in bodies:
            assert service.stored[id_of(found)] <= 1 + service.ambiguous[id_of(found)]
    for name, reason in queue.refused.items():
        last = [service.last[id_of(b)] for b in events[name] if id_of(b) in service.last]
        assert any(number == 1 and answer.verdict in REFUSALS for number, answer in last)
        assert reason


def is_poison(service: Service, bodies: list[Body]) -> bool:
    return any(id_of(found) in service.poison for found in bodies)


def is_held(service: Service, bodies: list[Body]) -> bool:
    """Whether no run can deliver the event."""
    needs = {need for found in bodies for need in implied.needs(found)}
    return bool({id_of(found) for found in bodies} & service.mines or needs & service.taboo)


def spurious(queue: Queue) -> set[str]:
    """What a passing trouble has refused twice, at its last chance too."""
    reasons = {WHOLE["refused"].reason, WHOLE["too large"].reason}
    return {name for name, reason in queue.refused.items() if reason in reasons}


def created(number: int, first: int = 0) -> dict[str, list[Body]]:
    numbers = range(first, first + number)
    return {f"e{n}": [body("pattern_created", f"p{n}", f"e{n}")] for n in numbers}


def test_a_hundred_events_are_one_request_and_the_next_another() -> None:
    queue = Queue(Service(), created(250))
    queue.run()
    assert [len(bodies) for bodies in queue.service.requests] == [100, 100, 50]
    assert queue.delivered == list(queue.events)


def test_large_events_make_small_requests() -> None:
    service = Service()
    made = Engine(URL, service)
    parcels = [Parcel(n, bodies, 400 * 1024) for n, bodies in created(5).items()]
    drive(made.deliver(parcels), service.send)
    assert [len(bodies) for bodies in service.requests] == [2, 2, 1]


@pytest.mark.parametrize("mine", [0, 3, 7])
def test_an_event_that_breaks_the_service_holds_no_other_up(mine: int) -> None:
    service = Service()
    service.mines = {f"e{mine}"}
    queue = Queue(service, created(8))
    for _ in range(3):
        queue.run()
    assert queue.waiting() == [f"e{mine}"]


def test_a_parent_that_the_service_takes_in_no_form_costs_a_few_requests() -> None:
    service = Service()
    service.taboo = {"q"}
    queue = Queue(service, {"e": [body("pattern_modified", "p", "e", ["q"])], **created(3, 1)})
    queue.run()
    assert queue.waiting() == ["e"]
    assert len(service.requests) < 12


class Forgetful(Service):
    """Loses what it was told of, so many times in all, before it looks for a parent."""

    losses = MANY

    def _store(self, sent: Body) -> Answer:
        if implied.needs(sent) and self.losses:
            self.losses -= 1
            self.nodes.clear()
        return super()._store(sent)


@pytest.mark.parametrize("losses", [1, engine.MAX_HEALS, engine.MAX_HEALS + 1, MANY])
def test_parents_that_a_service_lost_are_told_again_a_few_times(losses: int) -> None:
    service = Forgetful()
    service.losses = losses
    events = {"e": [body("pattern_modified", "p", "e", ["q"])], **created(3, 1)}
    queue = Queue(service, events)
    queue.run()
    _, answer = service.last["e"]
    is_taken = losses <= engine.MAX_HEALS
    assert answer == (GOOD if is_taken else Answer(Verdict.MISSING, "no such parent"))
    assert queue.waiting() == ([] if is_taken else ["e"])
    sent = [id_of(found) for bodies in service.requests for found in bodies]
    tries = min(losses, engine.MAX_HEALS) + 1
    assert (sent.count("e"), sent.count("creation q")) == (tries, tries)
    assert all(sent.count(name) == 1 for name in created(3, 1))


@pytest.mark.parametrize("fault", ["", *FAULTS])
def test_both_drivers_send_the_same(fault: str) -> None:
    sent: list[Any] = []
    for is_async in (False, True):
        service = Service([fault, fault])
        service.poison = {"e2"}
        queue = Queue(service, {**created(6), "m": [body("pattern_modified", "m", "m", ["q"])]})

        async def send(bodies: list[Body], batch: bool, service: Service = service) -> list[Answer]:
            await asyncio.sleep(0)
            return service.send(bodies, batch)

        try:
            steps = queue.steps(queue.engine())
            if is_async:
                asyncio.run(drive_async(steps, send))
            else:
                drive(steps, service.send)
        except Failed as failed:
            service.requests.append([failed.answer])  # type: ignore[list-item]
        sent.append((service.requests, queue.delivered, queue.refused, service.told))
    assert sent[0] == sent[1]


def test_what_is_given_up_gives_back_its_leave() -> None:
    class Counting(Circuit):
        left = 0

        def leave(self) -> None:
            self.left += 1

    service, circuit = Service(), Counting(None)
    made = Engine(URL, service)
    steps = supervised(
        made, made.deliver([Parcel(n, b) for n, b in created(2).items()]), circuit, lambda o: None
    )

    def interrupted(bodies: list[Body], batch: bool) -> list[Answer]:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        drive(steps, interrupted)
    assert circuit.left == 1
