"""A cloned repository may turn its own tracking down or off, and nothing else.

Each attack first on a naive version of the same step, where it works, or on what the user may do
and a repository may not; then on ours.
"""

import json
import os
import shutil
import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.flusher import hook_image
from lib.registration.hook_command import SCRIPTS, command
from lib.spool import outbox, wake
from lib.system import origins
from tests.support import forking
from tests.support.books import balance
from tests.support.bundle import INTERPRETER, ROOT, Bundle, wait_for, write_payload
from tests.support.copies import bundle_at, rewrite
from tests.support.forms import few
from tests.support.outpost import Outpost
from tests.support.programs import program
from tests.support.service_double import Fault, ServiceDouble
from tests.support.service_listener import nowhere

CODE = "def f():\n    return 1\n"


class Session:
    """The client at work in a cloned repository, whose settings it has merged with the user's."""

    def __init__(self, bundle: Bundle, project: Path) -> None:
        self.bundle = bundle
        self.project = project
        (project / ".claude").mkdir(parents=True)
        (bundle.home / ".claude").mkdir(exist_ok=True)
        self._edits = 0

    def settings(
        self, *, user: Any = None, project: Any = None, file: str = "settings.json"
    ) -> None:
        """Write the variables of the user's settings and of the project's."""
        places = ((self.bundle.home, user, "settings.json"), (self.project, project, file))
        for where, env, name in places:
            if env is not None:
                (where / ".claude" / name).write_text(json.dumps({"env": env}))

    def edit(self, cwd: Path | None = None, **exported: str) -> None:
        """Let the client write a file in `cwd`, with the variables of all settings."""
        self._edits += 1
        merged = dict(exported)
        for path in (
            self.bundle.home / ".claude" / "settings.json",
            self.project / ".claude" / "settings.json",
            self.project / ".claude" / "settings.local.json",
        ):
            try:
                merged |= {
                    n: str(v) for n, v in json.loads(path.read_text()).get("env", {}).items()
                }
            except (FileNotFoundError, ValueError):
                pass
        data = write_payload(
            f"{self.project}/a{self._edits}.py", CODE * self._edits, str(self._edits)
        )
        done = subprocess.run(
            [INTERPRETER, "-I", "-S", str(self.bundle.root / "hooks" / "post_tool_use.py")],
            input=json.dumps(data).encode(), cwd=cwd or self.project, capture_output=True,
            env={**self.bundle.environ, "CLAUDE_PROJECT_DIR": str(self.project), **merged},
            check=False,
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def captured(self) -> int:
        """How many events wait where the user has them."""
        return len(self.bundle.pending())

    def recorded(self) -> int:
        """How many events the ledger of the user has, once the flusher is done."""
        self.bundle.wait_flushed()
        return len(self.bundle.log())


def session_of(bundle: Bundle, project: Path, root: Path) -> Session:
    """One with the hooks of `root` where an installation has them."""
    bundle.root = bundle.home / ".claude" / "hooks" / "pattern-tracker"
    bundle.root.parent.mkdir(parents=True)
    bundle.root.symlink_to(root)
    return Session(bundle, project)


@pytest.fixture
def session(bundle: Bundle, tmp_path: Path) -> Session:
    """One with the hooks and the flusher of the checkout."""
    return session_of(bundle, tmp_path / "clone", ROOT)


@pytest.fixture(scope="module")
def hooks_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A bundle whose flusher ends at once."""
    root = bundle_at(tmp_path_factory.mktemp("bundle"), ("lib", "hooks"))
    rewrite(root / "lib" / "flusher" / "process.py", "raise SystemExit\n")
    hook_image.ensure(str(root))
    return root


@pytest.fixture
def capture(bundle: Bundle, tmp_path: Path, hooks_alone: Path) -> Session:
    """A session in which nothing follows the hooks: what they capture waits."""
    return session_of(bundle, tmp_path / "clone", hooks_alone)


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """Where a repository would like to have the events."""
    return tmp_path / "elsewhere"


def test_a_project_does_not_say_where_events_are_kept(session: Session, elsewhere: Path) -> None:
    # What the user exports is obeyed.
    session.edit(PATTERN_CACHE_DIR=str(elsewhere))
    wait_for(lambda: (elsewhere / "README").exists() and not list(elsewhere.glob("pending_*")))
    own = Outpost(elsewhere)
    # A flusher that still lives would make it again.
    wait_for(lambda: own.recorded() == 1 and not wake.is_running(str(elsewhere)))
    wait_for(lambda: not (elsewhere / "flusher.waking").exists())
    shutil.rmtree(elsewhere)
    session.settings(project={"PATTERN_CACHE_DIR": str(elsewhere)})
    session.edit()
    assert session.recorded() == 1
    assert not elsewhere.exists()


def test_the_users_own_settings_say_it_against_a_project(
    session: Session, elsewhere: Path, tmp_path: Path
) -> None:
    own = tmp_path / "own"
    session.settings(user={"PATTERN_CACHE_DIR": str(own)})
    session.edit()
    session.settings(project={"PATTERN_CACHE_DIR": str(elsewhere)})
    session.edit()
    session.bundle.environ["PATTERN_CACHE_DIR"] = str(own)
    session.bundle.spool = own
    assert session.recorded() == 2
    assert not elsewhere.exists()


DISGUISES = {
    "local settings": ("settings.local.json", '{"env": {"PATTERN_CACHE_DIR": "%s"}}'),
    "an escape": ("settings.json", '{"env": {"PATTERN_CACHE\\u005fDIR": "%s"}}'),
    "a mark at the beginning": ("settings.json", '\ufeff{"env": {"PATTERN_CACHE_DIR": "%s"}}'),
    "a comment": ("settings.json", '{"env": {"PATTERN_CACHE_DIR": "%s"} /* JSON? */}'),
    "an escape and a comment": ("settings.json", '{"env": {"PATTERN_\\u0043ACHE_DIR": "%s"}} //'),
    "a key twice": ("settings.json", '{"env": {}, "env": {"PATTERN_CACHE_DIR": "%s"}}'),
    "a large file": ("settings.json", '{"env": {"PATTERN_CACHE_DIR": "%s"}}' + " " * (1 << 20)),
}


@pytest.mark.parametrize("name", DISGUISES)
def test_settings_that_a_naive_reader_misses(capture: Session, elsewhere: Path, name: str) -> None:
    file, text = DISGUISES[name]
    (capture.project / ".claude" / file).write_text(text % elsewhere)
    capture.edit(PATTERN_CACHE_DIR=str(elsewhere))
    assert capture.captured() == 1
    assert not elsewhere.exists()


def test_settings_that_are_a_link(capture: Session, elsewhere: Path) -> None:
    hidden = capture.project / "innocent.json"
    hidden.write_text(json.dumps({"env": {"PATTERN_CACHE_DIR": str(elsewhere)}}))
    (capture.project / ".claude" / "settings.json").symlink_to("../innocent.json")
    capture.edit()
    assert capture.captured() == 1
    assert not elsewhere.exists()


def test_the_working_directory_is_another_one(capture: Session, elsewhere: Path) -> None:
    """In a directory below, for clients that do not name the project; and outside of it."""
    capture.settings(project={"PATTERN_CACHE_DIR": str(elsewhere)})
    below = capture.project / "src" / "deep"
    below.mkdir(parents=True)
    capture.edit(below, CLAUDE_PROJECT_DIR="")
    capture.edit(capture.bundle.home)
    assert capture.captured() == 2
    assert not elsewhere.exists()


def planted(directory: Path) -> dict[str, str]:
    """What others have in `directory`, by its name; some of it reads like ours."""
    directory.mkdir(exist_ok=True)
    names = ("pending_order.json", "tmp_build", "README", "state.json", "thesis.tex")
    for name in names:
        (directory / name).write_text(f"their {name}\n")
        os.utime(directory / name, (1, 1))
    return held(directory)


def held(directory: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in directory.iterdir() if path.is_file()}


def test_a_directory_of_other_peoples_files_is_left_alone(
    session: Session, elsewhere: Path
) -> None:
    """HOME, or another repository: whoever it was that named it."""
    before = planted(elsewhere)
    mode = elsewhere.stat().st_mode
    session.bundle.environ["PATTERN_CACHE_DIR"] = str(elsewhere)
    session.edit()
    assert session.recorded() == 1
    assert session.bundle.pending() == []
    (warning,) = session.bundle.json("status")["warnings"]
    assert warning.startswith(f"PATTERN_CACHE_DIR names {elsewhere}, which holds files")
    assert warning in session.bundle.command("status").stdout
    done = session.bundle.command("doctor", "--json")
    (found,) = [c for c in json.loads(done.stdout)["checks"] if c["name"] == "variables"]
    assert warning in found["text"]
    # A flusher that is started for it all the same.
    subprocess.run(
        [INTERPRETER, "-I", "-S", "-B", "-c",
         "import sys; sys.path.insert(0, sys.argv[1]); import lib.flusher.process as f; "
         "f.main(sys.argv[2])", str(ROOT), str(elsewhere)],
        env=session.bundle.environ, check=True,
    )  # fmt: skip
    session.bundle.command("sync")
    assert held(elsewhere) == before
    assert elsewhere.stat().st_mode == mode


@pytest.mark.parametrize("text", ["empty", "sign", "events", "half an event", "readme"])
def test_a_directory_of_ours_is_used(capture: Session, elsewhere: Path, text: str) -> None:
    """One that the user made, and the spools of earlier versions."""
    elsewhere.mkdir()
    if text == "sign":
        (elsewhere / "flusher.running").touch()
        (elsewhere / ".DS_Store").touch()
    elif text == "events":
        (elsewhere / f"pending_{'0' * 32}.json").write_text("{}")
    elif text == "half an event":
        (elsewhere / "tmp_12_3456").touch()
    elif text == "readme":
        (elsewhere / "README").write_text("This directory belongs to pattern-tracker, whatever\n")
        (elsewhere / "other").touch()
    capture.edit(PATTERN_CACHE_DIR=str(elsewhere))
    assert capture.captured() == 0
    own = Outpost(elsewhere)
    assert own.flush()
    assert own.recorded() == 1
    assert (elsewhere / "CACHEDIR.TAG").exists()


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal"])
def test_a_ledger_that_is_a_link(tmp_path: Path, name: str) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", CODE)
    victim = tmp_path / "victim"
    victim.write_bytes(b"")
    victim.chmod(0o644)
    (outpost.directory / name).symlink_to(victim)
    assert not outpost.flush()
    assert "is a link" in outpost.section("flusher")["last_error"]
    assert victim.read_bytes() == b""
    assert victim.stat().st_mode & 0o777 == 0o644
    assert len(outpost.pending()) == 1


def test_a_quarantine_that_is_a_link(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", CODE)
    theirs = tmp_path / "theirs"
    before = planted(theirs)
    (outpost.directory / outbox.QUARANTINE).symlink_to(theirs)
    (outpost.directory / "pending_bad.json").write_text("{")
    outpost.run()
    assert outpost.quarantined() == ["pending_bad.json"]
    outbox.sweep(str(outpost.directory))
    assert held(theirs) == before
    assert outpost.recorded() == 1


def test_the_files_behind_a_linked_quarantine_are_not_swept(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", CODE)
    theirs = tmp_path / "theirs"
    before = planted(theirs)
    (outpost.directory / outbox.QUARANTINE).symlink_to(theirs)
    outbox.sweep(str(outpost.directory))
    assert outpost.quarantined() == []
    outpost.run()
    assert held(theirs) == before


def test_a_lock_that_is_a_link(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", CODE)
    (outpost.directory / outbox.LOCK_FILE).symlink_to(tmp_path / "made")
    with pytest.raises(OSError, match="symbolic links"):
        outpost.flush()
    assert not (tmp_path / "made").exists()


LIMITS = {"PATTERN_CACHE_MAX_SIZE_MB": "0.0000001", "PATTERN_CACHE_MAX_AGE_DAYS": "0.0000001"}


@pytest.mark.parametrize(
    ("name", "told"),
    [*((name, {}) for name in LIMITS), ("PATTERN_CACHE_MAX_SIZE_MB", {"CLAUDE_PROJECT_DIR": ""})],
)
def test_limits_of_a_project_drop_nobodys_events(session: Session, name: str, told: Any) -> None:
    """Whether or not the client tells which project it is."""
    session.settings(user={"INTELLIGENCE_SERVICE_URL": nowhere()})
    session.edit()
    session.bundle.wait_flushed()
    session.settings(project={name: float(LIMITS[name])})
    session.edit(**told)
    session.bundle.wait_flushed()
    assert len(session.bundle.pending()) == 2
    # The user's own are kept, by the same flusher.
    session.settings(project={})
    given: Any = {name: LIMITS[name]}
    session.edit(**given)
    wait_for(lambda: session.bundle.json("status")["dropped"])


def test_a_project_turns_its_tracking_off_and_not_on(session: Session) -> None:
    session.settings(user={"PATTERN_TRACKING_ENABLED": "false"})
    session.settings(project={"PATTERN_TRACKING_ENABLED": "true"})
    session.edit()
    assert not session.bundle.spool.exists()
    session.settings(user={"PATTERN_TRACKING_ENABLED": "true"})
    session.settings(project={"PATTERN_TRACKING_ENABLED": "false"})
    session.edit()
    assert not session.bundle.spool.exists()
    session.settings(project={})
    session.edit()
    assert session.recorded() == 1


@pytest.mark.client
@pytest.mark.usefixtures("client")
@pytest.mark.skipif(not Path("/proc/self/environ").exists(), reason="there is no /proc here")
@pytest.mark.parametrize("shell", few(["", ":; "]))
def test_what_the_shell_exported_is_not_turned_on(
    bundle: Bundle, tmp_path: Path, shell: str
) -> None:
    """The client has put the project's value in its place, and remembers."""
    session = Session(bundle, tmp_path / "clone")
    seen = tmp_path / "seen"
    hook = f"{INTERPRETER} -I -S {ROOT}/hooks/post_tool_use.py"
    hooks = [
        {"type": "command", "command": f"printf %s $PATTERN_TRACKING_ENABLED >{seen}"},
        {"type": "command", "command": f"{shell}{hook}"},
    ]
    settings = {"hooks": {"PostToolUse": [{"matcher": "Write", "hooks": hooks}]}}
    (bundle.home / ".claude" / "settings.json").write_text(json.dumps(settings))
    session.settings(project={"PATTERN_TRACKING_ENABLED": "true"})
    call = ("Write", {"file_path": str(session.project / "a.py"), "content": CODE})
    bundle.environ["PATTERN_TRACKING_ENABLED"] = "false"
    assert bundle.claude([[call]], session.project).returncode == 0
    assert seen.read_text() == "true"
    assert not bundle.spool.exists()
    bundle.environ["PATTERN_TRACKING_ENABLED"] = "true"
    call = ("Write", {"file_path": str(session.project / "b.py"), "content": CODE})
    assert bundle.claude([[call]], session.project).returncode == 0
    assert session.recorded() == 1


def test_a_project_keeps_its_code_out_and_not_in(capture: Session) -> None:
    capture.settings(user={"PATTERN_TRACKING_CONTENT": "none"})
    capture.settings(project={"PATTERN_TRACKING_CONTENT": "full"})
    capture.edit()
    capture.settings(user={"PATTERN_TRACKING_CONTENT": "full"})
    capture.settings(project={"PATTERN_TRACKING_CONTENT": "none"})
    capture.edit()
    own = Outpost(capture.bundle.spool)
    assert own.flush()
    assert own.recorded() == 2
    with closing(sqlite3.connect(capture.bundle.spool / "ledger.db")) as db:
        assert db.execute("SELECT count(*) FROM snapshots").fetchone() == (0,)


def test_a_service_on_this_machine_that_a_project_names(
    session: Session, server: ServiceDouble
) -> None:
    session.settings(project={"INTELLIGENCE_SERVICE_URL": server.url})
    session.edit()
    assert session.recorded() == 1
    assert server.requests == []
    session.settings(user={"INTELLIGENCE_SERVICE_URL": server.url}, project={})
    session.edit()
    wait_for(lambda: server.requests)


def test_a_service_that_a_project_names_is_for_its_own_events(
    session: Session, server: ServiceDouble
) -> None:
    spool = session.bundle.spool
    with server.faults.during(Fault.STATUS, status=503):
        # The user's own events wait for the user's service, which is away.
        session.settings(user={"INTELLIGENCE_SERVICE_URL": server.url}, project={})
        for _ in range(3):
            session.edit()
        session.recorded()
        session.settings(project={"INTELLIGENCE_SERVICE_URL": "https://attacker.example"})
        session.edit()
        assert session.recorded() == 4
        books = balance(spool)["books"]
        assert books[server.url]["pending"] == 3
        assert books["https://attacker.example"]["pending"] == 1
    assert session.bundle.command("sync").returncode == 1
    books = balance(spool)["books"]
    assert books[server.url]["delivered"] == 3
    assert books["https://attacker.example"]["pending"] == 1
    assert not any("a4.py" in str(record.body) for record in server.requests)


@pytest.mark.parametrize("name", ["HOME", "CLAUDE_CONFIG_DIR"])
def test_a_home_that_a_project_names(capture: Session, elsewhere: Path, name: str) -> None:
    # Settings of the project that pretend to be the user's.
    value = capture.project if name == "HOME" else capture.project / ".claude"
    evil = {name: str(value), "PATTERN_CACHE_DIR": str(elsewhere)}
    capture.settings(project=evil)
    capture.edit()
    assert capture.captured() == 1
    assert not elsewhere.exists()
    assert not (capture.project / ".claude" / "hooks").exists()
    assert not (capture.project / "hooks").exists()


@pytest.mark.client
@pytest.mark.usefixtures("client")
def test_what_the_real_client_hands_on(bundle: Bundle, tmp_path: Path, elsewhere: Path) -> None:
    """A naive hook believes what the same hooks of ours do not."""
    session = Session(bundle, tmp_path / "clone")
    seen = tmp_path / "seen"
    naive = f'd="$PATTERN_CACHE_DIR"; mkdir -p "$d"; cat >"$d/a"; cp "$d/a" {seen}; rm -r "$d"'
    hooks = [
        {"type": "command", "command": naive},
        {"type": "command", "command": command(str(ROOT), INTERPRETER, "post_tool_use.py")},
    ]
    session.settings(project={"PATTERN_CACHE_DIR": str(elsewhere / "spool")})
    settings = {"hooks": {"PostToolUse": [{"matcher": "Write", "hooks": hooks}]}}
    (bundle.home / ".claude" / "settings.json").write_text(json.dumps(settings))
    call = ("Write", {"file_path": str(session.project / "a.py"), "content": CODE})
    assert bundle.claude([[call]], session.project).returncode == 0
    assert json.loads(seen.read_text())["tool_name"] == "Write"
    assert session.recorded() == 1
    assert not (elsewhere / "spool").exists()


LOADED = """
#include <fcntl.h>
#include <unistd.h>
__attribute__((constructor)) static void ran(void) { close(open("%s", O_CREAT | O_WRONLY, 0600)); }
int OSSL_provider_init(void *a, void *b, void **c, void **d) { return 0; }
"""
CONFIGURATION = """
openssl_conf = openssl_init
config_diagnostics = 0
[openssl_init]
providers = provider_sect
[provider_sect]
evil = evil_sect
[evil_sect]
module = %s
activate = 1
"""


def evil_openssl(directory: Path, ran: Path) -> Path:
    """A configuration of OpenSSL's that makes it load a library of the repository."""
    compiler = shutil.which("cc")
    if compiler is None:
        pytest.skip("there is no C compiler here")
    source, library = directory / "evil.c", directory / "evil.so"
    source.write_text(LOADED % ran)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, source], check=True)
    (directory / "openssl.cnf").write_text(CONFIGURATION % library)
    return directory / "openssl.cnf"


