"""The flusher's log: what went wrong, a line each, in a file that does not grow for ever."""

import os
import time

from lib.system.timestamps import timestamp

FILE_NAME = "flusher.log"
LIMIT = 256 * 1024


def log(directory: str, line: str) -> None:
    """Add a line to the log, which starts anew when it has grown too long. Never raises."""
    path = f"{directory}/{FILE_NAME}"
    try:
        if os.path.exists(path) and os.path.getsize(path) > LIMIT:
            os.replace(path, f"{path}.old")
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{timestamp(time.time_ns())} {line}\n")
    except OSError:
        pass
