"""Calls of the shell: which may write, and what of them is kept."""

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from lib.capture import shell
from lib.capture.named_file import Refused
from lib.capture.shell_reach import ends_named, names_all, places
from lib.capture.shell_words import may_write, simple_commands
from lib.system.digest import hex_digest
from tests.support.bundle import ROOT, payload

pytestmark = pytest.mark.usefixtures("exact_times")
READING = [
    "ls -la", "cat a.py | grep x 2>/dev/null", "git status && git log -3", "sed -n 1,9p a.py",
    "git add -A && git commit -qm 'a > b'", "cat a 2>&1", "find . -name '*.py' | xargs_ 2>/dev/null"
    .replace("xargs_", "wc -l"), "cd x && rg -n 'a > b' # > c", "echo $HOME", "FOO=1 env ls", "",
    "git -C /x --no-pager diff", "for i in 1 2; do cat $i; done", "cat <<EOF\nrm a.py\nEOF",
    "awk '{ print $1 }' a", "sort -rn a | uniq -c", "tree -L 2 --noreport", "sed --posix -n 1p a",
]  # fmt: skip
WRITING = [
    "sed -i s/1/2/ a.py", "sed -Ei.bak s/1/2/ a.py", "cat > b.py <<'EOF'\ntext\nEOF", "rm a.py",
    "echo x >> b.py", "mkdir lib && mv a.py lib/", "git checkout -- d.py", "git -C x stash",
    "black .", "make", "find . -name x -delete", "if true; then cp a b; fi", "cat a | tee b",
    "python3 - <<EOF\nopen('a', 'w')\nEOF", "echo $(rm x)", "git", "ls &> log", "X=1 sudo touch a",
    "cat <<A <<B > c\na\nA\nb\nB", "awk '{ print > \"b\" }' a", "awk -i inplace 1 a", "sort -o a a",
    "uniq a b", "source build.sh", ". ./build.sh", "gh repo clone x", "xxd -r a b", "tree -o a",
    "sort -uo a a", "sed --in-place=x 1d a",
    'echo "$(rm x)"', 'echo "`rm x`"', "echo `rm x`",
]  # fmt: skip


@pytest.mark.parametrize("command", READING)
def test_a_command_that_only_reads_is_told(command: str) -> None:
    assert not any(map(may_write, simple_commands(command)))


@pytest.mark.parametrize("command", WRITING)
def test_a_command_that_may_write_is_told(command: str) -> None:
    assert any(map(may_write, simple_commands(command)))


NAMING = [
    "sed -i 's/[0-9]*$/1/' a.py", "cat > b.py <<'EOF'\n$x\nEOF", "echo '*' >> b.py", "> b",
    "cat a | tee b", "X=1 sudo touch a", "sed -i s/1/2/ a.py && git status",
    "printf '%s' \"$HOME\" > b", "sed -i s a.py", "sed -i '1i # w x' a", "sed -i '$d' a",
    "sed -i '/x/,$ d' a", "sed -i '2,3s/1/2/g' a",
]  # fmt: skip
# What else they change, they do not name: the rest of the writing ones, and these.
NOT_NAMING = [
    *({*WRITING} - {
        "sed -i s/1/2/ a.py", "cat > b.py <<'EOF'\ntext\nEOF", "echo x >> b.py", "cat a | tee b",
        "cat <<A <<B > c\na\nA\nb\nB", "X=1 sudo touch a", "ls &> log", "sed -Ei.bak s/1/2/ a.py",
        "sed --in-place=x 1d a",
    }),
    "cd lib && sed -i s/1/2/ a.py", "sed -i s/1/2/ *.py", "touch $name", "echo x > ~/b.py",
    "sed -i 's/1/2/w b.py' a.py", "sed -i 's/1/touch b.py/e' a.py", "sed -i '/1/w b.py' a.py",
    "sed -i", "touch a.py; make", "sed -i s/1/2/ a.py && ./format",
    "touch a" + " " * 9000 + "; make",
    "sed -i '1e touch b' a", "sed -i '$w b' a", "sed -i '1i x\nw b' a",
]  # fmt: skip


@pytest.mark.parametrize("command", NAMING)
def test_a_command_that_names_all_that_it_changes_is_told(command: str) -> None:
    assert names_all(command, simple_commands(command))


@pytest.mark.parametrize("command", sorted(NOT_NAMING))
def test_a_command_that_may_change_what_it_does_not_name_is_told(command: str) -> None:
    assert not names_all(command, simple_commands(command))


