"""One holder at a time, across processes, by flock.

The same lock that the `filelock` package takes on Unix, so either side can wait for the other;
importing that package costs a flusher run more than everything else it does (it loads asyncio).
The lock file is never unlinked: a contender may hold the old inode while another locks a new one.
"""

import fcntl
import os
import time

POLL_SECONDS = 0.01


class Lock:
    """An advisory lock on `path`; released when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to `timeout` seconds; False if another held it throughout.

        Raises OSError if the lock file cannot be opened.
        """
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        fd = os.open(self.path, flags, 0o600)
        deadline = time.monotonic() + timeout
        while not try_lock(fd):
            if time.monotonic() >= deadline:
                os.close(fd)
                return False
            time.sleep(POLL_SECONDS)
        self._fd = fd
        return True

    def release(self) -> None:
        """Give the lock up; nothing happens if it is not held."""
        if self._fd >= 0:
            # Closing alone would leave it with a child that was forked meanwhile.
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = -1


def is_held(path: str) -> bool:
    """Whether a process holds the lock on `path` now."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes asking at once do not take each other for the holder.
        return not try_lock(fd, fcntl.LOCK_SH)
    finally:
        os.close(fd)


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Take a lock of that kind on an open file; False if another holds it. Raises OSError."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
