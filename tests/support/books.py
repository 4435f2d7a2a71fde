"""Whether a spool's books add up, and whether all that is visible in it is whole."""

from pathlib import Path
from typing import Any

import pytest

from lib.commands.facts import Facts, gather
from lib.spool import outbox


def balance(directory: Path) -> Facts:
    """The status of a spool whose books must add up exactly, also by destination."""
    found = gather(str(directory))
    dropped = sum(found["dropped"].values())
    parts = found["delivered"], found["pending"], found["quarantined"], dropped
    assert found["captured"] == sum(parts), f"{found['captured']} captured, {parts} accounted for"
    books = found["books"].values()
    for book in books:
        kept = book["delivered"] + book["pending"] + book["quarantined"]
        assert book["captured"] == kept + sum(book["dropped"].values()), found["books"]
    for name in ("captured", "delivered", "pending", "quarantined"):
        assert found[name] == sum(book[name] for book in books), (name, found["books"])
    for cause, count in found["dropped"].items():
        assert count == sum(book["dropped"].get(cause, 0) for book in books), cause
    return found


def assert_whole(directory: Path, damaged: str = "") -> None:
    """Every visible event can be read, but for that in file `damaged`."""
    for item in outbox.pending(str(directory)):
        if item.name == damaged:
            with pytest.raises(outbox.Damaged):
                outbox.read(str(directory), item.name)
        else:
            outbox.read(str(directory), item.name)


def sweep_and_flush(directory: Path, flush: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The next run, when what it finds is old enough to be swept; it leaves nothing behind."""
    with monkeypatch.context() as patch:
        patch.setattr(outbox, "ORPHAN_SECONDS", -1)
        assert flush()
    left = [path.name for path in directory.rglob("*") if "tmp" in path.name]
    assert left == []
