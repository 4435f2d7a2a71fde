"""Exchange two directories atomically, where the system can."""

import ctypes
import errno
import os
import shutil
import sys

# See renameat2(2), and renamex_np(2) on macOS.
_AT_FDCWD, _EXCHANGE = -100, 2


def put_in_place(made: str, place: str) -> bool:
    """Put the directory `made` at `place`; True if one was there, which then is at `made`.

    Where the system cannot exchange two names, nothing is at `place` for a moment; a process killed
    just then leaves the earlier directory as `made` with ".old" behind it. Raises OSError.
    """
    if not os.path.lexists(place):
        os.rename(made, place)
        return False
    if not _exchanged(made, place):
        between = f"{made}.old"
        _move(place, between)
        try:
            os.rename(made, place)
        except OSError:
            os.rename(between, place)
            raise
        os.rename(between, made)
    return True


def _move(place: str, between: str) -> None:
    """Rename a directory, or copy it where that is refused (an overlay's lower layer)."""
    try:
        os.rename(place, between)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        shutil.copytree(place, between, symlinks=True)
        shutil.rmtree(place)


def _exchanged(one: str, other: str) -> bool:
    names = os.fsencode(one), os.fsencode(other)
    try:
        system = ctypes.CDLL(None, use_errno=True)
        if sys.platform == "darwin":
            return bool(system.renamex_np(*names, _EXCHANGE) == 0)
        return bool(system.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE) == 0)
    except (OSError, AttributeError):
        return False
