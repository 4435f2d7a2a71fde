"""Calls side by side on one file: each knows its own part, and none makes anything up."""

import time
from collections.abc import Iterator
from contextlib import closing
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from lib.capture import event
from lib.capture.payload import Change, event_of
from lib.flusher.unfolding import Unfolding
from lib.ledger.overlaps import NAMED
from lib.spool import inbox
from tests.support.outpost import Outpost

STATES = [f"def area(a, b):\n    return a * b * {n}\n" for n in range(5)]
PATH = "/p/a.py"
Step = tuple[str | None, str | None]


class Project:
    """Calls of several sessions, in the order in which their hooks came."""

    def __init__(self, directory: Path) -> None:
        self.outpost = Outpost(directory)

    def edit(self, session: str, before: str | None, code: str) -> None:
        self.outpost.write(PATH, code, before, session_id=session)

    def shell(self, session: str, before: str | None, code: str, is_named: bool = False,
              is_told: bool = True, actor: str = "shell") -> None:  # fmt: skip
        """A call of the shell; `is_told`: the client's diff tells what was there before.

        `actor`: "outside" where it cannot have done it itself.
        """
        told: dict[str, Any] = {"tool_name": "Bash", "session_id": session, "tool_use_id": session}
        self.outpost._captured += 1
        captured_ns = time.time_ns() - 3600 * 10**9 + self.outpost._captured * 10**6
        change = Change(PATH, code, before if is_told else None, is_told)
        made: Any = {**event_of(change, told, captured_ns), "actor": actor}
        if is_named:
            made[NAMED] = captured_ns - 10**9
        inbox.commit(str(self.outpost.directory), made, captured_ns)

    def look(self, code: str) -> None:
        """What a look found that somebody had changed before."""
        self.outpost._captured += 1
        captured_ns = time.time_ns() - 3600 * 10**9 + self.outpost._captured * 10**6
        made: Any = event_of(Change(PATH, code, None, before_known=False), {}, captured_ns)
        inbox.commit(str(self.outpost.directory), {**made, "actor": "outside"}, captured_ns)

    def steps(self) -> list[Step]:
        assert self.outpost.flush()
        with closing(self.outpost.ledger()) as ledger:
            rows = ledger.rows(
                "SELECT iif(actor = 'outside', actor, session_id), snapshot FROM revisions "
                "WHERE change NOT IN ('before', 'unchanged') ORDER BY revision_id", (),
            )  # fmt: skip
            return [(who, ledger.snapshot(snapshot)) for who, snapshot in rows]


@pytest.fixture(params=[True, False], ids=["together", "one by one"])
def project(request: pytest.FixtureRequest, tmp_path: Path) -> Project:
    made = Project(tmp_path / "spool")
    if not request.param:
        commit = made.outpost.flush
        for name in ("edit", "shell", "look"):
            call = getattr(made, name)

            def both(*given: Any, call: Any = call, **more: Any) -> None:
                call(*given, **more)
                assert commit()

            setattr(made, name, both)
    return made


def test_what_one_replaced_that_had_read_before_another_wrote(project: Project) -> None:
    project.edit("one", None, STATES[0])
    project.edit("two", STATES[0], STATES[1])
    project.edit("three", STATES[0], STATES[2])
    project.edit("two", STATES[2], STATES[3])
    assert project.steps() == [
        ("one", STATES[0]), ("two", STATES[1]), ("three", STATES[2]), ("two", STATES[3]),
    ]  # fmt: skip


@pytest.mark.parametrize("actor", ["shell", "outside"])
def test_which_of_two_wrote_last_is_told_by_what_a_diff_ends_with(
    project: Project, actor: str
) -> None:
    """Both had read the same, the hook of the first to write was late, and nobody wrote after."""
    project.edit("one", None, STATES[0])
    project.edit("three", STATES[0], STATES[2])
    project.edit("two", STATES[0], STATES[1])
    project.shell("four", STATES[0], STATES[2], actor=actor)
    assert project.steps() == [
        ("one", STATES[0]), ("two", STATES[1]), ("three", STATES[2]),
    ]  # fmt: skip


