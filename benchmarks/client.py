"""What hooks add to the real client's calls: `python -m benchmarks.client`.

Arguments: SESSIONS, EDITS, and the sides, if not all; the first is what others are compared with.

Each side's sessions are run in turn: SESSIONS of them with EDITS Writes, Edits and calls of Bash
each, at the end of which the client is killed, right after its last call. Printed is a table: what
each side adds to the median call without hooks, in milliseconds and in bare starts of Python; how
many of the edits it has kept; how many processes are left of it, and by how many bytes its home has
grown. Sides that are not there are left out: HOW says what brings them.
"""

import json
import os
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hook import INTERPRETER, ROOT, _scratch
from benchmarks.measure import run
from lib.registration.hook_command import SCRIPTS
from tests.support.bundle import CLIENT, NEWEST_CLIENT, Bundle, seed
from tests.support.messages_api import Call, Times, scripted

SESSIONS, EDITS = 10, 10
KINDS = ("Write", "Edit", "Bash")
CODE = "".join(f"def f{n}(a, b):\n    # the sum\n    return a + b + {n}\n\n\n" for n in range(80))
# What belongs to a side and is still there so long after its last session is left over.
SETTLE_SECONDS = 6
RIVALS = ROOT / ".cache" / "rivals"
HOW = f"""python3 -m venv {RIVALS} && {RIVALS}/bin/pip install cchooks
npm install --prefix {RIVALS} claude-mem bun"""


class Side(NamedTuple):
    """What is measured: how its home is made, the client's options, and what it has kept.

    `prepare` takes the home directory and returns the hooks for its settings, if any.
    """

    prepare: Callable[[Path], dict[str, Any]]
    options: list[str]
    kept: Callable[[Path], int | None]


class Session(NamedTuple):
    """Seconds that each call took, by its kind, and "start": until the prompt was sent."""

    spent: dict[str, list[float]]


def main() -> None:
    """Measure and print."""
    sessions, edits = [*map(int, sys.argv[1:3]), *(SESSIONS, EDITS)[len(sys.argv[1:3]) :]]
    sides = {n: side for n, side in _sides().items() if not sys.argv[3:] or n in sys.argv[3:]}
    base = next(iter(sides))
    client = NEWEST_CLIENT if NEWEST_CLIENT.exists() else CLIENT
    with tempfile.TemporaryDirectory(dir=_scratch(), ignore_cleanup_errors=True) as scratch:
        homes: dict[str, Path] = {}
        found: dict[str, list[Session]] = {}
        sizes: dict[str, int] = {}
        for name, side in sides.items():
            homes[name], found[name] = Path(scratch) / name.replace(" ", "-"), []
            _prepare(homes[name], side)
            _session(client, homes[name], side, -1, 1)
            sizes[name] = _size(homes[name])
        before = {name: side.kept(homes[name]) for name, side in sides.items()}
        bare = []
        for number in range(sessions):
            for name, side in sides.items():
                found[name].append(_session(client, homes[name], side, number, edits))
                bare += [run([INTERPRETER, "-I", "-S", "-c", "pass"], b"", {}).wall for _ in "123"]
        time.sleep(SETTLE_SECONDS)
        load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
        start = statistics.median(bare)
        print(f"{_version(client)}: {sessions} sessions with {edits} calls of each kind")
        print(f"a bare start takes {start * 1000:.1f} ms; load {load}; added ms, and at best\n")
        print("| | a Write | in starts | an Edit | a Bash | the prompt | kept | left | bytes |")
        print("|---|---|---|---|---|---|---|---|---|")
        for name, side in sides.items():
            more = [_added(found[name], found[base], kind) for kind in (*KINDS, "start")]
            kept, made = side.kept(homes[name]), 2 * sessions * edits
            told = "-" if kept is None else f"{kept - (before[name] or 0)} of {made}"
            grown = _size(homes[name]) - sizes[name]
            grown -= 0 if name == base else _size(homes[base]) - sizes[base]
            shown = [f"{one * 1000:+.1f} ({best * 1000:+.1f})" for one, best in more]
            shown.insert(1, f"{more[0][0] / start:.2f} ({more[0][1] / min(bare):.2f})")
            row = [name, *shown, told, str(_left(homes[name])), f"{grown:,}"]
            print(f"| {' | '.join(row)} |")
    if not RIVALS.exists():
        print(f"\nTo compare with more:\n{HOW}")


