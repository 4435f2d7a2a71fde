"""Keep a spool in order between deliveries: its bounds, leftovers, and a tally that grows long.

And its ledger: what was recorded late comes to its place, and units of files are caught up with.
"""

import sqlite3
import time

from lib.flusher.reuse_upkeep import ReuseUpkeep
from lib.ledger import replay
from lib.ledger.store import Ledger
from lib.spool import outbox, retention
from lib.spool.books import Accounts
from lib.system.logs import log
from lib.system.settings import Settings
from lib.units.last_parsed import LastParsed
from lib.units.unaffected import go_past

# Keeping the bounds looks at every file that waits.
TIDY_SECONDS = 5.0
# So many events are put into their order in a few seconds.
SMALL = 20_000
# What is parsed just now.
LAST_PARSED = "flusher.parsing"
# In seconds: after so many of them events that came meanwhile have their turn. Who asked for a run
# waits so long, or for this part of the time that the processor had for it until then.
SLICE_SECONDS, ASKED_SECONDS, ASKED_PART = 0.5, 2.0, 0.4


class Upkeep:
    """The upkeep of the spool at `directory`, for the holder of the flusher's lock.

    `room` is what the spool may grow by, in bytes, before its bounds are looked at again;
    `is_behind` says that there are steps of files whose units are not known yet.
    """

    def __init__(self, directory: str, settings: Settings) -> None:
        self.room = 0.0
        self.is_behind = False
        self._last: LastParsed | None = None
        self._directory = directory
        self._bounds = settings.max_age_days, settings.max_size_mb
        self._tidy_at = 0.0
        self._reuse = ReuseUpkeep(directory) if settings.reuse_hints else None

    def tidy(self, accounts: Accounts, ledger: Ledger, is_asked: bool) -> None:
        """Keep the bounds, after delivery had its chance, and fold a long tally.

        What was recorded late is put into its place, in a large ledger where that
        `is_asked` for. Raises OSError, sqlite3.Error.
        """
        db = ledger.connection
        if replay.is_due(db) and (is_asked or replay.size(db) < SMALL):
            replay.replay(db)
        self._catch_up(ledger, is_asked)
        if self._reuse is not None and not self.is_behind:
            self._keep_reuse(db)
        if self.room >= 0 and time.monotonic() < self._tidy_at:
            return
        self._tidy_at = time.monotonic() + TIDY_SECONDS
        self.keep_bounds(accounts)
        outbox.sweep(self._directory)
        if accounts.is_foldable():
            accounts.fold(ledger, outbox.keys(self._directory))

    def _keep_reuse(self, db: sqlite3.Connection) -> None:
        """Keep the index of hints, without which nothing is missing but those."""
        assert self._reuse is not None
        try:
            self._reuse.update(db)
        except OSError as error:
            log(self._directory, f"the index of what may be reused was not kept: {error}")

    def _catch_up(self, ledger: Ledger, is_asked: bool) -> None:
        """Go on with the units of files."""
        if not go_past(ledger.connection):
            return
        from lib.units import chronicle

        asked = max(ASKED_SECONDS, ASKED_PART * time.process_time())
        seconds = asked if is_asked else SLICE_SECONDS
        # Until there is nothing left to parse: what ended the last run may come in a later slice.
        self._last = self._last or LastParsed(f"{self._directory}/{LAST_PARSED}")
        self.is_behind, skipped = chronicle.catch_up(ledger.connection, seconds, self._last)
        if not self.is_behind:
            self._last.close()
            self._last = None
        for problem in skipped:
            log(self._directory, f"following functions: {problem}")

    def keep_bounds(self, accounts: Accounts | None = None) -> None:
        """Drop what is too old or too much, and log it."""
        try:
            accounts = accounts or Accounts(self._directory)
            dropped, self.room = retention.expire(self._directory, accounts, *self._bounds)
        except OSError as error:
            log(self._directory, f"the bounds could not be kept: {error}")
            return
        if dropped:
            log(self._directory, f"dropped undelivered: {dropped}")
