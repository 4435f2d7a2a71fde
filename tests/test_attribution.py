"""Lines are attributed as git's blame does it, and followed into other files."""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ledger.attribution import Line, attribute, steps_to
from lib.ledger.history import History
from lib.ledger.line_changes import Lines
from lib.ledger.line_history import touches
from lib.ledger.reasons import BEFORE_RECORDING, who
from lib.ledger.revisions import AGENT, OUTSIDE
from tests.support import revised
from tests.support.outpost import Outpost

PATH = "/p/a.py"


def blame(ledger: Path, path: str = PATH, present: str | None = None) -> list[Line]:
    with closing(History(str(ledger))) as history:
        return attribute(history, path, present)


def check(where: Path, contents: Sequence[str]) -> None:
    """See that our blame of a history is git's."""
    ledger = where / "ledger.db"
    revised.record(ledger, PATH, contents)
    lines = blame(ledger)
    assert "\n".join(line.text for line in lines).rstrip("\n") == contents[-1].rstrip("\n")
    found = [(line.place.step and int(line.place.step.pattern_id[-16:]), line.place.number)
             for line in lines]  # fmt: skip
    assert found == revised.blamed_by_git(where / "repository", contents)


@pytest.mark.parametrize("seed", range(4))
def test_blame_is_that_of_git(tmp_path: Path, seed: int) -> None:
    check(tmp_path, revised.history(seed, 60))


@pytest.mark.long
@pytest.mark.parametrize("seed", range(100, 120))
def test_blame_is_that_of_git_for_files_of_200_revisions(tmp_path: Path, seed: int) -> None:
    check(tmp_path, revised.history(seed, 200))


def alike(chance: st.DrawFn, most: int) -> str:
    words = st.sampled_from(["a", "  a", "    b", "", "}", "\tc"])
    return "\n".join(chance(st.lists(words, max_size=most)))


