"""Read spooled events in order, acknowledge them, and quarantine the damaged.

For the holder of the flusher's lock only, except `pending` and `quarantined`.
"""

import fcntl
import os
import shutil
import stat
import time
from collections.abc import Iterable, Iterator
from functools import lru_cache
from typing import NamedTuple, cast

from lib.spool import inbox, tally
from lib.spool.spooled import Event
from lib.system import files, json_codec
from lib.system.lock import NO_FLOCK, try_lock
from lib.system.private_file import Refused, open_regular

LOCK_FILE = "flusher.lock"
QUARANTINE = "quarantine"
REASON_SUFFIX = ".reason"
MAX_FILE_BYTES = 64 * 1024 * 1024
# A hook lives for milliseconds; a temporary file this old has lost its writer.
ORPHAN_SECONDS = 60


class Waiting(NamedTuple):
    """A file in the spool: its time of capture (ns since 1970), its name, its size in bytes."""

    captured_ns: int
    name: str
    size: int

    @property
    def key(self) -> str:
        """The key under which the tally counts it."""
        return _key(self.name, self.captured_ns)


# Each is asked for some times, from when its file is met until that is gone.
_key = lru_cache(maxsize=4096)(tally.key)


class Busy(Exception):
    """A file is being delivered by its writer, which has claimed it; see `claim`."""


class Damaged(Exception):
    """A file holds no valid event; the text says why."""


def pending(directory: str) -> list[Waiting]:
    """List the events that wait, in the order of their capture."""
    return listed(directory, names(directory))


def listed(directory: str, names: Iterable[str]) -> list[Waiting]:
    """List those of the files `names` that exist, in the order of their capture."""
    found = []
    for name in names:
        try:
            status = os.lstat(f"{directory}/{name}")
        except FileNotFoundError:
            continue
        found.append(Waiting(status.st_mtime_ns, name, status.st_size))
    return sorted(found)


def names(directory: str) -> Iterator[str]:
    """Yield the names of the files that wait, in no order."""
    return (e.name for e in _entries(directory) if e.name.startswith(inbox.PREFIX))


def keys(directory: str) -> set[str]:
    """Collect the tally keys of all files that wait or are in quarantine."""
    aside = f"{directory}/{QUARANTINE}"
    found = [*pending(directory), *listed(aside, quarantined_names(directory))]
    return {item.key for item in found}


def quarantined(directory: str) -> int:
    """Count the files in quarantine."""
    return len(quarantined_names(directory))


def quarantined_names(directory: str) -> list[str]:
    """List the names of the files in quarantine."""
    entries = _entries(f"{directory}/{QUARANTINE}")
    return sorted(
        entry.name
        for entry in entries
        if entry.name.startswith(inbox.PREFIX) and not entry.name.endswith(REASON_SUFFIX)
    )


def _entries(directory: str) -> Iterator["os.DirEntry[str]"]:
    """Return what is in `directory`; nothing for a link, which others may have put there."""
    if os.path.islink(directory):
        return
    try:
        with os.scandir(directory) as entries:
            yield from entries
    except (FileNotFoundError, NotADirectoryError):
        return


def read(directory: str, name: str) -> Event:
    """Read the event in file `name`. Raises Damaged, Busy, OSError if the disk is to blame."""
    path = f"{directory}/{name}"
    if not stat.S_ISREG(os.lstat(path).st_mode):
        raise Damaged("not a regular file")
    fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not _try_lock(fd, fcntl.LOCK_SH):
            raise Busy(name)
        if os.fstat(fd).st_size > MAX_FILE_BYTES:
            raise Damaged("larger than any event")
        data = files.read_all(fd)
    finally:
        os.close(fd)
    try:
        return _checked(json_codec.loads(data.decode("utf-8")))
    except RecursionError:
        raise Damaged("nested too deeply") from None
    except ValueError as error:
        raise Damaged(f"not an event: {error}") from None


def _checked(event: object) -> Event:
    if not isinstance(event, dict):
        raise Damaged("not a JSON object")
    for field in ("event_id", "timestamp", "event_type"):
        if not isinstance(event.get(field), str) or not event[field]:
            raise Damaged(f"{field} is missing")
    event["event_id"].encode()  # what is no text is found nowhere
    if not isinstance(event.get("event_data"), dict):
        raise Damaged("event_data is missing")
    return cast(Event, event)


def claim(directory: str, name: str) -> int | None:
    """Lock file `name`, so that others cannot read it until the returned descriptor is closed.

    None if it is gone, or if another process has locked it.
    """
    path = f"{directory}/{name}"
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    # Unlinked or replaced between the opening and the locking: then the lock means nothing.
    if _try_lock(fd, fcntl.LOCK_EX) and os.fstat(fd).st_nlink:
        return fd
    os.close(fd)
    return None


def _try_lock(fd: int, kind: int) -> bool:
    """Lock as `try_lock` does; succeed where there is no flock: delivering twice does no harm."""
    try:
        return try_lock(fd, kind)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        return True


def acknowledge(directory: str, name: str) -> None:
    """Acknowledge the event `name`: unlink its file."""
    try:
        os.unlink(f"{directory}/{name}")
    except FileNotFoundError:
        pass


def quarantine(directory: str, name: str, reason: str) -> None:
    """Move file `name` into quarantine, with a file beside it that holds the reason."""
    aside = f"{directory}/{QUARANTINE}"
    if os.path.islink(aside):
        os.rename(aside, f"{aside}.link-{time.time_ns()}")
    files.make_private_directory(aside)
    kept = name
    if os.path.lexists(f"{aside}/{name}"):
        kept = f"{name}.{time.time_ns()}"
    files.replace(f"{aside}/{kept}{REASON_SUFFIX}", f"{reason}\n".encode())
    os.rename(f"{directory}/{name}", f"{aside}/{kept}")


def reason_of(directory: str, name: str) -> str:
    """Read why file `name` is in quarantine, "" where that is unknown."""
    try:
        with open_regular(f"{directory}/{QUARANTINE}/{name}{REASON_SUFFIX}") as file:
            return file.read(4096).decode("utf-8", "replace").rstrip("\n")
    except (OSError, Refused):
        return ""


def retry(directory: str, name: str) -> None:
    """Move the quarantined file `name` back into the queue. Raises OSError."""
    aside = f"{directory}/{QUARANTINE}"
    if os.path.lexists(f"{directory}/{name}"):  # the same event waits again already
        drop(directory, name)
        return
    os.rename(f"{aside}/{name}", f"{directory}/{name}")
    acknowledge(aside, name + REASON_SUFFIX)


def drop(directory: str, name: str) -> None:
    """Delete the quarantined file `name`, and count it as discarded. Raises OSError."""
    aside = f"{directory}/{QUARANTINE}"
    path = f"{aside}/{name}"
    status = os.lstat(path)
    tally.add(directory, "discarded", tally.key(name, status.st_mtime_ns))
    if stat.S_ISDIR(status.st_mode):
        shutil.rmtree(path)
    else:
        os.unlink(path)
    acknowledge(aside, name + REASON_SUFFIX)


def sweep(directory: str) -> None:
    """Remove the temporary files of writers that were killed."""
    for place in (directory, f"{directory}/{QUARANTINE}"):
        for entry in _entries(place):
            # Not by st_mtime, which the writer dates itself.
            if entry.name.startswith(files.TEMPORARY) and _age(entry) > ORPHAN_SECONDS:
                acknowledge(place, entry.name)


def _age(entry: "os.DirEntry[str]") -> float:
    try:
        return time.time() - entry.stat(follow_symlinks=False).st_ctime
    except FileNotFoundError:
        return 0.0
