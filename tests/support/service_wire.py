"""HTTP/1.1 on one connection, and what each fault does to it."""

import socket
import struct
from collections.abc import Callable
from http.client import responses
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast

from tests.support.service_app import Reply, Request, json_reply, route_of
from tests.support.service_faults import Armed, Fault, outage_of

if TYPE_CHECKING:
    from tests.support.service_double import Record, ServiceDouble

INSPECT = "/_double"
CHUNK = b"a" * 64 * 1024
HTML = b"<!DOCTYPE html>\n<html><body><h1>It works!</h1></body></html>\n"


class Connection(BaseHTTPRequestHandler):
    """One client connection until it is closed, times out while idle, or a fault ends it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def __init__(self, connection: socket.socket, double: "ServiceDouble") -> None:
        self.double = double
        self.record: Record | None = None
        super().__init__(connection, connection.getpeername(), cast(Any, None))

    def handle_one_request(self) -> None:
        self.connection.settimeout(self.double.idle_timeout)
        super().handle_one_request()

    def _serve(self) -> None:
        self.record = None
        if self.path == INSPECT:
            self.send(json_reply(200, self.double.statistics()))
        else:
            self._meet()
        if self.double.faults.refusing:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve

    def _meet(self) -> None:
        """Read one request, and answer it as the fault in force has it."""
        limited = not self.double.limit.allows()
        fault = None if limited else self.double.faults.take(self.command, route_of(self.path))
        unread = fault is not None and fault.kind is Fault.HANG_BEFORE_READING
        body = b"" if unread else self._read_body()
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Request(self.command, self.path, headers, body)
        self.record = self.double.note(request, fault.kind if fault else None)
        self.pause(self.double.latency)
        if limited:
            self.send(json_reply(429, {"detail": "Rate limit exceeded"}))
        elif fault is None:
            self.send(self.double.service.answer(request))
        else:
            own = self._own_reply(request, fault)
            self.double.changed()
            _ACTS[fault.kind](self, fault, own)

    def _own_reply(self, request: Request, fault: Armed) -> Reply:
        """What the service itself would answer under the fault."""
        outage = outage_of(fault)
        if outage or fault.options.get("commits"):
            return self.double.service.answer(request, outage)
        return Reply(fault.options.get("status", 200))

    def _read_body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return b"".join(iter(self._read_chunk, b""))
        size = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(size)
        if len(body) < size:
            raise ConnectionError("the client left in the middle of its request")
        return body

    def _read_chunk(self) -> bytes:
        size = int(self.rfile.readline().split(b";")[0], 16)
        chunk = self.rfile.read(size)
        self.rfile.readline()
        return chunk

    def head(self, reply: Reply, length: int | None) -> bytes:
        """Status line and headers; without a length the body ends with the connection."""
        self.close_connection = self.close_connection or length is None
        lines = [f"HTTP/1.1 {reply.status} {responses.get(reply.status, 'Unknown')}"]
        lines += [f"{name}: {value}" for name, value in reply.headers.items()]
        if length is not None:
            lines.append(f"Content-Length: {length}")
        if self.close_connection:
            lines.append("Connection: close")
        if self.record:
            self.record.status = reply.status
            self.double.changed()
        return "\r\n".join([*lines, "\r\n"]).encode("latin-1")

    def send(self, reply: Reply) -> None:
        self.wfile.write(self.head(reply, len(reply.body)) + reply.body)

    def pause(self, seconds: float) -> None:
        """Wait, but not beyond the server's end."""
        if seconds and self.double.stopping.wait(seconds):
            raise ConnectionError("the server stopped")

    def hang(self) -> None:
        """Answer nothing until the server stops."""
        self.double.stopping.wait()
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: the server keeps a record of every request."""


def _refuse(wire: Connection, fault: Armed, own: Reply) -> None:
    wire.close_connection = True


def _reset(wire: Connection, fault: Armed, own: Reply) -> None:
    # Lingering for no time turns the coming close into a reset.
    wire.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    wire.close_connection = True


def _hang(wire: Connection, fault: Armed, own: Reply) -> None:
    wire.hang()


def _slow_bytes(wire: Connection, fault: Armed, own: Reply) -> None:
    for byte in wire.head(own, len(own.body)) + own.body:
        wire.wfile.write(bytes([byte]))
        wire.pause(fault.options["delay"])


def _half_answer(wire: Connection, fault: Armed, own: Reply) -> None:
    wire.wfile.write(wire.head(own, len(own.body)) + own.body[: len(own.body) // 2])
    wire.close_connection = True


def _invalid_json(wire: Connection, fault: Armed, own: Reply) -> None:
    json_type = {"Content-Type": "application/json"}
    wire.send(Reply(fault.options["status"], b'{"success": true, "data": ', json_type))


def _html(wire: Connection, fault: Armed, own: Reply) -> None:
    wire.send(Reply(fault.options["status"], HTML, {"Content-Type": "text/html"}))


def _huge(wire: Connection, fault: Armed, own: Reply) -> None:
    """A JSON string of `size` bytes that never closes, one chunk in memory."""
    left = fault.options["size"]
    length = left if fault.options["content_length"] else None
    head = wire.head(Reply(200, headers={"Content-Type": "application/json"}), length)
    left -= 1
    wire.wfile.write(head + b'"')
    while left > 0:
        left -= wire.wfile.write(CHUNK[:left])


def _status(wire: Connection, fault: Armed, own: Reply) -> None:
    options = fault.options
    if isinstance(options["body"], bytes):
        wire.send(Reply(options["status"], options["body"], options["headers"]))
    else:
        wire.send(json_reply(options["status"], options["body"], options["headers"]))


def _database(wire: Connection, fault: Armed, own: Reply) -> None:
    wire.pause(fault.options.get("delay", 0))
    wire.send(own)


def _rate_limited(wire: Connection, fault: Armed, own: Reply) -> None:
    value = fault.options["retry_after"]
    headers = {} if value is None else {"Retry-After": str(value)}
    wire.send(json_reply(429, {"detail": "Rate limit exceeded"}, headers))


def _no_batch_route(wire: Connection, fault: Armed, own: Reply) -> None:
    status = fault.options["status"]
    detail = "Not Found" if status == 404 else "Method Not Allowed"
    wire.send(json_reply(status, {"detail": detail}))


_ACTS: dict[Fault, Callable[[Connection, Armed, Reply], None]] = {
    Fault.REFUSE: _refuse,
    Fault.RESET: _reset,
    Fault.HANG_BEFORE_READING: _hang,
    Fault.HANG_AFTER_READING: _hang,
    Fault.COMMIT_THEN_HANG: _hang,
    Fault.COMMIT_THEN_CLOSE: _refuse,
    Fault.SLOW_BYTES: _slow_bytes,
    Fault.HALF_ANSWER: _half_answer,
    Fault.INVALID_JSON: _invalid_json,
    Fault.HTML: _html,
    Fault.HUGE: _huge,
    Fault.STATUS: _status,
    Fault.DB_DOWN: _database,
    Fault.DB_COLD: _database,
    Fault.DB_STARTING: _database,
    Fault.DB_FROZEN: _database,
    Fault.RATE_LIMITED: _rate_limited,
    Fault.NO_BATCH_ROUTE: _no_batch_route,
}
