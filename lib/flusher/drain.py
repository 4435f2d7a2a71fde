"""Drain the spool: record every event, send it to its service if it has one, acknowledge it."""

import time
from collections.abc import Callable
from contextlib import closing

from lib.capture import shell
from lib.delivery.portions import portions
from lib.delivery.services import Services
from lib.flusher.passage import Passage, Stage
from lib.flusher.sightings import Sightings
from lib.flusher.told_units import ToldUnits
from lib.ledger.rows import Taken
from lib.spool import outbox
from lib.spool.order import in_order
from lib.spool.outbox import Waiting
from lib.spool.spooled import Event

# What is recorded in one transaction.
RECORD, RECORD_BYTES = 500, 4 * 1024 * 1024
# While services are asked, new files are looked for so often, in seconds.
LOOK_SECONDS = 0.1
# How long answers that are under way at the deadline are waited for.
LAST_SECONDS = 12.5


class Drain:
    """Records and delivers the events in the spool at `directory`.

    Args:
        directory: the spool.
        passage: the stages of its files.
        services: the delivery to services.
        is_late: tells whether to stop.
        progress: called with the numbers of events done and still waiting after each batch.
        sightings: watches the files that are recorded.
        join: looks for the prompts of what was recorded, see `Following.join`.

    `met_bytes` is the size of the new files; `complete` says that every file was looked at.
    """

    def __init__(
        self,
        directory: str,
        passage: Passage,
        services: Services,
        is_late: Callable[[], bool],
        progress: Callable[[int, int], None],
        sightings: Sightings,
        join: Callable[[], None],
    ) -> None:
        self.met_bytes = 0
        self.complete = False
        self._directory = directory
        self._passage = passage
        self._services = services
        self._is_late = is_late
        self._progress = progress
        self._sightings = sightings
        self._join = join
        self._units = ToldUnits(directory)

    def run(self) -> None:
        """Drain until only what cannot be delivered now is left. Raises OSError, sqlite3.Error."""
        with closing(self._units):
            self._run()

    def _run(self) -> None:
        names = set(outbox.names(self._directory))
        self._passage.recall(names)
        while not self._is_late():
            new = self._passage.meet(names)
            self._services.meet(new)
            self._services.begin_pass()
            useful = outbox.listed(self._directory, filter(self._is_of_use, names))
            todo = in_order(self._directory, useful)
            self.met_bytes += sum(file.size for file in todo if file.name in new)
            left = len(todo)
            for portion in portions(todo, lambda: RECORD, RECORD_BYTES):
                if self._is_late():
                    break
                self._take(portion)
                self._services.pump(0.0)
                self._services.make_room(LOOK_SECONDS)
                left -= len(portion)
                self._progress(self._passage.delivered, left)
            if not self._wait() and not todo and not self._services.finish():
                self.complete = True
                break
            names = set(outbox.names(self._directory))
        self._services.halt(LAST_SECONDS)
        self._passage.forget()

    def _wait(self) -> bool:
        """Wait for answers, not for long; return whether requests are still under way."""
        until = time.monotonic() + LOOK_SECONDS
        while (left := until - time.monotonic()) > 0 and not self._is_late():
            if not self._services.pump(left):
                return False
            self._progress(self._passage.delivered, 0)
        return True

    def _is_of_use(self, name: str) -> bool:
        """Check whether there is something to do with a file: it is new, or may be sent now."""
        stage = self._passage.stage(name)
        if stage is Stage.RECORDED:
            return self._services.is_of_use(name)
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
            made = self._passage.unfold(file.name, file.key, event, self._sightings)
            self._services.meet(one.name for one in made)
            self._take(made)
        self._take_events(found)

    def _take_events(self, found: list[tuple[Waiting, Event]]) -> None:
        passage, services = self._passage, self._services
        urls = {file.name: services.url_of(file.name, event) for file, event in found}
        passage.take(Taken(f.name, f.key, event, bool(urls[f.name])) for f, event in found)
        self._sightings.watch(event for _, event in found)
        if services.get_prompts({*urls.values()}):
            self._join()
        kept = {n for n, url in urls.items() if url and passage.stage(n) is Stage.RECORDED}
        passage.acknowledge(name for name in urls if name not in kept)
        for url in dict.fromkeys(urls[name] for name in urls if name in kept):
            made = services.to(url)
            if made.skipped or made.full:
                made.skipped = True
                continue
            mine = [(f, event) for f, event in found if f.name in kept and urls[f.name] == url]
            passage.hold(file.name for file, _ in mine)
            if made.open:
                asked, told = services.get_prompts([url]), self._units.added
                made.send(passage.parcel(f.name, told(event), f.size, asked) for f, event in mine)
