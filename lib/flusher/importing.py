"""Record what past sessions tell, as if it had been captured.

What is read is kept first, some events at a time, and then put into its place among all others at
once: whoever is interrupted goes on where he was, and has a sound ledger meanwhile.
"""

import os
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from typing import NamedTuple

from lib.capture.named_file import Refused
from lib.flusher.intake import Held, Intake
from lib.flusher.process import NEVER, Flusher
from lib.flusher.retold import Retelling
from lib.flusher.turned_down import ENABLED, PROMPTS
from lib.ledger import joining, moments, replay, salvage, unplaced
from lib.ledger.joining import Found, Use
from lib.ledger.prompts import Prompt, Session
from lib.ledger.store import FILE_NAME, Ledger
from lib.ledger.transactions import transaction
from lib.spool.spooled import Event
from lib.transcripts.lines import ToolUse
from lib.transcripts.past import Call, Past, Reading, Told
from lib.transcripts.undone import Undone

# How each event came out.
NEW, KNOWN, EXCLUDED, UNREADABLE = "events", "known", "excluded", "unreadable"
SESSIONS = "sessions"
OUTCOMES = (NEW, KNOWN, EXCLUDED, UNREADABLE)
# Causes of what is no event, and that nobody misses: a call that changed no file.
_NOTHING = ("other", "staged")
_OWN = ("secret", "client", "ignored")
# Where one of these is turned down, what was said in a session is not kept.
_QUIET = {ENABLED, PROMPTS}
# What is kept in one transaction, in events and in characters of code.
_PORTION, _CHARACTERS = 500, 4 * 1024 * 1024


class Chosen(NamedTuple):
    """What is imported: since a time as the ledger writes it, of a directory; "" for all."""

    since: str = ""
    project: str = ""


class Importer(Flusher):
    """A flusher that records what past sessions tell.

    `counts` has the number of `OUTCOMES`, and of sessions; `oldest` is the time of the first event.
    """

    oldest = ""

    def import_past(
        self, past: list[Past], chosen: Chosen, timeout: float, tell: Callable[[str, float], None]
    ) -> None:
        """Record what these sessions tell; `tell` hears the step and which part of it is done.

        Raises TimeoutError if another flusher is at work for so long, user_rules.Unusable, OSError,
        sqlite3.Error.
        """
        self.counts: Counter[str] = Counter()

        def work() -> None:
            with closing(salvage.opened(self.directory)) as ledger:
                self._read(ledger, past, chosen, tell)
            # What was captured meanwhile comes first: its own time counts.
            self._deadline = NEVER
            self._drain()
            with closing(salvage.opened(self.directory)) as ledger:
                if replay.is_due(ledger.connection):
                    replay.replay(ledger.connection, lambda part: tell("ordering", part))

        if not self._hold(timeout, work):
            raise TimeoutError("another flusher is at work")

    def count_past(
        self, past: list[Past], chosen: Chosen, tell: Callable[[str, float], None]
    ) -> None:
        """Count what there is to record, and record nothing. Raises as `import_past` does."""
        self.counts = Counter()
        path = f"{self.directory}/{FILE_NAME}"
        if not os.path.exists(path):
            self._read(None, past, chosen, tell)
            return
        with closing(Ledger(path, is_read_only=True)) as ledger:
            self._read(ledger, past, chosen, tell, is_dry=True)

    def _read(
        self,
        ledger: Ledger | None,
        past: list[Past],
        chosen: Chosen,
        tell: Callable[[str, float], None],
        is_dry: bool = False,
    ) -> None:
        notes_earlier = ledger is not None and ledger.has_earlier_ids()
        intake = Intake(self.directory, notes_earlier)
        intake.patterns()
        retelling = Retelling(intake, self.settings, notes_earlier)
        db = ledger.connection if ledger else None
        if db and not is_dry:
            # What is lost with the power is read again.
            db.execute("PRAGMA synchronous = NORMAL")
        whole, done = sum(one.size for one in past) or 1, 0
        seen: set[int] = set()
        for one in past:
            work = _Session(self, db, is_dry or db is None, retelling, intake, chosen)
            reading = Reading(one, seen)
            for told in reading.told():
                work.take(told, reading)
                tell("reading", min(1.0, (done + reading.read) / whole))
            work.finish(reading)
            done += one.size
            tell("reading", min(1.0, done / whole))


