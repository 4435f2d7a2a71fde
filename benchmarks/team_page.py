"""What the views of a team's page take over a database with many events.

    python -m benchmarks.team_page [postgresql|sqlite] [events]

40 people in 7 projects, who send events as `benchmarks.team` makes them. All is done in this
process, with the gate and the templates, without HTTP.
"""

import statistics
import sys
import time

from benchmarks.team import BATCH, address, event, named, spread
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Storage
from tests.support.team_page import TeamPage

ROUNDS = 7
PROJECT = "project 1"


def main() -> None:
    given = dict(enumerate(sys.argv[1:]))
    kind, events = given.get(0, "postgresql"), int(given.get(1, 50_000))
    with address(kind) as (url, _):
        storage = open_storage(url, seconds=600)
        starts = range(0, events, BATCH)
        took = spread(lambda start: record(storage, start), starts)
        print(f"{storage.health()}: {events:,} events in {took:.0f} s")
        page = TeamPage(storage)
        for view, asked in questions(storage, events).items():
            show(page, view, asked)
        storage.close()


def record(storage: Storage, start: int) -> None:
    """Record a part, all of it of one person and one project, as if it had just arrived."""
    number = start // BATCH
    who = f"person {number % 40}", f"project {number % 7}"
    now = time.time()
    storage.record([event(start + n, *who)._replace(received=now) for n in range(BATCH)])


def questions(storage: Storage, events: int) -> dict[str, dict[str, object]]:
    [(seq, path, session, line)] = storage.rows(
        "SELECT seq, path, session_id, pattern_id FROM events WHERE project = ? "
        "ORDER BY received DESC, seq DESC LIMIT 1",
        (PROJECT,),
    )
    return {
        "": {}, "project": {"name": PROJECT}, "files": {"project": PROJECT},
        "person": {"name": "person 8"}, "file": {"project": PROJECT, "path": path},
        "step": {"id": seq}, "session": {"id": session}, "pattern": {"id": line},
        "pattern of depth 99": {"id": named((events // 2) // BATCH, BATCH - 1)},
        "units": {"q": "Reader.part"}, "search": {"q": "caller stops"},
        "search in vain": {"q": "nothing has that"}, "reuse": {"project": PROJECT},
    }  # fmt: skip


def show(page: TeamPage, view: str, asked: dict[str, object]) -> None:
    """Print what a view takes, the first time and then."""
    times, size = [], 0
    for _ in range(ROUNDS):
        began = time.perf_counter()
        answer = page.get(view.partition(" ")[0], **asked)
        times.append((time.perf_counter() - began) * 1000)
        assert answer.status_code == 200, answer.text
        size = len(answer.content)
    later = statistics.median(times[1:])
    print(f"{view or 'home'}: {times[0]:.0f} ms, then {later:.0f} ms, {size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
