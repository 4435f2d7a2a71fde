"""What 100 MB on standard input cost the hook: `python -m benchmarks.oversize [ROUNDS]`.

The baseline is an interpreter that reads the same to its end and does nothing else.
"""

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from benchmarks.hook import INTERPRETER, ROOT
from benchmarks.measure import Cost, interleave, ratios, run
from lib.spool.wake import say_running

ROUNDS = 20
PIECE, PIECES = b"x" * 65536, 1600
HEAD = b'{"session_id":"s","tool_name":"Write","tool_input":{"file_path":"/p/a.py","content":"'
READ = "import posix\nwhile posix.read(0, 65536): pass"


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    data = [HEAD, *[PIECE] * PIECES, b'"},"tool_use_id":"1"}']
    with tempfile.TemporaryDirectory() as scratch:
        # With a flusher at work none is started.
        say_running(scratch)
        environ = {"HOME": scratch, "PATTERN_CACHE_DIR": scratch}

        def hook(number: int) -> Cost:
            for path in Path(scratch).glob("pending_*"):
                path.unlink()
            script = str(ROOT / "hooks" / "post_tool_use.py")
            return run([INTERPRETER, "-I", "-S", script], data, environ)

        cases: dict[str, Callable[[int], Cost]] = {
            "reading it": lambda number: run([INTERPRETER, "-I", "-S", "-c", READ], data, environ),
            "the hook": hook,
        }
        costs = interleave(cases, rounds)
    base, found = costs["reading it"], costs["the hook"]
    median, low, high = ratios(found, base)
    more = [(one.wall - other.wall) * 1000 for one, other in zip(found, base, strict=True)]
    deciles = statistics.quantiles(more, n=10)
    print(
        f"{rounds} rounds; the hook takes {median:.2f} ({low:.2f} - {high:.2f}) times the reading,"
    )
    print(f"{statistics.median(more):+.1f} ms ({deciles[0]:+.1f} - {deciles[-1]:+.1f}) beyond it,")
    print(f"and holds {max(cost.memory for cost in found):.1f} MB at most")


if __name__ == "__main__":
    main()
