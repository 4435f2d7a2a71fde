"""Save what can be read of a damaged ledger into a new one, and put the damaged one aside.

For the holder of the flusher's lock. Nothing is lost of the spool: what waits there and is not in
the new ledger is recorded once more.
"""

import os
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress

from lib.ledger import beginning, reshaping, schema, unreadable
from lib.ledger.connecting import connect, lazily
from lib.ledger.counters import add_to_counter
from lib.ledger.opening import refuse_links
from lib.ledger.store import DELIVERED, FILE_NAME, Ledger, open_ledger
from lib.spool import books, destination, inbox, outbox, tally
from lib.system.calls import are_replaced
from lib.system.logs import log

ASIDE = f"{FILE_NAME}.damaged-"
# A flusher has so much left when its deadline has come.
SECONDS = 12.0
CHECK_SECONDS = 10.0


def is_damage(error: BaseException) -> bool:
    """Check whether SQLite says that the file is damaged: no other error has this very class."""
    return type(error) is sqlite3.DatabaseError


def damage(db: sqlite3.Connection, seconds: float) -> str:
    """Look through all pages for so many seconds; return what is wrong with one, "" if nothing."""
    deadline = time.monotonic() + seconds
    db.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
    try:
        (found,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        return "" if str(error) == "interrupted" else str(error)
    finally:
        db.set_progress_handler(None, 0)
    return "" if found == "ok" else str(found).rpartition("\n")[2]


def opened(
    directory: str, check: bool = False, progress: Callable[[float], None] = lambda part: None
) -> Ledger:
    """Open the ledger of `directory`, and renew it if that shows damage; `check` all pages first.

    `progress` as for a `Ledger`.
    Raises sqlite3.Error, OSError.
    """
    path = f"{directory}/{FILE_NAME}"
    if not os.path.lexists(path) and os.path.exists(_made(path)) and not are_replaced():
        os.rename(_made(path), path)  # who made it was killed just before
    try:
        ledger = open_ledger(directory, progress)
        found = damage(ledger.connection, CHECK_SECONDS) if check else ""
        if found:
            ledger.close()
            raise sqlite3.DatabaseError(found)
        return ledger
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        # Not the error itself: its frames hold statements, which keep the file open.
        why = str(error)
    return renewed(directory, why)


def work_with(
    directory: str,
    work: Callable[[Ledger], None],
    check: bool = False,
    progress: Callable[[float], None] = lambda part: None,
) -> None:
    """Call `work` with the ledger; where it comes upon damage, once more with a renewed one.

    Arguments and errors as in `opened`, and what `work` raises.
    """
    try:
        with closing(opened(directory, check, progress)) as ledger:
            work(ledger)
        return
    except sqlite3.DatabaseError as error:
        if not is_damage(error):
            raise
        why = str(error)
    with closing(renewed(directory, why)) as ledger:
        work(ledger)


def renewed(directory: str, why: str) -> Ledger:
    """Save what can be read of the damaged ledger, put it aside, and open the new one.

    Raises sqlite3.Error and OSError, then with the damaged one in its place.
    """
    path = f"{directory}/{FILE_NAME}"
    refuse_links(path)
    made = _made(path)
    unreadable.remove(made)
    try:
        saved, is_whole = _save(path, made, directory)
    finally:
        unreadable.remove(unreadable.copy_of(path))
    aside = f"{directory}/{ASIDE}{time.time_ns()}"
    os.rename(path, aside)
    for part in unreadable.BESIDE:
        with suppress(FileNotFoundError):
            os.rename(path + part, aside + part)
    os.rename(made, path)
    much = "all" if is_whole else "what could be read"
    log(directory, f"the ledger was damaged ({why}): {much} was saved, {saved} events; "
                   f"the damaged one was put aside as {aside}")  # fmt: skip
    return Ledger(path)


def _made(path: str) -> str:
    return f"{path}.salvaged"


def _save(path: str, made: str, directory: str) -> tuple[int, bool]:
    """Make a ledger of what can be read; return how many events it has, and if that is all."""
    with closing(connect(made)) as target:
        schema.prepare(target)
        target.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        deadline = time.monotonic() + SECONDS
        source_path = beginning.with_beginning(path, made, time.monotonic() + SECONDS / 4)
        target.execute("BEGIN IMMEDIATE")
        with closing(lazily(source_path)) as source:
            broken = unreadable.copy(source, target, deadline)
            if reshaping.is_earlier(target):
                reshaping.begin(target)
                schema.add_missing(target)
                reshaping.finish(target)
            if "events" in broken:
                with suppress(sqlite3.DatabaseError, ValueError):
                    found = source.execute("PRAGMA table_info(events)").fetchall()
                    unreadable.copy_leaves(path, [row[1] for row in found], target, deadline)
        if broken:
            unreadable.derive(target)
        if broken & {"events", "taken"}:
            _reconcile(target, directory)
        if "counters" in broken:
            _balance(target, directory)
        schema.count_again(target, not broken & {"files", "revisions", "events"})
        add_to_counter(target, "damaged_ledger", 1)
        target.execute("COMMIT")
        count = target.execute("SELECT count(*) FROM events WHERE implied = 0").fetchone()
        return int(count[0]), not broken


def _reconcile(target: sqlite3.Connection, directory: str) -> None:
    """Make the files that are taken agree with the events that are there.

    One whose event is lost is new; one whose event is there waits for its service, lest the event
    count as a second capture.
    """
    events = target.execute("SELECT event_id FROM events WHERE implied = 0")
    names = {inbox.file_name(event_id) for (event_id,) in events}
    waiting = target.execute("SELECT name FROM taken WHERE waits").fetchall()
    lost = [row for row in waiting if row[0] not in names]
    target.executemany("DELETE FROM taken WHERE name = ?", lost)
    here = [(name,) for name in outbox.names(directory) if name in names]
    target.executemany("INSERT OR IGNORE INTO taken VALUES (?, '', 1)", here)


def _balance(target: sqlite3.Connection, directory: str) -> None:
    """Count as delivered what was captured and is nowhere else, in all and by destination.

    Of what was counted before the tally was folded nothing is known any more, on either side.
    """
    books.Accounts(directory).ensure_captured(outbox.keys(directory))
    total = books.totals(directory, dict(target.execute("SELECT name, count FROM counters")))
    done = {name for (name,) in target.execute("SELECT name FROM taken WHERE NOT waits")}
    here = {*outbox.names(directory), *outbox.quarantined_names(directory)} - done
    for name, captured in total.items():
        outcome, at, mark = name.partition("@")
        if outcome == "captured":
            gone = sum(total.get(cause + at + mark, 0) for cause in tally.DROPPED)
            there = sum(not mark or destination.mark_in(file) == mark for file in here)
            row = DELIVERED + at + mark, max(0, captured - gone - there)
            target.execute("INSERT OR REPLACE INTO counters VALUES (?, ?)", row)
