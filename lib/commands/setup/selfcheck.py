"""Check an installation by a sample edit through the hook's command, in a scratch spool."""

import json
import os
import subprocess
import tempfile

from lib.commands.common import CommandError
from lib.delivery.approval import Approvals
from lib.flusher.process import Flusher
from lib.spool import inbox, wake
from lib.system import files
from lib.system.settings import Settings

SAMPLE = 'def greet(name):\n    return f"Hello, {name}"\n'
EDITED = SAMPLE.replace("Hello", "Welcome")


def check(root: str, command: str) -> str:
    """Send a new file and a change of it through `command`; return the lineage that is printed.

    The bundle at `root` prints it. Raises CommandError if the command printed anything, failed, or
    left no event.
    """
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        directory, sample = f"{scratch}/spool", f"{scratch}/greeting.py"
        environ = {**os.environ, "PATTERN_CACHE_DIR": directory, "PATTERN_TRACKING_ENABLED": "true"}
        # The sample is nobody's pattern: no service hears of it.
        for name in ("INTELLIGENCE_SERVICE_URL", "CLAUDE_PROJECT_DIR"):
            environ.pop(name, None)
        files.make_private_directory(directory)
        running = wake.say_running(directory)
        try:
            for payload, text in zip(_payloads(sample), (SAMPLE, EDITED), strict=True):
                _push(command, payload, environ)
                with open(sample, "w", encoding="utf-8") as file:
                    file.write(text)
        finally:
            os.close(running)
        if not inbox.has_pending(directory):
            raise CommandError("self-check failed: the hook left no event")
        Flusher(directory, Settings(environ), Approvals(f"{scratch}/none")).run_once(10.0)
        return _lineage(root, directory, sample)


def _payloads(path: str) -> list[dict[str, object]]:
    base = {"session_id": "self-check", "hook_event_name": "PostToolUse"}
    write = {"file_path": path, "content": SAMPLE}
    update = {"file_path": path, "content": EDITED}
    return [
        {**base, "tool_name": "Write", "tool_use_id": "1", "tool_input": write,
         "tool_response": {"type": "create", "originalFile": None}},
        {**base, "tool_name": "Write", "tool_use_id": "2", "tool_input": update,
         "tool_response": {"type": "update", "originalFile": SAMPLE}},
    ]  # fmt: skip


def _push(command: str, payload: dict[str, object], environ: dict[str, str]) -> None:
    done = subprocess.run(
        ["/bin/sh", "-c", command],
        input=json.dumps(payload).encode(),
        env=environ,
        # Its project's settings have no say here.
        cwd="/",
        capture_output=True,
        check=False,
    )
    if done.returncode or done.stdout or done.stderr:
        raise CommandError(f"self-check failed: the hook exited {done.returncode} or printed")


def _lineage(root: str, directory: str, path: str) -> str:
    done = subprocess.run(
        [f"{root}/bin/pattern-tracker", "lineage", path],
        env={**os.environ, "PATTERN_CACHE_DIR": directory},
        # It shows the path from there.
        cwd=os.path.dirname(path),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        raise CommandError(f"self-check failed: {said[-1]}")
    return done.stdout
