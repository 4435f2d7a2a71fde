"""Tell browsers that something was recorded, by server-sent events.

One task looks at the dates of a few files, and only while somebody listens.
"""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import suppress

from lib.ledger.store import FILE_NAME
from lib.spool.tally import FILE as TALLY
from lib.system.state import FILE_NAME as STATE

INTERVAL_SECONDS, BEAT_SECONDS = 1.0, 15.0
# More who listen at once are turned away: their pages do not change by themselves.
MOST = 32
Mark = tuple[tuple[int, int, int], ...]


def mark(directory: str) -> Mark:
    """Return what changes whenever the spool or its ledger does."""
    names = (FILE_NAME, f"{FILE_NAME}-wal", TALLY, STATE)
    return tuple(_of(f"{directory}/{name}") for name in names)


def _of(path: str) -> tuple[int, int, int]:
    with suppress(OSError):
        status = os.stat(path)
        # Who only reads makes an empty log, and takes it away.
        if status.st_size:
            return status.st_ino, status.st_size, status.st_mtime_ns
    return 0, 0, 0


class Live:
    """The listeners of the spool at `directory`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._listeners: set[asyncio.Queue[bytes]] = set()
        self._task: asyncio.Task[None] | None = None
        self._is_over = False

    @property
    def is_full(self) -> bool:
        """Whether nobody else may listen."""
        return self._is_over or len(self._listeners) >= MOST

    async def listen(self) -> AsyncIterator[bytes]:
        """Yield an event whenever something has changed, until `stop`."""
        heard: asyncio.Queue[bytes] = asyncio.Queue(1)
        self._listeners.add(heard)
        if self._task is None:
            self._task = asyncio.create_task(self._watch())
        try:
            yield b": listening\n\n"
            while not self._is_over:
                yield await heard.get()
        finally:
            self._listeners.discard(heard)

    def stop(self) -> None:
        """Let all listeners go. For the event loop's own thread."""
        self._is_over = True
        self._send(b": good-bye\n\n")

    async def _watch(self) -> None:
        last, beats = mark(self._directory), 0
        while self._listeners and not self._is_over:
            await asyncio.sleep(INTERVAL_SECONDS)
            now = mark(self._directory)
            beats += 1
            if now != last:
                self._send(b"event: change\ndata:\n\n")
            elif beats * INTERVAL_SECONDS >= BEAT_SECONDS:
                self._send(b": still here\n\n")
                beats = 0
            last = now
        self._task = None

    def _send(self, message: bytes) -> None:
        for heard in self._listeners:
            # Who has not read the last one yet looks anew anyway.
            with suppress(asyncio.QueueFull):
                heard.put_nowait(message)
