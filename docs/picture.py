"""Draws docs/terminal.svg: what a terminal shows after a few days of edits.

    .venv/bin/python docs/picture.py [FILE]

The edits go through the code of the hooks, with dates of the last days, into a scratch home; the
commands run on a pseudo-terminal, and what they print is the picture.
"""

import os
import pty
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lib.capture.payload import capture  # noqa: E402
from lib.flusher.process import Flusher  # noqa: E402
from lib.spool import inbox, tally  # noqa: E402
from lib.system.settings import Settings  # noqa: E402

COLUMNS = 92
COMMANDS = (["status"], ["lineage", "src/retry.py", "--diff"], ["stats", "--days", "14"])
DAY = 86_400

RETRY = """def retry(call, attempts=3):
    for attempt in range(attempts):
        try:
            return call()
        except OSError:
            if attempt == attempts - 1:
                raise
"""
BACKOFF = RETRY.replace(
    "                raise\n", "                raise\n            sleep(2**attempt)\n"
)
JITTER = BACKOFF.replace("sleep(2**attempt)", "sleep(2**attempt * random())")
CLIENT = "class Client:\n    def get(self, path):\n        return self.session.get(path)\n"
# Days ago, the file, its content before and after.
EDITS = (
    (12.2, "src/retry.py", None, RETRY),
    (12.1, "src/client.ts", None, "export class Client {}\n"),
    (9.3, "src/client.ts", "export class Client {}\n", "export class Client { get() {} }\n"),
    (9.1, "src/api.py", None, CLIENT),
    (6.4, "src/retry.py", RETRY, BACKOFF),
    (6.3, "src/api.py", CLIENT, CLIENT + "\n    def put(self, path): ...\n"),
    (2.2, "lib/vendored_retry.py", None, BACKOFF),
    (2.1, "src/api.py", CLIENT + "\n    def put(self, path): ...\n", CLIENT + "\n    put = get\n"),
    (0.01, "src/retry.py", BACKOFF, JITTER),
)


def main() -> None:
    """Draw the picture."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(os.path.realpath(scratch)) / "home" / "me"
        app = home / "app"
        app.mkdir(parents=True)
        link = home / ".local" / "bin" / "pattern-tracker"
        link.parent.mkdir(parents=True)
        link.symlink_to(ROOT / "bin" / "pattern-tracker")
        environ = {
            "HOME": str(home), "PATH": f"{link.parent}:{os.environ['PATH']}",
            "TERM": "xterm-256color", "COLUMNS": str(COLUMNS), "LANG": "C.UTF-8",
            "PATTERN_CACHE_DIR": f"{home}/.patterns",
        }  # fmt: skip
        _edit(app, f"{home}/.patterns", environ)
        console = Console(record=True, width=COLUMNS, file=open(os.devnull, "w"), highlight=False)  # noqa: SIM115
        for command in COMMANDS:
            console.print(Text(f"$ pattern-tracker {' '.join(command)}", "bold"))
            console.print(Text.from_ansi(_shown(command, app, environ)))
            console.print()
        svg = console.export_svg(title="pattern-tracker", theme=MONOKAI, unique_id="shown")
    # Whoever looks at the picture asks no other host for a font.
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.DOTALL)
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "terminal.svg"
    target.write_text(svg)


def _edit(app: Path, directory: str, environ: dict[str, str]) -> None:
    for number, (days, name, before, after) in enumerate(EDITS):
        then = time.time_ns() - int(days * DAY * 10**9)
        (app / name).parent.mkdir(exist_ok=True)
        (app / name).write_text(after)
        payload = {
            "hook_event_name": "PostToolUse", "session_id": "picture", "tool_name": "Write",
            "tool_use_id": str(number), "cwd": str(app),
            "tool_input": {"file_path": str(app / name), "content": after},
            "tool_response": {"type": "update" if before else "create", "originalFile": before},
        }  # fmt: skip
        tally.add(directory, "captured", inbox.commit(directory, capture(payload, then), then))
        # Before the next: an event of some days is too old to wait.
        Flusher(directory, Settings({**environ, "PATTERN_CACHE_MAX_AGE_DAYS": "99"})).run_once(5)


def _shown(command: list[str], cwd: Path, environ: dict[str, str]) -> str:
    leader, follower = pty.openpty()
    process = subprocess.Popen(
        [str(ROOT / "bin" / "pattern-tracker"), *command],
        stdin=follower, stdout=follower, stderr=follower, cwd=cwd, env=environ,
    )  # fmt: skip
    os.close(follower)
    chunks = []
    try:
        while chunk := os.read(leader, 65536):
            chunks.append(chunk)
    except OSError:  # how Linux says that the other end is closed
        pass
    os.close(leader)
    if process.wait():
        sys.exit(f"{command} failed")
    return b"".join(chunks).decode().replace("\r\n", "\n").rstrip()


if __name__ == "__main__":
    main()
