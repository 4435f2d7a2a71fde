"""What the flusher lets on: no canary on the wire, in the ledger or on the disk."""

import asyncio
import codecs
import time
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.flusher.intake import Intake
from lib.pattern_tracker import PatternTracker
from lib.privacy import user_rules
from lib.resilience import PatternCache, ResilientAPIClient
from lib.system import json_codec
from tests.support.bundle import Bundle, write_payload
from tests.support.canaries import Canary, canaries, extension
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble

CANARIES = canaries()
FILES = 12


def files() -> list[tuple[str, str]]:
    """Paths and contents that hold all canaries, some of each extension in a file."""
    made: dict[str, list[Canary]] = {}
    for number, canary in enumerate(CANARIES):
        made.setdefault(f"/p/source_{number % FILES}.{extension(canary)}", []).append(canary)
    groups: list[list[tuple[str, list[Canary]]]] = [[] for _ in range(FILES)]
    for number, item in enumerate(made.items()):
        groups[number % FILES].append(item)
    return [
        (group[0][0], "\n".join(canary.text for _, found in group for canary in found))
        for group in groups
    ]


def traces(stored: bytes) -> list[str]:
    return [f"{canary.format}: {canary.traces(stored)}" for canary in CANARIES
            if canary.traces(stored)]  # fmt: skip


def in_files(directory: Path) -> bytes:
    return b"\n".join(path.read_bytes() for path in directory.rglob("*") if path.is_file())


def on_disk(directory: Path) -> bytes:
    """The bytes of all files below `directory`, and what the ledger keeps compressed."""
    found = in_files(directory)
    if not (directory / "ledger.db").exists():
        return found
    ledger = Outpost(directory).ledger()
    digests = ledger._db.execute("SELECT lower(hex(digest)) AS digest FROM snapshots").fetchall()
    snapshots = [str(ledger.snapshot(row["digest"])).encode() for row in digests]
    ledger.close()
    assert snapshots
    return b"\n".join([found, *snapshots])


def on_wire(server: ServiceDouble) -> bytes:
    return b"\n".join(
        record.request.body + repr(record.headers).encode() for record in server.requests
    )


def write_all(bundle: Bundle) -> None:
    for number, (path, content) in enumerate(files()):
        before = "import os\n" + content.replace("\n\n", "\n") if number % 2 else None
        bundle.post(write_payload(path, content, f"use-{number}", before))


def test_the_files_hold_every_canary() -> None:
    written = "\n".join(content for _, content in files()).encode()
    assert len(traces(written)) == len(CANARIES)


def test_no_canary_leaves_while_the_service_is_well(bundle: Bundle, server: ServiceDouble) -> None:
    bundle.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    write_all(bundle)
    bundle.wait_delivered()
    assert len(server.commits) >= FILES
    assert traces(on_wire(server)) == []
    assert b"[REDACTED:github-token]" in on_wire(server)
    assert traces(on_disk(bundle.spool)) == []


def test_no_canary_stays_while_the_service_is_down(bundle: Bundle, server: ServiceDouble) -> None:
    bundle.environ["INTELLIGENCE_SERVICE_URL"] = server.url
    server.faults.set(Fault.REFUSE)
    write_all(bundle)
    bundle.wait_flushed()
    assert len(bundle.pending()) == FILES
    assert traces(on_disk(bundle.spool)) == []
    dates = [path.stat().st_mtime_ns for path in bundle.pending()]
    assert max(dates) < time.time_ns()
    assert {path.stat().st_mode & 0o777 for path in bundle.pending()} == {0o600}
    server.faults.clear()
    assert bundle.command("sync").returncode == 0
    assert traces(on_wire(server)) == []
    ids = [event["event_id"] for event in bundle.log() if event["tool_name"]]
    stored = [commit for commit in server.commits if commit in ids]
    assert stored == ids


