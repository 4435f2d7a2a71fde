"""`pattern-tracker serve` as a process: whom it answers, and what is left when it ends."""

import http.client
import json
import os
import pty
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from lib.commands import cli
from lib.ledger.store import FILE_NAME
from lib.system import packages
from tests.support.bundle import ROOT, wait_for
from tests.support.outpost import Outpost
from tests.support.page import Page
from tests.support.served import START, Served, served

IS_ROOT = pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
NOBODY = 65_534


@pytest.fixture
def outpost(tmp_path: Path) -> Outpost:
    made = Outpost(tmp_path / "spool")
    made.story()
    assert made.flush()
    return made


def names(directory: Path) -> set[str]:
    return {str(path.relative_to(directory)) for path in directory.rglob("*")}


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_it_answers_until_a_signal_and_leaves_nothing(how: int, outpost: Outpost) -> None:
    before = names(outpost.directory)
    made = Served(outpost.directory)
    assert made.place.hostname == "127.0.0.1"
    cookie = made.cookie()
    assert "a.py" in made.get("", cookie)[1]
    listening = made.connect()
    listening.request("GET", f"{made.place.path}live", headers=cookie)
    assert listening.getresponse().readline() == b": listening\n"
    assert made.process.stdout is not None
    assert made.process.stdout.readline() == "Only you can open it; Ctrl-C ends it.\n"
    made.process.send_signal(how)
    output, errors = made.process.communicate(timeout=20)
    listening.close()
    assert made.process.returncode in (0, 130, -how)
    assert (output, errors) == ("", "")
    assert names(outpost.directory) == before


def test_it_ends_with_its_terminal(outpost: Outpost) -> None:
    pid, leader = pty.fork()
    if pid == 0:
        environ = {"HOME": "/nowhere", "PATTERN_CACHE_DIR": str(outpost.directory)}
        command = [sys.executable, "-I", "-c", START, str(ROOT), "serve"]
        os.execve(sys.executable, command, environ)
    said = b""
    while b"Ctrl-C" not in said:
        said += os.read(leader, 1000)
    os.close(leader)
    wait_for(lambda: os.waitpid(pid, os.WNOHANG)[0] == pid)
    connection = http.client.HTTPConnection(urlsplit(said.decode().split()[0]).netloc, timeout=5)
    with pytest.raises(OSError, match="refused"):
        connection.connect()


@IS_ROOT
def test_another_user_of_the_machine_gets_nothing(outpost: Outpost) -> None:
    with served(outpost.directory) as made:
        made.cookie()
        told = as_nobody(made, outpost.directory)
    secrets = [made.place.query.partition("=")[2], made.place.path.strip("/")]
    assert "serve" in told
    assert told.count("open the address that") == 5
    assert [one for one in [*secrets, "a.py", "ledger.db"] if one in told] == []


def as_nobody(made: Served, spool: Path) -> str:
    """What another user finds out about a page."""
    reader, writer = os.pipe()
    if child := os.fork():
        os.close(writer)
        with open(reader, "rb") as file:
            told = file.read().decode()
        os.waitpid(child, 0)
        return told
    try:
        os.setgroups([])
        os.setgid(NOBODY)
        os.setuid(NOBODY)
        for name in ("cmdline", "environ", "maps"):
            with suppress(OSError):
                os.write(writer, Path(f"/proc/{made.process.pid}/{name}").read_bytes())
        with suppress(OSError):
            os.write(writer, str(os.listdir(spool)).encode())
        for path in ("/", "/file", "/live", "/static/page.js", "/?token="):
            with closing(made.connect()) as connection:
                connection.request("GET", path)
                answer = connection.getresponse()
                os.write(writer, answer.read() + str(answer.headers.items()).encode())
    except BaseException as error:
        os.write(writer, repr(error).encode())
    finally:
        os._exit(0)


def test_a_browser_is_not_started_with_the_token(outpost: Outpost, tmp_path: Path) -> None:
    """What a program was started with, each user may see."""
    browser, seen = tmp_path / "browser", tmp_path / "seen"
    browser.write_text(
        f'#!/bin/sh\nfile=${{1#file://}}\n{{ echo "$1"; stat -c %a "$file" 2>/dev/null || '
        f'stat -f %Lp "$file"; cat "$file"; }} >{seen}.new\nmv {seen}.new {seen}\n'
    )
    browser.chmod(0o755)
    before = names(outpost.directory)
    with served(outpost.directory, "--open", BROWSER=f"{browser} %s") as made:
        wait_for(seen.exists)
        address, mode, *page = seen.read_text().splitlines()
        assert made.place.query.partition("=")[2] not in address
        assert mode == "600"
        assert made.url in "".join(page)
        assert stat.S_IMODE(outpost.directory.stat().st_mode) == 0o700
    assert names(outpost.directory) == before