@pytest.mark.parametrize("found", range(3))
def test_which_of_several_wrote_last_is_told_by_who_comes_next(
    project: Project, found: int
) -> None:
    """All had read the same, and their hooks came in any order."""
    project.edit("one", None, STATES[0])
    made = [(session, STATES[n]) for n, session in enumerate(("two", "three", "four"), 1)]
    for session, code in made:
        project.edit(session, STATES[0], code)
    project.edit("four", made[found][1], STATES[4])
    rest = [step for step in made if step != made[found]]
    assert project.steps() == [
        ("one", STATES[0]), *rest, made[found], ("four", STATES[4]),
    ]  # fmt: skip


@pytest.mark.parametrize("is_look", [True, False])
def test_which_of_two_wrote_last_is_told_by_who_comes_next(project: Project, is_look: bool) -> None:
    """Both had read the same, and the hook of the first to write was late."""
    project.edit("one", None, STATES[0])
    project.edit("three", STATES[0], STATES[2])
    project.edit("two", STATES[0], STATES[1])
    if is_look:
        project.shell("four", None, STATES[2], is_told=False)
    project.edit("two", STATES[2], STATES[3])
    assert project.steps() == [
        ("one", STATES[0]), ("two", STATES[1]), ("three", STATES[2]), ("two", STATES[3]),
    ]  # fmt: skip


def test_what_a_session_itself_left_it_did_not_replace_unknowingly(project: Project) -> None:
    project.edit("one", None, STATES[0])
    project.edit("one", STATES[0], STATES[1])
    project.edit("one", STATES[0], STATES[2])
    assert project.steps() == [
        ("one", STATES[0]), ("one", STATES[1]), ("outside", STATES[0]), ("one", STATES[2]),
    ]  # fmt: skip


# Where the hooks of two edits both come after that of the shell, contents tell too little.
@pytest.mark.parametrize("order", [one for one in permutations(range(3)) if one[0] != 2])
def test_a_diff_that_has_the_edits_of_others_is_none_of_its_call(
    project: Project, order: tuple[int, ...]
) -> None:
    """It has both together, and comes between or after them."""
    project.edit("one", None, STATES[0])
    calls = (
        lambda: project.edit("two", STATES[0], STATES[1]),
        lambda: project.edit("three", STATES[1], STATES[2]),
        lambda: project.shell("four", STATES[0], STATES[2]),
    )
    for number in order:
        calls[number]()
    assert project.steps() == [("one", STATES[0]), ("two", STATES[1]), ("three", STATES[2])]


@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("second", ["shell", "outside"])
@pytest.mark.parametrize("first", ["look", "shell", "outside"])
def test_what_two_calls_saw_others_do_was_done_once(
    project: Project, first: str, second: str, is_known: bool
) -> None:
    """A person merges while shells run, and each client's diff has it."""
    if is_known:
        project.edit("one", None, STATES[0])
    if first == "look":
        project.look(STATES[1])
    else:
        project.shell("two", STATES[0], STATES[1], actor=first)
    for session in ("three", "four"):
        project.shell(session, STATES[0], STATES[1], actor=second)
    made = [("two" if first == "shell" else "outside", STATES[1])]
    assert project.steps() == [*[("one", STATES[0])][:is_known], *made]


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("found", ["diff", "look", "before"])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_file_is_changed_by_the_call_that_names_it(
    project: Project, found: str, is_first: bool, is_told: bool
) -> None:
    project.edit("one", None, STATES[0])

    def others() -> None:
        if found == "before":
            project.look(STATES[1])
        else:
            project.shell("two", STATES[0], STATES[1], is_told=found == "diff")

    if is_first:
        others()
    project.shell("one", STATES[0], STATES[1], is_named=True, is_told=is_told)
    if not is_first:
        others()
    assert project.steps() == [("one", STATES[0]), ("one", STATES[1])]


