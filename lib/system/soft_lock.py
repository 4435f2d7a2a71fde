"""Lock by the existence of a file that names its owner, where a file system has no flock.

The lock is the `filelock` package's, whose import costs a flusher run more than all else it does:
this module is imported only after flock has failed.
"""

import errno
import os
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

POLL_SECONDS = 0.01
SUFFIX = ".soft"
# No run of ours holds a lock for so long. Then it is left of a machine that is gone, such as a
# container, or its owner's id is another's by now.
LEFT_SECONDS = 3600.0


def take(path: str, timeout: float = 0.0) -> "Any":
    """Take the soft lock for `path`; the caller releases it. None if another held it throughout.

    Waits up to `timeout` seconds. Raises OSError, also where the package is missing.
    """
    from lib.system import packages

    packages.find()
    try:
        from filelock import SoftFileLock, Timeout
    except ImportError:
        raise OSError(errno.ENOLCK, "no flock there, and filelock is not installed", path) from None
    _remove_left(path + SUFFIX)
    lock = SoftFileLock(path + SUFFIX, mode=0o600)
    # What is left and not removed here the package clears at one try, and takes at the next.
    for wait in (0.0, 0.0, timeout):
        try:
            lock.acquire(timeout=wait, poll_interval=POLL_SECONDS)
            return lock
        except Timeout:
            continue
    return None


def is_held(path: str) -> bool:
    """Check whether a process holds the soft lock for `path` now."""
    return os.path.lexists(path + SUFFIX) and not _is_left(path + SUFFIX)


def _remove_left(marker: str) -> None:
    """Remove the lock file of a killed process.

    The package does so itself where the file system can exchange two names; one without flock, a
    network mount, as a rule cannot.
    """
    aside = f"{marker}.{os.getpid()}"
    try:
        # Open for as long as it is looked at: no other file gets its number meanwhile.
        with open(marker, "rb") as seen:
            if _is_left(marker):
                os.rename(marker, aside)
                # Another process may have removed it just before, and taken the lock.
                if not os.path.samestat(os.fstat(seen.fileno()), os.lstat(aside)):
                    os.link(aside, marker)
                os.unlink(aside)
    except OSError:
        pass


def _is_left(marker: str) -> bool:
    try:
        if time.time() - os.lstat(marker).st_mtime > LEFT_SECONDS:
            return True
        with open(marker, encoding="ascii", errors="replace") as file:
            pid, host = file.read(1024).split()[:2]
        # What follows the host's name says in which container it is: that may have been restarted.
        if host.startswith(os.uname().nodename):
            os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, ValueError):  # just made and empty, just gone, or another user's
        pass
    return False