def test_a_file_that_stays_keeps_its_name_its_date_and_its_id(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool", INTELLIGENCE_SERVICE_URL="http://127.0.0.1:9")
    name = outpost.write("/p/a.py", CANARIES[0].text)
    path = tmp_path / "spool" / name
    before, date = json_codec.loads(path.read_text()), path.stat().st_mtime_ns
    outpost.run()
    after: Any = json_codec.loads(path.read_text())
    assert path.stat().st_mtime_ns == date
    assert after["pattern_id"] == before["pattern_id"]  # type: ignore[index]
    assert after["event_data"]["pattern_data"]["redacted"] == ["aws-access-key"]
    assert outpost.pending() == [name]


@pytest.mark.parametrize("cut", [0, 40])
def test_no_canary_stays_in_quarantine(tmp_path: Path, cut: int) -> None:
    outpost = Outpost(tmp_path / "spool")
    for path, content in files():
        name = outpost.write(path, content)
        file = tmp_path / "spool" / name
        text = file.read_text()
        file.write_text(text[: len(text) - cut] if cut else text.replace('"event_id"', '"eventid"'))
    assert len(traces(on_disk(tmp_path / "spool"))) > 100
    outpost.flush()
    assert len(outpost.quarantined()) == FILES
    (tmp_path / "spool" / "ledger.db").unlink()
    assert traces(on_disk(tmp_path / "spool")) == []


# What redacts is that of the flusher, to which all are given: some show that it is asked.
SOME = 3


def test_no_canary_leaves_from_the_library(tmp_path: Path, server: ServiceDouble) -> None:
    async def track() -> None:
        client = ResilientAPIClient(server.url, cache_dir=tmp_path / "spool")
        tracker = PatternTracker(api_client=client)
        for path, content in files()[:SOME]:
            made = await tracker.track_pattern_creation(content, {"file_path": path})
            assert made["success"], made
        body = {"event_type": "pattern_created", "pattern_id": "by-hand",
                "pattern_data": {"code": CANARIES[0].text}}  # fmt: skip
        await client.track_lineage(**body)

    asyncio.run(track())
    assert traces(on_wire(server)) == []
    assert traces(on_disk(tmp_path / "spool")) == []


def test_no_canary_leaves_by_a_sync(tmp_path: Path, server: ServiceDouble) -> None:
    async def sync() -> dict[str, int]:
        cache = PatternCache(tmp_path / "spool")
        client = ResilientAPIClient(server.url, cache_dir=tmp_path / "spool")
        for path, content in files()[:SOME]:
            event = capture(write_payload(path, content, path), time.time_ns())
            assert await cache.cache_pattern_event(event)
        return await cache.sync_cached_events(client)

    assert asyncio.run(sync())["synced"] == SOME
    assert traces(on_wire(server)) == []
    assert traces(on_disk(tmp_path / "spool")) == []


def test_an_excluded_file_is_counted_and_nothing_of_it_is_kept(
    tmp_path: Path, bundle: Bundle
) -> None:
    project = tmp_path / "project"
    (project / "private").mkdir(parents=True)
    (project / ".git").mkdir()
    (project / ".patternignore").write_text("private/\n")
    bundle.post(write_payload(f"{project}/private/a.py", "canary = 1\n", "use-1"))
    bundle.post(write_payload(f"{project}/b.py", "x = 1\n", "use-2"))
    bundle.wait_delivered()
    found = bundle.json("status")
    assert (found["captured"], found["delivered"]) == (2, 1)
    assert found["dropped"] == {"ignored": 1}
    assert b"canary" not in on_disk(bundle.spool)


def test_the_library_tracks_no_excluded_file(tmp_path: Path) -> None:
    (tmp_path / ".patternignore").write_text("*.py\n")
    client = ResilientAPIClient("", cache_dir=tmp_path / "spool")
    tracked = PatternTracker(api_client=client).track_pattern_creation(
        "x = 1\n", {"file_path": f"{tmp_path}/a.py"}
    )
    found = asyncio.run(tracked)
    assert (found["success"], found["cached"]) == (False, False)
    assert not (tmp_path / "spool").exists()


@pytest.fixture
def rules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "redact.txt"
    monkeypatch.setattr(user_rules, "default_path", lambda: str(path))
    return path


def codes(outpost: Outpost) -> set[str]:
    """All code that is kept in the ledger."""
    ledger = outpost.ledger()
    digests = ledger._db.execute("SELECT lower(hex(digest)) AS digest FROM snapshots").fetchall()
    found = {str(ledger.snapshot(row["digest"])) for row in digests}
    ledger.close()
    return found


def test_a_pattern_of_the_user_is_redacted(tmp_path: Path, rules: Path) -> None:
    rules.write_text("# ours\n\nCORP-[0-9]{6}\n")
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "badge = 'CORP-123456'\n")
    assert outpost.flush()
    assert b"CORP-123456" not in on_disk(tmp_path / "spool")
    assert b"[REDACTED:custom]" in on_disk(tmp_path / "spool")


