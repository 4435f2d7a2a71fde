"""Files that are no events, among events: the good arrive, the bad are kept with their reason."""

import json
import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.capture.event import Content, build
from lib.spool import inbox
from lib.system import json_codec
from tests.support.bundle import Bundle
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble


def event_text(number: int) -> str:
    content = Content(f"def f{number}():\n    return {number}\n", f"/p/{number}.py")
    return json_codec.dumps(
        build(
            "pattern_created", content, path=f"/p/{number}.py", tool_use_id=f"use-{number}",
            captured_ns=time.time_ns(),
        )
    )  # fmt: skip


def write(data: bytes) -> Callable[[Path], object]:
    return lambda path: path.write_bytes(data)


GOOD = event_text(0)
NO_ID = json.dumps({**json.loads(GOOD), "pattern_id": "../../etc/passwd"})
NO_TEXT = json.dumps({**json.loads(GOOD), "event_id": "\ud800"})
POISONS: dict[str, tuple[Callable[[Path], object], str]] = {
    "truncated": (write(GOOD[: len(GOOD) // 2].encode()), "not an event"),
    "empty": (write(b""), "not an event"),
    "not JSON": (write(b"\x00\x01 nothing"), "not an event"),
    "NaN": (write(GOOD.replace('"retry_count":0', '"retry_count":NaN').encode()), "NaN"),
    "surrogates": (write(GOOD.encode() + b"\xed\xa0\x80"), "not an event"),
    "deep": (write(b"[" * 100_000 + b"]" * 100_000), "nested too deeply"),
    "an array": (write(b"[1, 2]"), "not a JSON object"),
    "an id that is no text": (write(NO_TEXT.encode()), "not an event"),
    "a bad id": (write(NO_ID.encode()), "pattern_id"),
    "a symlink": (lambda path: path.symlink_to("/etc/hosts"), "not a regular file"),
    "a FIFO": (os.mkfifo, "not a regular file"),
    "a directory": (lambda path: path.mkdir(), "not a regular file"),
}


def fill(directory: Path, good: int, bad: int) -> dict[str, str]:
    """Put events and poison side by side; the reason to be found for each poisoned name."""
    directory.mkdir(parents=True)
    for number in range(good):
        (directory / inbox.file_name(f"good-{number}")).write_text(event_text(number))
    expected = {}
    for number in range(bad):
        make, reason = list(POISONS.values())[number % len(POISONS)]
        name = inbox.file_name(f"bad-{number}")
        make(directory / name)
        expected[name] = reason
    return expected


@pytest.mark.parametrize(
    ("good", "bad"), [(300, 66), pytest.param(10_000, 1000, marks=pytest.mark.long)]
)
def test_poison_stops_nothing_and_is_kept_with_its_reason(
    tmp_path: Path, good: int, bad: int
) -> None:
    expected = fill(tmp_path / "spool", good, bad)
    with ServiceDouble(rate_limit=None) as server:
        outpost = Outpost(tmp_path / "spool", server)
        assert outpost.flush()
        assert len(server.commits) == good
        assert max(server.commits.values()) == 1
    assert outpost.pending() == []
    aside = tmp_path / "spool" / "quarantine"
    found = {name: (aside / f"{name}.reason").read_text() for name in outpost.quarantined()}
    assert found.keys() == expected.keys()
    assert all(expected[name] in reason for name, reason in found.items())


def test_the_quarantine_can_be_looked_at_retried_and_dropped(bundle: Bundle) -> None:
    expected = fill(bundle.spool, 2, len(POISONS))
    assert bundle.command("sync").returncode == 0
    listed = bundle.command("quarantine", "list").stdout.splitlines()
    assert sorted(line.split()[0] for line in listed) == sorted(expected)
    machine = bundle.command("quarantine", "--json").stdout.splitlines()
    assert {json.loads(line)["name"] for line in machine} == set(expected)
    for name, reason in expected.items():
        shown = bundle.command("quarantine", "show", name)
        assert shown.returncode == 0
        assert reason in shown.stdout
    mended, *others = expected
    (bundle.spool / "quarantine" / mended).write_text(event_text(7))
    assert bundle.command("quarantine", "retry", mended).returncode == 0
    assert bundle.command("sync").returncode == 0
    assert bundle.json("status")["delivered"] == 3
    assert bundle.command("quarantine", "drop", others[0]).returncode == 0
    assert bundle.json("status")["quarantined"] == len(others) - 1
    assert bundle.command("quarantine", "drop", "--all").returncode == 0
    assert list((bundle.spool / "quarantine").iterdir()) == []


def test_what_is_not_in_quarantine_cannot_be_touched(bundle: Bundle) -> None:
    fill(bundle.spool, 0, 1)
    assert bundle.command("sync").returncode == 0
    for name in ("../ledger.db", "/etc/hosts", "pending_nothing"):
        for action in ("show", "retry", "drop"):
            done = bundle.command("quarantine", action, name)
            assert done.returncode == 1
            assert "not in quarantine" in done.stderr
    assert bundle.command("quarantine", "drop").returncode == 1
    assert (bundle.spool / "ledger.db").exists()
