"""Files that nobody but their owner can read or write."""

import os
import stat


class Refused(Exception):
    """Something of the user's that may not be used as it is; the text says why."""


def read(path: str, limit: int) -> bytes:
    """The first `limit` bytes of a file. Raises Refused, FileNotFoundError."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        raise
    except OSError as error:
        raise Refused(f"{path} cannot be read: {error.strerror}") from None
    with open(fd, "rb") as file:
        status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode) or status.st_uid != os.getuid():
            raise Refused(f"{path} is not a file of your own")
        if status.st_mode & 0o077:
            raise Refused(f"{path} can be read or changed by others: chmod 600 {path}")
        return file.read(limit + 1)[:limit]
