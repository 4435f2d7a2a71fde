"""What the real client wrote is what is recorded, whatever the file is like."""

from pathlib import Path
from typing import Any

import pytest

from lib.ledger.history import History
from tests.support.bundle import NEWEST_CLIENT, Bundle

pytestmark = [pytest.mark.client, pytest.mark.usefixtures("client")]


@pytest.fixture
def claude(installed: Bundle, each_client: Path, tmp_path: Path) -> Any:
    """The client with an installation, a spool of this test's own and a directory to work in."""
    work = tmp_path / "work"
    work.mkdir()
    is_newest = each_client == NEWEST_CLIENT
    return (
        installed, work, lambda turns: installed.claude(turns, work, client=each_client), is_newest,
    )  # fmt: skip


def test_each_state_of_a_file_with_a_mark_is_a_step(claude: Any) -> None:
    bundle, work, run, is_newest = claude
    # Another client takes the mark off, and cannot read a file of UTF-16 any more.
    files = {
        work / f"{name}.py": [f"def {name}(a, b):\n    return a * b * {n}\n" for n in range(5)]
        for name in ["utf_8", "utf_16_le"][: 1 + is_newest]
    }
    for file, codes in files.items():
        file.write_bytes(f"\ufeff{codes[0]}".encode(file.stem))

    def edit(file: Path, number: int) -> list[tuple[str, dict[str, Any]]]:
        old, new = f"b * {number}", f"b * {number + 1}"
        return [("Edit", {"file_path": str(file), "old_string": old, "new_string": new})]

    done = run(
        [
            turn
            for file, codes in files.items()
            for turn in (
                [("Read", {"file_path": str(file)})],
                [("Write", {"file_path": str(file), "content": codes[1]})],
                edit(file, 1),
                [("Write", {"file_path": str(file), "content": codes[3]})],
                edit(file, 3),
            )
        ]
    )
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    log = bundle.log()
    mark = "\ufeff" if is_newest else ""
    for file, codes in files.items():
        lineage = bundle.json("lineage", str(file))
        told = [(step["actor"], step["change"][0]) for step in lineage["steps"][::-1]]
        assert told == [("outside", "before")] + [("agent", "modified")] * 4
        # The first is that of the code before.
        own = [e for e in log if e["file_path"] == str(file)]
        kinds = [e["event_type"].removeprefix("pattern_") for e in own]
        assert kinds == ["created"] + ["modified"] * 4
        states = [f"\ufeff{codes[0]}", *(mark + code for code in codes[1:])]
        assert recorded(bundle, file) == states
        assert len(lineage["ancestors"]) == 4


@pytest.mark.long
def test_a_call_whose_payload_is_too_large_is_a_step_like_any_other(claude: Any) -> None:
    bundle, work, run, _ = claude
    line = "value = [1, 2, 3]  # a line of many\n"
    made, cut, huge = (work / f"{name}.py" for name in ("made", "cut", "huge"))
    cut.write_text(line * (7_000_000 // len(line)))
    huge.write_text(f"first = 1\n{line * (8_600_000 // len(line))}")
    large = f"first = 1\n{line * (4_700_000 // len(line))}"

    def edit(file: Path, old: str, new: str) -> list[tuple[str, dict[str, Any]]]:
        given = {"file_path": str(file), "old_string": old, "new_string": new}
        return [("Edit", given)]

    done = run(
        [
            [("Read", {"file_path": str(cut), "limit": 2})],
            [("Write", {"file_path": str(cut), "content": "def now():\n    return 1\n"})],
            edit(cut, "return 1", "return 2"),
            [("Read", {"file_path": str(huge), "limit": 2})],
            edit(huge, "first = 1", "first = 2"),
            edit(huge, "first = 2", "first = 3"),
            [("Write", {"file_path": str(huge), "content": "def now():\n    return 3\n"})],
            edit(huge, "return 3", "return 4"),
            # The last, for each request has all that was said before.
            [("Write", {"file_path": str(made), "content": large})],
            edit(made, "first = 1", "first = 2"),
        ]
    )
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    changes = {
        file: [(s["actor"], s["change"][0]) for s in bundle.json("lineage", str(file))["steps"]]
        for file in (made, cut, huge)
    }
    modified = ("agent", "modified")
    assert changes == {made: [modified, ("agent", "created")], cut: [modified] * 2,
                       huge: [modified] * 4}  # fmt: skip
    assert recorded(bundle, made) == [large, large.replace("first = 1", "first = 2")]
    now = [f"def now():\n    return {n}\n" for n in range(5)]
    assert recorded(bundle, cut) == now[1:3]
    # What is larger than 8 MB is known by its size alone.
    assert recorded(bundle, huge) == [
        None,
        None,
        *(f"def now():\n    return {n}\n" for n in (3, 4)),
    ]
    assert sorted(e["event_type"] for e in bundle.log()) == (
        ["pattern_created"] * 3 + ["pattern_modified"] * 5
    )


def recorded(bundle: Bundle, file: Path) -> list[str | None]:
    """What the file held at each step, oldest first."""
    history = History(str(bundle.spool / "ledger.db"))
    try:
        query = "SELECT snapshot FROM revisions r JOIN files USING (file_id) WHERE path = ?"
        return [history.snapshot(one) for (one,) in history.rows(query, [str(file)])]
    finally:
        history.close()
