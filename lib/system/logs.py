"""Append the flusher's errors to its log file, a line each; the file's size is bounded."""

import os
import time

from lib.system.timestamps import timestamp

FILE_NAME = "flusher.log"
LIMIT = 256 * 1024


def log(directory: str, line: str) -> None:
    """Append a line to the log in `directory`, which is rotated at LIMIT bytes. Never raises."""
    path = f"{directory}/{FILE_NAME}"
    try:
        if os.path.exists(path) and os.path.getsize(path) > LIMIT:
            os.replace(path, f"{path}.old")
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        with open(fd, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"{timestamp(time.time_ns())} {line}\n")
    except OSError:
        pass