@pytest.mark.parametrize("is_told", [True, False])
@pytest.mark.parametrize("is_first", [True, False])
def test_a_new_file_is_made_by_who_wrote_it(
    project: Project, is_first: bool, is_told: bool
) -> None:
    if is_first:
        project.shell("two", None, STATES[0], is_told=is_told)
    project.edit("one", None, STATES[0])
    if not is_first:
        project.shell("two", None, STATES[0], is_told=is_told)
    assert project.steps() == [("one", STATES[0])]


def test_what_was_long_ago_is_nobodys_at_the_same_time(project: Project) -> None:
    project.edit("one", None, STATES[0])
    project.edit("two", STATES[0], STATES[1])
    project.outpost.later(120)
    project.shell("three", STATES[0], STATES[1])
    assert project.steps() == [
        ("one", STATES[0]), ("two", STATES[1]), ("outside", STATES[0]), ("three", STATES[1]),
    ]  # fmt: skip


def test_the_end_of_an_empty_file_is_no_change_that_another_made(project: Project) -> None:
    project.edit("one", None, "")
    project.outpost._captured += 1
    captured_ns = time.time_ns() - 3600 * 10**9 + project.outpost._captured * 10**6
    made: Any = event.build(
        event.FILE_DELETED, event.Content("", PATH), path=PATH, session_id="two", tool_use_id="two",
        captured_ns=captured_ns,
    )  # fmt: skip
    inbox.commit(str(project.outpost.directory), {**made, "actor": "shell"}, captured_ns)
    assert project.steps() == [("one", ""), ("two", None)]


class Blind:
    """Knows of no files."""

    def holds(self, path: str, made: object) -> bool:
        return False

    def before(self, path: str, began_ns: int) -> None:
        return None

    def code(self, path: str) -> str | None:
        return None

    def states(self, path: str, until_ns: int) -> Iterator[str]:
        return iter(())

    def cleaned(self, code: str) -> str:
        return code


def test_what_a_client_is_about_to_write_is_no_file_of_another(tmp_path: Path) -> None:
    """It writes beside the file and renames, and the diff of a shell may have that."""
    names = ["a.py.tmp.18811.fe760ecde7b5", "a.tmp.py"]
    files = [{"path": f"/p/{name}", "code": STATES[0], "created": True} for name in names]
    call: Any = {"event_data": {"files": files, "ended_ns": 1, "keeps_content": True}}
    blind: Any = Blind()
    made = Unfolding(call, blind, blind).events()
    assert [one["event_data"]["file_path"] for one in made] == ["/p/a.tmp.py"]


DIFFED, GONE_ON = "one = 1\ntwo = 0\n", "one = 1\ntwo = 1\n"


@pytest.mark.parametrize(
    ("is_sure", "held", "actor", "before"),
    [
        (True, None, "outside", None),
        (False, None, "shell", "one = 0\ntwo = 1\n"),
        (False, "one = 0\ntwo = 0\n", "shell", "one = 0\ntwo = 1\n"),
        # What was recorded last has what the diff tells: it is another's who went on after that.
        (False, DIFFED, "shell", None),
    ],
)
def test_what_others_wrote_after_a_diff_was_made_says_nothing_of_before(
    monkeypatch: pytest.MonkeyPatch, is_sure: bool, held: str | None, actor: str, before: str | None
) -> None:
    """The hook reads later: taking the diff back out of that may give a state that never was."""
    monkeypatch.setattr(Blind, "code", lambda self, path: held)
    hunks = [{"newStart": 1, "lines": ["-one = 0", "+one = 1"]}]
    told = {"path": PATH, "code": GONE_ON, "hunks": hunks}
    data = {"files": [told], "ended_ns": 1, "keeps_content": True, "names_all": is_sure}
    call: Any = {"event_data": data}
    blind: Any = Blind()
    (made,) = Unfolding(call, blind, blind).events()
    parents: Any = made.get("parents") or [{"code": None}]
    assert (made["actor"], parents[0]["code"]) == (actor, before)
    assert (made.get("before") == "unknown") is (before is None)
