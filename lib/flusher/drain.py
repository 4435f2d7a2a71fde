"""One pass over the spool: every file recorded, sent where it belongs, and only then taken out."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from lib.delivery.batches import BATCH
from lib.delivery.dispatch import Dispatch
from lib.flusher.intake import Ignored, Intake
from lib.ledger.store import Ledger, Taken
from lib.privacy.ignore import NotYet
from lib.spool import outbox
from lib.spool.books import Accounts
from lib.spool.outbox import Waiting
from lib.system.logs import log

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
        accounts: the books of that spool.

    Raises `user_rules.Unusable` where nothing may be delivered.

    `delivered` counts the files taken out and `met_bytes` the size of those met; `kept` holds the
    names of those that stay, and `complete` says that every file was looked at.
    """

    def __init__(
        self,
        directory: str,
        ledger: Ledger,
        dispatch: Dispatch,
        is_late: Callable[[], bool],
        progress: Callable[[int, int], None],
        accounts: Accounts,
    ) -> None:
        self.delivered = 0
        self.met_bytes = 0
        self.kept: set[str] = set()
        self.complete = False
        self._directory = directory
        self._ledger = ledger
        self._dispatch = dispatch
        self._is_late = is_late
        self._progress = progress
        self._accounts = accounts
        self._intake = Intake(directory, ledger.has_earlier_ids())
        # What the ledger has of the files that are there: those that wait for a service, and those
        # that are done with but may not be unlinked yet, with their keys.
        self._recorded: set[str] = set()
        self._finished: dict[str, str] = {}
        self._gone: list[str] = []

    def run(self) -> None:
        """Go on until only what cannot be delivered now is left. Raises OSError, sqlite3.Error."""
        names = set(outbox.names(self._directory))
        self._recall(names)
        met: set[str] = set()
        while not self._is_late():
            new = names - self._recorded - met
            met |= new
            self._dispatch.begin(len(new))
            todo = outbox.listed(self._directory, filter(self._is_of_use, names))
            if not todo:
                self.complete = True
                break
            self.met_bytes += sum(file.size for file in todo if file.name in new)
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
        self._forget()
        # Recorded, but not come to: a run that was late.
        self.kept |= self._recorded

    def _is_of_use(self, name: str) -> bool:
        """Whether there is something to do with a file: it is new, or may be sent now."""
        if name in self.kept:
            return False
        return self._dispatch.open or not self._dispatch.url or name not in self._recorded

    def _recall(self, names: set[str]) -> None:
        """What earlier runs made of the files; those of theirs that are gone wait no longer."""
        aside = set(outbox.quarantined_names(self._directory))
        for name, (key, waits) in self._ledger.taken().items():
            if name in names and waits:
                self._recorded.add(name)
            elif name in names:
                self._finished[name] = key
            elif name not in aside and not os.path.lexists(f"{self._directory}/{name}"):
                if waits and not self._accounts.is_dropped(key):
                    self._accounts.drop("removed", [key])
                self._gone.append(name)
        self._forget()

    def _take(self, files: list[Waiting]) -> None:
        """Record and send the events in `files`."""
        useful = {file.name: file for file in files if self._is_of_use(file.name)}
        self._accounts.ensure_captured(file.key for file in useful.values())
        done = [name for name, file in useful.items() if self._is_done(file)]
        self._recorded.difference_update(done)
        self._unlink(done)
        events = dict(self._read([file for name, file in useful.items() if name not in done]))
        mine = {name for name, event in events.items() if self._is_mine(event)}
        self._recorded |= self._ledger.take(
            Taken(name, useful[name].key, event, bool(self._dispatch.url) or name not in mine)
            for name, event in events.items()
            if name not in self._recorded
        )
        here = set() if self._dispatch.url else mine
        self.kept |= (events.keys() & self._recorded) - here
        settled = [name for name in events if name not in self.kept]
        self.delivered += len(settled)
        self._acknowledge(settled)
        sent = [file for file in files if file.name in mine and file.name in self.kept]
        for batch in _portions(sent, BATCH, REQUEST_BYTES):
            self._dispatch.send([(file.name, events[file.name]) for file in batch])
            self._settle()

    def _is_done(self, file: Waiting) -> bool:
        """Whether only the unlinking is left of it, which a run did not come to."""
        return self._finished.get(file.name) == file.key or self._accounts.is_dropped(file.key)

    def _is_mine(self, event: Event) -> bool:
        """Whether it is this flusher's to deliver: a program may have named another service."""
        return event.get("service_url", "") in ("", self._dispatch.url)

    def _read(self, files: list[Waiting]) -> Iterator[tuple[str, Event]]:
        for file in files:
            name = file.name
            try:
                yield name, self._intake.read(name, recorded=name in self._recorded)
            except FileNotFoundError:
                continue
            except (outbox.Busy, NotYet):
                self.kept.add(name)
            except Ignored:
                self._accounts.drop("ignored", [file.key])
                outbox.acknowledge(self._directory, name)
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
        self.delivered += len(delivered)
        self._acknowledge(delivered, told)

    def _quarantine(self, name: str, reason: str) -> None:
        self._intake.quarantine(name, reason)
        log(self._directory, f"{name} put into quarantine: {reason}")

    def _acknowledge(self, names: list[str], told: Iterable[str] = ()) -> None:
        """Unlink the files of `names`; those that waited are delivered with that."""
        waited = self._recorded.intersection(names)
        if waited or told:
            self._ledger.settle(waited, self._dispatch.url, told)
            self._recorded -= waited
        self._unlink(names)

    def _unlink(self, names: list[str]) -> None:
        for name in names:
            outbox.acknowledge(self._directory, name)
        self._gone += names

    def _forget(self) -> None:
        if self._gone:
            self._ledger.forget(self._gone)
            self._gone = []


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
