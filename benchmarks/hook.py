"""What the hooks cost, as ratios to a bare interpreter: `python -m benchmarks.hook [ROUNDS]`.

Prints the median and the deciles of whole-process wall time for a 26 KB Write, each round's
figure divided by that of `python -I -S -c pass` in the same round, the same of processor time,
which does not tell of others' work and of waiting for the disk, and what a flusher run costs. The
hooks lie where an installation has them, and no variable sets anything, as with most people. What
is registered is divided by the same Python as started by a shell.
With `--gate` it fails where the quickest run divided by the quickest baseline is above its limit
in LIMITS: what a stray import on the hook path does on any machine, and a busy machine does not.
"""

import os
import shlex
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Cost, interleave, ratios, run
from lib.registration.hook_command import command
from lib.spool import wake
from lib.spool.outbox import LOCK_FILE
from lib.system.lock import Lock

ROOT = Path(__file__).resolve().parents[1]
PAYLOADS = ROOT / "tests" / "payloads"
PAYLOAD = PAYLOADS / "12-write-create-26kb.post.json"
BASH = PAYLOADS / "22-bash-nodiff.post.json"
INTERPRETER = os.path.realpath(getattr(sys, "_base_executable", sys.executable))
ROUNDS = 100
WAITING = 10_000
_IGNORED = shutil.ignore_patterns("__pycache__")
BARE = "python -I -S -c pass"
BARE_SHELL = "sh -c 'exec python -I -S -c pass'"
REGISTERED = ", as registered"
# An import of json alone would make the commit's 2.
LIMITS = {
    "PreToolUse": 1.4,
    "PostToolUse, commit": 1.6,
    "PostToolUse, commit and wake": 1.8,
    "PostToolUse, commit, 10,000 waiting": 1.6,
}


def main() -> None:
    """Measure and print."""
    given = [argument for argument in sys.argv[1:] if argument != "--gate"]
    rounds = int(given[0]) if given else ROUNDS
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch:
        bench = Bench(scratch)
        os.sync()  # what was prepared is not what hooks wait for
        costs = interleave(bench.cases(), rounds)
        base = costs[BARE]
        load = ", ".join(f"{figure:.1f}" for figure in os.getloadavg())
        print(f"{sys.version.split()[0]}, {rounds} rounds; baseline {_ms(base)}; load {load}")
        for name, found in costs.items():
            against = costs[BARE_SHELL] if name.endswith(REGISTERED) else base
            median, low, high = ratios(found, against)
            used = statistics.median(cost.cpu for cost in found)
            used /= statistics.median(cost.cpu for cost in against)
            print(f"{name:<48} {median:5.2f}  ({low:.2f} - {high:.2f})  processor {used:.2f}")
        waiting, commit = (costs[f"PostToolUse, commit{more}"] for more in (", 10,000 waiting", ""))
        more = [one.wall - other.wall for one, other in zip(waiting, commit, strict=True)]
        print(f"10,000 waiting events add {statistics.median(more) * 1000:+.2f} ms to a commit")
        bench.print_flusher(rounds)
    if "--gate" in sys.argv:
        least = min(cost.wall for cost in base)
        slow = [
            name
            for name, limit in LIMITS.items()
            if min(cost.wall for cost in costs[name]) / least > limit
        ]
        if slow:
            sys.exit(f"slower than they may be: {', '.join(slow)}")


