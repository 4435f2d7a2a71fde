"""Send requests to the service, bounded in time and size, and classify the answers.

Nothing of the environment steers a request: no proxy variables, no redirects, no other
certificate authorities than those of the environment that we installed.
"""

import socket
import ssl
import threading
import time
from contextlib import suppress
from functools import cache
from typing import Any

import httpx
import orjson

from lib.delivery import answers, diagnosis
from lib.delivery.answers import Answer, Verdict
from lib.delivery.wire import Body
from lib.system.digest import hex_digest

PREFIX = "/api/pattern-traceability"
TRACK = f"{PREFIX}/lineage/track"
BATCH = f"{PREFIX}/lineage/track/batch"
# Seconds; the service itself gives up on its database after 30.
CONNECT, WRITE, READ, POOL = 2.0, 5.0, 8.0, 1.0
TOTAL = 12.0
# The service closes a connection that was silent for 5 seconds, and the race is not worth losing.
IDLE = 3.0
TOO_LONG = "the answer takes too long"
MAX_ANSWER = 4 * 1024 * 1024
HEADERS = {
    "Accept": "application/json",
    # A small compressed answer could unfold to any size before it can be measured.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "pattern-tracker",
}
LIMITS = httpx.Limits(max_connections=4, keepalive_expiry=IDLE)
PLAIN: dict[str, Any] = {"follow_redirects": False, "trust_env": False}


def timeouts(total: float = TOTAL) -> httpx.Timeout:
    """Make the time-outs of one request, none above `total` seconds."""
    return httpx.Timeout(
        connect=min(CONNECT, total),
        read=min(READ, total),
        write=min(WRITE, total),
        pool=min(POOL, total),
    )


@cache
def tls_for(url: str) -> ssl.SSLContext | bool:
    """Make the TLS context for `url`; without TLS, loading the authorities would be lost time."""
    return True if url.lower().startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def headers_for(bodies: list[Body], token: str) -> dict[str, str]:
    """Make the headers of a request: the same events have the same Idempotency-Key."""
    ids = [str(body["pattern_data"].get("event_id")) for body in bodies]
    plain = len(ids) == 1 and ids[0].isascii() and ids[0].isalnum()
    key = ids[0] if plain else hex_digest("\0".join(ids))[:32]
    made = {**HEADERS, "Idempotency-Key": key}
    return {**made, "Authorization": f"Bearer {token}"} if token else made


def encode(bodies: list[Body], batch: bool) -> bytes:
    """Encode the content of a request as JSON. Raises Unsayable."""
    try:
        value = {"events": bodies, "processing_mode": "sequential"} if batch else bodies[0]
        return orjson.dumps(value)
    except TypeError as error:
        raise Unsayable(str(error)) from None


class Unsayable(Exception):
    """An event cannot be encoded as JSON; nothing was sent."""


class Reader:
    """Reads an answer of at most `limit` bytes, in at most `total` seconds.

    `status` is known after `begin`, `body` grows.
    """

    def __init__(self, limit: int, total: float) -> None:
        self.body = bytearray()
        self._limit = limit
        self._deadline = time.monotonic() + total

    def begin(self, response: httpx.Response) -> None:
        """Take the head of the answer. Raises ValueError for one that could unfold."""
        self.status, self.headers = response.status_code, response.headers
        if self.headers.get("Content-Encoding", "identity") != "identity":
            raise ValueError("the answer is compressed")

    def add(self, chunk: bytes) -> None:
        """Take a piece. Raises ValueError for too much, TimeoutError for too late."""
        self.body += chunk
        if len(self.body) > self._limit:
            raise ValueError("the answer is too long")
        if self.is_late():
            raise TimeoutError(TOO_LONG)

    def is_late(self) -> bool:
        """Check whether the time is over."""
        return time.monotonic() >= self._deadline

    def health(self) -> str:
        """Return HEALTHY or DEGRADED, by the service's own words. Raises ValueError for others."""
        answer = diagnosis.parse(self.status, bytes(self.body))
        return diagnosis.verdict(self.status, answer, diagnosis.read_components(answer))

    def classify(self, size: int, batch: bool) -> list[Answer]:
        """Return the answer to each of the `size` events that were sent."""
        try:
            body = orjson.loads(self.body)
        except ValueError:
            body = None
        if batch and self.status == 200 and (found := answers.of_batch(body, size)) is not None:
            return found
        if not batch and answers.is_accepted(self.status, body):
            return [Answer(Verdict.DELIVERED)]
        retry_after = self.headers.get("Retry-After")
        return [answers.classify(self.status, body, retry_after, time.time())] * size


