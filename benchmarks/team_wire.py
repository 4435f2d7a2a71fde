"""What a team's server takes, end to end: real sockets, a process of its own, a real database.

    python -m benchmarks.team_wire [--events N] [--people N] [--database URL]

Without a database a PostgreSQL is started. Tells events in a second, one by one and in batches of
100, and the processor time of an event at the server, which other programs' work changes less.
"""

import argparse
import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from typing import Any
from urllib.parse import urlsplit

from lib.web.team import bearer
from lib.web.team.routes import BATCH, TRACK
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Token
from tests.support.bundle import ROOT
from tests.support.postgres import PostgresServer

CODE = "def area(width, height):\n    return width * height\n" * 10
UNITS = 5


def body(person: int, number: int) -> dict[str, Any]:
    """Make the event of one edit, as hooks send it: code, five units, the step before as parent."""
    name = f"python-code-{person:04x}{number:012x}"
    before = f"python-code-{person:04x}{number - 1:012x}"
    units = [
        {
            "pattern_id": f"{name}-{unit}", "pattern_type": "function",
            "qualified_name": f"area{unit}", "start_line": unit + 1, "end_line": unit + 2,
        }
        for unit in range(UNITS)
    ]  # fmt: skip
    data = {
        "event_id": f"{person:08x}{number:024x}", "captured_at": "2026-03-02T10:00:00.000000Z",
        "session_id": f"session-{person}-{number // 50}", "code": f"# {number}\n{CODE}",
        "file_path": f"/home/p{person}/site/src/m{number % 40}.py", "language": "python",
        "tool_name": "Edit", "project": "code.example/acme/site", "path": f"src/m{number % 40}.py",
        "units": units,
    }  # fmt: skip
    return {
        "event_type": "pattern_modified", "pattern_id": name, "parent_pattern_ids": [before],
        "pattern_name": "area", "pattern_type": "code", "pattern_version": "1.0.0",
        "triggered_by": "claude-code", "tool_name": "Edit", "language": "python",
        "file_path": data["file_path"], "edge_type": "modified_from",
        "transformation_type": None, "reason": None, "pattern_data": data,
    }  # fmt: skip


class Sender:
    """One home: a connection, over which one request goes after the other."""

    def __init__(self, url: str, token: str) -> None:
        place = urlsplit(url)
        self._host, self._port = place.hostname, place.port
        self._head = f"Host: x\r\nAuthorization: Bearer {token}\r\nContent-Length: "

    async def send(self, path: str, bodies: list[bytes]) -> list[float]:
        """Send all, and return the seconds that each took."""
        reader, writer = await asyncio.open_connection(self._host, self._port)
        took = []
        for raw in bodies:
            began = time.perf_counter()
            writer.write(f"POST {path} HTTP/1.1\r\n{self._head}{len(raw)}\r\n\r\n".encode() + raw)
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.lower().split(b"\r\n")
            size = next(int(one[15:]) for one in lines if one.startswith(b"content-length:"))
            answer = json.loads(await reader.readexactly(size))
            assert head.startswith(b"HTTP/1.1 200"), (head, answer)
            assert answer["success"] is True
            took.append(time.perf_counter() - began)
        writer.close()
        return took


@contextmanager
def served(database: str) -> Iterator[tuple[str, int]]:
    """Run the server on a database; yield its address and its process."""
    start = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lib.commands.cli import main"
    command = [sys.executable, "-I", "-c", f"{start}; main()", str(ROOT), "serve", "--team"]
    process = subprocess.Popen(
        [*command, "--rate", "0", "--database", database],
        stdout=subprocess.PIPE, text=True, env={"HOME": "/nowhere", "PATH": os.environ["PATH"]},
    )  # fmt: skip
    try:
        assert process.stdout
        yield process.stdout.readline().strip(), process.pid
    finally:
        process.terminate()
        process.wait(60)


def processor_seconds(pid: int) -> float:
    """Return what a process has taken so far."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


async def measured(senders: list[Sender], path: str, bodies: list[list[bytes]]) -> list[float]:
    """Let all send at once; return the seconds of all requests, sorted."""
    jobs = [sender.send(path, mine) for sender, mine in zip(senders, bodies, strict=True)]
    return sorted(one for took in await asyncio.gather(*jobs) for one in took)


def main() -> None:
    """Measure, and print a line for each way to send."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=20_000, help="in batches; a tenth singly")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--database", default="")
    options = parser.parse_args()
    people = options.people
    with ExitStack() as stack:
        url = options.database or stack.enter_context(PostgresServer(fsync="on")).url
        storage = stack.enter_context(closing(open_storage(url)))
        tokens = [bearer.make() for _ in range(people)]
        for number, token in enumerate(tokens):
            digest = bearer.digest_of(token)
            rights = frozenset({"write"})
            storage.add_token(Token(digest[:12], digest, f"p{number}", rights, None, time.time()))
        address, pid = stack.enter_context(served(url))
        senders = [Sender(address, token) for token in tokens]
        singly = options.events // 10 // people
        batches = options.events // 100 // people
        single = [
            [json.dumps(body(p, n)).encode() for n in range(1, singly + 1)] for p in range(people)
        ]
        in_batches = [
            [
                json.dumps({
                    "events": [body(p, 10**6 + b * 100 + n) for n in range(100)],
                    "processing_mode": "sequential",
                }).encode()
                for b in range(batches)
            ]
            for p in range(people)
        ]  # fmt: skip
        for name, path, bodies, size in (
            ("one by one", TRACK, single, 1), ("in batches of 100", BATCH, in_batches, 100),
        ):  # fmt: skip
            began, spent = time.perf_counter(), processor_seconds(pid)
            took = asyncio.run(measured(senders, path, bodies))
            seconds, spent = time.perf_counter() - began, processor_seconds(pid) - spent
            events = len(took) * size
            print(
                f"{name}: {events} events, {events / seconds:.0f} a second; "
                f"{spent / events * 1e6:.0f} us of processor an event at the server; an answer "
                f"took {took[len(took) // 2] * 1000:.0f} ms, "
                f"p99 {took[len(took) * 99 // 100] * 1000:.0f} ms; load {os.getloadavg()[0]:.0f}"
            )


if __name__ == "__main__":
    main()
