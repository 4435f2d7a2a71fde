"""How many of the agent's lines stand some days later."""

from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from lib.ledger import revisions, snapshots
from lib.ledger.history import History
from lib.ledger.revisions import AGENT, CREATED, DELETED, MODIFIED, OUTSIDE, SHELL, Revision
from lib.ledger.store import FILE_NAME
from lib.ledger.survival import survival

NOW = datetime(2026, 6, 1, tzinfo=timezone.utc)


class Told:
    """Steps of files, each so many days before NOW."""

    def __init__(self, where: Path) -> None:
        self.history = History(str(where / FILE_NAME))

    def step(self, days: float, text: str | None, actor: str = AGENT, path: str = "/p/a") -> None:
        db = self.history.connection
        when = (NOW - timedelta(days=days)).isoformat(timespec="microseconds")
        head = revisions.head_of(db, path)
        change = DELETED if text is None else MODIFIED if head else CREATED
        digest = None if text is None else snapshots.add(db, text)
        new = Revision(f"python-code-{days:016}", digest, actor, change, when)
        revisions.add(db, path, head, new)

    def counts(self, *paths: str) -> list[tuple[Any, ...]]:
        return [tuple(one) for one in survival(self.history, paths or ["/p/a"], NOW.timestamp())]


def test_a_line_counts_when_it_is_old_enough(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.step(40, "a\nb\nc\nd\n")
    told.step(35, "a\nb\nc\n", OUTSIDE)  # one that stood for 5 days
    told.step(20, "a\nb\nc2\n")  # one for 20 days
    told.step(3, "a\nB\nc2\n", SHELL)
    assert told.counts() == [(7, 5, 4), (30, 4, 2)]
    told.step(2, None)
    assert told.counts() == [(7, 5, 4), (30, 4, 2)]
    told.history.close()


def test_what_others_wrote_does_not_count(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.step(60, "x\ny\n", OUTSIDE)
    told.step(50, "x\nz\n")
    assert told.counts() == [(7, 1, 1), (30, 1, 1)]
    told.step(49, None, path="/p/b")
    assert told.counts("/p/b", "/p/none") == [(7, 0, 0), (30, 0, 0)]
    told.history.close()


def test_a_file_that_ends_takes_its_lines_along(tmp_path: Path) -> None:
    told = Told(tmp_path)
    told.step(50, "x\ny\n")
    told.step(40, None)
    assert told.counts() == [(7, 2, 2), (30, 2, 0)]
    told.history.close()
