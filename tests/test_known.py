"""A client's diff that begins with more than its call found brings back nothing that never was."""

import os
from collections.abc import Sequence
from pathlib import Path

import pytest

from lib.flusher import known
from lib.flusher.known import begins_too_early
from lib.ledger import myers, tracked
from lib.ledger.revisions import AGENT, OUTSIDE, SHELL
from lib.privacy import user_rules
from tests.test_steps import Project, told

pytestmark = pytest.mark.usefixtures("exact_times")
READ = "def area(a, b):\n    return a * b\n\n\ndef edge(a, b):\n    return a + b\n"
FIRST = READ.replace("area", "surface")
BOTH, LAST = (code.replace("edge", "rim") for code in (FIRST, READ))
ANEW = "def new():\n    return 1\n"
LONGER = f"import math\n\n\n{READ}\n\ndef third():\n    return 3\n"


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setattr(os, "environ", {**os.environ, "HOME": str(tmp_path)})
    made = Project(tmp_path)
    made.agent("a.py", READ)
    return made


def sed(
    project: Project, code: str | None, read: str | None = None, command: str = "sed -i s/x/y/"
) -> None:
    """Let a shell change the file; the client's diff begins with what it `read`."""
    project.shell(f"{command} a.py", {"a.py": code}, True, read={"a.py": read} if read else None)


def steps(project: Project) -> list[tuple[str, str, str | None]]:
    project.flush()
    return told(project, "a.py")[1:]


@pytest.mark.parametrize("is_flushed", [True, False])
@pytest.mark.parametrize("command", ["sed -i s/x/y/", "make; true"])
def test_what_the_client_read_before_a_shell_is_not_back_after_it(
    project: Project, is_flushed: bool, command: str
) -> None:
    sed(project, FIRST, command=command)
    if is_flushed:
        project.flush()
    sed(project, BOTH, read=READ, command=command)
    assert steps(project) == [(SHELL, "modified", FIRST), (SHELL, "modified", BOTH)]


def test_a_diff_that_does_not_tell_the_last_newline_tells_of_nobody_else(project: Project) -> None:
    project.agent("a.py", FIRST[:-1])
    project.flush()
    sed(project, f"{FIRST[:-1]}1\n", read=FIRST)
    made = [(AGENT, "modified", FIRST[:-1]), (SHELL, "modified", f"{FIRST[:-1]}1\n")]
    assert steps(project) == made


@pytest.mark.parametrize("is_gone", [False, True])
def test_what_the_diff_leaves_out_because_the_client_had_read_it_is_the_shells(
    project: Project, is_gone: bool
) -> None:
    """A call failed, of which it tells nothing, and the next one took that back."""
    made = None if is_gone else FIRST
    project.shell("make && false", {"a.py": made}, False)
    project.flush()
    project.shell("git stash", {"a.py": READ, "b.py": ANEW}, True, read={"a.py": READ})
    back = (SHELL, "created" if is_gone else "modified", READ)
    assert steps(project) == [(SHELL, "deleted" if is_gone else "modified", made), back]


@pytest.mark.parametrize(
    ("command", "whose"), [("git stash", [(SHELL, "modified", FIRST)]), ("make", [])]
)
def test_what_git_takes_back_the_client_alone_may_have_read(
    project: Project, command: str, whose: list[tuple[str, str, str | None]]
) -> None:
    project.shell("make && false", {"a.py": BOTH}, False)
    project.flush()
    project.shell(command, {"a.py": FIRST, "b.py": ANEW}, True, read={"a.py": FIRST})
    assert steps(project) == [(SHELL, "modified", BOTH), *whose]


def test_what_the_diff_leaves_out_is_not_the_shells_where_it_names_other_files(
    project: Project,
) -> None:
    sed(project, FIRST)
    project.flush()
    changes: dict[str, str | None] = {"a.py": READ, "b.py": ANEW}
    project.shell("sed -i s/x/y/ b.py", changes, True, read={"a.py": READ})
    assert steps(project) == [(SHELL, "modified", FIRST)]