ENDING = [
    "rm a.py", "rm -rf ./lib/ /p/b.py", "mv a.py lib && ls", "git rm -q a.py", "git mv a.py b.py",
    "cp *.py lib/", "sed -i 1d *.py", "cat *.py > b", "mkdir -p x && touch x/$name", "rmdir lib",
]  # fmt: skip
# What else they end, they do not name, or by another name.
NOT_ENDING = [
    "rm *.py", "rm $name", "cd lib && rm a.py", "rm ../p/a.py", "rm lib//a.py", "rm /q/a.py",
    "git -C lib rm a.py", "git stash", "make", "find . -delete", "cp a b; ./build", "rm `ls`",
    "cp a \"$(rm b)\"", "sed -i '1e rm b' a", "for f in a b; do rm $f; done", "python3 x.py a.py",
    "rm a" + " " * 9000 + "; make",
]  # fmt: skip


@pytest.mark.parametrize("command", [*ENDING, *NOT_ENDING])
def test_a_command_that_may_end_what_it_does_not_name_is_told(command: str) -> None:
    assert ends_named(command, simple_commands(command), "/p") is (command in ENDING)


def test_a_hook_may_be_late_for_a_file_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client is, where the machine is busy."""
    monkeypatch.setattr(shell, "LATE_NS", 1000)
    where = tmp_path / "project"
    where.mkdir()
    (where / "a.py").write_text("x = 2\n")
    changed_ns = (where / "a.py").stat().st_ctime_ns
    for late_ns, kept in ((0, False), (shell.LATE_NS, True), (shell.LATE_NS + 1, None)):
        made = payload(
            "22-bash-nodiff.post", cwd=str(where), tool_input={"command": "sed -i s/1/2/ a.py"},
            tool_response={}, duration_ms=0,
        )  # fmt: skip
        ended_ns = changed_ns + shell.SLACK_NS + late_ns
        found = files(shell.capture(made, ended_ns, "", True))
        assert [file.get("late", False) for file in found.values()] == [kept] * (kept is not None)


@pytest.mark.parametrize(
    ("command", "found"),
    [("ls a", []), ("(cd lib && touch a)", ["/p/lib"]), ("cd /q/; cd ./x", ["/q", "/q/x", "/p/x"]),
     ("pushd lib/../b; popd", ["/p/b"]), ("cd ../..", [""]), ("cd $x; cd; cd -; cd a*", []),
     ("cd a; cd b; cd c", ["/p/a", "/p/a/b", "/p/b"])],
)  # fmt: skip
def test_where_a_command_goes_is_told(command: str, found: list[str]) -> None:
    assert places(simple_commands(command), "/p") == ["/p", *found]


def test_what_a_subshell_writes_elsewhere_is_read_at_once(tmp_path: Path) -> None:
    """Where no file is known a look comes to no directory that its parent has had already."""
    where = tmp_path / "project"
    (where / "lib").mkdir(parents=True)
    start = began(where)
    (where / "lib" / "a.py").write_text("x = 2\n")
    (where / "mark").touch()
    made = call(where, "(cd lib && echo 'x = 2' > a.py)", start)
    (found,) = files(made).values()
    assert found == {"path": str(where / "lib" / "a.py"), "code": "x = 2\n", "named": True}


def test_a_link_that_is_named_may_stand_for_any_file(tmp_path: Path) -> None:
    where = tmp_path / "project"
    where.mkdir()
    (where / "a.py").touch()
    (where / "link.py").symlink_to(where / "a.py")
    start = began(where)
    (where / "a.py").write_text("x = 2\n")
    for command, is_sure in (("echo x > a.py", True), ("echo x > link.py", False)):
        assert call(where, command, start)["event_data"]["names_all"] is is_sure


def test_quotes_go_and_here_documents_are_left_out() -> None:
    found = simple_commands("cat > 'a b.py' <<'EOF' && ls\nrm x; touch y\nEOF\necho \"c d\"e")
    assert found == [["cat", ">", "a b.py"], ["ls"], ["echo", "c de"]]


@pytest.mark.parametrize("command", ["'" * 9, "<<", ">", "<<'", "\\", '"\\', "a <<E\n", "#", "2>"])
def test_a_torn_command_ends(command: str) -> None:
    assert isinstance(simple_commands(command), list)


def call(where: Path, command: str, began_ns: int, **response: Any) -> dict[str, Any]:
    """Capture the call of `command` in `where`, which began at `began_ns` and ends now."""
    ended_ns = max(path.stat().st_ctime_ns for path in [where, *where.iterdir()]) + 1
    made = payload(
        "22-bash-nodiff.post",
        cwd=str(where),
        tool_input={"command": command},
        tool_response=response,
        duration_ms=max(0, ended_ns - began_ns) / 1e6,
    )
    return shell.capture(made, ended_ns, str(where / ".claude"), True)


def began(where: Path) -> int:
    """Return a time between what was written in `where` so far, and what will be."""
    before = max(path.stat().st_ctime_ns for path in [where, *where.iterdir()])
    mark = where.parent / "mark"
    while True:
        mark.touch()
        if mark.stat().st_ctime_ns > before:
            return mark.stat().st_ctime_ns


def files(made: dict[str, Any]) -> dict[str, Any]:
    return {os.path.basename(f["path"]): f for f in made["event_data"]["files"]}


def test_what_the_command_names_and_changed_is_read_at_once(tmp_path: Path) -> None:
    where = tmp_path / "project"
    where.mkdir()
    (where / "a.py").write_text("x = 1\n")
    (where / "b.py").write_text("y = 1\n")
    start = began(where)
    (where / "a.py").write_text("x = 2\n")
    made = call(where, "sed -i s/1/2/ ./a.py b.py secret-word", start)
    (found,) = files(made).values()
    assert found == {"path": str(where / "a.py"), "code": "x = 2\n", "named": True}
    assert made["event_data"]["looks"]
    assert made["event_data"]["program"] == "sed"
    assert "secret-word" not in repr(made)


AGE = """
import sys, time
began = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
from lib.capture import shell
given = {"tool_name": "Bash", "tool_input": {"command": "make"}}
data = shell.capture(given, 10**18, "", True)["event_data"]
print(began, time.clock_gettime_ns(time.CLOCK_BOOTTIME), 10**18 - data["began_ns"] - shell.SLACK_NS)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells when a process began")
def test_a_call_is_taken_to_have_ended_before_the_hook_began() -> None:
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME)
    run = [sys.executable, "-c", AGE]
    found = subprocess.run(run, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    began, ended, age = map(int, found.split())
    # The kernel tells the start in 1/100 s, rounded down.
    assert 0 < age <= ended - before + 10_000_000
    assert before - 10_000_000 <= ended - age <= began


def test_what_may_not_be_captured_is_not_read(tmp_path: Path) -> None:
    where = tmp_path / "project"
    (where / ".claude").mkdir(parents=True)
    start = began(where)
    (where / ".env").write_text("KEY=1\n")
    (where / "notes.txt").symlink_to(where / ".env")
    (where / ".claude" / "note.md").write_text("about you\n")
    os.mkfifo(where / "pipe")
    command = "touch .env notes.txt .claude/note.md pipe"
    assert files(call(where, command, start)) == {}


@pytest.mark.parametrize(
    ("name", "program", "kinds"),
    [
        ("changed", "git", {"d.py": "hunks"}),
        ("created", "cp", {"b_copy.py": "created"}),
        ("deleted", "rm", {"c.py": "gone"}),
        ("many", "mv", {"a.py": "gone", "moved_a.py": "created"}),
    ],
)
def test_the_clients_own_word_is_taken(
    tmp_path: Path, name: str, program: str, kinds: dict[str, str]
) -> None:
    given = payload(f"22-bash-{name}.post")
    told = given["tool_response"]["bashEditDiff"]
    for change in told["files"]:
        change["filePath"] = str(tmp_path / os.path.basename(change["filePath"]))
        if not change.get("deleted"):
            Path(change["filePath"]).write_text("code\n")
    told["changedFiles"] = [change["filePath"] for change in told["files"]]
    made = shell.capture(given, 1_800_000_000_000_000_000, "", True)
    found = files(made)
    assert {file: kind for file, kind in kinds.items() if kind in found[file]} == kinds
    assert made["event_data"]["program"] == program
    assert not made["event_data"]["looks"]


def test_of_names_that_no_file_has_digests_are_kept(tmp_path: Path) -> None:
    where = tmp_path / "project"
    where.mkdir()
    (where / "b.py").write_text("x = 1\n")
    made = call(where, "rm -r ./a.py 'lib dir/' b.py $SECRET_WORD", began(where))
    names = [f"{where}/a.py", f"{where}/lib dir", f"{where}/$SECRET_WORD"]
    assert made["event_data"]["missed"] == [hex_digest(name) for name in names]
    assert "SECRET_WORD" not in str(made)
    many = call(where, f"rm {' '.join(f'f{n}.py' for n in range(999))}", began(where))
    assert len(many["event_data"]["missed"]) == shell.MAX_FILES


def test_what_was_in_a_directory_that_stands_again_may_have_been_ended(tmp_path: Path) -> None:
    where = tmp_path / "project"
    (where / "lib").mkdir(parents=True)
    for command, is_sure in (("rm -r lib; mkdir lib", False), ("rm a.py", True)):
        assert call(where, command, began(where))["event_data"]["ends_named"] is is_sure
    many = call(where, f"rm {' '.join(f'f{n}.py' for n in range(999))}", began(where))
    assert not many["event_data"]["ends_named"]


@pytest.mark.parametrize("word", ["unavailable", "skipped", ""])
def test_what_the_clients_diff_does_not_tell_is_read_by_its_name(tmp_path: Path, word: str) -> None:
    """It is of one repository, leaves out what that ignores, and may not have been made at all."""
    where = tmp_path / "project"
    where.mkdir()
    start = began(where)
    (where / "a.py").write_text("x = 2\n")
    told = {"files": [], "moreFiles": 0, **({word: True} if word else {})}
    made = call(where, "sed -i s/1/2/ a.py", start, bashEditDiff=told)
    (found,) = files(made).values()
    assert found == {"path": str(where / "a.py"), "code": "x = 2\n", "named": True}
    assert made["event_data"]["looks"] is bool(word)


def test_what_the_clients_diff_tells_too_is_known_to_be_named(tmp_path: Path) -> None:
    """That diff has what others did meanwhile, of which the command says nothing."""
    where = tmp_path / "project"
    where.mkdir()
    start = began(where)
    for name in ("a.py", "b.py"):
        (where / name).write_text("x = 2\n")
    hunk = {"oldStart": 1, "newStart": 1, "lines": ["-x = 1", "+x = 2"]}
    told = {
        "files": [{"filePath": str(where / name), "hunks": [hunk]} for name in ("a.py", "b.py")]
    }
    made = call(where, "sed -i s/1/2/ a.py", start, bashEditDiff=told)
    named = {name: file.get("named", False) for name, file in files(made).items()}
    assert named == {"a.py": True, "b.py": False}


def test_what_is_gone_by_now_of_the_clients_diff_says_nothing_of_the_command(
    tmp_path: Path,
) -> None:
    """Another client writes beside a file and renames: the diff may have that."""
    where = tmp_path / "project"
    where.mkdir()
    start = began(where)
    (where / "a.py").write_text("x = 2\n")
    told = {"files": [{"filePath": str(where / "b.py.tmp.18811.fe760ecde7b5"), "created": True}]}
    made = call(where, "sed -i s/1/2/ a.py", start, bashEditDiff=told)
    assert made["event_data"]["names_all"]
    # Of a file that is named itself it is not known what it is.
    (where / "a.py").write_bytes(b"\xff")
    made = call(where, "sed -i s/1/2/ a.py", start, bashEditDiff={**told, "moreFiles": 1})
    assert not made["event_data"]["names_all"]


@pytest.mark.parametrize("is_interrupt", [False, True])
def test_a_call_that_failed_may_have_changed_files(tmp_path: Path, is_interrupt: bool) -> None:
    """The client tells nothing of what it did but its words."""
    where = tmp_path / "project"
    where.mkdir()
    start = began(where)
    (where / "a.py").write_text("x = 2\n")
    ended_ns = (where / "a.py").stat().st_ctime_ns + 1
    given = payload(
        "22-bash-failed.failure", cwd=str(where), duration_ms=(ended_ns - start) / 1e6,
        error="secret-word", is_interrupt=is_interrupt,
    )  # fmt: skip
    made = shell.capture(given, ended_ns, "", True)
    (found,) = files(made).values()
    assert found == {"path": str(where / "a.py"), "code": "x = 2\n", "named": True}
    assert (made["event_data"]["looks"], made["event_data"]["program"]) == (True, "sed")
    assert made["prompt_id"] == given["prompt_id"]
    assert "secret-word" not in repr(made)


def test_a_call_that_failed_and_only_reads_leaves_nothing() -> None:
    given = payload("22-bash-failed.failure", tool_input={"command": "ls nowhere"})
    with pytest.raises(Refused, match="other"):
        shell.capture(given, 1_800_000_000_000_000_000, "", True)


def test_a_call_that_reads_leaves_nothing() -> None:
    with pytest.raises(Refused):
        shell.capture(payload("22-bash-nodiff.post"), 1_800_000_000_000_000_000, "", True)


def test_without_content_only_names_are_kept(tmp_path: Path) -> None:
    (tmp_path / "a.py").write_text("x = 1\n")
    made = payload("22-bash-nodiff.post", cwd=str(tmp_path), duration_ms=10**9,
                   tool_input={"command": "touch a.py"})  # fmt: skip
    ended_ns = (tmp_path / "a.py").stat().st_ctime_ns + 1
    assert "x = 1" not in repr(shell.capture(made, ended_ns, "", False))
