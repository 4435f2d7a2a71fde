"""Check and read the file that a payload names.

Builtins only: the hook path imports this. A name can be a link to another: the file behind it is
judged, once it is open, so that nobody can change the link in between.
"""

from lib.capture.secret_names import holds_secrets
from lib.system.bundle import is_link
from lib.system.calls import posix

MAX_BYTES = 8 * 1024 * 1024
# To look at what a file is without reading it, or waiting for it.
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC
_LOOK = getattr(posix, "O_PATH", posix.O_RDONLY | posix.O_NONBLOCK) | posix.O_CLOEXEC
_KIND, _REGULAR = 0o170000, 0o100000
_MAX_LINKS = 40


class Refused(Exception):
    """The payload makes no event; `cause` says why, for the tally."""

    def __init__(self, cause: str) -> None:
        super().__init__(cause)
        self.cause = cause


def look(path: str) -> str:
    """Return the name of the file that `path` leads to, `path` where it leads nowhere.

    Raises Refused if it may not be captured by its name, or by what it is or leads to.
    """
    if holds_secrets(path):
        raise Refused("secret")
    try:
        fd = posix.open(path, _LOOK)
    except (OSError, ValueError):
        return path
    try:
        return _judged(fd, path)[1]
    finally:
        posix.close(fd)


def read(path: str) -> str:
    """Read the text of the file at `path`. Raises Refused."""
    try:
        fd = posix.open(path, _READ)
        try:
            size = _judged(fd, path)[0]
            data = posix.read(fd, MAX_BYTES) if size <= MAX_BYTES else b""
        finally:
            posix.close(fd)
        # Where there is something in a file of no size, a kernel writes it.
        if bool(data) != bool(size):
            raise Refused("unreadable")
        # By its mark; the client reads and writes both back as it found them.
        is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
        return data.decode("utf-16" if is_wide else "utf-8")
    except (OSError, ValueError):
        raise Refused("unreadable") from None


def _judged(fd: int, path: str) -> "tuple[int, str]":
    """Return size in bytes and name of the open file `fd`, which the harmless `path` led to.

    Raises Refused.
    """
    status = posix.fstat(fd)
    if status.st_mode & _KIND != _REGULAR:
        raise Refused("unreadable")
    try:
        name = posix.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # not Linux
        name = _followed(path)
    if name != path and holds_secrets(name):
        raise Refused("secret")
    # A file that was removed or lies outside of this process's root has no name of its own.
    return status.st_size, name if status.st_nlink and name[:1] == "/" else path


def lies_in(path: str, directory: str) -> bool:
    """Check whether `path`, which `look` followed, is below `directory` or where that leads."""
    name = directory.rpartition("/")[2]
    # Following takes three calls of the system. What is no link has its name wherever it leads.
    if not directory or (name and f"/{name}/" not in path and not is_link(directory)):
        return False
    return path.startswith((directory + "/", _real(directory) + "/"))


def _real(path: str) -> str:
    try:
        fd = posix.open(path, _LOOK)
    except (OSError, ValueError):
        return path
    try:
        return posix.readlink(f"/proc/self/fd/{fd}")
    except OSError:  # not Linux
        return _followed(path)
    finally:
        posix.close(fd)


def _followed(path: str) -> str:
    """Follow the link `path` to its target; links among its directories are not resolved."""
    for _ in range(_MAX_LINKS):
        try:
            target = posix.readlink(path)
        except OSError:
            break
        path = target if target[:1] == "/" else path.rpartition("/")[0] + "/" + target
    return path
