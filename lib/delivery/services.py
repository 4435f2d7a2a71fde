"""Deliver the events of one flusher run, each to the service that was decided at its capture.

Every service has a `Dispatch` of its own. The ledger, the state and all decisions are the calling
thread's; only requests are made by others.
"""

import math
import time
from _queue import Empty, SimpleQueue
from collections import Counter
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from lib.delivery.approval import Approvals, Refused
from lib.delivery.service_state import migrate, state_of, urls
from lib.spool import destination
from lib.spool.spooled import Event
from lib.system.clock import Clock
from lib.system.settings import Settings
from lib.system.state import StateFile

if TYPE_CHECKING:
    from lib.delivery.dispatch import Dispatch
    from lib.delivery.parcels import Memory, Outcome
    from lib.delivery.sender import Found


class Services:
    """The services that events of the spool are for. Arguments as for `Dispatch`.

    `default` is that of new events here, "" for none: of those too for which nothing was decided.

    Raises OSError.
    """

    def __init__(
        self,
        settings: Settings,
        state: StateFile,
        memory: "Memory",
        settle: "Callable[[Outcome, str], None]",
        forced: bool = False,
        approvals: Approvals | None = None,
        clock: Clock | None = None,
    ) -> None:
        migrate(state)
        self._settings = settings
        self._state = state
        self._memory = memory
        self._settle = settle
        self._forced = forced
        self._approvals = approvals or Approvals()
        self._clock = clock or Clock()
        self._results: SimpleQueue[tuple[Any, Found]] = SimpleQueue()
        self._made: dict[str, Dispatch] = {}
        # The service of an event of an earlier version, for which nothing was decided.
        self.default = self._find_default()
        self._by_mark = {destination.mark(url): url for url in urls(state)}
        self._by_mark |= {destination.mark(""): "", destination.mark(None): self.default}
        self._unmarked: dict[str, str] = {}
        self._new: Counter[str] = Counter()

    def _find_default(self) -> str:
        try:
            found = self._approvals.destination(self._settings.service_url)
        except Refused:
            from lib.delivery.dispatch import REFUSED

            return self._settings.service_url.rstrip("/") or REFUSED
        return found.url if found else ""

    @property
    def problem(self) -> str:
        """What keeps events from services, "" if nothing does."""
        told = [(made.url, made.problem) for made in self._made.values() if made.problem]
        return (
            "; ".join(f"{url}: {why}" for url, why in told)
            if told[1:]
            else "".join(why for _, why in told)
        )

    def meet(self, names: Iterable[str]) -> None:
        """Let the budgets grow for the new files `names`."""
        self._new += Counter(map(destination.mark_in, names))
        for mark in list(self._new):
            url = self._by_mark.get(mark)
            if url is not None:
                events = self._new.pop(mark, 0)
                if url:
                    self.to(url).begin(events)

    def url_of(self, name: str, event: Event) -> str:
        """Return the service of the event in file `name`, "" for the ledger only."""
        url = destination.of_event(event)
        if url is None:
            url = self.default
        if destination.mark_in(name):
            self._by_mark.setdefault(destination.mark(url), url)
        else:
            self._unmarked[name] = url
        return url

    def of_name(self, name: str) -> str | None:
        """Return the service of file `name`, as far as that is known without reading it."""
        return self._unmarked.get(name, self._by_mark.get(destination.mark_in(name)))

    def to(self, url: str) -> "Dispatch":
        """Return the delivery to the service at `url`."""
        made = self._made.get(url)
        if made is None:
            from lib.delivery.dispatch import Dispatch

            made = self._made[url] = Dispatch(
                url, self._settings, state_of(self._state, url), self._memory, self._settle,
                self._results, self._forced, self._approvals, self._clock,
            )  # fmt: skip
            made.begin(self._new.pop(destination.mark(url), 0))
        return made

    def get_prompts(self, urls: Iterable[str]) -> bool:
        """Check whether the user sends prompts to one of these services."""
        return any(
            url and (found := self.to(url).destination) and found.gets_prompts for url in urls
        )

    def is_of_use(self, name: str) -> bool:
        """Check whether a recorded file that waits for a service may be sent, or settled, now.

        Those behind one for which there is no room have to wait as well.
        """
        url = self.of_name(name)
        if not url:
            return True
        made = self.to(url)
        made.skipped |= made.full
        return made.open and not made.skipped

    def begin_pass(self) -> None:
        """Begin with the first event of the spool again, for those that had to skip some."""
        for made in self._made.values():
            made.skipped = False

    def make_room(self, seconds: float) -> None:
        """Wait for who has enough events in memory, as long as answers come each in `seconds`."""
        while any(made.full and not made.skipped for made in self._made.values()):
            if not self._take_answer(seconds):
                break

    def pump(self, seconds: float) -> bool:
        """Begin what may begin, and take answers, waiting up to `seconds` for the first.

        Returns whether a request is under way.
        """
        while self._take_answer(seconds):
            seconds = 0.0
        return self._is_busy()

    def _take_answer(self, seconds: float) -> bool:
        """Begin what may begin, and take one answer; False if none came in `seconds`."""
        self._start()
        if not self._is_busy():
            return False
        try:
            made, found = self._results.get(seconds > 0, max(seconds, 0.0) or None)
        except Empty:
            self._give_up(late=True)
            return False
        if made.busy:  # else it was given up
            made.answer(found)
        self._start()
        return True

    def _give_up(self, late: bool) -> None:
        for made in self._made.values():
            made.give_up(late)

    def finish(self) -> bool:
        """Begin to send once more what was refused; return whether a request is under way."""
        for made in self._made.values():
            made.finish()
        return self._is_busy()

    def halt(self, seconds: float) -> None:
        """Send nothing more, and wait for the answers that are under way."""
        until = time.monotonic() + seconds
        for made in self._made.values():
            made.halt()
        while self.pump(until - time.monotonic()) and time.monotonic() < until:
            pass
        self._give_up(late=False)

    def close(self, left: Iterable[str], complete: bool, whole: bool) -> float:
        """End the run; return seconds in which one without new events would deliver nothing.

        Args:
            left: the files that stay in the spool.
            complete: every file was looked at.
            whole: the run did not fail.
        """
        places = {self.of_name(name) for name in left}
        for made in self._made.values():
            made.close(complete and made.url not in places and None not in places, whole)
        if not places or not all(places):
            return 0.0
        return min(self.to(url).hold_off() for url in places if url)

    def resumes_in(self, complete: bool) -> float:
        """Return seconds until a service takes more of what waits; infinity if none may.

        `complete`: all that was there was looked at.
        """
        return min((made.resumes_in(complete) for made in self._made.values()), default=math.inf)

    def _start(self) -> None:
        for made in self._made.values():
            made.start()

    def _is_busy(self) -> bool:
        return any(made.busy for made in self._made.values())
