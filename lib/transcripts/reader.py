"""Read the records of a transcript from where they were left, however it is written or changes.

A transcript is a file that the client appends to, a JSON object a line. It is read as it comes: in
portions, with a last line that may be half written, and with lines that may be anything.
"""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from lib.capture.named_file import MAX_BYTES
from lib.system import json_codec
from lib.system.private_file import Refused, open_regular

# What is held of a line, in bytes: what a hook takes, and what stands around it.
MAX_LINE = MAX_BYTES + 1024 * 1024
SUFFIX = ".jsonl"


class State(NamedTuple):
    """Which file a path leads to, as "device:inode", and how long it is, in bytes."""

    file: str
    size: int


def open_transcript(path: str) -> BinaryIO:
    """Open a transcript for reading, without waiting.

    Raises Refused for a name that does not end in .jsonl, a link, a pipe, a directory and a file
    of another user's; OSError.
    """
    if not path.endswith(SUFFIX) or "\0" in path:
        raise Refused("not named as a transcript")
    file = open_regular(path)
    if os.fstat(file.fileno()).st_uid != os.getuid():
        file.close()
        raise Refused("not a file of your own")
    return file


def state_of(file: BinaryIO) -> State:
    """Tell the state of an open file. Raises OSError."""
    return _state(os.fstat(file.fileno()))


def state_at(path: str) -> State:
    """Tell the state of the file at `path`, or of the link there. Raises OSError."""
    return _state(os.lstat(path))


def _state(status: os.stat_result) -> State:
    return State(f"{status.st_dev}:{status.st_ino}", status.st_size)


class Reader:
    """Reads an open transcript from the byte `offset` on.

    `offset` is where to go on: after the last record that was given, or line that was skipped.
    """

    def __init__(self, file: BinaryIO, offset: int = 0) -> None:
        self.offset = offset
        self._file = file

    def records(self, limit: int = 1 << 62) -> Iterator[dict[str, object]]:
        """Yield the records, until about `limit` bytes were read. Raises OSError.

        A line that is no JSON object is skipped, and one that is too long without being held
        whole. A half line at the end is left for the next time.
        """
        self._file.seek(self.offset)
        end = self.offset + limit
        while self.offset < end and (line := self._file.readline(MAX_LINE)):
            is_whole = line.endswith(b"\n")
            # What follows on the part of a line that is too long counts as a line, and is no JSON.
            is_part = not is_whole and len(line) == MAX_LINE
            record = None if is_part else _object(line)
            if record is None and not is_whole and not is_part:
                return
            self.offset += len(line)
            if record is not None:
                yield record


def _object(line: bytes) -> dict[str, object] | None:
    if not line.startswith(b"{"):
        return None
    try:
        found = json_codec.loads(line.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None
