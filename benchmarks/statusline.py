"""What the status line costs, as ratios to a bare interpreter:
`python -m benchmarks.statusline [ROUNDS]`."""

import os
import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.hook import INTERPRETER, ROOT
from benchmarks.measure import Cost, interleave, ratios, run

ROUNDS = 100
MANY = 1000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    with tempfile.TemporaryDirectory() as scratch:
        costs = interleave(_cases(Path(scratch)), rounds)
    base = costs["python -I -S -c pass"]
    for name, found in costs.items():
        median, low, high = ratios(found, base)
        wall = statistics.median(cost.wall for cost in found) * 1000
        print(f"{name:<32} {wall:5.1f} ms  {median:5.2f}  ({low:.2f} - {high:.2f})")


def _cases(scratch: Path) -> dict[str, Callable[[int], Cost]]:
    script = str(ROOT / "bin" / "statusline")
    cases = {"python -I -S -c pass": _case([INTERPRETER, "-I", "-S", "-c", "pass"], scratch)}
    for count in (0, MANY):
        spool = scratch / str(count)
        spool.mkdir(mode=0o700)
        for number in range(count):
            (spool / f"pending_{number}.json").touch()
        name = f"status line, {count} waiting"
        cases[name] = _case([INTERPRETER, "-I", "-S", script], spool)
    return cases


def _case(command: list[str], spool: Path) -> Callable[[int], Cost]:
    environ = {"HOME": os.fspath(spool), "PATTERN_CACHE_DIR": os.fspath(spool)}
    return lambda number: run(command, b"{}", environ)


if __name__ == "__main__":
    main()
