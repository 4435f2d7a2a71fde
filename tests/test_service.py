"""The connection to the service: nothing in the environment steers it."""

import asyncio
import shutil
import socket
import ssl
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from lib.delivery import asking, diagnosis, http
from lib.delivery.answers import Answer, Verdict
from lib.delivery.async_http import AsyncService
from lib.delivery.http import Service
from tests.support.service_double import Fault, ServiceDouble

BODY: Any = {"event_type": "pattern_created", "pattern_id": "a", "pattern_data": {"event_id": "e"}}


class Accepting(BaseHTTPRequestHandler):
    """Says that everything is stored."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        answer = b'{"success": true}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, format: str, *args: object) -> None:
        """Keep the tests' output quiet."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A certificate for 127.0.0.1 that nobody but its owner trusts, its key beside it."""
    if not shutil.which("openssl"):
        pytest.skip("openssl makes the certificate, and is not there")
    path = tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
         "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1",
         "-keyout", str(tmp_path / "key.pem"), "-out", str(path)],
        check=True, capture_output=True,
    )  # fmt: skip
    return path


@pytest.fixture
def encrypted(certificate: Path) -> Iterator[str]:
    """A service behind that certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, certificate.with_name("key.pem"))
    server = HTTPServer(("127.0.0.1", 0), Accepting)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield f"https://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_that_the_environment_vouches_for_is_not_trusted(
    encrypted: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("SSL_CERT_DIR", str(certificate.parent))
    naive = httpx.post(
        encrypted, content=b"", verify=ssl.create_default_context(cafile=str(certificate))
    )
    assert naive.status_code == 200
    sender = Service(encrypted)
    (answer,) = sender.send([BODY], batch=False)
    sender.close()
    assert answer.verdict is Verdict.UNWELL
    assert "CERTIFICATE_VERIFY_FAILED" in answer.reason


def test_every_time_out_is_set_and_none_exceeds_the_total() -> None:
    found = http.timeouts()
    assert None not in (found.connect, found.read, found.write, found.pool)
    assert set(http.timeouts(0.5).as_dict().values()) == {0.5}


@pytest.mark.parametrize("event_id", ["e\r\nX-Injected: yes", "\u00e4", "a b", ""])
def test_an_event_id_cannot_inject_a_header(event_id: str) -> None:
    body: Any = {"pattern_data": {"event_id": event_id}}
    headers = http.headers_for([body], "")
    assert headers["Idempotency-Key"].isalnum()
    assert headers["Idempotency-Key"].isascii()


def test_what_json_cannot_say_is_the_events_fault_and_is_not_sent() -> None:
    sender = Service("http://127.0.0.1:9")
    body: Any = {**BODY, "pattern_data": {"event_id": object()}}
    (answer,) = sender.send([body], batch=False)
    assert (answer.verdict, sender.requests) == (Verdict.BAD, 0)
    sender.close()


def test_who_asks_for_health_waits_for_no_name_server(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *asked, **more: over.wait())
    assert asking.ask_health("http://localhost:9", 0.1) == (diagnosis.DEAD, http.TOO_LONG, {})
    over.set()


@pytest.mark.parametrize("announced", [True, False])
def test_an_answer_without_end_is_read_to_a_bound(announced: bool) -> None:
    with ServiceDouble() as server:
        server.faults.push(Fault.HUGE, content_length=announced)
        sender = Service(server.url)
        (answer,) = sender.send([BODY], batch=False)
        sender.close()
    assert answer.verdict is Verdict.UNKNOWN
    assert "too long" in answer.reason


async def sent_by_the_library(url: str) -> list[Answer]:
    async with AsyncService(url, "", None, http.TOTAL) as service:
        return await service.send([BODY], batch=False)


def sent_by_the_flusher(url: str) -> list[Answer]:
    sender = Service(url)
    try:
        return sender.send([BODY], batch=False)
    finally:
        sender.close()


@pytest.mark.parametrize(
    "send", [sent_by_the_flusher, lambda url: asyncio.run(sent_by_the_library(url))]
)
@pytest.mark.parametrize(
    ("first", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\n", b"x: y\r\n"),
        (b"HTTP/1.1 200 OK\r\n\r\n", b" "),
    ],
    ids=["interim", "headers", "body"],
)
def test_a_request_ends_on_the_clock_however_slowly_it_is_answered(
    first: bytes,
    piece: bytes,
    send: Callable[[str], list[Answer]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No step of it takes long enough for a time-out of httpx."""
    monkeypatch.setattr(http, "TOTAL", 0.5)
    over = threading.Event()

    def drip() -> None:
        connection, _ = listener.accept()
        with connection, suppress(OSError):
            connection.sendall(first)
            while not over.wait(0.02):
                connection.sendall(piece)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=drip)
        thread.start()
        (answer,) = send(f"http://127.0.0.1:{listener.getsockname()[1]}")
        over.set()
        thread.join()
    assert answer.verdict is Verdict.UNKNOWN
    assert answer.reason.startswith("TimeoutError")