def test_what_is_new_is_told_to_all_who_listen(outpost: Outpost) -> None:
    with served(outpost.directory, "--json") as made:
        made.url = json.loads(made.url)["url"]
        made.place = urlsplit(made.url)
        cookie = made.cookie()
        connections = [made.connect() for _ in range(3)]
        answers: list[Any] = []
        for connection in connections:
            connection.request("GET", f"{made.place.path}live", headers=cookie)
            answers.append(connection.getresponse())
        assert {answer.headers["content-type"] for answer in answers} == {
            "text/event-stream; charset=utf-8"
        }
        assert {answer.readline() for answer in answers} == {b": listening\n"}
        outpost.write("/p/new_file.py", "z = 3\n", None)
        assert outpost.flush()
        for answer in answers:
            while (line := answer.readline()) != b"event: change\n":
                assert line.strip() in (b"", b": still here")
        assert "new_file.py" in made.get("", cookie)[1]
        for connection in connections:
            connection.close()


def test_a_port_is_taken_or_refused(outpost: Outpost, capfd: pytest.CaptureFixture[str]) -> None:
    with served(outpost.directory) as made, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
        assert cli.main(["serve", "--port", str(made.place.port)]) == 1
        assert capfd.readouterr().err.startswith("pattern-tracker: [Errno")
        with pytest.raises(SystemExit):
            cli.main(["serve", "--port", "70000"])


def test_a_closed_output_is_said_to_be(outpost: Outpost) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", 'exec "$c" serve >&-'], capture_output=True, text=True, check=False,
        env={"c": f"{ROOT}/bin/pattern-tracker", "PATTERN_CACHE_DIR": str(outpost.directory)},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (1, "pattern-tracker: standard output is closed\n")


def test_it_serves_from_a_directory_that_is_gone(outpost: Outpost, tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    script = 'rmdir "$PWD"; exec "$@"'
    own = ["/bin/sh", "-c", script, "sh", f"{ROOT}/bin/pattern-tracker"]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(gone)
        made = Served(outpost.directory, command=own)
    try:
        for view in ("", "project?root=/p", "file?path=/p/a.py", "books"):
            assert made.get(view, made.cookie())[0] == 200
    finally:
        made.process.terminate()
        made.process.communicate(timeout=20)


@pytest.mark.parametrize("package", packages.PAGE)
def test_without_its_packages_it_says_a_line(
    package: str, outpost: Outpost, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.setenv("PATTERN_CACHE_DIR", str(outpost.directory))
    monkeypatch.setitem(sys.modules, package, None)
    assert cli.main(["serve"]) == 1
    line = f"pattern-tracker: the installation is incomplete: the package {package} is missing\n"
    assert capsys.readouterr() == ("", line)


def test_an_installation_has_all_that_it_takes(installed_home: Path, outpost: Outpost) -> None:
    root = installed_home / ".claude" / "hooks" / "pattern-tracker"
    with served(outpost.directory, command=[str(root / "bin" / "pattern-tracker")]) as made:
        cookie = made.cookie()
        for view in ("", "books", "file?path=/p/a.py", "static/page.css", "static/page.js"):
            assert made.get(view, cookie)[0] == 200


def test_no_other_verb_loads_the_packages(outpost: Outpost) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv.pop(1))\n"
        "from lib.commands.cli import VERBS, main, parser\n"
        "parser(VERBS); main(['status'])\n"
        "print([n for n in ('starlette', 'uvicorn', 'jinja2', 'anyio') if n in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, str(ROOT)],
        env={"PATTERN_CACHE_DIR": str(outpost.directory)},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines()[-1] == "[]"


def test_looking_never_stands_in_the_way_of_recording(outpost: Outpost) -> None:
    """A writer that waits for nobody, and readers at full speed, at the same ledger."""
    page = Page(outpost.directory)
    over = threading.Event()
    refused: list[str] = []
    written = 0

    def write() -> None:
        nonlocal written
        with closing(sqlite3.connect(outpost.directory / FILE_NAME, timeout=0)) as db:
            db.execute("PRAGMA synchronous = OFF")
            while not over.is_set():
                with suppress(sqlite3.OperationalError):
                    db.execute("INSERT OR REPLACE INTO facts VALUES (?)", (f"f{written}",))
                    db.commit()
                    written += 1
                    continue
                refused.append("locked")
                return

    writer = threading.Thread(target=write)
    writer.start()
    try:
        end = time.monotonic() + 1.5
        asked = 0
        while time.monotonic() < end:
            assert "a.py" in page.text()
            assert page.text("file", path="/p/a.py")
            asked += 2
    finally:
        over.set()
        writer.join()
    assert refused == []
    assert written > 10
    assert asked > 5