@settings(max_examples=20)
@given(st.data())
def test_blame_is_that_of_git_where_lines_are_alike(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    contents = data.draw(st.lists(st.composite(alike)(40), min_size=2, max_size=6))
    kept = [text for n, text in enumerate(contents) if not n or text != contents[n - 1]]
    check(tmp_path_factory.mktemp("history"), kept)


def texts_of(number: int, line: Callable[[int, int], str], *sizes: int) -> list[str]:
    return ["".join(f"{line(n, k)}\n" for n in range(sizes[k % len(sizes)])) for k in range(number)]


@pytest.mark.parametrize(
    "contents",
    [
        # The search for a shortest edit is given up.
        texts_of(4, lambda n, k: f"line {n * (4 * k + 1) % 97} of {n % (7 - k)}", 300),
        texts_of(4, lambda n, k: f"line {n * (4 * k + 1) % 97} of {n % (7 - k)}", 3000),
        # A line more may stand anywhere, but not in the blocks that git leaves out.
        texts_of(3, lambda n, k: "a", 2000, 2001, 2003),
        # Blank lines among new ones are no reason to call these two pieces.
        texts_of(3, lambda n, k: f"{k} {n}" if n % 6 else "", 300, 290),
    ],
    ids=["new", "much that is new", "alike", "blank lines"],
)
def test_blame_is_that_of_git_where_it_has_rules_of_its_own(
    tmp_path: Path, contents: list[str]
) -> None:
    check(tmp_path, contents)


@pytest.mark.parametrize("seed", range(20, 24))
def test_a_line_was_touched_last_by_the_step_that_brought_it(tmp_path: Path, seed: int) -> None:
    contents = revised.history(seed, 30)
    revised.record(tmp_path / "ledger.db", PATH, contents[:-1])
    with closing(History(str(tmp_path / "ledger.db"))) as history:
        lines = attribute(history, PATH, contents[-1])
        for number, line in list(enumerate(lines))[:: len(lines) // 60 + 1]:
            found = touches(history, PATH, contents[-1], (number, number + 1))
            assert (found[0].path, found[0].step) == line.place[:2]
            assert found[0].hunks[0].added == [line.text]
            assert not found[-1].hunks[0].removed


def test_the_steps_of_a_line_are_followed_back(tmp_path: Path) -> None:
    texts = ["a\nb = 1\nc\n", "new\na\nb = 2\nc\n", "new\na\nb = 2\nb = 3\nc\n", "a\nb = 3\nc\n"]
    revised.record(tmp_path / "ledger.db", PATH, texts)
    with closing(History(str(tmp_path / "ledger.db"))) as history:
        told = [[hunk.told() for hunk in touch.hunks]
                for touch in touches(history, PATH, "a\nx\ny\nc\n", (1, 2))]  # fmt: skip
        whole = touches(history, PATH, None)
    assert told == [
        [["@@ -2,1 +2,1 @@", "-b = 3", "+x"]],
        [["@@ -3,0 +4,1 @@", "+b = 3"]],
    ]
    assert [[hunk.told()[0] for hunk in touch.hunks] for touch in whole] == [
        ["@@ -1,1 +0,0 @@", "@@ -3,1 +1,0 @@"], ["@@ -3,0 +4,1 @@"],
        ["@@ -0,0 +1,1 @@", "@@ -2,1 +3,1 @@"], ["@@ -0,0 +1,3 @@"],
    ]  # fmt: skip


def test_of_lines_that_were_replaced_together_each_has_its_own(tmp_path: Path) -> None:
    revised.record(tmp_path / "ledger.db", PATH, ["a\nb\n", "x\ny\n"])
    with closing(History(str(tmp_path / "ledger.db"))) as history:
        newest, first = touches(history, PATH, None, (1, 2))
    assert newest.hunks[0].told() == ["@@ -2,1 +2,1 @@", "-b", "+y"]
    assert first.hunks[0].told() == ["@@ -0,0 +2,1 @@", "+b"]


@given(st.lists(st.text("ab \n", max_size=30), max_size=6))
def test_the_changes_make_one_content_of_the_other(contents: list[str]) -> None:
    lines, now = Lines(), [b""][:0]
    for text in contents:
        new = text.encode().splitlines(keepends=True)
        made: list[bytes] = []
        at = 0
        for change in lines.become(text.encode()):
            made += now[at : change.old] + new[change.new : change.new + change.new_size]
            at = change.old + change.old_size
        now = made + now[at:]
        assert now == new
        assert len(lines) == len(new)


def test_what_the_disk_holds_since_is_nobodys_step(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    revised.record(ledger, PATH, ["a\nb\n", "a\nb\nc\n"])
    lines = blame(ledger, present="\ufeffa\r\nx\r\nc\r\n")
    assert [line.text for line in lines] == ["a", "x", "c"]
    assert [line.place.step is None for line in lines] == [False, True, False]
    assert lines[1].place == (PATH, None, 2)


@pytest.mark.parametrize("seed", range(40, 43))
def test_blame_is_that_of_git_where_a_file_was_moved(tmp_path: Path, seed: int) -> None:
    first = revised.history(seed, 20)
    second = [first[-1], *revised.history(seed + 100, 3), *first[5:12]]
    ledger = tmp_path / "ledger.db"
    revised.record(ledger, PATH, first)
    revised.record(ledger, "/p/b.py", second)
    with closing(History(str(ledger))) as history:
        steps = [step for _, step in steps_to(history, "/p/b.py")]
        lines = attribute(history, "/p/b.py")
    assert (len(steps), steps[20].change) == (20 + len(second), "copied")
    found = [(line.place.step and steps.index(line.place.step), line.place.number)
             for line in lines]  # fmt: skip
    git = revised.blamed_by_git(tmp_path / "repository", [*first, *second], len(first))
    assert found == git


@pytest.mark.usefixtures("exact_times")
@pytest.mark.parametrize("seed", range(60, 64))
def test_blame_is_that_of_git_whoever_makes_the_steps(tmp_path: Path, seed: int) -> None:
    """The agent makes some; of the others it is seen by the next one what they have made."""
    chance = random.Random(seed)
    outpost = Outpost(tmp_path / "spool")
    contents = [text for text in revised.history(seed, 40) if text.strip()]
    contents = [text for n, text in enumerate(contents) if not n or text != contents[n - 1]]
    by_agent = [chance.random() < 0.5 for _ in contents]
    kept: list[str] = []
    whose: list[str] = []
    for number, text in enumerate(contents[1:], 1):
        if not by_agent[number]:
            continue
        before = contents[number - 1]
        if not kept or before != kept[-1]:
            whose.append(OUTSIDE if kept else BEFORE_RECORDING)
            kept.append(before)
        outpost.write(PATH, text, before)
        kept.append(text)
        whose.append(AGENT)
    assert outpost.flush()
    lines = blame(outpost.directory / "ledger.db")
    git = revised.blamed_by_git(tmp_path / "repository", kept)
    assert [line.place.number for line in lines] == [number for _, number in git]
    assert [who(line.place.step) for line in lines] == [whose[step] for step, _ in git]


CODE = "def f():\n    return 1\n\n\ndef g():\n    return 2\n"


def test_a_copy_is_followed_into_the_file_it_came_from(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    revised.record(ledger, PATH, ["first = 1\n", f"first = 1\n{CODE}"])
    revised.record(ledger, "/p/b.py", [f"first = 1\n{CODE}", f"first = 1\n{CODE}last = 3\n"])
    lines = blame(ledger, "/p/b.py")
    paths = [line.place.path for line in lines]
    assert paths == [PATH] * 7 + ["/p/b.py"]
    assert [line.place.number for line in lines] == list(range(1, 9))
    first, second = (line.place.step for line in lines[:2])
    assert first
    assert second
    assert first.revision_id < second.revision_id


def test_of_a_step_without_code_the_lines_are_not_the_next_ones(tmp_path: Path) -> None:
    ledger = tmp_path / "ledger.db"
    revised.record(ledger, PATH, ["a\n"])
    revised.record(ledger, PATH, ["a\nb\n"], OUTSIDE)
    with closing(History(str(ledger))) as history:
        history._db.execute("UPDATE revisions SET snapshot = NULL WHERE actor = ?", (OUTSIDE,))
        history._db.commit()
    revised.record(ledger, PATH, ["a\nb\nc\n"])
    actors = [line.place.step and line.place.step.actor for line in blame(ledger)]
    assert actors == ["agent", OUTSIDE, OUTSIDE]
    assert [line.place.step is None for line in blame(ledger, present="b\n")] == [False]
