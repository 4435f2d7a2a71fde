"""Which project a service is told, and that nobody's credentials go with it."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.flusher.resend import Resender
from lib.system import remotes
from lib.system.settings import Settings
from tests.support.git import git
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"


@pytest.mark.parametrize(
    ("url", "name"),
    [
        ("https://github.com/acme/site.git", "github.com/acme/site"),
        ("https://GitHub.com/acme/Site/", "github.com/acme/Site"),
        (f"https://jane:{SECRET}@github.com/acme/site.git", "github.com/acme/site"),
        (f"https://{SECRET}@github.com:8443/acme/site?token={SECRET}", "github.com/acme/site"),
        ("https://h/acme/site#x", "h/acme/site"),
        ("ssh://git@h.example:2222/acme/team/site.git", "h.example/acme/team/site"),
        ("git@h.example:acme/site.git", "h.example/acme/site"),
        ("jane:pw@h.example:acme/site.git", ""),
        ("https://jane:12/3@h/acme/site.git", ""),
        ("h.example:~/site.git", "h.example/site"),
        ("git@h.example:/srv/site.git", ""),
        ("https://h/a/../b%2F%2e%2e", "h/a/b"),
        ("https://[::1]:80/acme/site", "[::1]/acme/site"),
        ("https://h/", ""),
        ("https:///acme/site", ""),
        ("file:///srv/site.git", ""),
        ("file://host/srv/site.git", ""),
        ("/srv/site.git", ""),
        ("../site.git", ""),
        ("C:/work/site", ""),
        ("", ""),
        ("x" * 100_000, ""),
        ("a@" * 50_000, ""),
    ],
)
def test_a_url_becomes_host_owner_and_name(url: str, name: str) -> None:
    assert remotes.normalised(url) == name


@pytest.mark.parametrize(
    "config",
    [
        '[remote "origin"]\n\turl = git@h.example:acme/site.git\n',
        '[core]\n\turl = no\n[remote "up"]\nurl=https://h/no/no\n'
        '[ Remote  "origin" ]\n\tfetch = +refs\n\tURL="https://h.example/acme/site" # mine\n',
        '[remote "origin"] url = https://u:p@h.example/acme/site\n',
    ],
)
def test_the_settings_of_git_are_read_as_git_does(tmp_path: Path, config: str) -> None:
    git = tmp_path / "here" / ".git"
    git.mkdir(parents=True)
    (git / "config").write_text(config)
    assert remotes.project_of(str(git)) == "h.example/acme/site"


@pytest.mark.parametrize("config", [None, "", '[remote "origin"]\nurl =\n', b"\0" * 2_000_000])
def test_without_a_url_it_is_the_directory(tmp_path: Path, config: Any) -> None:
    git = tmp_path / "here" / ".git"
    git.mkdir(parents=True)
    if config is not None:
        (git / "config").write_bytes(config if isinstance(config, bytes) else config.encode())
    assert remotes.project_of(str(git)) == "here"
    bare = tmp_path / "there.git"
    bare.mkdir()
    assert remotes.project_of(str(bare)) == "there"


@pytest.fixture
def work(tmp_path: Path) -> Path:
    where = tmp_path / "work"
    where.mkdir()
    git(where, "init", "-q", "-b", "main")
    git(where, "remote", "add", "origin", f"https://jane:{SECRET}@h.example/acme/site.git")
    return where


def told(server: ServiceDouble, before: int = 0) -> list[tuple[Any, Any, bool]]:
    """Project, path and whether it is implied, of each body that came after so many."""
    found = [event.body["pattern_data"] for event in server.events[before:]]
    return [(d.get("project"), d.get("path"), bool(d.get("implied"))) for d in found]


def resent(outpost: Outpost, server: ServiceDouble, since: str = "") -> list[tuple[Any, Any, bool]]:
    before = len(server.events)
    Resender(str(outpost.directory), Settings(outpost.environ)).resend(5.0, since)
    return told(server, before)


def test_every_body_tells_the_project_of_its_event(
    outpost: Outpost, server: ServiceDouble, work: Path
) -> None:
    (work / "src").mkdir()
    path = str(work / "src" / "a.py")
    outpost.write(path, "x = 2\n", "x = 1\n")
    # Its content comes from what it was, and from the pattern, which it applies.
    outpost.write(path, "# pattern-id: team/x\nx = 3\n", "x = 2\n")
    assert outpost.flush()
    name = "h.example/acme/site"
    expected = [(name, None, True), (name, "src/a.py", False)]
    assert told(server)[:2] == expected
    assert {found[:1] for found in told(server)} == {(name,)}
    assert [path for _, path, implied in told(server) if not implied] == ["src/a.py"] * 4
    everything = json.dumps([event.body for event in server.events])
    assert SECRET not in everything
    assert "jane" not in everything
    again = resent(outpost, server)
    assert {found[:1] for found in again} == {(name,)}
    assert [path for _, path, implied in again if not implied] == ["src/a.py"] * 4


def test_a_worktree_is_its_repository(outpost: Outpost, server: ServiceDouble, work: Path) -> None:
    git(work, "commit", "-q", "--allow-empty", "-m", "one")
    git(work, "worktree", "add", "-q", "../other")
    outpost.write(str(work.parent / "other" / "a.py"), "x = 1\n")
    assert outpost.flush()
    assert told(server) == [("h.example/acme/site", "a.py", False)]


def test_where_no_repository_is_it_is_the_directory_of_the_session(
    outpost: Outpost, server: ServiceDouble, tmp_path: Path
) -> None:
    notes = tmp_path / "notes"
    notes.mkdir()
    outpost.write(str(notes / "b" / "a.py"), "x = 1\n", cwd=str(notes))
    outpost.write(str(tmp_path / "elsewhere.py"), "y = 1\n", cwd=str(notes))
    assert outpost.flush()
    assert told(server) == [("notes", "b/a.py", False), (None, None, False)]


def test_code_of_another_project_is_not_told_as_of_this_one(
    outpost: Outpost, server: ServiceDouble, work: Path
) -> None:
    """A resend knows the code of all projects: what it presupposes goes under its own."""
    other = work.parent / "secret"
    other.mkdir()
    git(other, "init", "-q")
    code = "def secret():\n    return 1\n"
    outpost.write(str(other / "s.py"), code)
    outpost.write(str(work / "a.py"), code + "x = 1\n", code)
    assert outpost.flush()
    rows = outpost.ledger()
    since = [row.timestamp for row in rows.events()][-1]
    rows.close()
    names = [found[0] for found in resent(outpost, server, since)]
    assert names == ["secret", "h.example/acme/site"]


def test_a_secret_in_a_name_is_not_told(
    outpost: Outpost, server: ServiceDouble, tmp_path: Path
) -> None:
    where = tmp_path / "w"
    where.mkdir()
    git(where, "init", "-q")
    git(where, "remote", "add", "origin", f"https://h.example/{SECRET}/site")
    outpost.write(str(where / "a.py"), "x = 1\n")
    assert outpost.flush()
    assert SECRET not in json.dumps([event.body for event in server.events])
    assert told(server)[0][0].startswith("h.example/[REDACTED")
