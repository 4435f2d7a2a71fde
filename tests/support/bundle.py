"""Running the product as its users do: hook processes, the command line, the real client."""

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from lib.ledger.store import Ledger
from lib.spool import wake
from lib.system import environment, packages
from tests.support import forking
from tests.support.copies import bundle_at, rewrite
from tests.support.messages_api import Call, Times, scripted

ROOT = Path(__file__).resolve().parents[2]
PAYLOADS = ROOT / "tests" / "payloads"
CLIENT = ROOT / ".cache" / "client" / "node_modules" / ".bin" / "claude"
# The newest there is, which npm takes only where Node is new enough for its own word.
NEWEST_CLIENT = ROOT / ".cache" / "newest-client" / "node_modules" / ".bin" / "claude"
INTERPRETER = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
# A whole environment of this version of Python, made once for all tests.
ENVIRONMENT = ROOT / ".cache" / "environment-{}.{}".format(*sys.version_info)
PATIENCE_SECONDS = 60.0


def payload(name: str, **changes: Any) -> dict[str, Any]:
    """The recorded hook input whose file name starts with `name`, with fields replaced."""
    (path,) = PAYLOADS.glob(f"{name}*")
    return {**json.loads(path.read_text()), **changes}


def write_payload(path: str, content: str, use: str, before: str | None = None) -> dict[str, Any]:
    """The PostToolUse payload of a Write."""
    return payload(
        "01-write-create-js-marker.post",
        tool_input={"file_path": path, "content": content},
        tool_response={"type": "update" if before else "create", "originalFile": before},
        tool_use_id=use,
    )


def seed(root: Path) -> None:
    """Put a whole environment where a bundle at `root` has its own: installing copies it, for what
    a package index serves is not what is tested."""
    made = ENVIRONMENT
    lock = str(ROOT / "requirements.lock")
    made.parent.mkdir(exist_ok=True)
    with FileLock(f"{made}.lock"):
        if not environment.is_complete(str(made), lock):
            shutil.rmtree(made, ignore_errors=True)
            environment.build(str(made), lock, INTERPRETER)
            # Two files of five are those of pip, which has done what it was there for.
            for name in ("pip", "setuptools"):
                shutil.rmtree(f"{packages.place(str(made))}/site-packages/{name}", True)
    environment.copy(str(made), str(root / ".venv"))


def put_bundle(root: Path) -> None:
    """Put a whole bundle at `root`, not registered: installing looks whether it works, which takes
    half of what making one does."""
    seed(root)
    bundle_at(root)


def brought(client: Path) -> Path:
    """Return the real client at that path; skip the test where it is not there."""
    if not client.exists():
        place = client.relative_to(ROOT).parts[1]
        pytest.skip(
            f"npm install --prefix .cache/{place} @anthropic-ai/claude-code@latest brings it"
        )
    return client


def other_version(source: Path, name: str = "CHANGELOG.md", addition: str = "") -> Path:
    """A copy of the bundle at `source`, whose file `name` ends with `addition`."""
    file = bundle_at(source) / name
    rewrite(file, file.read_text() + addition)
    return source


class Bundle:
    """A home directory with a spool, and the commands that work on it."""

    def __init__(self, home: Path, root: Path = ROOT) -> None:
        self.home = home
        self.root = root
        self.spool = home / ".claude" / "hooks" / ".cache" / "patterns"
        # This Python first: it is the one that is tested.
        path = f"{os.path.dirname(INTERPRETER)}:{os.environ['PATH']}"
        self.environ = {"HOME": str(home), "PATH": path}

    def hook(self, stage: str, data: bytes | dict[str, Any], **environ: str) -> Any:
        """Run the `stage` ("pre" or "post") hook script; the finished process."""
        text = data if isinstance(data, bytes) else json.dumps(data).encode()
        script = self.root / "hooks" / f"{stage}_tool_use.py"
        return subprocess.run(
            [INTERPRETER, "-I", "-S", str(script)],
            input=text, env={**self.environ, **environ}, capture_output=True, check=False,
        )  # fmt: skip

    def post(self, data: bytes | dict[str, Any], **environ: str) -> None:
        """Run the PostToolUse hook and see that it was silent and exited 0."""
        done = self.hook("post", data, **environ)
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")

    def command(self, *arguments: str, cwd: Path | None = None, **environ: str) -> Any:
        """Run bin/pattern-tracker; the finished process. The checkout's without a start of its own:
        see `forking`."""
        environ = {**self.environ, **environ}
        if self.root == ROOT:
            return forking.run(list(arguments), environ, str(cwd or ""))
        return subprocess.run(
            [str(self.root / "bin" / "pattern-tracker"), *arguments],
            env=environ, cwd=cwd, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def json(self, *arguments: str, cwd: Path | None = None) -> Any:
        """What bin/pattern-tracker prints with --json."""
        done = self.command(*arguments, "--json", cwd=cwd)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def log(self) -> list[dict[str, Any]]:
        """The recorded events."""
        done = self.command("log", "--all", "--json")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def pending(self) -> list[Path]:
        """The files that wait."""
        return sorted(self.spool.glob("pending_*.json"))

    def wait_delivered(self) -> None:
        """Wait until nothing is pending and no flusher lives."""
        wait_for(lambda: not self.pending() and self.is_at_rest())

    def wait_flushed(self) -> None:
        """Wait until the ledger has what is pending and no flusher lives."""
        wait_for(lambda: self.is_at_rest() and self._is_recorded())

    def is_at_rest(self) -> bool:
        """Whether no flusher is starting or at work: who starts says that it runs before its mark
        goes, so the mark is looked for first."""
        is_starting = (self.spool / wake.MARK_FILE).exists()
        return not is_starting and not (self.spool.exists() and wake.is_running(str(self.spool)))

    def _is_recorded(self) -> bool:
        path = self.spool / "ledger.db"
        if not path.exists():
            return False
        ledger = Ledger(str(path))
        try:
            return {path.name for path in self.pending()} <= ledger.waiting()
        finally:
            ledger.close()

    def claude(
        self,
        turns: list[list[Call]],
        cwd: Path,
        *options: str,
        client: Path = CLIENT,
        prompt: str = "go",
        agents: dict[str, list[list[Call]]] | None = None,
        clock: Times | None = None,
    ) -> Any:
        """Let the real client carry out `turns` in `cwd`, and `agents` theirs; the finished
        process. `clock` as for `scripted`."""
        with scripted(turns, agents, clock=clock) as url:
            return subprocess.run(
                [str(client), "-p", prompt, "--dangerously-skip-permissions", *options],
                cwd=cwd, capture_output=True, text=True, check=False, timeout=120,
                stdin=subprocess.DEVNULL,
                env={
                    **self.environ, "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy",
                    "DISABLE_AUTOUPDATER": "1", "IS_SANDBOX": "1",
                    "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                },
            )  # fmt: skip


def wait_for(condition: Any) -> None:
    """Return once `condition()` is true; fail after PATIENCE_SECONDS."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)
