"""Check what is stored: the spool's directory, the disk, the ledger, quarantine and drops."""

import os
import sqlite3

from lib.commands.doctor_checks import needs
from lib.commands.doctor_checks.finding import OK, SERIOUS, UNKNOWN, WARNING, Finding, Site
from lib.commands.facts import LOSSES
from lib.commands.reading import ELSEWHERE, remedy, unwritable
from lib.flusher.recovery import OVERTIME
from lib.ledger import salvage, snapshots
from lib.ledger.connecting import connect
from lib.ledger.opening import refuse_links
from lib.ledger.schema import VERSION
from lib.ledger.store import FILE_NAME
from lib.system import files

LITTLE_BYTES = 100 * 1024 * 1024
TOO_LITTLE_BYTES = 1024 * 1024
LOOK_SECONDS, READ_SECONDS = 5.0, 2.0


def cache(site: Site) -> Finding:
    """Check that the spool is private, and can be written to."""
    directory = site.directory
    if not directory:
        return Finding(SERIOUS, "no home directory", "set HOME or PATTERN_CACHE_DIR")
    refusal = files.refusal(directory)
    if refusal:
        return Finding(SERIOUS, f"{directory} is not used: {refusal}", _remedy(directory))
    refusal = files.too_long(os.path.realpath(directory))
    if refusal:
        return Finding(SERIOUS, f"{directory} cannot hold the ledger: {refusal}", ELSEWHERE)
    exposed = _exposed(directory)
    if exposed:
        text = f"others may replace the cache: they may write to {exposed}"
        return Finding(WARNING, text, f"chmod go-w {exposed}")
    return _tried(directory)


def _remedy(directory: str) -> str:
    if os.path.islink(directory):
        return "make it a directory, or name the real one by PATTERN_CACHE_DIR"
    if files.too_long(directory):
        return ELSEWHERE
    if not os.path.isdir(directory):
        return "move that file away"
    if os.stat(directory).st_uid != os.getuid():
        return ELSEWHERE
    return f"chmod 700 {directory}"


def _exposed(directory: str) -> str:
    """Return a directory above the spool that others may write to, sticky ones aside."""
    above = os.path.dirname(directory)
    while above != os.path.dirname(above):
        try:
            mode = os.stat(above).st_mode
        except OSError:
            mode = 0
        if mode & 0o022 and not mode & 0o1000:
            return above
        above = os.path.dirname(above)
    return ""


def _tried(directory: str) -> Finding:
    """Try to write a file as a hook would, and remove it."""
    existing = _existing(directory)
    path = files.temporary_in(existing)
    try:
        files.write_new(path, b"." * 4096, sync=False, private=True)
        os.unlink(path)
    except OSError as error:
        why, fix = remedy(error, existing)
        return Finding(SERIOUS, f"{existing}: {why}", fix)
    if existing != directory:
        return Finding(UNKNOWN, f"{directory} was not needed yet")
    return Finding(OK, directory)


def _existing(directory: str) -> str:
    while directory and not os.path.isdir(directory):
        directory = os.path.dirname(directory)
    return directory


def disk(site: Site) -> Finding:
    """Check that the disk has room."""
    if not site.directory:
        return Finding(UNKNOWN, "nowhere to look")
    status = os.statvfs(_existing(site.directory))
    free = status.f_bavail * status.f_frsize
    text = f"{free / 1024**3:.1f} GB free" if free > 1024**3 else f"{free / 1024**2:.0f} MB free"
    if status.f_files and not status.f_favail:
        return Finding(SERIOUS, "no inode is free", "remove some files")
    if free < TOO_LITTLE_BYTES:
        return Finding(SERIOUS, f"full: {text}", "make room")
    return Finding(WARNING, text, "make room") if free < LITTLE_BYTES else Finding(OK, text)