def _sides() -> dict[str, Side]:
    python = RIVALS / "bin" / "python"
    memory = RIVALS / "node_modules" / "claude-mem" / "plugin"
    usual = f"PATTERN_CACHE_DIR=$HOME/kept {INTERPRETER} -I {ROOT}/benchmarks/usual_hook.py"
    bare = f"exec {INTERPRETER} -I -S -c pass"
    jq = "jq -c '[.tool_name, .tool_input.file_path]' >>$HOME/kept"
    sides = {
        "no hooks": Side(lambda home: {}, [], lambda home: None),
        "nothing, after edits": Side(lambda home: _after(":"), [], lambda home: None),
        "a bare Python, after edits": Side(lambda home: _after(bare), [], lambda home: None),
        "installed": Side(_install, [], _recorded),
        "plugin": Side(lambda home: {}, ["--plugin-dir", str(ROOT / "plugin")], _recorded),
        "jq": Side(lambda home: _after(jq), [], _lines),
        "the usual imports": Side(lambda home: _after(usual), [], _files),
    }
    if python.exists():
        command = f"{shlex.quote(str(python))} {ROOT}/benchmarks/cchooks_hook.py $HOME/kept"
        sides["cchooks"] = Side(lambda home: _after(command), [], _lines)
    if memory.exists():
        sides["claude-mem"] = Side(
            lambda home: {}, ["--plugin-dir", str(memory)], lambda home: None
        )
    return sides


def _after(command: str) -> dict[str, Any]:
    """Make the settings of a hook after each edit."""
    group = {"matcher": "Write|Edit", "hooks": [{"type": "command", "command": command}]}
    return {"hooks": {"PostToolUse": [group]}}


def _install(home: Path) -> dict[str, Any]:
    seed(home / ".claude" / "hooks" / "pattern-tracker")
    environ = {"HOME": str(home), "PATH": f"{Path(INTERPRETER).parent}:/usr/bin:/bin"}
    subprocess.run([str(ROOT / "install.sh")], env=environ, capture_output=True, check=True)
    made: dict[str, Any] = json.loads((home / ".claude" / "settings.json").read_text())
    assert set(made["hooks"]) == set(SCRIPTS)
    return made


def _prepare(home: Path, side: Side) -> None:
    (home / ".claude").mkdir(parents=True)
    (home / "work").mkdir()
    (home / ".claude" / "settings.json").write_text(json.dumps(side.prepare(home)))


def _session(client: Path, home: Path, side: Side, number: int, edits: int) -> Session:
    """Run a session, and kill the client when it tells what came of its last call."""
    turns: list[list[Call]] = []
    for n in range(edits):
        path = str(home / "work" / f"{number}-{n}.py")
        edit = {"file_path": path, "old_string": "+ 7\n", "new_string": f"- {n}\n"}
        turns.append([("Write", {"file_path": path, "content": CODE + f"x = ({number}, {n})\n"})])
        turns.append([("Edit", edit)])
        turns.append([("Bash", {"command": "true", "description": "x"})])
    clock = Times()
    with scripted(turns, clock=clock) as url:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(client), "-p", "go", "--dangerously-skip-permissions", *side.options],
            cwd=home / "work", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
            env={
                "HOME": str(home), "PATH": f"{RIVALS}/node_modules/.bin:{os.environ['PATH']}",
                "ANTHROPIC_BASE_URL": url, "ANTHROPIC_API_KEY": "dummy", "IS_SANDBOX": "1",
                "DISABLE_AUTOUPDATER": "1", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
                # A plugin's environment is made once, and not while it is measured.
                "PIP_NO_INDEX": "1",
            },
        )  # fmt: skip
        if not clock.done.wait(300):
            raise RuntimeError(f"{client} did not come to an end")
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    spent = [clock.asked[n + 1] - clock.answered[n] for n in range(len(turns))]
    by_kind = {kind: spent[i::3] for i, kind in enumerate(KINDS)}
    return Session({**by_kind, "start": [clock.asked[0] - began]})


def _added(with_hooks: list[Session], without: list[Session], kind: str) -> tuple[float, float]:
    """Compare two sides: the median of what a session takes longer, and that of the quickest."""
    more = [
        statistics.median(one.spent[kind]) - statistics.median(other.spent[kind])
        for one, other in zip(with_hooks, without, strict=True)
    ]
    return statistics.median(more), _best(with_hooks, kind) - _best(without, kind)


def _best(sessions: list[Session], kind: str) -> float:
    """Return the mean of the quickest twentieth."""
    spent = sorted(seconds for one in sessions for seconds in one.spent[kind])
    return statistics.mean(spent[: max(1, len(spent) // 20)])


def _version(client: Path) -> str:
    environ = {"HOME": "/nowhere", "PATH": os.environ["PATH"]}
    done = subprocess.run(
        [client, "--version"], env=environ, capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def _recorded(home: Path) -> int:
    bundle = Bundle(home)
    bundle.wait_flushed()
    return len(bundle.log())


def _lines(home: Path) -> int:
    return len((home / "kept").read_text().splitlines())


def _files(home: Path) -> int:
    return len(list((home / "kept").iterdir()))


def _size(home: Path) -> int:
    found = (path.lstat() for path in home.rglob("*") if not path.is_symlink())
    return sum(status.st_size for status in found)


def _left(home: Path) -> int:
    """Count the processes that have `home` for their home directory."""
    mark = f"HOME={home}".encode()
    count = 0
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            count += mark in path.read_bytes().split(b"\0")
        except OSError:
            pass
    return count


if __name__ == "__main__":
    main()
