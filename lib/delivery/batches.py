"""Getting recorded events to a service: batches in order, split where one event is at fault.

An event is one or more bodies (see `lib.delivery.wire`). It is delivered when all of them are, and
only then taken out of the spool. What an event presupposes and the service was never told of goes
before it. The first failure that is the service's own ends a run.
"""

from collections.abc import Callable, Iterable
from typing import Any, Protocol

from lib.delivery import wire
from lib.delivery.answers import FAILURES, Answer, Verdict
from lib.delivery.parcels import Item, Parcel, event_id, halves, parts
from lib.delivery.wire import Body
from lib.ledger.store import Ledger

BATCH = 100
# Split requests that the service failed on without a reason; more of it is the service's fault.
MAX_BROKEN = 30


class Sender(Protocol):
    """What sends; `lib.delivery.http.Service`."""

    url: str

    def send(self, bodies: list[Body], batch: bool) -> list[Answer]: ...


class Failed(Exception):
    """The service is not to be asked again in this run; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


class Delivery:
    """One run's deliveries to one service.

    Args:
        sender: the connection.
        ledger: for what the service was told of, and for the creations that it lacks.
        may_send: asked before each request; raises Failed if there is to be none.
        answered: told after each request whether the service did its part.
        batched: whether to try the batch route.

    For the caller to act on and to empty: `delivered`, the names of files whose events the
    service has; `refused`, those that it will not take, by name with the reason; `told`, what it
    knows now: patterns, and the bodies of events that have several.
    """

    def __init__(
        self,
        sender: Sender,
        ledger: Ledger,
        may_send: Callable[[], None] = lambda: None,
        answered: Callable[[Answer], None] = lambda answer: None,
        batched: bool = True,
    ) -> None:
        self.batched = batched
        self.delivered: list[str] = []
        self.refused: dict[str, str] = {}
        self.told: list[str] = []
        self._sender = sender
        self._ledger = ledger
        self._may_send = may_send
        self._answered = answered
        self._seen: set[str] = set()
        self._suspects: list[Item] = []
        self._proven = False
        self._broken = 0

    def deliver(self, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send recorded events, given with the names of their files, in order. Raises Failed."""
        items = [item for name, event in events for item in self._items(name, event)]
        self._deliver([items[i : i + BATCH] for i in range(0, len(items), BATCH)])

    def probe(self, name: str, event: dict[str, Any]) -> None:
        """Find out with one event whether the service takes any at all. Raises Failed."""
        items = self._items(name, event)
        for item in self._with_creations(items):
            answer = self._send([item], batch=False)[0]
            if answer.verdict is Verdict.BROKEN:
                raise Failed(answer)
            self._settle([item], [answer])

    def finish(self) -> None:
        """Try once more, each alone, what was refused, now that others went through.

        A refusal that was the service's passing trouble is then none. Raises Failed.
        """
        suspects, self._suspects = self._suspects, []
        for item in suspects:
            answer = self._send([item], batch=False)[0]
            if answer.verdict in (Verdict.BAD, Verdict.TOO_LARGE):
                self._refuse(item, answer)
            else:
                self._settle([item], [answer])

    def _items(self, name: str, event: dict[str, Any]) -> list[Item]:
        resolved = self._ledger.resolved(event["event_id"])
        bodies = wire.bodies(event, resolved) if resolved else []
        several = len(bodies) > 1
        if several:  # some of them may have been delivered by a run that failed on the others
            done = self._ledger.known_at(self._sender.url, map(event_id, bodies))
            bodies = [body for body in bodies if event_id(body) not in done]
        if not bodies:
            self.delivered.append(name)
        parcel = Parcel(name, len(bodies), several)
        return [Item(body, parcel) for body in bodies]

    def _deliver(self, groups: list[list[Item]]) -> None:
        """Send each group; what comes back from one goes before the next."""
        groups = groups[::-1]
        while groups:
            group = self._with_creations(groups.pop())
            if not self.batched and len(group) > 1:
                groups += [[item] for item in reversed(group)]
            else:
                groups += self._attempt(group)[::-1]

    def _attempt(self, group: list[Item]) -> list[list[Item]]:
        """Send one group; the groups that are to be sent again. Raises Failed."""
        batch = self.batched and len(group) > 1
        answers = self._send(group, batch)
        first = answers[0]
        if batch and first.verdict is Verdict.NO_ROUTE:
            self.batched = False
            return [group]
        if first.verdict is Verdict.BROKEN and self._is_divisible():
            self._broken += 1
            if batch:
                return halves(group)
            return []  # kept for another run
        if batch and first.verdict in (Verdict.BAD, Verdict.TOO_LARGE):
            return parts(group, first.culprit)
        return self._settle(group, answers)

    def _is_divisible(self) -> bool:
        """Whether a failure without a reason may be one event's: the service takes others."""
        return self._proven and self._broken < MAX_BROKEN

    def _send(self, group: list[Item], batch: bool) -> list[Answer]:
        self._may_send()
        answers = self._sender.send([item.body for item in group], batch)
        worst = next((a for a in answers if a.verdict in FAILURES), answers[0])
        no_route = batch and worst.verdict is Verdict.NO_ROUTE
        if no_route or (worst.verdict is Verdict.BROKEN and self._is_divisible()):
            worst = Answer(Verdict.DELIVERED)  # as far as the service's health goes
        self._answered(worst)
        return answers

    def _settle(self, group: list[Item], answers: list[Answer]) -> list[list[Item]]:
        """Act on the answer to each body; what is to be sent again. Raises Failed."""
        told: list[str] = []
        again: list[Item] = []
        fatal = None
        for item, answer in zip(group, answers, strict=True):
            if answer.verdict is Verdict.DELIVERED:
                told.append(item.body["pattern_id"])
                if item.parcel is not None and item.parcel.several:
                    told.append(event_id(item.body))
                self._complete(item)
            elif answer.verdict is Verdict.MISSING:
                again += self._heal(item)
            elif answer.verdict in (Verdict.BAD, Verdict.TOO_LARGE):
                again += self._suspect(item)
            else:
                fatal = fatal or answer
        self._seen.update(told)
        self._proven = self._proven or bool(told)
        self.told += told
        if fatal:
            raise Failed(fatal)
        return [again] if again else []

    def _complete(self, item: Item) -> None:
        if item.parcel is not None:
            item.parcel.left -= 1
            if item.parcel.left == 0:
                self.delivered.append(item.parcel.name)

    def _heal(self, item: Item) -> list[Item]:
        """The service does not know what it was told of, or what it refused: tell it again."""
        lost = wire.needs(item.body)
        self.told = [pattern_id for pattern_id in self.told if pattern_id not in lost]
        self._ledger.forget_known(self._sender.url, lost)
        self._seen.difference_update(lost)
        if item.healed:
            return []  # kept for another run
        item.healed = True
        return [item]

    def _suspect(self, item: Item) -> list[Item]:
        if item.parcel is not None:
            self._suspects.append(item)
            return []
        # A creation that we make up: nobody's event is lost by leaving the code out.
        bare = wire.without_code(item.body)
        return [Item(bare, None)] if bare != item.body else []

    def _refuse(self, item: Item, answer: Answer) -> None:
        if item.parcel is not None:
            self.refused[item.parcel.name] = answer.reason

    def _with_creations(self, group: list[Item]) -> list[Item]:
        """`group` with the creations before it that the service was never told of."""
        told: set[str] = set()
        made: list[Item] = []
        for item in group:
            made += self._creations(item.body, told)
            made.append(item)
            told.add(item.body["pattern_id"])
        return made

    def _creations(self, body: Body, told: set[str]) -> list[Item]:
        """The creations that the service lacks of what `body` presupposes; adds them to `told`."""
        wanted = {need for need in wire.needs(body) if need not in told and need not in self._seen}
        missing = wanted - self._ledger.known_at(self._sender.url, wanted)
        made: list[Item] = []
        for need in wire.needs(body):
            if need in missing and need not in told:
                told.add(need)
                creation = wire.creation(need, self._ledger.creation_of(need))
                made += [*self._creations(creation, told), Item(creation, None)]
        return made