def test_a_library_that_openssl_would_load(
    session: Session, server: ServiceDouble, tmp_path: Path
) -> None:
    ran = tmp_path / "ran"
    conf = str(evil_openssl(session.project, ran))
    subprocess.run(
        [INTERPRETER, "-I", "-c", "import ssl; ssl.create_default_context()"],
        env={"OPENSSL_CONF": conf}, check=False, capture_output=True,
    )  # fmt: skip
    if not ran.exists():
        pytest.skip("this Python's OpenSSL does not read OPENSSL_CONF")
    ran.unlink()
    session.settings(user={"INTELLIGENCE_SERVICE_URL": server.url})
    session.settings(project={"OPENSSL_CONF": conf})
    session.edit()
    wait_for(lambda: server.requests)
    session.bundle.wait_delivered()
    session.bundle.environ["OPENSSL_CONF"] = conf
    assert session.bundle.command("sync").returncode == 0
    assert not ran.exists()


HOSTILE = (
    "OPENSSL_CONF", "OPENSSL_MODULES", "LD_PRELOAD", "LD_LIBRARY_PATH", "LD_AUDIT", "PYTHONPATH",
    "PYTHONHOME", "PYTHONSTARTUP", "PYTHONUSERBASE", "PYTHONINSPECT", "PYTHONPLATLIBDIR",
    "SSLKEYLOGFILE", "GCONV_PATH", "LOCPATH", "PATH", "BASH_ENV", "ENV", "GIT_SSH_COMMAND",
    "DYLD_INSERT_LIBRARIES", "MALLOC_TRACE", "GLIBC_TUNABLES", "NODE_OPTIONS", "ANTHROPIC_API_KEY",
)  # fmt: skip
USEFUL = {
    "HOME", "TMPDIR", "LANG", "LC_ALL", "HTTPS_PROXY", "no_proxy", "SSL_CERT_FILE",
    "SSL_CERT_DIR", "PIP_INDEX_URL", "CIRCUIT_BREAKER_TIMEOUT", "PATTERN_CACHE_MAX_SIZE_MB",
}  # fmt: skip