WRITTEN = "CORP-[0-9]{6}\nCORQ-[0-9]{6}\n"


@pytest.mark.parametrize(
    "data",
    {
        "a mark": codecs.BOM_UTF8 + WRITTEN.encode(),
        "two files joined": WRITTEN.replace("CORQ", "\ufeffCORQ").encode(),
        "UTF-16": WRITTEN.encode("utf-16"),
        "UTF-16, the other way": codecs.BOM_UTF16_BE + WRITTEN.encode("utf-16-be"),
        "CRLF": WRITTEN.replace("\n", "\r\n").encode(),
        "CR": WRITTEN.replace("\n", "\r").encode(),
        "CRLF and a mark": codecs.BOM_UTF8 + WRITTEN.replace("\n", "\r\n").encode(),
        "form feeds": WRITTEN.replace("\n", "\f\n").encode(),
        "a form feed in a class": WRITTEN.replace("[0-9]", "[0-9\f]").encode(),
    }.items(),
    ids=lambda case: case[0],
)
def test_a_pattern_counts_however_an_editor_stores_it(
    tmp_path: Path, rules: Path, data: tuple[str, bytes]
) -> None:
    rules.write_bytes(data[1])
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "badges = 'CORP-123456', 'CORQ-123456'\n")
    assert outpost.flush()
    found = on_disk(tmp_path / "spool")
    assert b"CORP-123456" not in found
    assert b"CORQ-123456" not in found


@pytest.mark.parametrize("data", [b"fine\0\n", WRITTEN.encode("utf-16-le"), b"\xff\xfea", b"\xff"])
def test_what_is_no_text_withholds_code(tmp_path: Path, rules: Path, data: bytes) -> None:
    rules.write_bytes(data)
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    assert codes(outpost) == set()


@pytest.mark.parametrize("line", ["(unclosed", "(a+)+b", "x" * 501, "(?:a|aa)+$x"])
def test_with_an_unusable_pattern_no_code_is_kept(tmp_path: Path, rules: Path, line: str) -> None:
    rules.write_text(f"fine\n{line}\n")
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "canary = 1\n", "canary = 2\n")
    assert outpost.flush()
    assert b"canary" not in in_files(tmp_path / "spool")
    assert codes(outpost) == set()
    assert "line 2" in outpost.section("flusher")["last_error"]
    log = (tmp_path / "spool" / "flusher.log").read_text()
    assert log.count("code is withheld") == 1
    rules.write_text("fine\n")
    outpost.write("/p/b.py", "y = 1\n")
    assert outpost.flush()
    assert "y = 1\n" in codes(outpost)
    assert outpost.section("flusher")["last_error"] is None


