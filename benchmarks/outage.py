"""Does a hook's time depend on the service? `python -m benchmarks.outage [ROUNDS]`.

Each round runs the PostToolUse hook, with flushers started and ending as they do in use, without
a service, with a healthy one and with one that takes connections and never answers. Printed is
whole-process wall time as a ratio to `python -I -S -c pass` in the same round.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.hook import INTERPRETER, PAYLOAD, _hook, _install, _scratch
from benchmarks.measure import Cost, interleave, ratios, run
from lib.spool import wake

ROOT = Path(__file__).resolve().parents[1]
ROUNDS = 200
# Until the flushers of the hooks before have done their work: it is not theirs that is measured.
SETTLE_SECONDS = 0.12


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    data = PAYLOAD.read_bytes()
    # Removal ignores what a flusher that still lingers writes meanwhile.
    with (
        tempfile.TemporaryDirectory(dir=_scratch(), ignore_cleanup_errors=True) as scratch,
        _service() as well,
        _service("--fault", "hang_after_reading") as hanging,
    ):
        _install(scratch)

        def hook(name: str, url: str, number: int) -> Cost:
            time.sleep(SETTLE_SECONDS)
            payload = data.replace(b"toolu_", b"toolu_%d_" % number)
            environ = {"HOME": scratch, "PATTERN_CACHE_DIR": f"{scratch}/{name}"}
            return run(
                _hook("post", scratch), payload, {**environ, "INTELLIGENCE_SERVICE_URL": url}
            )

        bare = [INTERPRETER, "-I", "-S", "-c", "pass"]
        cases = {
            "python -I -S -c pass": lambda n: run(bare, data, {}),
            "no service": lambda n: hook("none", "", n),
            "healthy": lambda n: hook("healthy", well, n),
            "hanging": lambda n: hook("hanging", hanging, n),
        }
        costs = interleave(cases, rounds)
        for name in ("none", "healthy", "hanging"):
            while wake.is_running(f"{scratch}/{name}"):
                time.sleep(0.1)
    base = costs["python -I -S -c pass"]
    print(f"{sys.version.split()[0]}, {rounds} rounds")
    for name, found in costs.items():
        median, low, high = ratios(found, base)
        print(f"{name:<22} {median:5.2f}  ({low:.2f} - {high:.2f})")
    hung = statistics.median(c.wall for c in costs["hanging"])
    print(f"hanging / healthy: {hung / statistics.median(c.wall for c in costs['healthy']):.3f}")


@contextmanager
def _service(*options: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.support.service_double", "--rate-limit", "0", *options]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.terminate()


if __name__ == "__main__":
    main()