def test_what_reaches_the_flusher(session: Session, tmp_path: Path) -> None:
    """Those of the user that it needs, and none that makes a program load or tell something."""
    root, seen = bundle_at(tmp_path / "copy", ("lib", "hooks")), tmp_path / "seen"
    # In the place of its Python, what sees all that it is started with.
    spy = root / ".venv" / "bin" / "python"
    spy.parent.mkdir(parents=True)
    spy.write_text(f"#!/bin/sh\ncommand -p env >{seen}.part\ncommand -p mv {seen}.part {seen}\n")
    spy.chmod(0o755)
    given: Any = {name: "/elsewhere" for name in HOSTILE if not name.startswith(("LD_", "GLIBC"))}
    given |= {name: "1" for name in USEFUL - {"HOME"}} | {"LD_LIBRARY_PATH": "/elsewhere"}
    assert set(naive_child({**given, "HOME": "/h"})) >= given.keys()
    session.bundle.root = root
    session.edit(**given)
    wait_for(seen.exists)
    reached = {line.partition("=")[0] for line in seen.read_text().splitlines()}
    assert reached >= USEFUL
    # The shell sets some of its own.
    assert not (reached - {"PATH"}).intersection(HOSTILE)
    assert "PATH=/elsewhere" not in seen.read_text()


