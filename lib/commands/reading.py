"""Open a ledger to be read, also on a disk that is full or read-only."""

import errno
import os
import sqlite3
import sys
import time
from typing import TypeVar

from lib.ledger.store import FILE_NAME, Ledger
from lib.system import files

L = TypeVar("L", bound=Ledger)
# Whether something takes long is told after so many seconds, and then so often.
_PATIENCE, _INTERVAL = 1.0, 0.2
_CONVERTING = "pattern-tracker: converting the ledger for this version"
_told: set[str] = set()
ELSEWHERE = "name a directory of your own on another disk by PATTERN_CACHE_DIR"


def has_ledger(directory: str) -> bool:
    """Check whether the spool has a ledger: whether anything was ever delivered."""
    return os.path.exists(f"{directory}/{FILE_NAME}")


def read_ledger(reader: type[L], directory: str) -> L:
    """Open the ledger of a spool; one line on standard error says if it can only be read.

    Raises sqlite3.Error.
    """
    path = f"{directory}/{FILE_NAME}"
    try:
        return reader(path, _Conversion())
    except sqlite3.OperationalError:
        why, remedy = unwritable(directory)
        if not why:
            raise
    ledger = reader(path, is_read_only=True)
    lost = ", and what was recorded last is not shown" * ledger.lacks_newest
    line = f"pattern-tracker: {directory}: {why}; nothing new is recorded{lost}: {remedy}"
    if line not in _told:
        _told.add(line)
        print(line, file=sys.stderr)
    return ledger


def unwritable(directory: str) -> tuple[str, str]:
    """Tell why no file can be written in `directory`, and what to do; "" and "" if one can."""
    path = files.temporary_in(directory)
    try:
        try:
            # What SQLite needs beside a ledger.
            files.write_new(path, b"." * 65_536, sync=True)
        finally:
            if os.path.lexists(path):
                os.unlink(path)
    except OSError as error:
        return remedy(error, directory)
    return "", ""


def remedy(error: OSError, directory: str) -> tuple[str, str]:
    """Word why writing in `directory` failed, and what to do about it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full", "make room on that disk"
    if error.errno == errno.EROFS:
        return "the disk is read-only", f"mount it for writing, or {ELSEWHERE}"
    is_denied = error.errno == errno.EACCES and not os.access(directory, os.W_OK)
    return f"{error.strerror}", f"chmod u+w {directory}" if is_denied else ELSEWHERE


class _Conversion:
    """Shows how far the conversion of an earlier version's ledger is, if that takes long."""

    def __init__(self) -> None:
        self._next = time.monotonic() + _PATIENCE
        self._shown = False

    def __call__(self, part: float) -> None:
        is_terminal = sys.stderr.isatty()
        if part >= 1.0:
            if self._shown and is_terminal:
                print(f"\r{_CONVERTING}: done", file=sys.stderr)
        elif time.monotonic() >= self._next and (is_terminal or not self._shown):
            self._next = time.monotonic() + _INTERVAL
            self._shown = True
            # It may be interrupted: what is done is kept.
            text = f"\r{_CONVERTING}: {part:.0%}" if is_terminal else f"{_CONVERTING}, once\n"
            print(text, end="", file=sys.stderr, flush=True)
