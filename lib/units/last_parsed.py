"""Remember what is parsed in a file, for the run after one that a grammar ended."""

import hashlib
import os
from contextlib import suppress

_DIGITS = 64


class LastParsed:
    """What this process parses, and what was parsed last in one that did not end as it should.

    The file at `path` is of whoever holds the flusher's lock. Where it cannot be used nothing is
    remembered; nothing raises.
    """

    def __init__(self, path: str) -> None:
        self._fd = -1
        self._feared = b""
        with suppress(OSError):
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
            self._fd = os.open(path, flags, 0o600)
            self._feared = os.pread(self._fd, _DIGITS, 0)

    def is_feared(self, data: bytes) -> bool:
        """Note that `data` is parsed next; check whether it was the last of the run that died."""
        name = hashlib.sha256(data).hexdigest().encode()
        if name == self._feared:
            return True
        with suppress(OSError):
            os.pwrite(self._fd, name, 0)
        return False

    def close(self) -> None:
        """Forget it: nothing is parsed any more. To be called once."""
        with suppress(OSError):
            os.ftruncate(self._fd, 0)
            os.close(self._fd)