def of_error(error: Exception) -> Answer:
    """Classify an exception from a request: by whether it came before anything was sent."""
    reason = answers.clip(f"{type(error).__name__}: {error}".rstrip(": "))
    unsent = (
        httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol,
        httpx.InvalidURL,
    )  # fmt: skip
    if isinstance(error, Unsayable):
        return Answer(Verdict.BAD, reason)
    return Answer(Verdict.UNWELL if isinstance(error, unsent) else Verdict.UNKNOWN, reason)


class Connection:
    """Prepares requests to the service at `url`; `token` is the bearer token, "" for none.

    `requests` counts those made.
    """

    def __init__(self, url: str, token: str = "") -> None:
        self.requests = 0
        self._url = url.rstrip("/")
        self._token = token

    def prepare(self, bodies: list[Body], batch: bool) -> dict[str, Any]:
        """Prepare a request as arguments for httpx. Raises Unsayable."""
        content = encode(bodies, batch)
        self.requests += 1
        url = self._url + (BATCH if batch else TRACK)
        headers = headers_for(bodies, self._token)
        return {"method": "POST", "url": url, "content": content, "headers": headers}


class Service(Connection):
    """One keep-alive connection; close it after use."""

    def __init__(self, url: str, token: str = "") -> None:
        super().__init__(url, token)
        transport = httpx.HTTPTransport(verify=tls_for(url), trust_env=False, limits=LIMITS)
        self._stream: Any = None
        self._client = httpx.Client(transport=transport, timeout=timeouts(), **PLAIN)

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def send(self, bodies: list[Body], batch: bool) -> list[Answer]:
        """Send `bodies` in one request, a single one without `batch`; return the answer to each.

        Never raises.
        """
        try:
            reader = self.fetch(MAX_ANSWER, TOTAL, **self.prepare(bodies, batch))
            return reader.classify(len(bodies), batch)
        except Exception as error:
            return [of_error(error)] * len(bodies)

    def fetch(self, limit: int, total: float, **sent: Any) -> Reader:
        """Make a request of httpx's `sent`, and read at most `limit` bytes in `total` seconds.

        Raises what httpx raises, TimeoutError and ValueError.
        """
        reader = Reader(limit, total)
        # What drips in a byte at a time keeps within httpx's time-outs, which are for one step.
        watch = threading.Timer(total, self._cut)
        watch.daemon = True
        watch.start()
        try:
            traced = {"trace": self._trace}
            with self._client.stream(**sent, timeout=timeouts(total), extensions=traced) as found:
                reader.begin(found)
                for chunk in found.iter_bytes():
                    reader.add(chunk)
        except httpx.HTTPError:
            if not reader.is_late():
                raise
        finally:
            watch.cancel()
        if reader.is_late():  # what was cut may look like the end of an answer without a length
            raise TimeoutError(TOO_LONG)
        return reader

    def _trace(self, step: str, found: dict[str, Any]) -> None:
        """Remember the connection of the request; httpx calls this at each of its steps."""
        if step in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = found["return_value"]

    def _cut(self) -> None:
        """End the connection, from another thread, whatever the request waits for."""
        if self._stream is not None:
            with suppress(OSError):
                self._stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)