def test_what_waits_for_its_service_is_withheld_on_the_disk_and_on_the_wire(
    tmp_path: Path, rules: Path, server: ServiceDouble
) -> None:
    rules.write_text("(unclosed\n")
    outpost = Outpost(tmp_path / "spool", server)
    server.faults.set(Fault.REFUSE)
    name = outpost.write("/p/a.py", "canary = 1\n")
    assert not outpost.flush()
    assert b"canary" not in in_files(tmp_path / "spool")
    written = (tmp_path / "spool" / name).stat().st_ino
    outpost.run()
    assert (tmp_path / "spool" / name).stat().st_ino == written
    server.faults.clear()
    assert outpost.flush()
    assert len(server.commits) == 1
    assert b"canary" not in on_wire(server)
    assert b'"/p/a.py"' in on_wire(server)


def test_steps_are_the_same_whether_code_was_withheld_or_not(tmp_path: Path, rules: Path) -> None:
    def steps(name: str, line: str) -> list[tuple[str, str | None, str, str | None]]:
        rules.write_text(line)
        outpost = Outpost(tmp_path / name)
        outpost.story()
        assert outpost.flush()
        rules.write_text("")
        outpost.write("/p/a.py", "def f():\n    return 9\n", "def f():\n    return 5\n")
        assert outpost.flush()
        ledger = outpost.ledger()
        events = [(e.event_type, e.file_path, e.pattern_id, e.actor) for e in ledger.events()]
        ledger.close()
        return events

    assert steps("withheld", "(\n") == steps("kept", "")


def test_a_text_that_a_pattern_takes_too_long_for_is_withheld(tmp_path: Path, rules: Path) -> None:
    rules.write_text(r"(\w+\s?)+!")
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", f"canary = {'a' * 2000}?!\n")
    assert outpost.flush()
    assert b"canary" not in on_disk(tmp_path / "spool")
    assert b"[REDACTED:unchecked]" in on_disk(tmp_path / "spool")
    for number in range(user_rules.MAX_TIMEOUTS):
        outpost.write(f"/p/{number}.py", f"x{number} = {'a' * 2000}?!\n")
    outpost.write("/p/last.py", "canary = 1\n")
    assert outpost.flush()
    assert b"canary" not in on_disk(tmp_path / "spool")
    assert "too slow" in outpost.section("flusher")["last_error"]


def test_what_is_compared_alone_makes_no_pattern_slow(tmp_path: Path, rules: Path) -> None:
    rules.write_text("CORP-[0-9]{6}\n(\\w+\\s?)+!\n")
    (tmp_path / "spool").mkdir(mode=0o700)
    intake = Intake(str(tmp_path / "spool"))
    for number in range(user_rules.MAX_TIMEOUTS + 1):
        assert intake.compared(f"x{number} = {'a' * 2000}?!\n") == "[REDACTED:unchecked]\n"
    assert (intake.cleaned("CORP-123456"), intake.trouble) == ("[REDACTED:custom]", "")
    rules.write_text("(\n")
    badge = "CORP-123456 ghp_0123456789abcdefghijklmnopqrstuvwxyzAB"
    assert Intake(str(tmp_path / "spool")).compared(badge).startswith("CORP-123456 [REDACTED:")


def test_a_file_of_patterns_that_others_can_write_is_refused(tmp_path: Path, rules: Path) -> None:
    rules.write_text("fine\n")
    rules.chmod(0o622)
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", "x = 1\n")
    assert outpost.flush()
    assert codes(outpost) == set()
    assert "others may write" in outpost.section("flusher")["last_error"]


def test_the_library_withholds_texts_while_the_patterns_are_unusable(
    tmp_path: Path, rules: Path
) -> None:
    rules.write_text("(unclosed\n")
    client = ResilientAPIClient("", cache_dir=tmp_path / "spool")
    tracked = client.track_pattern_resilient("pattern_created", "p", "n", {"code": "canary"})
    found = asyncio.run(tracked)
    assert found["success"]
    assert b"canary" not in in_files(tmp_path / "spool")
