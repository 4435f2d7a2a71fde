"""Receive the bodies of requests: no larger, slower or more at once than there is room for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio
from starlette.requests import ClientDisconnect, Request

from lib.web.team.accepting import UNREADABLE, Unfit
from lib.web.team.stored import StorageError

# In bytes: of one body, and of all that are being read or recorded.
MOST_BYTES, MOST_HELD = 16 * 1024 * 1024, 256 * 1024 * 1024
# One that is a little too large is read to its end, so that who sends it hears why it is refused.
MOST_UNHEARD = 4 * MOST_BYTES
SECONDS = 60.0


class Room:
    """Reads bodies as long as there is room for them. For one event loop."""

    def __init__(self) -> None:
        self._held = 0

    @asynccontextmanager
    async def body(self, request: Request) -> AsyncIterator[bytes]:
        """Read a body, and keep room for it while the context lasts. Raises Unfit, StorageError."""
        if request.headers.get("content-encoding", "identity").lower() != "identity":
            raise Unfit(400, UNREADABLE)
        told = request.headers.get("content-length", "")
        size = int(told) if told.isdecimal() else MOST_BYTES
        if size > MOST_UNHEARD:
            raise _too_large()
        size = min(size, MOST_BYTES)
        if self._held + size > MOST_HELD:
            raise StorageError("more is being sent than there is room for", "Busy")
        self._held += size
        try:
            yield await _read(request)
        finally:
            self._held -= size


async def _read(request: Request) -> bytes:
    body, size = bytearray(), 0
    try:
        with anyio.fail_after(SECONDS):
            async for part in request.stream():
                size += len(part)
                if size <= MOST_BYTES:
                    body += part
                elif size > MOST_UNHEARD:
                    break
    except TimeoutError:
        raise Unfit(408, "the body did not come in time") from None
    except ClientDisconnect:
        raise Unfit(400, UNREADABLE) from None
    if size > MOST_BYTES:
        raise _too_large()
    return bytes(body)


def _too_large() -> Unfit:
    return Unfit(413, f"the body has more than {MOST_BYTES} bytes")