def naive_child(environ: dict[str, str]) -> list[str]:
    """What a child sees whose parent passes everything on."""
    done = subprocess.run(["/usr/bin/env"], env=environ, capture_output=True, text=True, check=True)
    return [line.partition("=")[0] for line in done.stdout.splitlines()]


def test_what_a_project_names_is_not_the_flushers(session: Session, tmp_path: Path) -> None:
    """Neither HOME, where it looks for tools and their settings, nor a certificate."""
    evil = {"HOME": str(session.project), "SSL_CERT_FILE": "/evil", "TMPDIR": "/evil"}
    own = {"SSL_CERT_FILE": "/own"}
    config = session.bundle.home / ".claude"
    session.settings(user=own, project=evil)
    environ = {**evil, "LANG": "C.UTF-8", "CLAUDE_PROJECT_DIR": str(session.project)}
    origins.forget_project(environ, str(config))
    assert environ == {"LANG": "C.UTF-8", **own}


PROGRAMS = ("dirname", "readlink", "python3", "python", "cat", "env", "sh", "basename", "uname")


def evil_path(session: Session, ran: Path) -> str:
    directory = session.project / "bin"
    directory.mkdir()
    for name in PROGRAMS:
        (directory / name).write_text(f"#!/bin/sh\necho {name} >>{ran}\nexit 1\n")
        (directory / name).chmod(0o755)
    return str(directory)


