"""One pass over the spool: every file recorded, sent where it belongs, and only then taken out."""

from collections.abc import Callable, Iterator
from typing import Any

from lib import outbox
from lib.delivery import BATCH
from lib.dispatch import Dispatch
from lib.journal import log
from lib.ledger import Ledger
from lib.outbox import Waiting

# What is recorded in one transaction, and what is sent in one request, which is about as long as
# the files are.
RECORD, RECORD_BYTES = 500, 4 * 1024 * 1024
REQUEST_BYTES = 900 * 1024

Event = dict[str, Any]


class Drain:
    """Takes what is delivered out of the spool at `directory`.

    Args:
        directory: the spool.
        ledger: where every event is recorded first.
        dispatch: the way to the service.
        is_late: whether to stop.
        progress: told the numbers of events done and still waiting after each batch.

    `delivered` counts the files taken out; `kept` holds the names of those that stay, and
    `complete` says that every file was looked at.
    """

    def __init__(
        self,
        directory: str,
        ledger: Ledger,
        dispatch: Dispatch,
        is_late: Callable[[], bool],
        progress: Callable[[int, int], None],
    ) -> None:
        self.delivered = 0
        self.kept: set[str] = set()
        self.complete = False
        self._directory = directory
        self._ledger = ledger
        self._dispatch = dispatch
        self._is_late = is_late
        self._progress = progress
        self._recorded = ledger.waiting()

    def run(self) -> None:
        """Go on until only what cannot be delivered now is left. Raises OSError, sqlite3.Error."""
        names = set(outbox.names(self._directory))
        self._forget_gone(names)
        met: set[str] = set()
        while not self._is_late():
            new = names - self._recorded - met
            met |= new
            self._dispatch.begin(len(new))
            todo = outbox.listed(self._directory, filter(self._is_of_use, names))
            if not todo:
                self.complete = True
                break
            left = len(todo)
            for portion in _portions(todo, RECORD, RECORD_BYTES):
                if self._is_late():
                    break
                self._take(portion)
                left -= len(portion)
                self._progress(self.delivered, left)
            names = set(outbox.names(self._directory))
        self._dispatch.finish()
        self._settle()
        # Recorded, but not come to: a run that was late.
        self.kept |= self._recorded

    def _is_of_use(self, name: str) -> bool:
        """Whether there is something to do with a file: it is new, or may be sent now."""
        if name in self.kept:
            return False
        return self._dispatch.open or not self._dispatch.url or name not in self._recorded

    def _forget_gone(self, names: set[str]) -> None:
        """Files that expired, or that a person has taken away, wait no longer."""
        gone = self._recorded - names - set(outbox.quarantined_names(self._directory))
        if gone:
            self._ledger.settle(gone)
        self._recorded &= names

    def _take(self, files: list[Waiting]) -> None:
        """Record and send the events in `files`."""
        events = dict(self._read([file.name for file in files if self._is_of_use(file.name)]))
        fresh = {name: event for name, event in events.items() if name not in self._recorded}
        mine = {name for name, event in events.items() if self._is_mine(event)}
        if self._dispatch.url:
            waiting = self._ledger.record_waiting(fresh)
        else:
            waiting = self._record_here(fresh, mine)
        self._recorded |= waiting
        self.kept |= (events.keys() & self._recorded) - (mine if not self._dispatch.url else set())
        self._acknowledge([name for name in events if name not in self.kept])
        sent = [file for file in files if file.name in mine and file.name in self.kept]
        for batch in _portions(sent, BATCH, REQUEST_BYTES):
            self._dispatch.send([(file.name, events[file.name]) for file in batch])
            self._settle()

    def _record_here(self, fresh: dict[str, Event], mine: set[str]) -> set[str]:
        """Record where no service is configured; what is meant for another one still waits."""
        self._ledger.record_all(event for name, event in fresh.items() if name in mine)
        others = {name: event for name, event in fresh.items() if name not in mine}
        return self._ledger.record_waiting(others) if others else set()

    def _is_mine(self, event: Event) -> bool:
        """Whether it is this flusher's to deliver: a program may have named another service."""
        return event.get("service_url", "") in ("", self._dispatch.url)

    def _read(self, names: list[str]) -> Iterator[tuple[str, Event]]:
        for name in names:
            try:
                yield name, outbox.read(self._directory, name)
            except FileNotFoundError:
                continue
            except outbox.Busy:
                self.kept.add(name)
            except outbox.Damaged as damaged:
                self._quarantine(name, str(damaged))

    def _settle(self) -> None:
        """Carry out what came of the sending."""
        delivered, refused, told = self._dispatch.settled()
        for name, reason in refused.items():
            self.kept.discard(name)
            self._recorded.discard(name)
            self._quarantine(name, f"refused by the service: {reason}")
        self.kept.difference_update(delivered)
        self._acknowledge(delivered, told)

    def _quarantine(self, name: str, reason: str) -> None:
        outbox.quarantine(self._directory, name, reason)
        log(self._directory, f"{name} put into quarantine: {reason}")

    def _acknowledge(self, names: list[str], told: list[str] | tuple[str, ...] = ()) -> None:
        for name in names:
            outbox.acknowledge(self._directory, name)
        self.delivered += len(names)
        if told or not self._recorded.isdisjoint(names):
            self._ledger.settle(names, self._dispatch.url, told)
            self._recorded.difference_update(names)


def _portions(files: list[Waiting], number: int, size: int) -> Iterator[list[Waiting]]:
    """`files` in portions of at most `number` files and, but for a single one, `size` bytes."""
    portion: list[Waiting] = []
    total = 0
    for file in files:
        if portion and (len(portion) >= number or total + file.size > size):
            yield portion
            portion, total = [], 0
        portion.append(file)
        total += file.size
    if portion:
        yield portion
