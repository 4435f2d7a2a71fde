"""Drain the spool: record every event, send it to the service if there is one, acknowledge it."""

from collections.abc import Callable

from lib.capture import shell
from lib.delivery.dispatch import Dispatch
from lib.delivery.portions import portions
from lib.flusher.passage import Passage, Stage
from lib.flusher.sightings import Sightings
from lib.ledger.rows import Taken
from lib.spool import outbox
from lib.spool.order import in_order
from lib.spool.outbox import Waiting
from lib.spool.spooled import Event

# What is recorded in one transaction.
RECORD, RECORD_BYTES = 500, 4 * 1024 * 1024


class Drain:
    """Records and delivers the events in the spool at `directory`.

    Args:
        directory: the spool.
        passage: the stages of its files.
        dispatch: the delivery to the service.
        is_late: tells whether to stop.
        progress: called with the numbers of events done and still waiting after each batch.
        sightings: watches the files that are recorded.

    `met_bytes` is the size of the new files; `complete` says that every file was looked at.
    """

    def __init__(
        self,
        directory: str,
        passage: Passage,
        dispatch: Dispatch,
        is_late: Callable[[], bool],
        progress: Callable[[int, int], None],
        sightings: Sightings,
    ) -> None:
        self.met_bytes = 0
        self.complete = False
        self._directory = directory
        self._passage = passage
        self._dispatch = dispatch
        self._is_late = is_late
        self._progress = progress
        self._sightings = sightings

    def run(self) -> None:
        """Drain until only what cannot be delivered now is left. Raises OSError, sqlite3.Error."""
        names = set(outbox.names(self._directory))
        self._passage.recall(names)
        while not self._is_late():
            new = self._passage.meet(names)
            self._dispatch.begin(len(new))
            useful = outbox.listed(self._directory, filter(self._is_of_use, names))
            todo = in_order(self._directory, useful)
            if not todo:
                self.complete = True
                break
            self.met_bytes += sum(file.size for file in todo if file.name in new)
            left = len(todo)
            for portion in portions(todo, RECORD, RECORD_BYTES):
                if self._is_late():
                    break
                self._take(portion)
                left -= len(portion)
                self._progress(self._passage.delivered, left)
            names = set(outbox.names(self._directory))
        self._dispatch.finish()
        self._passage.forget()

    def _is_of_use(self, name: str) -> bool:
        """Check whether there is something to do with a file: it is new, or may be sent now."""
        stage = self._passage.stage(name)
        if stage is Stage.RECORDED:
            return self._dispatch.open or not self._dispatch.url
        return stage is not Stage.WAITS

    def _take(self, files: list[Waiting]) -> None:
        """Record, send and acknowledge the events in `files`.

        A call of the shell is unfolded when all before it is recorded.
        """
        useful = [file for file in files if self._is_of_use(file.name)]
        events = self._passage.read(useful)
        found: list[tuple[Waiting, Event]] = []
        for file in useful:
            event = events.get(file.name)
            if event is None:
                continue
            if event["event_type"] != shell.EVENT_TYPE:
                found.append((file, event))
                continue
            self._take_events(found)
            found = []
            self._take(self._passage.unfold(file.name, file.key, event, self._sightings))
        self._take_events(found)

    def _take_events(self, found: list[tuple[Waiting, Event]]) -> None:
        passage = self._passage
        waits = {
            file.name for file, event in found if self._dispatch.url or not self._is_mine(event)
        }
        passage.take(Taken(f.name, f.key, event, f.name in waits) for f, event in found)
        self._sightings.watch(event for _, event in found)
        waits = {name for name in waits if passage.stage(name) is Stage.RECORDED}
        passage.acknowledge(file.name for file, _ in found if file.name not in waits)
        passage.hold(waits)
        self._dispatch.send(
            passage.parcel(file.name, event, file.size)
            for file, event in found
            if file.name in waits and self._is_mine(event)
        )

    def _is_mine(self, event: Event) -> bool:
        """Check that `event` is for this flusher's service: a program may have named another."""
        return event.get("service_url", "") in ("", self._dispatch.url)
