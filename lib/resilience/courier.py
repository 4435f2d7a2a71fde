"""One event to the service, without blocking the event loop: the flusher's wire, asynchronously."""

import asyncio
import ssl
import time

import httpx

from lib.delivery import http, wire
from lib.delivery.answers import Answer, Verdict
from lib.delivery.http import Answered
from lib.delivery.wire import Body
from lib.ledger.store import Ledger

# Told once more after the service turned out to lack what an event presupposes.
ATTEMPTS = 2


class Courier:
    """Sends to the service at `url`.

    `transport` is what httpx sends through, None: the network; `timeout` the seconds that one
    request may take.
    """

    def __init__(
        self,
        url: str,
        token: str = "",
        transport: httpx.AsyncBaseTransport | None = None,
        timeout: float = http.TOTAL,
    ) -> None:
        self.url = url.rstrip("/")
        self._token = token
        self._transport = transport
        self.timeout = timeout
        self._tls: ssl.SSLContext | bool | None = None

    async def deliver(self, bodies: list[Body], ledger: Ledger) -> tuple[Answer, list[str]]:
        """Send `bodies` in order, what they presuppose first; the answer, and what was told.

        The answer is the first that is not DELIVERED, if there is one. Never raises an Exception.
        """
        told: list[str] = []
        left = list(bodies)
        answer = Answer(Verdict.DELIVERED)
        async with self._client() as client:
            for _ in range(ATTEMPTS):
                answer = await self._send_all(client, left, ledger, told)
                if answer.verdict is not Verdict.MISSING:
                    break
                lost = [need for body in left for need in wire.needs(body)]
                ledger.forget_known(self.url, lost)
                told = [pattern_id for pattern_id in told if pattern_id not in lost]
        return answer, told

    async def _send_all(
        self, client: httpx.AsyncClient, left: list[Body], ledger: Ledger, told: list[str]
    ) -> Answer:
        """Send what is `left` and take it out; stops at the first that is not delivered."""
        while left:
            needs = set(wire.needs(left[0])) - set(told)
            for need in sorted(needs - ledger.known_at(self.url, needs)):
                body = wire.creation(need, ledger.creation_of(need))
                answer = await self._post(client, body)
                if answer.verdict in (Verdict.BAD, Verdict.TOO_LARGE):
                    answer = await self._post(client, wire.without_code(body))
                if answer.verdict is not Verdict.DELIVERED:
                    return answer
                told.append(need)
            answer = await self._post(client, left[0])
            if answer.verdict is not Verdict.DELIVERED:
                return answer
            told.append(left.pop(0)["pattern_id"])
        return Answer(Verdict.DELIVERED)

    async def _post(self, client: httpx.AsyncClient, body: Body) -> Answer:
        try:
            content = http.encode([body], batch=False)
        except ValueError as error:
            return Answer(Verdict.BAD, str(error))
        try:
            return await asyncio.wait_for(self._exchange(client, body, content), self.timeout)
        except Exception as error:
            return http.of_error(error)

    async def _exchange(self, client: httpx.AsyncClient, body: Body, content: bytes) -> Answer:
        headers = http.headers_for([body], self._token)
        deadline = time.monotonic() + self.timeout
        url = self.url + http.TRACK
        async with client.stream("POST", url, content=content, headers=headers) as got:
            answered = Answered(got, deadline)
            async for chunk in got.aiter_bytes():
                answered.add(chunk)
        return answered.sort(1, batch=False)[0]

    def _client(self) -> httpx.AsyncClient:
        if self._transport is not None:
            transport: httpx.AsyncBaseTransport = _Kept(self._transport)
        else:
            if self._tls is None:
                self._tls = http.tls_for(self.url)
            transport = httpx.AsyncHTTPTransport(verify=self._tls, trust_env=False)
        return httpx.AsyncClient(
            transport=transport,
            timeout=http.timeouts(self.timeout),
            follow_redirects=False,
            trust_env=False,
        )


class _Kept(httpx.AsyncBaseTransport):
    """A transport that its owner closes."""

    def __init__(self, transport: httpx.AsyncBaseTransport) -> None:
        self._transport = transport

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._transport.handle_async_request(request)