@pytest.mark.parametrize("way", ["", "/../bin", "/./", "a link"])
def test_programs_that_path_names(session: Session, tmp_path: Path, way: str) -> None:
    """The commands, through links too, the status line, and the hooks of a plugin."""
    ran = tmp_path / "ran"
    path = evil_path(session, ran)
    (session.project / ".git").mkdir()
    below = session.project / "src"
    below.mkdir()
    subprocess.run("dirname x; readlink x", shell=True, env={"PATH": path}, check=False)
    assert ran.read_text() == "dirname\nreadlink\n"
    ran.unlink()
    if way == "a link":
        (tmp_path / "tools").symlink_to(path)
        environ = {"HOME": str(session.bundle.home), "PATH": str(tmp_path / "tools")}
    else:
        environ = {"HOME": str(session.bundle.home), "PATH": f"{path}{way}"}
    for name in ("pattern-tracker", "statusline"):
        link = tmp_path / name
        link.symlink_to(ROOT / "bin" / name)
        for command_line in ([link], ["/bin/sh", link], [ROOT / "bin" / name]):
            done = subprocess.run(
                [*command_line, "--version"],
                cwd=below,
                env=environ,
                capture_output=True,
                check=False,
            )
            assert done.returncode == 0, done.stderr
            assert done.stdout
    hooks = json.loads((ROOT / "hooks" / "hooks.json").read_text())["hooks"]
    # Of a version that has no environment yet.
    root = bundle_at(tmp_path / "plugin", ("lib", "hooks"))
    environ |= {"CLAUDE_PLUGIN_ROOT": str(root), "CLAUDE_PLUGIN_DATA": ""}
    for project in ({}, {"CLAUDE_PROJECT_DIR": str(session.project)}):
        for event in ("PreToolUse", "PostToolUse"):
            done = subprocess.run(
                ["/bin/sh", "-c", hooks[event][0]["hooks"][0]["command"]],
                input=json.dumps(write_payload("/p/a.py", CODE, f"{len(project)}")).encode(),
                cwd=below, env={**environ, **project}, capture_output=True, check=False,
            )  # fmt: skip
            assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not ran.exists(), ran.read_text()