class _Session:
    """Takes what one session tells."""

    def __init__(
        self,
        importer: Importer,
        db: sqlite3.Connection | None,
        is_dry: bool,
        retelling: Retelling,
        intake: Intake,
        chosen: Chosen,
    ) -> None:
        self._importer = importer
        self._db = db
        self._is_dry = is_dry
        self._retelling = retelling
        self._intake = intake
        self._chosen = chosen
        self._events: list[tuple[Event, int]] = []
        self._characters = 0
        self._prompts: list[Prompt] = []
        self._uses: list[Use] = []
        self._has_events = False
        self._found: set[str] = set()
        # What was forgotten of a session that is known does not come back.
        self._is_known: bool | None = None

    def take(self, told: Told, reading: Reading) -> None:
        """Take the next that is told."""
        if isinstance(told, Prompt):
            self._prompts.append(told)
        elif isinstance(told, ToolUse):
            use = told.session_id, told.tool_use_id, told.prompt_id, told.model, told.timestamp
            self._uses.append(Use(*use))
        elif isinstance(told, Undone):
            if not self._chosen.project or _lies_in(told.path, self._chosen.project):
                self._take_events(lambda: [self._retelling.undone(told)], reading.read)
        elif self._is_chosen(told):
            self._take_events(lambda: self._retelling.events(told), told.place)
        if len(self._events) >= _PORTION or self._characters >= _CHARACTERS:
            self._keep(reading)

    def _is_chosen(self, call: Call) -> bool:
        project, payload = self._chosen.project, call.payload
        if not project:
            return True
        given = payload["tool_input"]
        names = payload.get("cwd"), given.get("file_path"), given.get("notebook_path")
        return any(_lies_in(name, project) for name in names if name)

    def _take_events(self, make: Callable[[], list[Event]], place: int) -> None:
        counts = self._importer.counts
        try:
            made = make()
        except Refused as refused:
            if refused.cause not in _NOTHING:
                counts[EXCLUDED if refused.cause in _OWN else UNREADABLE] += 1
            return
        for number, event in enumerate(made):
            if self._chosen.since and event["timestamp"] < self._chosen.since:
                continue
            counts[self._outcome(event, place + number)] += 1

    def _outcome(self, event: Event, place: int) -> str:
        event_id = event["event_id"]
        is_known = self._db is not None and unplaced.is_known(self._db, event)
        if is_known or event_id in self._found:
            self._has_events = True
            return KNOWN
        refusal = self._retelling.refusal(event)
        if refusal:
            return EXCLUDED if refusal in _OWN else UNREADABLE
        self._has_events = True
        self._found.add(event_id)
        if not self._is_dry:
            self._events.append((self._retelling.cleaned(event), place))
            self._characters += len(str(event["event_data"]["pattern_data"].get("code")))
        oldest = self._importer.oldest
        self._importer.oldest = min(oldest or event["timestamp"], event["timestamp"])
        return NEW

    def finish(self, reading: Reading) -> None:
        """Keep what is left."""
        self._importer.counts[UNREADABLE] += reading.refused
        self._importer.counts[SESSIONS] += self._has_events
        self._keep(reading)

    def _keep(self, reading: Reading) -> None:
        """Keep what was taken, in a transaction; prompts only of sessions that changed files."""
        if self._is_dry or self._db is None or not self._has_events:
            return
        found = self._said(reading)
        with transaction(self._db) as db:
            if self._events:
                moments.note_disorder(db)
            for event, place in self._events:
                unplaced.keep(db, event, (moments.READ, place))
            if found:
                joining.write(db, found)
        self._events, self._characters, self._prompts, self._uses = [], 0, [], []

    def _said(self, reading: Reading) -> Found | None:
        try:
            is_excluded = any(map(self._intake.excludes_all, reading.lines.places))
        except Held:
            return None
        session = reading.lines.session
        if self._is_known is None and self._db is not None:
            query = "SELECT 1 FROM sessions WHERE session_id = ?"
            found = self._db.execute(query, (session.session_id,)).fetchone()
            self._is_known = found is not None
        if self._is_known:
            session = Session(session.session_id)
        is_off = any(_QUIET & self._retelling.turned_down(one) for one in reading.lines.places)
        keeps = self._importer.settings.keep_prompts and not (is_excluded or is_off)
        said = Found(self._prompts, self._uses, session)
        return said.cleaned(self._intake.cleaned, keeps)


def _lies_in(path: str, directory: str) -> bool:
    return f"{path}/".startswith(f"{directory}/")