def ledger(site: Site) -> Finding:
    """Check that the ledger can be read, by this version and to its last page.

    The pages are looked at for LOOK_SECONDS (PRAGMA quick_check), which is enough for 1 GB or so,
    and then for READ_SECONDS what is code in them, which SQLite does not judge.
    """
    path = f"{site.directory}/{FILE_NAME}"
    if not site.directory or not os.path.exists(path):
        return Finding(UNKNOWN, "never observed: nothing was delivered yet")
    try:
        version, events, lost = _looked(path)
    except sqlite3.OperationalError as error:
        why, fix = unwritable(site.directory)
        fix = fix or needs.remedy(error, site.directory)
        return Finding(SERIOUS, f"{path}: {why or error}", fix)
    except sqlite3.DatabaseError as error:
        fix = "pattern-tracker sync saves what can be read of it, and puts it aside"
        return Finding(SERIOUS, f"damaged: {error}", fix)
    if version > VERSION:
        text = f"made by a newer version (schema {version}, this one knows {VERSION})"
        return Finding(SERIOUS, text, "install the newer version everywhere")
    size = os.path.getsize(path) / 1024**2
    return _losses(site.directory, lost) or Finding(OK, f"{events} events, {size:.1f} MB")


def _losses(directory: str, lost: int) -> Finding | None:
    """Tell what an earlier damage cost, None where nothing."""
    if lost:
        text = f"a page was damaged that held code: {lost} content{'s' * (lost != 1)} of files lost"
        return Finding(WARNING, text, "look after the disk; all else is there")
    aside = _put_aside(directory)
    if aside:
        text = f"{len(aside)} damaged before and put aside: {aside[-1]}"
        return Finding(WARNING, text, "delete it, or recover it with sqlite3's .recover")
    return None


def _looked(path: str) -> tuple[int, int, int]:
    """Return the schema's version, the number of events, and of lost contents; change nothing."""
    refuse_links(path)
    db = connect(path, timeout=1.0)
    try:
        db.execute("PRAGMA query_only = ON")
        found = salvage.damage(db, LOOK_SECONDS)
        if found:
            raise sqlite3.DatabaseError(found)
        version = int(db.execute("PRAGMA user_version").fetchone()[0])
        events = int(db.execute("SELECT count(*) FROM events").fetchone()[0])
        lost = snapshots.count_lost(db, READ_SECONDS) if version == VERSION else 0
        return version, events, lost
    finally:
        db.close()


def _put_aside(directory: str) -> list[str]:
    return sorted(
        name
        for name in os.listdir(directory)
        if name.startswith(f"{FILE_NAME}.damaged-") and not name.endswith(("-wal", "-shm"))
    )


def quarantine(site: Site) -> Finding:
    """Check that the quarantine is empty."""
    count = site.facts["quarantined"]
    if not count:
        return Finding(OK, "empty")
    text = f"{count} file{'s' * (count != 1)} could not be delivered"
    return Finding(WARNING, text, "pattern-tracker quarantine list")


def dropped(site: Site) -> Finding:
    """Check whether events were lost, and why."""
    counted = {**site.facts["dropped"], **site.facts["skipped"]}
    lost = {cause: count for cause, count in counted.items() if cause in LOSSES}
    late = counted.get(OVERTIME, 0)
    if not lost and late:
        text = f"nothing was lost: {late} hook{'s' * (late != 1)} over time, read in a transcript"
        return Finding(WARNING, text, "see interpreter above, and whether the machine was busy")
    if not lost:
        return Finding(OK, "nothing was lost")
    text = ", ".join(f"{count} {cause}" for cause, count in lost.items())
    return Finding(WARNING, text, "; ".join(_REMEDIES[cause] for cause in lost))


_REMEDIES = {
    "expired": "deliver sooner, or raise PATTERN_CACHE_MAX_AGE_DAYS",
    "overflow": "deliver sooner, or raise PATTERN_CACHE_MAX_SIZE_MB",
    "failed": "see cache and disk above: events could not be written",
    "removed": "somebody deleted files that waited",
    "unclear": "see ignored above: a .patternignore could not be applied",
    "unreadable": "a client was killed as it called a hook, or a file is no text: see sessions",
}
