"""Lock by the existence of a file that names its owner, where a file system has no flock.

The file begins as that of the `filelock` package (process and host), by which an earlier version
took such locks.
"""

import errno
import os
import time

from lib.system import files
from lib.system.moment import boot_id, uptime_ns

POLL_SECONDS = 0.01
SUFFIX = ".soft"
# An owner that cannot be looked for, on another machine or in another container, is gone after so
# long: no run of ours takes it.
LEFT_SECONDS = 3600.0
# Who wrote nothing for so long was killed before he could.
EMPTY_SECONDS = 60.0
_NO_LINKS = (errno.EPERM, errno.ENOSYS, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EMLINK)


class _Owner:
    """A process: its id, the host, the boot, when it started in it, and whose ids those are."""

    def __init__(
        self, pid: str, host: str, boot: str = "", start: str = "", space: str = ""
    ) -> None:
        self.pid = pid
        self.host = host
        self.boot = boot
        self.start = start
        self.space = space

    def words(self) -> tuple[str, ...]:
        """Return what the lock file says, a line each."""
        return self.pid, self.host, self.boot, self.start, self.space


class Held:
    """A soft lock that this process holds."""

    def __init__(self, marker: str, made: os.stat_result) -> None:
        self._marker = marker
        self._made = made

    def release(self) -> None:
        """Give it up, unless it was taken for left and is another's by now."""
        try:
            if os.path.samestat(os.lstat(self._marker), self._made):
                os.unlink(self._marker)
        except FileNotFoundError:
            pass


def take(path: str, timeout: float = 0.0) -> Held | None:
    """Take the soft lock for `path`; the caller releases it. None if another held it throughout.

    Waits up to `timeout` seconds. Raises OSError.
    """
    deadline = time.monotonic() + timeout
    while True:
        _remove_left(path + SUFFIX)
        held = _try(path + SUFFIX)
        if held or time.monotonic() >= deadline:
            return held
        time.sleep(POLL_SECONDS)


def _try(marker: str) -> Held | None:
    """Make the lock file, which never appears without its text where there are links."""
    made = files.temporary_in(os.path.dirname(marker) or ".")
    text = "".join(f"{word}\n" for word in _mine().words()).encode()
    files.write_new(made, text, sync=False)
    try:
        os.link(made, marker)
        return Held(marker, os.lstat(marker))
    except FileExistsError:
        return None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
    finally:
        os.unlink(made)
    try:
        files.write_new(marker, text, sync=False)
    except FileExistsError:
        return None
    return Held(marker, os.lstat(marker))


def _mine() -> _Owner:
    pid = os.getpid()
    return _Owner(str(pid), os.uname().nodename, boot_id(), _started(pid), _space())


def _started(pid: int) -> str:
    """Return when a process started, in ticks of this boot; "" where the system does not tell."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            # Its name, in brackets, may hold anything.
            return file.read(4096).rpartition(b")")[2].split()[19].decode()
    except (OSError, IndexError):
        return ""


def _space() -> str:
    """Name the space in which this process's id means something, "" where there is one only."""
    try:
        return os.readlink("/proc/self/ns/pid")
    except OSError:
        return ""


def is_held(path: str) -> bool:
    """Check whether a process holds the soft lock for `path` now."""
    return os.path.lexists(path + SUFFIX) and not _is_left(path + SUFFIX)


def _remove_left(marker: str) -> None:
    """Remove the lock file of a process that is gone."""
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
        made = os.lstat(marker).st_mtime
        with open(marker, encoding="ascii", errors="replace") as file:
            words = file.read(1024).split("\n")[:5]
    except OSError:  # just gone, or another user's
        return False
    age = time.time() - made
    if len(words) < 2 or not words[0].isdecimal():
        return age > EMPTY_SECONDS
    owner, mine = _Owner(*words), _mine()
    # An earlier version, and filelock, put the container behind the host's name.
    is_here = owner.host == mine.host if owner.boot else owner.host.startswith(mine.host)
    if is_here and owner.boot == mine.boot and owner.space == mine.space and owner.start:
        return _started(int(owner.pid)) != owner.start
    if is_here and owner.boot != mine.boot and owner.boot and age > uptime_ns() / 1e9:
        return True  # of this machine, before it was started anew
    if is_here and not owner.boot:
        try:
            os.kill(int(owner.pid), 0)
        except ProcessLookupError:
            return True
        except (OSError, OverflowError):
            pass
    return age > LEFT_SECONDS
