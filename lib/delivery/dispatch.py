"""One flusher run's way to the service: may it be asked, now, and what came of it.

Decides from the shared state file before anything is sent, so that a run which may not send ends
without loading `httpx`.
"""

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from lib.delivery import answers, batches
from lib.delivery.answers import Answer, Verdict
from lib.delivery.approval import Approvals, Destination, Refused
from lib.delivery.backoff import SECTION, Backoff
from lib.delivery.batches import Delivery, Failed
from lib.delivery.breaker import shared_breaker
from lib.delivery.gate import Gate
from lib.ledger.store import Ledger
from lib.system import packages
from lib.system.clock import Clock
from lib.system.settings import Settings
from lib.system.state import State, StateFile

if TYPE_CHECKING:
    from lib.delivery.http import Service

# A service without the batch route may have it after its next deployment, in seconds.
ROUTE_MEMORY = 3600.0
# How long the PreToolUse hook need not wake a flusher that waits for new events, in seconds.
IDLE_SECONDS = 300.0
# The same where the packages are missing: somebody may be putting them there.
INCOMPLETE_SECONDS = 30.0
REFUSED = "refused"
INCOMPLETE = "the installation is incomplete"


class Dispatch:
    """The service of one run.

    Args:
        settings: for its URL and the breaker's numbers.
        state: the shared state file.
        ledger: see `Delivery`.
        forced: a person asked: neither back-off nor circuit nor budget holds the run back.
        approvals: which services may be used.

    `url` is the service events are kept for, "" for none. `open` says whether events may be
    sent: not before `begin`, nor after the first failure. `problem` says why not.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateFile,
        ledger: Ledger,
        forced: bool = False,
        approvals: Approvals | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.url = settings.service_url.rstrip("/")
        self.problem = ""
        self._state = state
        self._ledger = ledger
        self._clock = clock or Clock()
        self._stored = state.section(SECTION)
        self._backoff = Backoff(dict(self._stored), self._clock)
        breaker = shared_breaker(settings, state, self._clock)
        self._gate = Gate(self._backoff, breaker, self._clock, forced)
        self._destination = self._find(approvals or Approvals())
        self._service: Any = None
        self._delivery: Delivery | None = None
        self.open = False
        self._stopped = False

    def _find(self, approvals: Approvals) -> Destination | None:
        section = self._backoff.state
        try:
            found = approvals.destination(self.url)
        except Refused as refused:
            self.problem = str(refused)
            # Kept for the service that the user will approve.
            self.url = self.url or REFUSED
            section.update(verdict=REFUSED, reason=self.problem, url=self.url)
            return None
        if section.get("verdict") in (REFUSED, INCOMPLETE):
            section.pop("verdict")
            section.pop("reason", None)
        if found is None:
            section.clear()
        elif section.get("url") != found.url:
            section.clear()
            section["url"] = found.url
        self.url = found.url if found else ""
        return found

    def hold_off(self) -> float:
        """Seconds in which there is no use in a run without new events."""
        if self._destination is None or not self._backoff.has_credit():
            return IDLE_SECONDS
        if self._backoff.state.get("verdict") == INCOMPLETE:
            return INCOMPLETE_SECONDS
        return self._gate.wait()

    def begin(self, events: int) -> None:
        """So many new events came in: the budget grows, and the service may be asked or not."""
        self._backoff.earn(-(-events // batches.BATCH) if self._is_batched() else events)
        self.open = self._destination is not None and not self._stopped and self._gate.is_open()

    def send(self, events: Iterable[tuple[str, dict[str, Any]]]) -> None:
        """Send recorded events, given with the names of their files; `settled` tells the rest."""
        listed = list(events)
        if not self.open or not listed:
            return
        try:
            if self._backoff.state.get("verdict") == Verdict.BROKEN.value and len(listed) > 1:
                # One event may be what the service fails on: ask with another one first.
                self._deliveries().probe(*listed.pop())
            self._deliveries().deliver(listed)
        except Failed as failed:
            self._stop(failed.answer)
        except Refused as refused:
            self._backoff.state.update(verdict=REFUSED, reason=str(refused))
            self._stop(Answer(Verdict.UNWELL, str(refused)))
        except ImportError as error:
            # A bundle whose environment was not made yet: the events wait for it.
            self._backoff.state.update(verdict=INCOMPLETE, reason=str(error))
            self._stop(Answer(Verdict.UNWELL, f"{INCOMPLETE}: {error}"))

    def finish(self) -> None:
        """Give what was refused its second chance."""
        if self.open and self._delivery is not None:
            try:
                self._delivery.finish()
            except Failed as failed:
                self._stop(failed.answer)

    def settled(self) -> tuple[list[str], Mapping[str, str], list[str]]:
        """What came of it since the last call: the names of the delivered, the refused with
        reasons, and the patterns that the service knows now."""
        made = self._delivery
        if made is None:
            return [], {}, []
        found = made.delivered, made.refused, made.told
        made.delivered, made.refused, made.told = [], {}, []
        return found

    def close(self, drained: bool) -> None:
        """End the run; `drained`: nothing is left for the service. Raises OSError."""
        if self._service is not None:
            self._service.close()
        self._gate.leave()
        if drained:
            self._backoff.drained()
        self._store()

    def _deliveries(self) -> Delivery:
        if self._delivery is None:
            assert self._destination is not None
            make = _service_class()
            self._service = make(self._destination.url, self._destination.bearer())
            self._delivery = Delivery(
                self._service, self._ledger, self._may_send, self._answered, self._is_batched()
            )
        return self._delivery

    def _is_batched(self) -> bool:
        return self._clock.since(self._backoff.state.get("no_batch")) > ROUTE_MEMORY

    def _may_send(self) -> None:
        refusal = self._gate.enter()
        if refusal:
            raise Failed(Answer(Verdict.UNWELL, refusal))

    def _answered(self, answer: Answer) -> None:
        if not self._gate.answered(answer):
            self._store()
        elif self._delivery is not None and not self._delivery.batched and self._is_batched():
            self._backoff.state["no_batch"] = self._clock.now()

    def _stop(self, answer: Answer) -> None:
        self.open, self._stopped = False, True
        self.problem = answers.clip(answer.reason)

    def _store(self) -> None:
        if self._backoff.state == self._stored:
            return

        def change(section: State) -> None:
            section.clear()
            section.update(self._backoff.state)

        self._stored = dict(self._state.update(SECTION, change))


def _service_class() -> "type[Service]":
    """The class that sends; its packages take a while to load."""
    packages.find()
    from lib.delivery.http import Service

    return Service