@pytest.fixture
def ran(tmp_path: Path) -> Path:
    """What is there once a program of the repository has run."""
    return tmp_path / "ran"


def their_bundle(session: Session, ran: Path) -> Path:
    """What looks like a bundle of ours, and a service that its author approved."""
    root = session.project / "pattern-tracker"
    (root / "hooks").mkdir(parents=True)
    for name in ("post_tool_use.py", "pre_tool_use.py"):
        (root / "hooks" / name).touch()
    program(root / "hooks" / "takeover.sh", ran)
    program(root / ".venv" / "bin" / "python", ran)
    token = {"token_command": [str(program(root / "token", ran))], "environment": {}}
    approved = root.with_name("pattern-tracker.approved.json")
    approved.write_text(
        json.dumps({"service_url": "http://127.0.0.1:1", "hosts": {"http://127.0.0.1:1": token}})
    )
    approved.chmod(0o600)
    return root


def doctor(session: Session) -> None:
    done = forking.run(["doctor"], session.bundle.environ, str(session.project))
    assert done.returncode in (0, 1)
    assert "packages" in done.stdout


def register(session: Session, interpreter: Path | str, root: Path, **env: str) -> None:
    """Let the project's settings have hooks that look like ours."""
    hooks = {
        event: [{"matcher": "*", "hooks": [
            {"type": "command", "command": f"{interpreter} -I -S {root}/hooks/{script}"}]}]
        for event, script in SCRIPTS.items()
    }  # fmt: skip
    text = json.dumps({"env": env, "hooks": hooks})
    (session.project / ".claude" / "settings.json").write_text(text)