@pytest.mark.parametrize(
    ("recorded", "result"),
    [(FIRST, ANEW), (LONGER, ANEW), (LONGER, LONGER.replace("edge", "rim")), (FIRST, FIRST + ANEW),
     (FIRST, FIRST.replace("surface", "plane")), (ANEW, f"# one\n{ANEW}"), ("", ANEW)],
)  # fmt: skip
def test_whatever_the_call_itself_makes_of_it(project: Project, recorded: str, result: str) -> None:
    sed(project, recorded)
    sed(project, result, read=READ)
    assert [actor for actor, *_ in steps(project)] == [SHELL, SHELL]


@pytest.mark.parametrize("recorded", [FIRST, LONGER, ANEW, ""])
def test_what_somebody_took_back_before_a_shell_is_told(project: Project, recorded: str) -> None:
    """As by `git checkout a.py`: it stands in what the call left."""
    sed(project, recorded)
    project.write("a.py", READ)
    sed(project, LAST, read=READ)
    assert steps(project)[1:] == [(OUTSIDE, "modified", READ), (SHELL, "modified", LAST)]


def test_a_call_of_git_may_have_taken_it_back_itself(project: Project) -> None:
    sed(project, FIRST)
    sed(project, LAST, read=READ, command="git checkout . && sed -i s/x/y/")
    assert steps(project)[1:] == [(SHELL, "modified", LAST)]


def test_what_it_held_twice_may_be_what_was_recorded_last(project: Project) -> None:
    sed(project, FIRST)
    sed(project, READ, read=FIRST)
    sed(project, LAST, read=FIRST)
    sed(project, LAST.replace("a * b", "b * a"), read=READ)
    assert [actor for actor, *_ in steps(project)] == [SHELL] * 4


def test_what_it_held_twice_may_be_what_somebody_took_back(project: Project) -> None:
    sed(project, FIRST)
    sed(project, READ, read=FIRST)
    project.write("a.py", FIRST)
    sed(project, BOTH, read=FIRST)
    assert steps(project)[2:] == [(OUTSIDE, "modified", FIRST), (SHELL, "modified", BOTH)]


def test_what_it_never_held_somebody_made_of_it(project: Project) -> None:
    sed(project, FIRST)
    project.write("a.py", ANEW)
    sed(project, f"# one\n{ANEW}x = 1\n")
    assert steps(project)[1][:2] == (OUTSIDE, "modified")


def test_a_file_that_ends_held_what_was_recorded_last(project: Project) -> None:
    sed(project, FIRST)
    sed(project, None, read=READ, command="rm")
    assert steps(project)[1:] == [(SHELL, "deleted", None)]


def test_a_file_that_was_gone_is_made_anew(project: Project) -> None:
    sed(project, None, command="rm")
    sed(project, ANEW, read=READ, command="tee")
    assert steps(project)[1:] == [(SHELL, "created", ANEW)]


def test_a_file_that_was_gone_may_have_come_back(project: Project) -> None:
    sed(project, None, command="rm")
    project.write("a.py", READ)
    sed(project, LAST)
    assert steps(project)[1:] == [(OUTSIDE, "created", READ), (SHELL, "modified", LAST)]


SECRETS = "".join(f'k{n} = "ghp_{n}123456789abcdefghijklmnopqrstuvwxyzAB"\n' for n in range(3))


@pytest.mark.parametrize("is_back", [True, False])
def test_secrets_are_no_difference(project: Project, is_back: bool) -> None:
    """What is recorded is without them, and what the hook read is not."""
    for code in (SECRETS + READ, SECRETS + FIRST):
        sed(project, code)
    if is_back:
        project.write("a.py", SECRETS + READ)
    sed(project, SECRETS + (LAST if is_back else BOTH), read=SECRETS + READ)
    actors = [actor for actor, *_ in steps(project)]
    assert actors == [SHELL, SHELL, *([OUTSIDE] if is_back else []), SHELL]


