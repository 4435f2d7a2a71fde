"""The traceability service as the flusher speaks to it: bounded requests, sorted answers.

Nothing of the environment steers a request: no proxy variables, no redirects, no other
certificate authorities than those of the environment that we installed.
"""

import ssl
import time
from contextlib import AbstractContextManager

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
MAX_ANSWER = 4 * 1024 * 1024
HEADERS = {
    "Accept": "application/json",
    # A small compressed answer could unfold to any size before it can be measured.
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": "pattern-tracker",
}
LIMITS = httpx.Limits(max_connections=4, keepalive_expiry=IDLE)


def timeouts(total: float = TOTAL) -> httpx.Timeout:
    """The time-outs of one request, none above `total` seconds."""
    return httpx.Timeout(
        connect=min(CONNECT, total),
        read=min(READ, total),
        write=min(WRITE, total),
        pool=min(POOL, total),
    )


def tls_for(url: str) -> ssl.SSLContext | bool:
    """What verifies the service at `url`; without TLS, loading the authorities is lost time."""
    return True if url.startswith("https:") else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)


def headers_for(bodies: list[Body], token: str) -> dict[str, str]:
    """The headers of a request: the same events have the same Idempotency-Key."""
    ids = [str(body["pattern_data"].get("event_id")) for body in bodies]
    plain = len(ids) == 1 and ids[0].isascii() and ids[0].isalnum()
    key = ids[0] if plain else hex_digest("\0".join(ids))[:32]
    made = {**HEADERS, "Idempotency-Key": key}
    return {**made, "Authorization": f"Bearer {token}"} if token else made


def encode(bodies: list[Body], batch: bool) -> bytes:
    """The content of a request. Raises ValueError for what JSON cannot say."""
    try:
        value = {"events": bodies, "processing_mode": "sequential"} if batch else bodies[0]
        return orjson.dumps(value)
    except TypeError as error:
        raise ValueError(str(error)) from None


class Answered:
    """An answer while it comes in, bounded in bytes and in time."""

    def __init__(self, response: httpx.Response, deadline: float, limit: int = MAX_ANSWER) -> None:
        self._response = response
        self._deadline = deadline
        self._limit = limit
        self._body = bytearray()
        if response.headers.get("Content-Encoding", "identity") != "identity":
            raise ValueError("the answer is compressed")

    def add(self, chunk: bytes) -> None:
        """Take a piece. Raises ValueError for too much, TimeoutError for too late."""
        self._body += chunk
        if len(self._body) > self._limit:
            raise ValueError("the answer is too long")
        if time.monotonic() > self._deadline:
            raise TimeoutError("the answer takes too long")

    def health(self) -> str:
        """HEALTHY or DEGRADED, by the service's own words. Raises ValueError for others."""
        status = self._response.status_code
        answer = diagnosis.parse(status, bytes(self._body))
        return diagnosis.verdict(status, answer, diagnosis.read_components(answer))

    def sort(self, size: int, batch: bool) -> list[Answer]:
        """The answer to each of the `size` events that were sent."""
        try:
            body = orjson.loads(self._body)
        except ValueError:
            body = None
        status = self._response.status_code
        if batch and status == 200 and (found := answers.of_batch(body, size)) is not None:
            return found
        if not batch and answers.is_accepted(status, body):
            return [Answer(Verdict.DELIVERED)]
        retry_after = self._response.headers.get("Retry-After")
        return [answers.sort(status, body, retry_after, time.time())] * size


def of_error(error: Exception) -> Answer:
    """What an exception from a request says: before it was sent, or nobody knows."""
    reason = answers.clip(f"{type(error).__name__}: {error}".rstrip(": "))
    unsent = (
        httpx.ConnectError,
        httpx.ConnectTimeout,
        httpx.PoolTimeout,
        httpx.UnsupportedProtocol,
        httpx.InvalidURL,
    )
    return Answer(Verdict.UNWELL if isinstance(error, unsent) else Verdict.UNKNOWN, reason)


class Service:
    """One keep-alive connection to the service at `url`.

    `token`: sent as a bearer token unless empty. `transport`: what httpx sends through; None:
    the network. Close it after use.
    """

    def __init__(
        self, url: str, token: str = "", transport: httpx.BaseTransport | None = None
    ) -> None:
        self.url = url.rstrip("/")
        self.requests = 0
        self._token = token
        self._client = httpx.Client(
            transport=transport
            or httpx.HTTPTransport(verify=tls_for(url), trust_env=False, limits=LIMITS),
            timeout=timeouts(),
            follow_redirects=False,
            trust_env=False,
        )

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    def get(self, path: str, timeout: float) -> AbstractContextManager[httpx.Response]:
        """Begin a GET request of at most `timeout` seconds a step. Raises httpx.HTTPError."""
        return self._client.stream("GET", self.url + path, timeout=timeouts(timeout))

    def send(self, bodies: list[Body], batch: bool) -> list[Answer]:
        """Send `bodies` in one request, a single one without `batch`; the answer to each.

        Never raises.
        """
        try:
            content = encode(bodies, batch)
        except ValueError as error:
            return [Answer(Verdict.BAD, answers.clip(str(error)))] * len(bodies)
        self.requests += 1
        try:
            return self._post(BATCH if batch else TRACK, bodies, content, batch)
        except Exception as error:
            return [of_error(error)] * len(bodies)

    def _post(self, path: str, bodies: list[Body], content: bytes, batch: bool) -> list[Answer]:
        headers = headers_for(bodies, self._token)
        deadline = time.monotonic() + TOTAL
        with self._client.stream("POST", self.url + path, content=content, headers=headers) as got:
            answered = Answered(got, deadline)
            for chunk in got.iter_bytes():
                answered.add(chunk)
        return answered.sort(len(bodies), batch)


def ask_health(url: str, timeout: float) -> tuple[str, str]:
    """Ask the service at `url` how it is, for at most `timeout` seconds.

    Returns one of the states of `lib.delivery.diagnosis`, and why it is DEAD. Never raises.
    """
    service = Service(url)
    # From here on: what it took to get ready is not the service's.
    deadline = time.monotonic() + timeout
    try:
        with service.get(diagnosis.HEALTH_PATH, timeout) as got:
            answered = Answered(got, deadline, diagnosis.MAX_ANSWER)
            for chunk in got.iter_bytes():
                answered.add(chunk)
            return answered.health(), ""
    except Exception as error:
        return diagnosis.DEAD, answers.clip(repr(error))
    finally:
        service.close()
