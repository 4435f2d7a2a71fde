"""Send requests to the service without blocking the event loop."""

import asyncio
from typing import Any

import httpx

from lib.delivery.answers import Answer
from lib.delivery.http import MAX_ANSWER, PLAIN, Connection, Reader, of_error, timeouts, tls_for
from lib.delivery.wire import Body


class AsyncService(Connection):
    """Sends like `Service`; to be used in an `async with` statement.

    `transport` is what httpx sends through, and its owner closes it; None: the network. `total`
    is the seconds that one request may take.
    """

    def __init__(
        self, url: str, token: str, transport: httpx.AsyncBaseTransport | None, total: float
    ) -> None:
        super().__init__(url, token)
        self._transport = transport
        self._total = total
        self._client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> "AsyncService":
        return self

    async def __aexit__(self, *problem: object) -> None:
        if self._client is not None and self._transport is None:
            await self._client.aclose()

    async def send(self, bodies: list[Body], batch: bool) -> list[Answer]:
        """Send as `Service.send` does."""
        try:
            reader = await self.fetch(MAX_ANSWER, **self.prepare(bodies, batch))
            return reader.classify(len(bodies), batch)
        except Exception as error:
            return [of_error(error)] * len(bodies)

    async def fetch(self, limit: int, **sent: Any) -> Reader:
        """Make a request of httpx's `sent`, and read at most `limit` bytes of the answer.

        Raises what httpx raises, TimeoutError and ValueError.
        """
        if self._client is None:  # outside the time limit, which is the service's
            network = self._transport or httpx.AsyncHTTPTransport(
                verify=tls_for(self._url), trust_env=False
            )
            timeout = timeouts(self._total)
            self._client = httpx.AsyncClient(transport=network, timeout=timeout, **PLAIN)
        reader = Reader(limit, self._total)
        await asyncio.wait_for(_read(self._client, reader, sent), self._total)
        return reader


async def _read(client: httpx.AsyncClient, reader: Reader, sent: dict[str, Any]) -> None:
    async with client.stream(**sent) as response:
        reader.begin(response)
        async for chunk in response.aiter_bytes():
            reader.add(chunk)
