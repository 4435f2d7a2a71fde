"""Read files that others may have made without blocking, and check who has access to a file."""

import os
import stat
from typing import BinaryIO


class Refused(Exception):
    """A file or setting of the user's is not safe to use as it is; the text says why."""


def open_regular(path: str, follow: bool = False) -> BinaryIO:
    """Open a regular file for reading, without waiting; a symbolic link only with `follow`.

    Raises Refused for a pipe, a directory and the like, OSError.
    """
    if not follow and os.path.islink(path):
        raise Refused("not a regular file")
    fd = os.open(path, os.O_RDONLY | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
    if not stat.S_ISREG(os.fstat(fd).st_mode):
        os.close(fd)
        raise Refused("not a regular file")
    return open(fd, "rb")


def bounded(file: BinaryIO, limit: int) -> bytes:
    """Read all of `file`. Raises Refused if it holds more than `limit` bytes, OSError."""
    data = file.read(limit + 1)
    if len(data) > limit:
        raise Refused(f"longer than {limit} bytes")
    return data


def read(path: str, limit: int) -> bytes:
    """Read a file to which only this user has access. Raises Refused, FileNotFoundError."""
    try:
        with open_regular(path) as file:
            status = os.fstat(file.fileno())
            if status.st_uid == os.getuid() and not status.st_mode & 0o077:
                return bounded(file, limit)
    except FileNotFoundError:
        raise
    except (OSError, Refused) as error:
        raise Refused(f"{path} cannot be read: {getattr(error, 'strerror', error)}") from None
    if status.st_uid != os.getuid():
        raise Refused(f"{path} is not a file of your own")
    raise Refused(f"{path} can be read or changed by others: chmod 600 {path}")
