"""Recorded files that were copied, moved, removed or changed by others: what is said of them."""

import json
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.support.bundle import Bundle, write_payload

CODE = "def area(width, height, unit):\n    return f'{width * height} {unit}'.strip(unit)\n"


@pytest.fixture
def project(bundle: Bundle) -> Path:
    """A repository with a recorded file, src/a.py, that was changed once, and b.py, its copy."""
    root = bundle.home / "project"
    (root / "src").mkdir(parents=True)
    (root / ".git").mkdir()
    before = CODE.replace("*", "+")
    for path, code, earlier in (
        ("src/a.py", before, None),
        ("src/a.py", CODE, before),
        ("b.py", CODE, None),
    ):
        (root / path).write_text(code)
        bundle.post(write_payload(f"{root}/{path}", code, f"{path}{code}", earlier))
    bundle.wait_delivered()
    return root


def lineage(bundle: Bundle, path: Path) -> tuple[Any, list[str]]:
    """What `lineage` says of the file: as JSON, and its lines."""
    done = bundle.command("lineage", str(path))
    assert (done.returncode, done.stderr) == (0, "")
    return bundle.json("lineage", str(path)), done.stdout.splitlines()


def doctor(bundle: Bundle, where: Path) -> dict[str, str]:
    done = bundle.command("doctor", "--json", cwd=where)
    checks = {check["name"]: check for check in json.loads(done.stdout)["checks"]}
    found: dict[str, str] = checks["files"]
    return found


def test_a_file_as_it_was_recorded(bundle: Bundle, project: Path) -> None:
    found, drawn = lineage(bundle, project / "src" / "a.py")
    assert found["file"] == {"path": f"{project}/src/a.py", "state": "same"}
    assert len(drawn) == 5
    assert bundle.json("lineage", found["pattern_id"])["file"] is None
    assert doctor(bundle, project / "src")["level"] == "ok"
    # A comment, white space and how lines end are no other code.
    (project / "src" / "a.py").write_bytes(b"\xef\xbb\xbf# new\r\n" + CODE.encode())
    assert lineage(bundle, project / "src" / "a.py")[0]["file"]["state"] == "same"


def test_a_copy_is_found_by_its_code(bundle: Bundle, project: Path) -> None:
    copy = bundle.home / "elsewhere.py"
    shutil.copy(project / "src" / "a.py", copy)
    found, drawn = lineage(bundle, copy)
    assert found["file"] == {"path": str(copy), "state": "copied"}
    assert len(found["ancestors"]) == 1
    assert "elsewhere.py was not recorded by that name" in drawn[-1]
    assert bundle.command("lineage", "elsewhere.py").returncode == 1
    copy.write_text("another = 1\n")
    done = bundle.command("lineage", str(copy))
    assert (done.returncode, done.stderr) == (
        1, f"pattern-tracker: nothing is known of {copy}\n",
    )  # fmt: skip


def test_a_path_means_the_file_that_it_names(bundle: Bundle, project: Path) -> None:
    other = bundle.home / "other"
    (other / "sub").mkdir(parents=True)

    def asked(where: Path) -> Any:
        return bundle.command("lineage", "a.py", cwd=where)

    # The one of that name in the project at hand.
    assert asked(project).stdout.startswith("src/a.py is as it was recorded last")
    # Neither another project's, nor another one's than the file that is here.
    offered = f"pattern-tracker: a.py was not recorded here; elsewhere: {project}/src/a.py\n"
    assert (asked(other).returncode, asked(other).stderr) == (1, offered)
    (project / "a.py").write_text("another = 1\n")
    assert (asked(project).returncode, asked(project).stderr) == (1, offered)


def test_a_repository_that_moved(bundle: Bundle, project: Path) -> None:
    moved = bundle.home / "moved"
    project.rename(moved)
    found, _ = lineage(bundle, moved / "src" / "a.py")
    assert (len(found["ancestors"]), found["file"]["state"]) == (1, "copied")
    finding = doctor(bundle, moved)
    assert (finding["level"], f"{project}/" in finding["text"]) == ("warning", True)
    assert finding["text"].startswith("2 files that stand here were recorded elsewhere")
    assert "lineage" in finding["fix"]


def test_a_file_that_is_gone(bundle: Bundle, project: Path) -> None:
    (project / "b.py").unlink()
    found, drawn = lineage(bundle, project / "b.py")
    assert found["file"]["state"] == "gone"
    assert drawn[0].endswith("b.py is gone: this is what it held last")
    _, drawn = lineage(bundle, project / "src" / "a.py")
    assert drawn[-1].endswith("b.py (gone)")
    assert bundle.json("stats")["reused"] == []
    finding = doctor(bundle, project)
    assert (finding["level"], finding["text"][:37]) == (
        "warning", "0 changed and 1 removed by others sin",
    )  # fmt: skip


@pytest.mark.parametrize("to", ["", "src/c.py", "../elsewhere/b.py"])
def test_a_file_whose_end_was_recorded(bundle: Bundle, project: Path, to: str) -> None:
    """Nobody else removed it, and nothing that stands here was recorded elsewhere."""
    (project / "../elsewhere").mkdir()
    files = [{"filePath": f"{project}/b.py", "hunks": [], "deleted": True}]
    if to:
        made = Path(os.path.normpath(project / to))
        (project / "b.py").rename(made)
        files.append({"filePath": str(made), "created": True, "hunks": []})
    else:
        (project / "b.py").unlink()
    moved = {
        "tool_name": "Bash", "tool_input": {"command": f"mv b.py {to}" if to else "rm b.py"},
        "tool_response": {"stdout": "", "bashEditDiff": {"files": files, "moreFiles": 0}},
    }  # fmt: skip
    bundle.post({**write_payload("", "", "use-of-mv"), **moved, "cwd": str(project)})
    bundle.wait_delivered()
    assert bundle.json("lineage", str(project / "b.py"))["steps"][0]["change"] == ["deleted"]
    where = made.parent if to.startswith("..") else project
    finding = doctor(bundle, where)
    assert (finding["level"], "as they were recorded" in finding["text"]) == ("ok", True)


def test_a_file_that_others_changed(bundle: Bundle, project: Path) -> None:
    (project / "src" / "a.py").write_text("by_hand = 1\n")
    found, drawn = lineage(bundle, project / "src" / "a.py")
    assert (found["file"]["state"], len(found["ancestors"])) == ("differs", 1)
    assert "is not as it was recorded last" in drawn[0]
    finding = doctor(bundle, project)
    assert finding["text"] == f"1 changed and 0 removed by others since, as {project}/src/a.py"
    assert "lineage" in finding["fix"]
    # Whoever is elsewhere is told nothing of it.
    assert doctor(bundle, bundle.home)["level"] == "warning"
    assert doctor(bundle, project / ".git")["level"] == "warning"
    other = bundle.home / "other"
    (other / ".git").mkdir(parents=True)
    assert doctor(bundle, other)["level"] == "ok"


@pytest.mark.parametrize("kind", ["directory", "pipe", "binary", "unreadable"])
def test_what_cannot_be_read_is_not_said_to_differ(
    bundle: Bundle, project: Path, kind: str
) -> None:
    path = project / "src" / "a.py"
    path.unlink()
    if kind == "directory":
        path.mkdir()
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "binary":
        path.write_bytes(b"\xff\x00\xfe")
    else:
        path.symlink_to(path)
    assert lineage(bundle, path)[0]["file"]["state"] == "unread"
