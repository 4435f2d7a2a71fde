"""What the storage of a team's server takes: events a second, lineage in a large one, bytes.

    python -m benchmarks.team [postgresql|sqlite] [events] [rows of the large one]

PostgreSQL is one of its own, which syncs each commit. All is done in this process, without HTTP:
the server adds what that costs. 100,000 events and a million rows take some minutes.
"""

import os
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from lib.system.digest import hex_digest
from lib.web.team.bodies import Fields, Telling
from lib.web.team.listed import insert
from lib.web.team.sql_storage import SqlStorage, open_storage
from lib.web.team.stored import Arrived, Reader
from lib.web.team.working import Work
from tests.support.bundle import ROOT
from tests.support.postgres import PostgresServer
from tests.support.team import arrived

BATCH, SENDERS, DEPTH, ASKED = 100, 4, 100, 200
PEOPLE, PROJECTS = 10_000, 500
SINGLES = 2000
PROMPT = "Make the reader close its file when the caller stops half way, and test that. " * 3


def main() -> None:
    given = dict(enumerate(sys.argv[1:]))
    kind = given.get(0, "postgresql")
    events, rows = int(given.get(1, 100_000)), int(given.get(2, 1_000_000))
    with address(kind) as (url, server):
        storage = open_storage(url, seconds=600)
        assert isinstance(storage, SqlStorage)
        print(f"{storage.health()}, load of the machine {os.getloadavg()[0]:.1f}")
        receive(storage, events, server)
        singles(storage)
        if kind == "postgresql":
            size(storage, events + SINGLES)
        simulate(storage)
        fill(storage, rows // DEPTH)
        lineage(storage, rows // DEPTH)
        storage.close()


@contextmanager
def address(kind: str) -> Iterator[tuple[str, PostgresServer | None]]:
    if kind == "postgresql":
        with PostgresServer(fsync="on", shared_buffers="256MB", max_wal_size="2GB") as server:
            yield server.new_schema(), server
    else:
        with tempfile.TemporaryDirectory() as directory:
            yield f"sqlite://{directory}/team.db", None


def codes() -> list[str]:
    """Pieces of real code, of 1.5 kB each."""
    text = "".join(path.read_text() for path in sorted(ROOT.glob("lib/ledger/*.py")))
    return [text[start : start + 1500] for start in range(0, len(text) - 1500, 700)]


CODES = codes()


def event(number: int, person: str, project: str) -> Arrived:
    """An event as a client sends it: the code, five units, a prompt."""
    draw = random.Random(number)
    line, place = divmod(number, DEPTH)
    units = [
        {"pattern_id": draw.randbytes(32).hex(), "pattern_type": "function",
         "qualified_name": f"Reader.part_{n}", "start_line": n * 9, "end_line": n * 9 + 8}
        for n in range(5)
    ]  # fmt: skip
    path = f"lib/part_{line % 300}/module_{line % 41}.py"
    data = {
        "code": draw.choice(CODES) + str(number), "units": units, "session_id": f"session {line}",
        "prompt_id": f"prompt {number // 8}", "prompt": PROMPT, "model": "claude-opus-4",
        "captured_at": "2026-01-01T00:00:00.000000Z", "path": path, "language": "python",
        "file_path": path, "tool_name": "Edit", "framework": "", "qualified_name": "",
    }  # fmt: skip
    parents = [named(line, place - 1)] if place else []
    return arrived(
        f"{number:032x}", "modified" if place else "created", named(line, place), parents,
        person=person, project=project, data=data, file_path=path, tool_name="Edit",
        reason=PROMPT[:78], received=1_800_000_000.0 + number,
    )  # fmt: skip


def named(line: int, place: int) -> str:
    return f"{line:032x}{place:032x}"


def spread(work: Callable[[Any], object], tasks: Sequence[Any], threads: int = SENDERS) -> float:
    """Do tasks in threads; return the seconds it took."""
    began = time.perf_counter()
    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(work, tasks))
    return time.perf_counter() - began


def receive(storage: SqlStorage, count: int, server: PostgresServer | None) -> None:
    """Record batches of four senders; each is made before the clock runs."""
    seconds = cpu = 0.0
    theirs = server.processor_seconds() if server else 0.0
    for start in range(0, count, 10_000):
        batches = [
            [event(n, f"person {at % 40}", f"project {at % 7}") for n in range(at, at + BATCH)]
            for at in range(start, min(start + 10_000, count), BATCH)
        ]
        before = time.process_time()
        seconds += spread(storage.record, batches)
        cpu += time.process_time() - before
    print(f"batches of {BATCH}: {count / seconds:,.0f} events/s over {count:,} events")
    theirs = server.processor_seconds() - theirs if server else 0.0
    both = f"{cpu / count * 1e6:,.0f} us here, {theirs / count * 1e6:,.0f} us in the database"
    print(f"  processor time of an event: {both}")


def singles(storage: SqlStorage) -> None:
    """Record one event a transaction, by 16 senders."""
    made = [[event(10**9 + n, f"person {n % 40}", "project 1")] for n in range(SINGLES)]
    seconds = spread(storage.record, made, 16)
    print(f"single events, a transaction each: {SINGLES / seconds:,.0f} events/s")


def size(storage: SqlStorage, count: int) -> None:
    """Print the bytes of the tables with their indexes, an event."""
    parts = {
        name: storage.rows("SELECT pg_total_relation_size(CAST(? AS regclass))", [name])[0][0]
        for name in ("events", "edges", "units", "activity")
    }
    told = ", ".join(f"{name} {value / count:,.0f}" for name, value in parts.items())
    print(f"bytes an event: {sum(parts.values()) / count:,.0f} ({told})")


def simulate(storage: SqlStorage, seconds: float = 20.0) -> None:
    """Let 10,000 people send parts of what they have while others ask."""
    end = time.perf_counter() + seconds
    waits: list[float] = []
    asked: dict[str, list[float]] = {"ancestry": [], "analytics": [], "pattern": []}

    def send(number: int) -> int:
        draw, sent = random.Random(number), 0
        while time.perf_counter() < end:
            person = draw.randrange(PEOPLE)
            at = 2 * 10**9 + draw.randrange(10**9)
            name = f"person {person}", f"project {person % PROJECTS}"
            batch = [event(at + n, *name) for n in range(draw.randint(1, 20))]
            began = time.perf_counter()
            storage.record(batch)
            waits.append(time.perf_counter() - began)
            sent += len(batch)
        return sent

    def ask(number: int) -> int:
        draw = random.Random(number)
        while time.perf_counter() < end:
            project = Reader(frozenset({f"project {draw.randrange(PROJECTS)}"}))
            name = named(draw.randrange(100), draw.randrange(DEPTH))
            timed(asked["ancestry"], storage.ancestry, name, Reader())
            timed(asked["pattern"], storage.pattern, name, project)
            timed(asked["analytics"], storage.analytics, project)
            time.sleep(0.05)
        return 0

    with ThreadPoolExecutor(10) as pool:
        runs = [pool.submit(send, n) for n in range(8)] + [pool.submit(ask, n) for n in (8, 9)]
        sent = sum(run.result() for run in runs)
    print(
        f"{PEOPLE:,} people: {sent / seconds:,.0f} events/s, {len(waits) / seconds:,.0f} requests/s"
    )
    print(f"  until a request is kept: {told(waits)}")
    for name, took in asked.items():
        print(f"  {name} beside it: {told(took)}")
    one: list[float] = []
    for _ in range(10):
        timed(one, storage.analytics, Reader())
    print(f"  analytics of all: {told(one)}")


def timed(into: list[float], work: Callable[..., object], *given: object) -> None:
    began = time.perf_counter()
    work(*given)
    into.append(time.perf_counter() - began)


def told(seconds: list[float]) -> str:
    cut = statistics.quantiles(seconds, n=20)
    return f"median {cut[9] * 1000:.1f} ms, 95th percentile {cut[18] * 1000:.1f} ms"


def fill(storage: SqlStorage, lines: int) -> None:
    """Put lines of 100 events each into the tables, without what is not followed."""
    names = [*Fields._fields]
    blank = Telling(event(0, "person 0", "project 0")._replace(received=1.0)).fields
    blank = blank._replace(code=None, prompt=None, data="{}", reason=None)

    def part(work: Work, first: int) -> None:
        rows = [
            blank._replace(key=f"fill {line}-{n}", event_id=f"{line}-{n}", pattern_id=far(line, n))
            for line in range(first, first + 5)
            for n in range(DEPTH)
        ]
        given: dict[str, int] = dict(insert(work, "events", names, rows, "RETURNING key, seq"))
        edges = [
            (given[row.key], "project 0", 0, 0, row.pattern_id, far(line, n - 1), "modified_from")
            for row, (line, n) in zip(rows, places(first), strict=True)
            if n
        ]
        columns = ("seq", "project", "implied", "place", "child", "parent", "edge_type")
        insert(work, "edges", columns, edges)

    def one(first: int) -> None:
        storage._database.write(lambda work: part(work, first))

    spread(one, range(0, lines, 5))
    storage._database.write(lambda work: work.run("ANALYZE"))


def places(first: int) -> Iterator[tuple[int, int]]:
    return ((line, n) for line in range(first, first + 5) for n in range(DEPTH))


def far(line: int, place: int) -> str:
    return hex_digest(f"{line}-{place}")


def lineage(storage: SqlStorage, lines: int) -> None:
    """Ask for lines of depth 100, each another."""
    [(count,)] = storage.rows("SELECT count(*) FROM events")
    draw = random.Random(1)
    took: dict[str, list[float]] = {"ancestry": [], "descendants": []}
    for reader in (Reader(), Reader(frozenset(f"project {n}" for n in range(20)))):
        for line in draw.sample(range(lines), min(ASKED, lines)):
            up, down = far(line, DEPTH - 1), far(line, 0)
            timed(took["ancestry"], storage.ancestry, up, reader)
            timed(took["descendants"], storage.descendants, down, reader)
        assert len(storage.ancestry(up, reader)) == DEPTH - 1
    for name, seconds in took.items():
        print(f"{name} of depth {DEPTH - 1} among {count:,} events: {told(seconds)}")


if __name__ == "__main__":
    main()