class Bench:
    """Scratch spools and the commands that are compared."""

    def __init__(self, scratch: str) -> None:
        self.scratch = scratch
        self.data = PAYLOAD.read_bytes()
        self.reading = BASH.read_bytes()
        self.writing = self.reading.replace(b"git add -A && git commit -qm one", b"make")
        assert self.writing != self.reading
        # In two of them a flusher seems to be at work, and in the last there is no spool.
        names = ("busy", "full", "idle", "none")
        self.busy, self.full, self.idle, self.none = (f"{scratch}/{name}" for name in names)
        for home in (self.busy, self.full, self.idle, self.none):
            _install(home)
            os.makedirs(_spool(home), 0o700)
        os.rmdir(_spool(self.none))
        self.running = [wake.say_running(_spool(home)) for home in (self.busy, self.full)]
        for number in range(WAITING):
            Path(_spool(self.full), f"pending_{number}.json").touch()
        self.lock = Lock(f"{_spool(self.idle)}/{LOCK_FILE}")
        self.lock.acquire()

    def cases(self) -> dict[str, Callable[[int], Cost]]:
        """What runs in each round."""
        bare = [INTERPRETER, "-I", "-S", "-c", "pass"]
        shell = _shell(command(_root(self.busy), INTERPRETER, "post_tool_use.py"))
        shell_pre = _shell(command(_root(self.none), INTERPRETER, "pre_tool_use.py"))
        shell_bare = _shell(f"exec {shlex.join(bare)}")
        usual = [INTERPRETER, "-I", str(ROOT / "benchmarks" / "usual_hook.py")]
        return {
            BARE: lambda n: self._run(bare, self.busy, n),
            "PreToolUse": self._hook("pre", self.none),
            "PostToolUse, commit": self._hook("post", self.busy),
            "PostToolUse, Bash that reads": self._hook("post", self.busy, self.reading),
            "PostToolUse, Bash that may write": self._hook("post", self.busy, self.writing),
            "PostToolUse, commit, 10,000 waiting": self._hook("post", self.full),
            BARE_SHELL: lambda n: self._run(shell_bare, self.busy, n),
            f"PreToolUse, nothing waits{REGISTERED}": lambda n: self._run(shell_pre, self.none, n),
            f"PreToolUse, events may wait{REGISTERED}": lambda n: self._run(
                # The shell leaves a directory that is named to Python.
                shell_pre,
                self.none,
                n,
                PATTERN_CACHE_DIR=f"{self.none}/spool",
            ),
            f"PostToolUse, commit{REGISTERED}": lambda n: self._run(shell, self.busy, n),
            "PostToolUse, commit and wake": self._wake,
            "the same with the usual imports": lambda n: self._run(
                usual, self.busy, n, PATTERN_CACHE_DIR=_spool(self.busy)
            ),
        }

    def _hook(self, stage: str, home: str, data: bytes = b"") -> Callable[[int], Cost]:
        return lambda n: self._run(_hook(stage, home), home, n, data)

    def _run(
        self, arguments: list[str], home: str, number: int, data: bytes = b"", **named: str
    ) -> Cost:
        data = (data or self.data).replace(b"toolu_", b"toolu_%d_%d_" % (number, id(arguments)))
        return run(arguments, data, {"HOME": home, **named})

    def _wake(self, number: int) -> Cost:
        cost = self._hook("post", self.idle)(number)
        # Its flusher must not run beside what is measured next: it finds the lock taken, takes
        # its mark away and ends.
        while Path(_spool(self.idle), wake.MARK_FILE).exists():
            time.sleep(0.01)
        return cost

    def print_flusher(self, rounds: int) -> None:
        """One flusher run over one event: its cost without the time it lingers."""
        costs = []
        for number in range(max(5, rounds // 5)):
            home = f"{self.scratch}/flush-{number}"
            os.makedirs(_spool(home), 0o700)
            held = wake.say_running(_spool(home))
            self._run(_hook("post", self.busy), home, number)
            os.close(held)
            costs.append(run(wake.flush_command(str(ROOT), _spool(home)), b"", {"HOME": home}))
        cpu = statistics.median(cost.cpu for cost in costs) * 1000
        memory = statistics.median(cost.memory for cost in costs)
        print(f"a flusher run: {cpu:.0f} ms of processor time, {memory:.0f} MB at its peak")


def _spool(home: str) -> str:
    return f"{home}/.claude/hooks/.cache/patterns"


def _root(home: str) -> str:
    return f"{home}/.claude/hooks/pattern-tracker"


def _install(home: str) -> None:
    """Put what hooks need where an installation has it in a home directory."""
    for part in ("lib", "hooks"):
        shutil.copytree(ROOT / part, f"{_root(home)}/{part}", ignore=_IGNORED)
    _make_image(_root(home))


def _shell(text: str) -> list[str]:
    return ["/bin/sh", "-c", text]


def _hook(stage: str, home: str) -> list[str]:
    return [INTERPRETER, "-I", "-S", f"{_root(home)}/hooks/{stage}_tool_use.py"]


def _make_image(root: str) -> None:
    """As the flusher does after the first hook."""
    make = (
        f"import sys; sys.path.insert(0, {root!r})\n"
        "from lib.flusher import hook_image; from lib.system import bytecode\n"
        "from lib.registration import hook_command\n"
        f"hook_image.ensure({root!r}); bytecode.compile_all({root!r})\n"
        f"hook_command.mark({root!r}, {INTERPRETER!r})"
    )
    run([INTERPRETER, "-I", "-c", make], b"", dict(os.environ))


def _scratch() -> str:
    """A directory on a real disk, where a sync costs what it costs."""
    found = ROOT / ".cache"
    found.mkdir(exist_ok=True)
    return str(found)


def _ms(costs: list[Cost]) -> str:
    return f"{statistics.median(cost.wall for cost in costs) * 1000:.1f} ms"


if __name__ == "__main__":
    main()
