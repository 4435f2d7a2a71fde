"""Two clients change one file, and the hook of the first is late: contents tell the order."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import permutations
from pathlib import Path

import pytest

from lib.ledger.store import Ledger
from tests.support.bundle import CLIENT, NEWEST_CLIENT, Bundle
from tests.support.messages_api import Call
from tests.support.outpost import Outpost
from tests.test_replay import Story, expected, in_order, live, made_by

STATES = [f"def area(a, b):\n    return a * b * {n}\n" for n in range(4)]
PATH = "/p/a.py"


def steps(bundle: Bundle) -> list[tuple[str, str | None]]:
    found = bundle.json("lineage", PATH)["steps"][::-1]
    return [(step["actor"], step["session_id"]) for step in found]


@pytest.mark.parametrize("is_new", [True, False])
@pytest.mark.parametrize("order", list(permutations(range(3))))
@pytest.mark.parametrize("together", [True, False])
def test_the_first_client_comes_first_though_its_hook_was_late(
    bundle: Bundle, order: tuple[int, ...], is_new: bool, together: bool
) -> None:
    bundle.spool.mkdir(parents=True, mode=0o700)
    outpost = Outpost(bundle.spool)
    first = 0 if is_new else 1
    for number in (first + place for place in order):
        before = None if is_new and number == 0 else STATES[number - 1]
        outpost.write(PATH, STATES[number], before, session_id=f"session-{number}")
        if not together:
            assert outpost.flush()
    assert outpost.flush()
    sessions = [("agent", f"session-{first + number}") for number in range(3)]
    assert steps(bundle) == ([] if is_new else [("outside", None)]) + sessions
    kinds = [event["event_type"].removeprefix("pattern_") for event in bundle.log()]
    assert kinds == ["created", *["modified"] * (2 if is_new else 3)]


def test_what_somebody_undid_comes_after_what_was_undone(tmp_path: Path) -> None:
    """One client brings back what another had found: contents would allow either order."""
    first, by_hand, second = STATES[:3]
    outpost = Outpost(tmp_path / "spool")
    calls = (("one", None, first), ("two", by_hand, second), ("three", by_hand, first),
             ("three", first, by_hand))  # fmt: skip
    for session, before, code in calls:
        outpost.write(PATH, code, before, session_id=session)
        # No client takes so long between reading and writing.
        outpost.later(60)
        assert outpost.flush()
    with closing(outpost.ledger()) as ledger:
        rows = ledger.rows("SELECT session_id, actor FROM revisions ORDER BY revision_id", ())
    sessions = [session or actor for session, actor in rows]
    assert sessions == ["one", "outside", "two", "outside", "three", "three"]


def test_what_left_a_file_as_it_found_it_comes_where_the_clock_has_it(tmp_path: Path) -> None:
    """The first call found what the last left, which somebody else had brought back."""
    outpost = Outpost(tmp_path / "spool")
    for session, before, code in (("one", STATES[1], STATES[0]), ("two", STATES[1], STATES[1])):
        outpost.write(PATH, code, before, session_id=session)
        # No client takes so long between reading and writing.
        outpost.later(60)
        assert outpost.flush()
    with closing(outpost.ledger()) as ledger:
        rows = ledger.rows("SELECT session_id, change FROM revisions ORDER BY revision_id", ())
    assert [tuple(row) for row in rows] == [
        (None, "before"),
        ("one", "modified"),
        (None, "modified"),
    ]


@pytest.mark.client
def test_a_deletion_leaves_no_empty_file_for_another_to_find(tmp_path: Path) -> None:
    story = Story()
    story._held[PATH] = ""
    story.write(PATH, STATES[0], True)
    story.remove(PATH, "", True)
    story.shell(PATH, STATES[1], False)
    first, late, last = story.captured

    def run(ledger: Ledger) -> None:
        live(ledger, [first, last])
        live(ledger, [late])
        in_order(ledger)

    assert made_by(run) == expected(story.captured)


@pytest.mark.long
@pytest.mark.usefixtures("client")
def test_ten_clients_at_once_lose_nothing(installed: Bundle, tmp_path: Path) -> None:
    """Each changes a file of its own and one that is everybody's, also by the shell."""
    work = tmp_path / "work"
    (work / ".git").mkdir(parents=True)
    shared = work / "shared.py"
    shared.write_text("".join(f"slot_{n} = 0\n" for n in range(10)))
    own = [work / f"own_{n}.py" for n in range(10)]

    def run(number: int) -> int:
        given = {"file_path": str(shared), "old_string": f"slot_{number} = 0",
                 "new_string": f"slot_{number} = 1"}  # fmt: skip
        read: list[Call] = [("Read", {"file_path": str(shared)})]
        # Another client may have been there since it was read: then the edit fails.
        tries = [step for _ in range(4) for step in (read, [("Edit", given)])]
        write: list[Call] = [("Write", {"file_path": str(own[number]), "content": "own = 0\n"})]
        sed = {"command": f"sed -i s/0/{number}/ {own[number].name}", "description": "x"}
        turns: list[list[Call]] = [write, *tries, [("Bash", sed)]]
        newest = number % 2 and NEWEST_CLIENT.exists()
        done = installed.claude(turns, work, client=NEWEST_CLIENT if newest else CLIENT)
        return int(done.returncode)

    with ThreadPoolExecutor(10) as pool:
        assert set(pool.map(run, range(10))) == {0}
    installed.wait_delivered()
    for number, file in enumerate(own):
        told = [step["actor"] for step in installed.json("lineage", str(file))["steps"]]
        # Whose call it was, a look cannot tell from another client's at the same moment.
        assert told == (["shell", "agent"] if number else ["agent"])
    found = installed.json("lineage", str(shared))
    told = [(step["actor"], step["session_id"]) for step in found["steps"][::-1]]
    # Two that read the same may both write, and one of them over the other.
    assert told[0] == ("outside", None)
    agents = {session for actor, session in told if actor == "agent"}
    assert len(agents) >= shared.read_text().count("= 1")