def test_secrets_may_be_what_somebody_took_back(project: Project) -> None:
    for code in (SECRETS + READ, READ):
        sed(project, code)
    project.write("a.py", SECRETS + READ)
    sed(project, SECRETS + LAST, read=SECRETS + READ)
    assert [actor for actor, *_ in steps(project)][2:] == [OUTSIDE, SHELL]


def test_a_call_is_told_though_the_users_patterns_cannot_be_applied(
    project: Project, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "redact.txt"
    rules.write_text("(\n")
    monkeypatch.setattr(user_rules, "default_path", lambda: str(rules))
    sed(project, FIRST)
    sed(project, BOTH, read=READ)
    assert [actor for actor, *_ in steps(project)][-1] == SHELL


def test_line_ends_are_no_difference(project: Project) -> None:
    windows = [code.replace("\n", "\r\n") for code in (READ, FIRST, BOTH)]
    for code in windows[:2]:
        sed(project, code)
    sed(project, windows[2], read=READ)
    assert [actor for actor, *_ in steps(project)][-2:] == [SHELL, SHELL]


def test_what_it_held_long_ago_is_not_known(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracked, "MOST_STATES", 2)
    for code in (FIRST, BOTH):
        sed(project, code)
    sed(project, ANEW, read=READ)
    assert [actor for actor, *_ in steps(project)] == [SHELL, SHELL, OUTSIDE, SHELL]


def test_what_the_client_alone_had_read_was_not_there_where_others_went_on(
    project: Project,
) -> None:
    """A person wrote twice, and nobody looked between."""
    project.write("a.py", LAST)
    project.write("a.py", FIRST)
    project.shell("make", {"b.py": ANEW}, False)
    project.flush()
    sed(project, f"{FIRST}x = 1\n", read=LAST)
    made = [(OUTSIDE, "modified", FIRST), (SHELL, "modified", f"{FIRST}x = 1\n")]
    assert steps(project) == made


@pytest.mark.parametrize(
    ("begin", "result", "wanted"),
    [
        (READ, BOTH, True), (READ, LAST, False), (READ, None, True), (READ, READ, False),
        (READ, FIRST, True), (READ.removesuffix("\n"), BOTH, True), (FIRST, BOTH, False),
        (FIRST.removesuffix("\n"), BOTH, False), (ANEW, BOTH, True), (ANEW, None, False),
        (ANEW, f"{ANEW}x = 1\n", False), (ANEW, "x = 1\n", False),
    ],
)  # fmt: skip
def test_a_diff_begins_too_early(begin: str, result: str | None, wanted: bool) -> None:
    assert begins_too_early(iter([FIRST, "", READ]), str, begin, result) is wanted
    assert not begins_too_early(iter([]), str, begin, result)


def test_lines_that_one_alone_has_are_not_looked_for_in_another(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Of files that were made anew, as by a generator, that would take long."""
    looked_for: list[int] = []

    def differing(old: Sequence[int], new: Sequence[int]) -> tuple[list[int], list[int]]:
        looked_for.extend((len(old), len(new)))
        return myers.differing(old, new)

    monkeypatch.setattr(known, "differing", differing)
    begin, recorded, result = ("".join(f"{x} {n}\n" for n in range(99)) + "end\n" for x in "abc")
    assert begins_too_early(iter([recorded, begin]), str, begin, result)
    assert set(looked_for) == {1}


def test_half_of_what_stood_there_says_nothing() -> None:
    recorded, begin = "x = 1\nend\n", "a = 1\nb = 1\nend\n"
    for result, wanted in (("a = 1\nc = 1\nend\n", True), (f"{begin}c = 1\n", False)):
        assert begins_too_early(iter([recorded, begin]), str, begin, result) is wanted
