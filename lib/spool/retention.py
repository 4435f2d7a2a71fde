"""Bound a spool: drop the events that are too old, then the oldest until the rest fits."""

import os
import time

from lib.spool import outbox
from lib.spool.books import Accounts
from lib.spool.outbox import Waiting
from lib.system.lock import Lock

DAY_NS = 86_400 * 10**9
MEGABYTE = 1024 * 1024
# How many files are open at a time.
AT_ONCE = 100


def choose(
    waiting: list[Waiting], now_ns: int, max_age_days: float, max_size_mb: float
) -> dict[str, list[Waiting]]:
    """Choose the events to drop of `waiting` (oldest first), by cause."""
    oldest = now_ns - int(max_age_days * DAY_NS)
    total = sum(item.size for item in waiting)
    doomed: dict[str, list[Waiting]] = {"expired": [], "overflow": []}
    for item in waiting:
        if item.captured_ns < oldest:
            cause = "expired"
        elif total > max_size_mb * MEGABYTE:
            cause = "overflow"
        else:
            break
        doomed[cause].append(item)
        total -= item.size
    return {cause: items for cause, items in doomed.items() if items}


def expire(
    directory: str, accounts: Accounts, max_age_days: float, max_size_mb: float
) -> tuple[dict[str, int], float]:
    """Drop events beyond the bounds; return how many by cause, and the bytes of room left.

    For the holder of the flusher's lock. Raises OSError.
    """
    waiting = outbox.pending(directory)
    left = max_size_mb * MEGABYTE - sum(item.size for item in waiting)
    dropped: dict[str, int] = {}
    for cause, items in choose(waiting, time.time_ns(), max_age_days, max_size_mb).items():
        for start in range(0, len(items), AT_ONCE):
            gone = _drop(directory, accounts, cause, items[start : start + AT_ONCE])
            left += sum(item.size for item in gone)
            dropped[cause] = dropped.get(cause, 0) + len(gone)
    return {cause: count for cause, count in dropped.items() if count}, left


def _drop(directory: str, accounts: Accounts, cause: str, items: list[Waiting]) -> list[Waiting]:
    """Drop those of `items` that can be claimed: nobody is delivering them at this moment."""
    claimed = [(item, outbox.claim(directory, item.name)) for item in items]
    held = [item for item, fd in claimed if fd is not None]
    keys = [item.key for item in held]
    try:
        told = _tell(accounts, cause, keys)
        for item in held:
            outbox.acknowledge(directory, item.name)
        if not told:
            # The disk may have been full, and is less so now.
            _tell(accounts, cause, keys)
    finally:
        for _, fd in claimed:
            if fd is not None:
                os.close(fd)
    return held


def _tell(accounts: Accounts, cause: str, keys: list[str]) -> bool:
    try:
        accounts.ensure_captured(keys)
        accounts.drop(cause, keys)
    except OSError:
        return False
    return True


def expire_alone(directory: str, max_age_days: float, max_size_mb: float) -> None:
    """Keep the bounds from a hook, where no flusher comes to work. Raises OSError."""
    lock = Lock(f"{directory}/{outbox.LOCK_FILE}")
    if not lock.acquire():
        return
    try:
        expire(directory, Accounts(directory), max_age_days, max_size_mb)
    finally:
        lock.release()
