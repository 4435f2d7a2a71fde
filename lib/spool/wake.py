"""Start the flusher as a detached process, unless one runs.

Builtins only: the hook path imports this.
"""

import sys
import time

from lib.system import files
from lib.system.calls import posix

RUNNING_FILE = "flusher.running"
MARK_FILE = "flusher.waking"
# From its start to its lock a flusher needs a tenth of this; past it, it died on the way.
STALE_NS = 3_000_000_000
HOLD_FILE = "flusher.due"
# However a clock was set since, nobody holds off for longer.
MAX_HOLD_NS = 300_000_000_000


class Stale(Exception):
    """The flusher that was started last died before it took its lock."""


# What of the environment reaches a flusher: a project's settings can set any variable, and some of
# them make a program load code (OPENSSL_CONF), or tell what it should not (SSLKEYLOGFILE). Proxies
# and certificates are for the packages of a plugin.
_PASSED = (
    b"HOME USER LOGNAME TMPDIR LANG SSL_CERT_FILE SSL_CERT_DIR REQUESTS_CA_BUNDLE CURL_CA_BUNDLE "
    b"XDG_CACHE_HOME XDG_CONFIG_HOME CLAUDE_CONFIG_DIR CLAUDE_PROJECT_DIR INTELLIGENCE_SERVICE_URL"
)
_PREFIXES = (b"PATTERN_", b"CIRCUIT_BREAKER_", b"HEALTH_CHECK_", b"LC_", b"PIP_", b"UV_")
# What is imported stays: nobody need look through it for garbage, not even at the end.
_START = (
    "import gc,sys;gc.disable();sys.path.insert(0,sys.argv[1]);import lib.flusher.process as f;"
    "gc.freeze();gc.enable();f.main(*sys.argv[2:])"
)


def wake(
    spool: str, root: str, environ: "dict[bytes, bytes]", data: str = "", mend: str = ""
) -> bool:
    """Start a flusher for `spool` unless one runs or is starting; True if one was started.

    `root` is the bundle's directory, `data` that of a plugin's data, `mend` is not empty where this
    Python had to take over. The caller has committed its event already: whoever runs or left the
    mark looks at the spool once more after that, so nothing is stranded. Raises Stale after
    starting one in the place of another that never took its lock, and OSError; either way the next
    try is STALE_NS away.
    """
    if is_running(spool):
        return False
    left = _leave_mark(f"{spool}/{MARK_FILE}")
    if left == "other":
        return False
    # The environment's Python may be what kept the other from its work.
    mend = mend or ("mend" if left == "stale" else "")
    try:
        _spawn(flush_command(root, spool, data, mend), _passed(environ))
    except OSError:
        if left != "stale":
            raise
    if left == "stale":
        raise Stale
    return True


def forget_mark(spool: str) -> None:
    """Take away the mark of a start, so that the next hook starts a flusher. Raises OSError."""
    try:
        posix.unlink(f"{spool}/{MARK_FILE}")
    except FileNotFoundError:
        pass


def is_held_off(spool: str) -> bool:
    """Check whether the back-off still runs: a flusher without new events would do nothing."""
    try:
        due = posix.lstat(f"{spool}/{HOLD_FILE}").st_mtime_ns
    except FileNotFoundError:
        return False
    return 0 < due - time.time_ns() <= MAX_HOLD_NS


def hold_off(spool: str, seconds: float) -> None:
    """Make `is_held_off` true for so many seconds, at most MAX_HOLD_NS; 0 ends it.

    For the holder of the flusher's lock. Raises OSError.
    """
    path = f"{spool}/{HOLD_FILE}"
    try:
        posix.unlink(path)
    except FileNotFoundError:
        pass
    if seconds > 0:
        due = time.time_ns() + min(int(seconds * 1e9), MAX_HOLD_NS)
        files.write_new(path, b"", sync=False, mtime_ns=due)


def is_running(spool: str) -> bool:
    """Check whether a flusher runs, by its record lock: testing that takes no lock, nor `fcntl`."""
    try:
        fd = posix.open(
            f"{spool}/{RUNNING_FILE}", posix.O_RDWR | posix.O_NOFOLLOW | posix.O_CLOEXEC
        )
    except OSError as error:
        # There is none, or the disk is read-only: then nobody runs.
        if error.errno in (2, 30):
            return False
        raise
    try:
        posix.lockf(fd, posix.F_TEST, 0)
    except (BlockingIOError, PermissionError):
        return True
    except OSError:  # a file system without locks: the flusher's own lock decides
        return False
    finally:
        posix.close(fd)
    return False


def say_running(spool: str) -> int:
    """Make `is_running` true until the returned descriptor is closed.

    For the holder of the flusher's lock. Raises OSError.
    """
    flags = posix.O_RDWR | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
    fd = posix.open(f"{spool}/{RUNNING_FILE}", flags, 0o600)
    try:
        posix.lockf(fd, posix.F_TLOCK, 0)
    except OSError:  # a file system without locks: hooks start more flushers than needed
        pass
    return fd


def _passed(environ: "dict[bytes, bytes]") -> "dict[bytes, bytes]":
    passed = _PASSED.split()
    return {
        name: value
        for name, value in environ.items()
        if name in passed or name.startswith(_PREFIXES) or name.lower().endswith(b"_proxy")
    }


def flush_command(root: str, spool: str, data: str = "", mend: str = "") -> "list[str]":
    """Build the command that runs a flusher for `spool`; arguments as in `wake`."""
    python = sys.executable if mend else interpreter(root)
    return [python, "-I", "-S", "-B", "-c", _START, root, spool, data, mend]


def interpreter(root: str) -> str:
    """Return the Python of the bundle's own environment, else the one that runs now."""
    own = f"{root}/.venv/bin/python"
    return own if posix.access(own, posix.X_OK) else sys.executable


def _leave_mark(mark: str) -> str:
    """Leave a mark that a flusher is starting; say whether another left one before.

    Returns "left", "other" if another is starting now, "stale" if it never came to work.
    """
    flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC
    try:
        posix.close(posix.open(mark, flags, 0o600))
    except FileExistsError:
        try:
            age = time.time_ns() - posix.lstat(mark).st_mtime_ns
        except FileNotFoundError:
            return "left"
        # A clock set back makes an age below zero: then the mark tells nothing.
        if 0 <= age < STALE_NS:
            return "other"
        posix.utime(mark)
        return "stale"
    return "left"


def _spawn(command: "list[str]", environ: "dict[bytes, bytes]") -> None:
    """Run `command` detached: in a session of its own, with /dev/null on 0-2."""
    null = [
        (posix.POSIX_SPAWN_OPEN, 0, "/dev/null", posix.O_RDWR, 0),
        (posix.POSIX_SPAWN_DUP2, 0, 1),
        (posix.POSIX_SPAWN_DUP2, 0, 2),
    ]
    try:
        posix.posix_spawn(command[0], command, environ, file_actions=null, setsid=True)
    except NotImplementedError:  # a libc without POSIX_SPAWN_SETSID
        _fork(command, environ)


def _fork(command: "list[str]", environ: "dict[bytes, bytes]") -> None:
    if posix.fork():
        return
    try:
        posix.setsid()
        null = posix.open("/dev/null", posix.O_RDWR)
        for fd in (0, 1, 2):
            posix.dup2(null, fd)
        posix.execve(command[0], command, environ)
    finally:
        posix._exit(0)
