"""A file has one name, whatever links lead to it, and one life in all worktrees of a repository."""

import json
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.ledger.projects import Projects
from tests.support.bundle import Bundle, payload, write_payload
from tests.support.outpost import Outpost

USEFUL = "def area(width, height, unit):\n    return f'{width * height} {unit}'.strip(unit)\n"


@pytest.fixture
def linked(tmp_path: Path) -> Path:
    """A link to the repository `tmp_path`/real, whose files an agent names through it."""
    real = tmp_path / "real"
    (real / ".git").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    return tmp_path / "link"


def written(bundle: Bundle, path: Path, code: str, before: str | None = None) -> None:
    """Write as the client does: the file, then the hook."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(code)
    bundle.post(write_payload(str(path), code, f"{path}{code}", before))


def lines(bundle: Bundle, *arguments: str) -> list[dict[str, Any]]:
    done = bundle.command(*arguments)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_a_file_behind_a_link_is_one_file(bundle: Bundle, linked: Path) -> None:
    real = linked.resolve()
    written(bundle, linked / "src" / "a.py", "x = 1\n")
    written(bundle, real / "src" / "a.py", "x = 2\n", "x = 1\n")
    bundle.wait_delivered()
    assert bundle.json("stats")["files"] == 1
    for name in (linked, real):
        found = lines(bundle, "log", "--json", "--file", str(name / "src" / "a.py"))
        assert [event["file_path"] for event in found] == [f"{real}/src/a.py"] * 2
        assert len(lines(bundle, "log", "--json", "--file", str(name))) == 2
        traces = lines(bundle, "export", "--format", "agent-trace", "--root", str(name))
        assert [trace["files"][0]["path"] for trace in traces] == ["src/a.py"]
        assert len(bundle.json("lineage", str(name / "src" / "a.py"))["ancestors"]) == 1


def test_what_a_link_is_called_says_nothing_of_the_code(bundle: Bundle, linked: Path) -> None:
    target = linked.resolve() / "tool.py"
    target.write_text("x = 1\n")
    (linked / "tool").symlink_to("tool.py")
    bundle.post(write_payload(str(linked / "tool"), "x = 1\n", "1"))
    bundle.wait_delivered()
    (event,) = bundle.log()
    assert (event["file_path"], event["language"]) == (str(target), "python")


@pytest.mark.parametrize("place", ["link", "real"])
def test_a_file_is_excluded_by_either_name(bundle: Bundle, linked: Path, place: str) -> None:
    """The project's .patternignore names the link, or the other project's what it leads to."""
    other = linked.parent / "other"
    other.mkdir()
    (linked / "vendor").symlink_to(other)
    where = linked / ".patternignore" if place == "link" else other / ".patternignore"
    where.write_text("vendor/\n" if place == "link" else "*.py\n")
    written(bundle, linked / "vendor" / "a.py", "x = 1\n")
    written(bundle, linked / "b.py", "x = 2\n")
    bundle.wait_delivered()
    assert [event["file_path"] for event in bundle.log()] == [f"{linked.resolve()}/b.py"]
    assert bundle.json("status")["dropped"] == {"ignored": 1}


def test_a_relative_working_directory_of_links_is_the_root(bundle: Bundle, tmp_path: Path) -> None:
    """Without a repository, the session's directory bounds the .patternignore files that count."""
    (tmp_path / "real" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    (tmp_path / "real" / ".patternignore").write_text("*.py\n")
    path = tmp_path / "link" / "deep" / "a.py"
    path.write_text("x = 1\n")
    data = write_payload(str(path), "x = 1\n", "1")
    bundle.post({**data, "cwd": str(tmp_path / "link")})
    bundle.wait_delivered()
    assert bundle.json("status")["dropped"] == {"ignored": 1}


def test_a_file_that_links_to_itself_keeps_its_name(bundle: Bundle, tmp_path: Path) -> None:
    (tmp_path / "loop.py").symlink_to("loop.py")
    for path in (f"{tmp_path}/loop.py", "relative.py", "/p/\0.py", "/p/\ud800.py"):
        bundle.post(write_payload(path, f"x = {len(path)}\n", path))
    bundle.wait_delivered()
    assert len(bundle.log()) == 4


def test_a_notebook_behind_a_link(bundle: Bundle, linked: Path) -> None:
    path = linked / "n.ipynb"
    data = payload("15-notebook-edit-replace.post")
    path.write_text(data["tool_response"]["updated_file"])
    data["tool_input"]["notebook_path"] = str(path)
    bundle.post(data)
    bundle.wait_delivered()
    assert bundle.log()[-1]["file_path"] == str(path.resolve())


def test_names_of_an_earlier_version_are_found(
    linked: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """It recorded files by the names of links: without the files, nobody can tell."""
    outpost = Outpost(tmp_path / "spool")
    hidden = linked.parent / "hidden"
    linked.rename(hidden)
    outpost.write(f"{linked}/a.py", "x = 1\n")
    outpost.flush()
    hidden.rename(linked)
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.chdir(linked.resolve())
    (linked / "a.py").write_text("x = 1\n")
    for command in (["log", "--file"], ["lineage"]):
        assert cli.main([*command, f"{linked}/a.py"]) == 0
        assert str(linked) in capsys.readouterr().out
    assert cli.main(["export", "--format", "agent-trace"]) == 0
    assert json.loads(capsys.readouterr().out)["files"][0]["path"] == "a.py"


def git(where: Path, *arguments: str) -> None:
    subprocess.run(
        ["git", "-c", "user.name=a", "-c", "user.email=a@b.c", *arguments],
        cwd=where, check=True, capture_output=True,
    )  # fmt: skip


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A repository that has a worktree beside it, `tmp_path`/tree."""
    main = tmp_path / "main"
    main.mkdir()
    try:
        git(main, "init", "-q")
    except FileNotFoundError:
        pytest.skip("git is not installed")
    git(main, "commit", "-q", "--allow-empty", "-m", "a")
    git(main, "worktree", "add", "-q", "../tree")
    return main


def reused(bundle: Bundle) -> list[list[str]]:
    return [one["files"] for one in bundle.json("stats")["reused"]]


def test_the_same_file_in_a_worktree_is_no_reuse(
    bundle: Bundle, checkout: Path, tmp_path: Path
) -> None:
    for place in (checkout, tmp_path / "tree"):
        written(bundle, place / "src" / "a.py", USEFUL)
        bundle.wait_delivered()
    assert [event["event_type"] for event in bundle.log()] == ["pattern_created"] * 2
    assert reused(bundle) == []
    # Another file is, wherever it is, and so is the same path in another repository.
    written(bundle, tmp_path / "tree" / "src" / "b.py", USEFUL)
    git(tmp_path, "init", "-q", "clone")
    written(bundle, tmp_path / "clone" / "src" / "a.py", USEFUL)
    bundle.wait_delivered()
    assert [event["event_type"] for event in bundle.log()][2:] == ["pattern_applied"] * 2
    names = [checkout / "src/a.py", tmp_path / "clone/src/a.py", tmp_path / "tree/src/b.py"]
    assert reused(bundle) == [sorted(map(str, names))]


def projects(outpost: Outpost) -> dict[str, tuple[str, str] | int | None]:
    """The root and repository of each file; 0 for none, None where nobody knows."""
    join = "files LEFT JOIN projects ON project_id = project"
    query = f"SELECT path, project, root, repository FROM {join}"
    with closing(outpost.ledger()) as ledger:
        rows = ledger.rows(query, ())
    return {
        path: (root, repository) if root else project for path, project, root, repository in rows
    }


def test_the_ledger_knows_the_project_of_each_file(checkout: Path, tmp_path: Path) -> None:
    tree, shared = tmp_path / "tree", str(checkout / ".git")
    (checkout / "src").mkdir()
    git(checkout, "init", "-q", "inner")
    places = {
        checkout / "a.py": (str(checkout), shared),
        checkout / "src" / "b.py": (str(checkout), shared),
        tree / "a.py": (str(tree), shared),
        checkout / "inner" / "c.py": (str(checkout / "inner"), str(checkout / "inner" / ".git")),
        tmp_path / "d.py": 0,
    }
    outpost = Outpost(tmp_path / "spool")
    for number, path in enumerate(places):
        outpost.write(str(path), f"x = {number}\n")
    assert outpost.flush()
    assert projects(outpost) == {str(path): place for path, place in places.items()}
    # A repository was made around one, and another was recorded by a version that did not tell.
    git(tmp_path, "init", "-q")
    with closing(outpost.ledger()) as ledger:
        ledger.connection.execute("UPDATE files SET project = NULL WHERE path LIKE '%/src/b.py'")
    assert projects(outpost)[f"{checkout}/src/b.py"] is None
    for path in (checkout / "src" / "b.py", tmp_path / "d.py"):
        outpost.write(str(path), "y = 1\n", "x = 1\n")
    assert outpost.flush()
    places[tmp_path / "d.py"] = (str(tmp_path), str(tmp_path / ".git"))
    assert projects(outpost) == {str(path): place for path, place in places.items()}


def test_what_is_stored_of_worktrees_is_not_asked_again(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """A main repository that is away makes no other file of its worktree's."""
    outpost = Outpost(tmp_path / "spool")
    for place in (checkout, tmp_path / "tree"):
        (place / "a.py").write_text(USEFUL)
        outpost.write(str(place / "a.py"), USEFUL)
    assert outpost.flush()
    (checkout / ".git").rename(tmp_path / "away")
    (tmp_path / "tree" / ".git").unlink()
    outpost.write(str(tmp_path / "b.py"), USEFUL)
    outpost.write(str(checkout / "a.py"), "z = 1\n", USEFUL)
    (tmp_path / "b.py").write_text(USEFUL)
    assert outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    # What was in a worktree stays there, until it is recorded again.
    assert projects(outpost)[f"{tmp_path}/tree/a.py"] == (f"{tmp_path}/tree", f"{checkout}/.git")
    assert projects(outpost)[f"{checkout}/a.py"] == 0
    with closing(outpost.ledger()) as ledger:
        asked = Projects(ledger.connection)
        monkeypatch.setattr("lib.system.places.in_any_worktree", pytest.fail)
        assert asked.name(f"{tmp_path}/tree/a.py") == f"{checkout}/.git\0a.py"
        assert asked.name(f"{checkout}/a.py") == f"{checkout}/a.py"
    assert cli.main(["stats", "--json"]) == 0
    (one,) = json.loads(capsys.readouterr().out)["reused"]
    assert one["files"] == [f"{tmp_path}/b.py", f"{tmp_path}/tree/a.py"]


def test_home_names_the_repository_of_a_worktree(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    outpost = Outpost(tmp_path / "spool")
    for place in (checkout, tmp_path / "tree"):
        outpost.write(str(place / "a.py"), "x = 1\n")
    assert outpost.flush()
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("COLUMNS", raising=False)
    for place, named in ((checkout, "~/main"), (tmp_path / "tree", "~/tree, a worktree of ~/main")):
        monkeypatch.chdir(place)
        assert cli.main([]) == 0
        assert capsys.readouterr().out.splitlines()[0] == f"project   {named}"
        assert cli.main(["--json"]) == 0
        assert json.loads(capsys.readouterr().out)["repository"] == f"{checkout}/.git"


def test_a_file_of_nothing_is_no_reuse(bundle: Bundle, tmp_path: Path) -> None:
    for number, code in enumerate(["", "", "# only this\n", "\n"]):
        written(bundle, tmp_path / f"p{number}" / "__init__.py", code)
        bundle.wait_delivered()
    assert {event["event_type"] for event in bundle.log()} == {"pattern_created"}
    assert reused(bundle) == []


def test_code_below_a_useful_size_is_no_reuse(bundle: Bundle, tmp_path: Path) -> None:
    for number in range(2):
        written(bundle, tmp_path / f"small{number}.py", f"# {'licence ' * 50}\nimport os\n")
        written(bundle, tmp_path / f"large{number}.py", USEFUL)
    bundle.wait_delivered()
    assert reused(bundle) == [[f"{tmp_path}/large0.py", f"{tmp_path}/large1.py"]]
