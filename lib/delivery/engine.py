"""Decide what a service is sent next: batches in order, split where one event is at fault.

Nothing here sends: a generator yields one request after the other and is given the answers, so
that the flusher and the library's client deliver by the same rules (see `lib.delivery.drive`).

An event is one or more bodies (see `lib.delivery.wire`) and is delivered when all of them are.
Parents that it needs and that the service does not have go before it. The first failure that is the
service's own ends a run.
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from lib.delivery import implied
from lib.delivery.answers import FAILURES, REFUSALS, Answer, Failed, Verdict
from lib.delivery.implied import Told
from lib.delivery.parcels import Item, Memory, Outcome, Parcel, Request, Steps, event_id
from lib.delivery.portions import BATCH, portions, split
from lib.delivery.wire import Body

if TYPE_CHECKING:
    pass

# What one request holds, in bytes of the files that its events come from.
REQUEST_BYTES = 900 * 1024
# Split requests that the service failed on without a reason; more of it is the service's fault.
MAX_BROKEN = 30
# How often a body is sent again because what it presupposes was not there.
MAX_HEALS = 2


class Engine:
    """Decides about one run's deliveries to the service at `url`.

    Args:
        memory: what the service is known to have. Before the next answer is given, whoever drives
            the engine must put what `outcome` says into it.
        batched: whether to try the batch route; False afterwards if there is none.
        failures: how many runs in a row the service has failed without a reason or an answer. If
            any, it is asked with one event before the others, each time with another one, for one
            may be what it fails on.
        most: tells how many events the next request may hold.

    `proven` says that the service took something, and by the present route.
    """

    def __init__(
        self,
        url: str,
        memory: Memory,
        batched: bool = True,
        failures: int = 0,
        most: Callable[[], int] = lambda: BATCH,
    ) -> None:
        self.batched = batched
        self.proven = False
        self._url = url
        self._memory = memory
        self._failures = failures
        self._most = most
        self._seen: set[str] = set()
        # Creations that the service does not take in any form.
        self._hopeless: set[str] = set()
        self._suspects: list[Item] = []
        self._broken = 0
        self._outcome = Outcome([], {}, [])

    def deliver(self, parcels: Iterable[Parcel]) -> Steps:
        """Yield the requests that deliver `parcels`, in order. Raises Failed."""
        if self._failures and not self.proven:
            parcels = list(parcels)
            if len(parcels) > 1:
                probe = parcels.pop(-self._failures % len(parcels))
                yield from self._run([self._items(probe)])
        items = (item for parcel in parcels for item in self._items(parcel))
        for group in portions(items, self._most, REQUEST_BYTES):
            yield from self._run([group])

    def finish(self) -> Steps:
        """Send once more, each alone, the events that were refused, now that others went through.

        So a refusal that was a passing trouble of the service does no harm. Raises Failed.
        """
        suspects, self._suspects = self._suspects, []
        refused: set[Parcel | None] = set()
        for item in suspects:
            if item.parcel in refused:
                continue
            yield from self._run([self._with_creations([item])[:-1]])
            answers = yield Request([item.body], batch=False)
            if item.parcel and answers[0].verdict in REFUSALS:
                refused.add(item.parcel)
                self._outcome.refused[item.parcel.name] = answers[0].reason
            else:
                self._settle([item], answers)

    def outcome(self) -> Outcome:
        """Return what came of the answers since the last call."""
        found, self._outcome = self._outcome, Outcome([], {}, [])
        return found

    def health(self, request: Request, answers: list[Answer]) -> Answer:
        """Judge the service's health by `answers`, before the engine is given them."""
        worst = next((a for a in answers if a.verdict in FAILURES), answers[0])
        no_route = request.batch and worst.verdict is Verdict.NO_ROUTE
        if no_route or (worst.verdict is Verdict.BROKEN and self._is_divisible()):
            return Answer(Verdict.DELIVERED)
        return worst

    def _is_divisible(self) -> bool:
        """Check whether a failure without a reason may be one event's: the service takes others."""
        return self.proven and self._broken < MAX_BROKEN

    def _items(self, parcel: Parcel) -> list[Item]:
        bodies = parcel.bodies
        if len(bodies) > 1:  # some may have been delivered by a run that failed on the others
            done = self._memory.known_at(self._url, map(event_id, bodies))
            bodies = [body for body in bodies if event_id(body) not in done]
        parcel.left = len(bodies)
        if not bodies:
            self._outcome.delivered.append(parcel.name)
        return [Item(body, parcel, parcel.size, told=parcel.told) for body in bodies]

    def _run(self, groups: list[list[Item]]) -> Steps:
        """Yield the requests of each group, and before the next one what must be sent again."""
        while groups:
            group = self._with_creations(groups.pop())
            if len(group) > 1 and not self.batched:
                groups += [[item] for item in reversed(group)]
            elif group:
                request = Request([item.body for item in group], batch=len(group) > 1)
                answers = yield request
                groups += self._follow(group, answers)[::-1]

    def _follow(self, group: list[Item], answers: list[Answer]) -> list[list[Item]]:
        """Act on the answers to a group; return the groups to send next. Raises Failed."""
        first = answers[0]
        if len(group) > 1 and first.verdict is Verdict.NO_ROUTE:
            self.batched = self.proven = False
            return [group]
        if first.verdict is Verdict.BROKEN and self._is_divisible():
            self._broken += 1
            return split(group) if len(group) > 1 else [self._leave(group[0], first)]
        if len(group) > 1 and first.verdict in REFUSALS:
            return split(group, first.culprit)
        return self._settle(group, answers)

    def _settle(self, group: list[Item], answers: list[Answer]) -> list[list[Item]]:
        """Act on the answer to each body; return what to send again. Raises Failed."""
        again: list[Item] = []
        fatal = None
        for item, answer in zip(group, answers, strict=True):
            if answer.verdict is Verdict.DELIVERED:
                self._complete(item)
            elif answer.verdict is Verdict.MISSING:
                again += self._heal(item, answer)
            elif answer.verdict in REFUSALS:
                self.proven = True  # whoever looks at an event closely enough to refuse it is well
                again += self._leave(item, answer)
                if item.parcel:
                    self._suspects.append(item)
            else:
                fatal = fatal or answer
        if fatal:
            raise Failed(fatal)
        return [again]

    def _complete(self, item: Item) -> None:
        self.proven = True
        told = [item.body["pattern_id"]]
        if item.parcel is not None:
            if len(item.parcel.bodies) > 1:
                told.append(event_id(item.body))
            item.parcel.left -= 1
            if item.parcel.left == 0:
                self._outcome.delivered.append(item.parcel.name)
        self._seen.update(told)
        self._outcome.told.extend(told)

    def _heal(self, item: Item, answer: Answer) -> list[Item]:
        """Send `item` again with the parents that the service turned out not to have."""
        lost = implied.needs(item.body)
        self._memory.forget_known(self._url, lost)
        self._seen.difference_update(lost)
        if item.heals == MAX_HEALS:
            return self._leave(item, answer)
        return [item._replace(heals=item.heals + 1)]

    def _leave(self, item: Item, answer: Answer) -> list[Item]:
        """Leave an event for another run; of an implied creation, try again without its code."""
        if item.parcel is not None:
            item.parcel.problem = answer.reason
            return []
        bare = implied.without_code(item.body)
        if bare != item.body:
            return [item._replace(body=bare)]
        self._hopeless.add(bare["pattern_id"])
        return []

    def _with_creations(self, group: list[Item]) -> list[Item]:
        """Put before each of `group` the creations of parents that the service does not have."""
        ids: set[str] = set()
        made: list[Item] = []
        for item in group:
            made += self._creations(item.body, item.told, ids)
            made.append(item)
            # What was not taken a moment ago may not be taken now: the last time, rely on none.
            if item.heals < MAX_HEALS:
                ids.add(item.body["pattern_id"])
        return made

    def _creations(self, body: Body, told: Told | None, ids: set[str]) -> list[Item]:
        """Make the creations that the service lacks for `body`, oldest first; note them in `ids`.

        The parents of a creation are looked for in the same way.
        """
        wanted = set(implied.needs(body)) - ids - self._seen - self._hopeless
        missing = wanted - self._memory.known_at(self._url, wanted)
        made: list[Item] = []
        for need in implied.needs(body):
            if need in missing and need not in ids:
                ids.add(need)
                known, project = self._memory.creation_of(need), body["pattern_data"].get("project")
                creation = implied.creation(need, known, told, project)
                made += self._creations(creation, told, ids)
                made.append(Item(creation, None, told=told))
        return made
