"""Exclude other processes by a lock on a file (flock).

The same lock that the `filelock` package takes on Unix, so either side can wait for the other:
importing that package costs a flusher run more than everything else it does (it loads asyncio), so
the flusher takes it here, and `patient_lock` is for those who have the time. Where a file system
has no flock (some network mounts), both use `soft_lock`.
"""

import errno
import fcntl
import os
import time

from lib.system import soft_lock

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Protocol

    class AnyLock(Protocol):
        """What `Lock` and `PackageLock` have in common."""

        def acquire(self, timeout: float = 0.0) -> bool:
            """Take the lock, waiting up to `timeout` seconds; False if it was not to be had."""

        def release(self) -> None:
            """Release the lock."""


# What a file system without flock answers.
NO_FLOCK = (errno.ENOLCK, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP)


class Lock:
    """An advisory lock on the file `path`, released when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1
        self._soft: Any = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to `timeout` seconds; False if another held it throughout.

        Raises OSError if the lock file cannot be opened, or neither locked nor replaced by one.
        """
        deadline = time.monotonic() + timeout
        while not self._try():
            if time.monotonic() >= deadline:
                return False
            time.sleep(soft_lock.POLL_SECONDS)
        return True

    def _try(self) -> bool:
        fd = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        try:
            # A file that was unlinked before it was locked guards nothing: filelock may do that.
            if try_lock(fd) and os.fstat(fd).st_nlink:
                self._fd = fd
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            self._soft = soft_lock.take(self.path)
        finally:
            if self._fd != fd:
                os.close(fd)
        return self._fd >= 0 or self._soft is not None

    def release(self) -> None:
        """Give the lock up; nothing happens if it is not held."""
        if self._fd >= 0:
            # Closing alone would leave it with a child that was forked meanwhile.
            fcntl.flock(self._fd, fcntl.LOCK_UN)
            os.close(self._fd)
            self._fd = -1
        if self._soft is not None:
            self._soft.release()
            self._soft = None


class PackageLock:
    """The same lock as `Lock`, taken through the `filelock` package."""

    def __init__(self, path: str) -> None:
        from filelock import FileLock

        self.path = path
        # Of its own accord it would make the lock file itself the soft lock, on some errors only.
        self._lock: Any = FileLock(path, mode=0o600, fallback_to_soft=False)
        self._soft: Any = None

    def acquire(self, timeout: float = 0.0) -> bool:
        """Take the lock, waiting up to `timeout` seconds; False if another held it throughout.

        Raises OSError if the lock file cannot be opened.
        """
        from filelock import Timeout

        try:
            self._lock.acquire(timeout=timeout, poll_interval=soft_lock.POLL_SECONDS)
        except Timeout:
            return False
        except OSError as error:
            if error.errno not in NO_FLOCK:
                raise
            self._soft = soft_lock.take(self.path, timeout)
            return self._soft is not None
        return True

    def release(self) -> None:
        """Give the lock up; nothing happens if it is not held."""
        self._lock.release()
        if self._soft is not None:
            self._soft.release()
            self._soft = None


def patient_lock(path: str) -> "AnyLock":
    """Make a lock on `path` by the `filelock` package (slow to import) where it is installed."""
    try:
        return PackageLock(path)
    except ImportError:
        return Lock(path)


def is_held(path: str) -> bool:
    """Check whether a process holds the lock on `path` now."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        # Shared, so that two processes asking at once do not take each other for the holder.
        return not try_lock(fd, fcntl.LOCK_SH)
    except OSError as error:
        if error.errno not in NO_FLOCK:
            raise
        return soft_lock.is_held(path)
    finally:
        os.close(fd)


def try_lock(fd: int, kind: int = fcntl.LOCK_EX) -> bool:
    """Try to lock an open file, exclusively or shared; False if it is held. Raises OSError."""
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
