"""How fast a backlog leaves: `python -m benchmarks.drain [EVENTS [ROUNDS [CHECKOUT]]]`.

A spool of events of 4 KB each is drained through the ledger, and through the ledger and the
contract double of the service on loopback, without and with a round trip of 20 ms. Printed are
whole-process wall time and peak memory, and the ratio to a program that only posts the same
bodies in the same batches to the same server, in the same round. CHECKOUT is another one of this
repository, whose code drains the same spool in turn.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.hook import _scratch
from benchmarks.measure import Cost, interleave, ratios, run
from lib.capture.event import Content, build
from lib.spool import inbox
from lib.system import json_codec

ROOT = Path(__file__).resolve().parents[1]
EVENTS, ROUNDS = 10_000, 3
CODE_BYTES = 4096
ROUND_TRIP = 0.02
EARLIER_RATE = 20  # events a second, published by the earlier system
DRAIN = (
    "import os, sys; sys.path.insert(0, sys.argv[1])\n"
    "try:\n from lib.flusher.process import Flusher; from lib.system.settings import Settings\n"
    "except ImportError:\n from lib.flusher import Flusher; from lib.settings import Settings\n"
    "done = Flusher(sys.argv[2], Settings(os.environ)).run_once(5.0); sys.exit(not done)"
)
BARE = """
import os, sys, httpx, orjson
bodies = [orjson.loads(open(entry.path, 'rb').read())['event_data']
          for entry in os.scandir(sys.argv[2])]
url = os.environ['INTELLIGENCE_SERVICE_URL'] + '/api/pattern-traceability/lineage/track/batch'
with httpx.Client(trust_env=False, timeout=30) as client:
    for start in range(0, len(bodies), 100):
        events = {'events': bodies[start:start + 100], 'processing_mode': 'sequential'}
        client.post(url, content=orjson.dumps(events),
                    headers={'Content-Type': 'application/json'}).raise_for_status()
"""


def main() -> None:
    """Measure and print."""
    events = int(sys.argv[1]) if len(sys.argv) > 1 else EVENTS
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
    other = os.path.abspath(sys.argv[3]) if len(sys.argv) > 3 else ""
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch:
        template = Path(scratch, "template")
        _fill(template, events)
        bench = Bench(scratch, template)
        cases = {
            "posting alone": lambda n: bench.posted(BARE),
            "ledger": lambda n: bench.drained(None),
            "ledger and service": lambda n: bench.drained(0.0),
            "ledger and service, 20 ms away": lambda n: bench.drained(ROUND_TRIP),
        }
        if other:
            cases["the other's ledger"] = lambda n: bench.drained(None, other)
            cases["the other's, and service"] = lambda n: bench.drained(0.0, other)
        costs = interleave(cases, max(2, rounds))
    base = costs["posting alone"]
    print(f"{sys.version.split()[0]}, {events} events of {CODE_BYTES} bytes, {rounds} rounds")
    for name, found in costs.items():
        _print(name, found, base, events)
    print(f"{'the earlier system, as published':<32} {events / EARLIER_RATE:6.0f} s")


def _print(name: str, found: list[Cost], base: list[Cost], events: int) -> None:
    walls = sorted(cost.wall for cost in found)
    memory = max(cost.memory for cost in found)
    middle = walls[len(walls) // 2]
    processor = sorted(cost.cpu for cost in found)[len(found) // 2]
    print(
        f"{name:<32} {middle:6.2f} s ({walls[0]:.2f} - {walls[-1]:.2f}), processor {processor:.2f}"
        f"  {events / middle:6.0f}/s  {memory:4.0f} MB  ratio {ratios(found, base)[0]:.2f}"
    )


class Bench:
    """Fresh copies of one spool, and a fresh service for each."""

    def __init__(self, scratch: str, template: Path) -> None:
        self.scratch = scratch
        self.template = template
        self.number = 0

    def posted(self, program: str) -> Cost:
        """Post the template's events by `program`."""
        with _service(0.0) as url:
            return self._run(program, self.template, url)

    def drained(self, latency: float | None, root: str = str(ROOT)) -> Cost:
        """Drain a copy, to a service `latency` seconds away or, for None, into the ledger only."""
        self.number += 1
        copy = Path(self.scratch, f"spool-{self.number}")
        copy.mkdir(mode=0o700)
        for entry in os.scandir(self.template):
            os.link(entry.path, copy / entry.name)
        if latency is None:
            return self._run(DRAIN, copy, "", root)
        with _service(latency) as url:
            return self._run(DRAIN, copy, url, root)

    def _run(self, program: str, directory: Path, url: str, root: str = str(ROOT)) -> Cost:
        environ = {"HOME": self.scratch, "INTELLIGENCE_SERVICE_URL": url}
        return run([sys.executable, "-I", "-c", program, root, str(directory)], b"", environ)


@contextmanager
def _service(latency: float) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.support.service_double", "--rate-limit", "0"]
    with subprocess.Popen(
        [*command, "--latency", str(latency)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


def _fill(directory: Path, events: int) -> None:
    directory.mkdir(mode=0o700)
    now = time.time_ns()
    for number in range(events):
        lines = [f"def function_{number}():"]
        lines += [f"    value_{i} = compute({number}, {i}) + offset" for i in range(120)]
        code = "\n".join(lines)[:CODE_BYTES]
        path = f"/home/user/project/module_{number}.py"
        event = build(
            "pattern_created", Content(code, path), path=path, tool_name="Write",
            session_id="benchmark", tool_use_id=f"use-{number}", captured_ns=now + number,
        )  # fmt: skip
        file = directory / inbox.file_name(str(event["event_id"]))
        file.write_text(json_codec.dumps(event))
        os.utime(file, ns=(now + number, now + number))


if __name__ == "__main__":
    main()