def test_doctor_runs_nothing_of_the_repository_that_it_is_asked_in(
    session: Session, ran: Path
) -> None:
    root = their_bundle(session, ran)
    for interpreter in (root / ".venv" / "bin" / "python", INTERPRETER):
        register(session, interpreter, root)
        doctor(session)
        assert not ran.exists(), ran.read_text()
    evil = program(session.project / "python3", ran)
    for interpreter in (evil, "/proc/self/cwd/python3", program(session.project / "halt", ran)):
        register(session, interpreter, session.bundle.root)
        doctor(session)
        assert not ran.exists(), ran.read_text()


def test_doctor_does_not_hand_on_what_a_project_sets(session: Session, ran: Path) -> None:
    evil_openssl(session.project, ran)
    library = str(session.project / "evil.so")
    subprocess.run(["/bin/sh", "-c", ":"], env={"LD_PRELOAD": library}, check=True)
    if not ran.exists():
        pytest.skip("there is no LD_PRELOAD here")
    ran.unlink()
    path = f"{program(session.project / 'bin' / 'python3', ran).parent}:/usr/bin:/bin"
    session.settings(project={"LD_PRELOAD": library, "PATH": path})
    gone = session.bundle.home / "gone" / "python3"
    run = command(str(session.bundle.root), str(gone), "post_tool_use.py")
    hooks = {"PostToolUse": [{"matcher": "*", "hooks": [{"type": "command", "command": run}]}]}
    (session.bundle.home / ".claude" / "settings.json").write_text(json.dumps({"hooks": hooks}))
    doctor(session)
    assert not ran.exists()
