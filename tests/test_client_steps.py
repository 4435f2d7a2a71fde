"""Every step of a session in the real client: by whom it was, whatever did it."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import CLIENT, NEWEST_CLIENT, Bundle, brought
from tests.support.forms import few
from tests.support.git import git

pytestmark = [pytest.mark.client, pytest.mark.usefixtures("client")]
CODE = "def area(a, b):\n    return a * b\n\n\ndef edge(a, b):\n    return a + b\n"
FORMATTER = "sed -i 's/a + b/a  +  b/'"


def bash(command: str) -> list[tuple[str, dict[str, Any]]]:
    return [("Bash", {"command": command, "description": "x"})]


@pytest.fixture(params=few(["npm's", "newest", "newest with diffs"]))
def claude(request: pytest.FixtureRequest, installed: Bundle, tmp_path: Path) -> Any:
    """The client with an installation, and a project with a formatter that runs after each edit."""
    client = brought(CLIENT if request.param == "npm's" else NEWEST_CLIENT)
    work = tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q")
    formatter = {"type": "command", "command": f"{FORMATTER} {work}/a.py"}
    settings = {
        "hooks": {"PostToolUse": [{"matcher": "Edit", "hooks": [formatter]}]},
        "bashEditDiffEnabled": request.param == "newest with diffs",
    }
    options = ("--settings", json.dumps(settings))
    return installed, work, lambda turns: installed.claude(turns, work, *options, client=client)


def filtered(work: Path) -> None:
    """Let git take long between removing a file and writing it anew."""
    git(work, "config", "filter.slow.smudge", "sleep 0.1; cat")
    git(work, "config", "filter.slow.clean", "cat")
    (work / ".gitattributes").write_text("*.py filter=slow\n")


def told(bundle: Bundle, path: Path) -> list[tuple[str, str]]:
    """Who made which step of a file, oldest first."""
    steps = bundle.json("lineage", str(path))["steps"][::-1]
    return [(step["actor"], step["change"][0]) for step in steps]


def test_each_step_is_told_by_whom_it_was(claude: Any) -> None:
    bundle, work, run = claude
    a = str(work / "a.py")
    done = run([[("Write", {"file_path": a, "content": CODE})]])
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    filtered(work)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "one")
    # A person's hand.
    (work / "a.py").write_text(CODE.replace("a * b", "b * a"))
    edit = {"file_path": a, "old_string": "b * a", "new_string": "a * b * 1"}
    done = run(
        [
            [("Read", {"file_path": a})],
            [("Edit", edit)],
            # As long as a model thinks.
            bash(f"until ls {bundle.spool} | grep -q sighting_; do sleep 0.05; done"),
            bash("sed -i 's/area/surface/' a.py"),
            bash("cat > b.py <<'EOF'\ndef one(value):\n    return [value, value + 1]\nEOF"),
            bash("cp b.py c.py"),
            bash("mv c.py d.py && git add -A"),
            bash("git mv d.py e.py"),
            bash("rm e.py"),
            bash("git checkout HEAD -- a.py"),
        ]
    )
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    assert told(bundle, work / "a.py") == [
        ("agent", "created"), ("outside", "modified"), ("agent", "modified"),
        ("outside", "modified"), ("shell", "modified"), ("shell", "modified"),
    ]  # fmt: skip
    assert told(bundle, work / "b.py") == [("shell", "created")]
    assert told(bundle, work / "d.py")[-1] == ("shell", "deleted")
    assert told(bundle, work / "e.py") == [("shell", "moved"), ("shell", "deleted")]
    for name, change in (("a.py", "modified"), ("d.py", "deleted"), ("e.py", "deleted")):
        last = bundle.json("lineage", str(work / name))["steps"][0]
        assert (last["change"], last["prompt"], last["model"]) == ([change], "go", "scripted")
    programs = {step["program"] for step in bundle.json("lineage", a)["steps"]}
    assert programs == {None, "sed", "git"}


def test_what_a_file_held_amid_a_call_is_no_step(claude: Any) -> None:
    """A stash takes away what was written just before, and the flusher sees that."""
    bundle, work, run = claude
    file = work / "a.py"
    file.write_text(CODE)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "one")
    # A flusher watches for 1.5 s; on a busy machine it may be gone before the stash.
    look = f"ls {bundle.spool} | grep -q sighting_ && break; sleep 0.05"
    seen = f"for n in $(seq 40); do {look}; done"
    who = "git -c user.name=A -c user.email=a@example.org"
    done = run(
        [
            [("Read", {"file_path": str(file)})],
            [("Write", {"file_path": str(file), "content": CODE.replace("a * b", "b * a")})],
            bash(f"{who} stash -q && {seen} && git stash pop -q"),
            bash("sed -i 's/area/surface/' a.py"),
        ]
    )
    assert done.returncode == 0, done.stdout
    bundle.wait_delivered()
    assert told(bundle, file) == [
        ("outside", "before"), ("agent", "modified"), ("shell", "modified"),
    ]  # fmt: skip
    assert "surface" in file.read_text()


@pytest.mark.parametrize("is_written", few([False, True]))
def test_what_the_client_read_before_a_shell_is_not_taken_for_what_was_there(
    installed: Bundle, tmp_path: Path, is_written: bool
) -> None:
    """It begins the diff of a later call with that, where it did not look at the file since."""
    client, work = brought(NEWEST_CLIENT), tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q")
    files = [work / "a.py", work / "b.py", work / "c.py"]
    turns = [[("Write", {"file_path": str(file), "content": CODE})] for file in files]
    if not is_written:
        turns = []
        for file in files:
            file.write_text(CODE)
    turns += [[("Read", {"file_path": str(file)})] for file in files]
    commands = (
        "sed -i 's/area/surface/' a.py", "sed -i 's/area/surface/' b.py", "rm c.py", "ls",
        "sed -i 's/edge/rim/' a.py", "rm b.py", "printf 'x = 1\\n' > c.py",
    )  # fmt: skip
    turns += map(bash, commands)
    options = ("--settings", json.dumps({"bashEditDiffEnabled": True}))
    done = installed.claude(turns, work, *options, client=client)
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    changed, gone = ("shell", "modified"), ("shell", "deleted")

    def steps() -> list[list[tuple[str, str]]]:
        return [told(installed, file)[1:] for file in files]

    live = steps()
    assert live == [[changed, changed], [changed, gone], [gone, ("shell", "created")]]
    assert installed.json("import", "--project", str(work))["events"] == 0
    assert steps() == live


def test_what_a_call_took_back_is_the_shells_though_the_client_leaves_it_out(
    installed: Bundle, tmp_path: Path
) -> None:
    """It compares with what it read last, and was told nothing of a call that failed."""
    client, work = brought(NEWEST_CLIENT), tmp_path / "work"
    work.mkdir()
    git(work, "init", "-q")
    files = [work / "a.py", work / "b.py"]
    for file in files:
        file.write_text(CODE)
    git(work, "add", "-A")
    git(work, "commit", "-qm", "one")
    who = "git -c user.name=A -c user.email=a@example.org"
    (work / "b.py").write_text(CODE.replace("edge", "rim"))
    turns = [[("Read", {"file_path": str(file)})] for file in files]
    turns += [bash("sed -i 's/area/surface/' a.py && false"), bash(f"{who} stash -q")]
    options = ("--settings", json.dumps({"bashEditDiffEnabled": True}))
    done = installed.claude(turns, work, *options, client=client)
    assert done.returncode == 0, done.stdout
    installed.wait_delivered()
    assert [file.read_text() for file in files] == [CODE, CODE]
    # Of a file that nobody recorded it is not known that it was there before a call that failed.
    assert told(installed, files[0]) == [("shell", "created"), ("shell", "modified")]
    assert told(installed, files[1])[-1] == ("shell", "modified")
