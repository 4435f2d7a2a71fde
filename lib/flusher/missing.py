"""Tell which of the files that are missing are gone, and whether a call of the shell ended them.

A directory tells when names in it changed last, and of no change before that.
"""

import os
import time
from collections.abc import Container, Iterable, Iterator
from functools import cache

from lib.system.digest import hex_digest

# So long a file is missing at most that is written anew: git removes a file, and then writes it.
GAP_NS = 200_000_000


def gone(
    missing: list[str], began_ns: int, ended_ns: int, named: Iterable[str]
) -> Iterator[tuple[str, bool]]:
    """Yield the files that are gone, and whether they ended while the call ran.

    Where names changed after the call another one may be at work. There a file is the call's if
    that named it and the hook missed it, by the digests `named`, and if it is missing for long
    enough; of others the next look tells.
    """
    known = frozenset(named)
    # Asked once for each directory: of many files that are gone most lie in a few.
    names_changed, holds_named = cache(_names_changed), cache(lambda one: is_named(one, known))
    changed, later = {}, {}
    for path in missing:
        directory = os.path.dirname(path)
        changed[path] = ns = names_changed(directory, ended_ns)
        if ns > ended_ns and (holds_named(directory) or hex_digest(path) in known):
            later[path] = ns
    if later:
        left_ns = max(later.values()) + GAP_NS - time.time_ns()
        time.sleep(max(0, min(left_ns, GAP_NS)) / 1e9)
    for path, changed_ns in changed.items():
        if changed_ns <= ended_ns:
            yield path, changed_ns >= began_ns
        elif path in later and not os.path.lexists(path):
            yield path, True


def _names_changed(directory: str, otherwise_ns: int) -> int:
    """Return when names changed last in a directory, or in the one that it is gone from."""
    while directory:
        try:
            return os.lstat(directory).st_mtime_ns
        except (FileNotFoundError, NotADirectoryError):
            directory = os.path.dirname(directory)
        except OSError:
            break
    return otherwise_ns


def is_named(path: str, named: Container[str]) -> bool:
    """Check whether a file is among those that were named, or a directory that it lay in."""
    while path != os.path.dirname(path):
        if hex_digest(path) in named:
            return True
        path = os.path.dirname(path)
    return False
