"""What redaction leaves and what it costs: `python -m benchmarks.redaction [ROUNDS]`.

First the secrets that it leaves, as `secret_misses` says, then its cost:

Pieces of 4 KB of ordinary code, which is that of the standard library, and pieces in which a
twentieth of the lines hold a secret. Each figure is the median of rounds that take turns, with
its deciles, in processor time a piece, and its ratio to what the ledger does to the same text
anyway: a SHA-256 and a compression.
"""

import hashlib
import statistics
import sys
import sysconfig
import time
import zlib
from collections.abc import Callable
from pathlib import Path

from benchmarks import secret_misses
from lib.privacy.redaction import redact
from tests.support.canaries import canaries

PIECES, SIZE, ROUNDS = 500, 4096, 15


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    secret_misses.main()
    ordinary = _ordinary()
    cases: dict[str, Callable[[], object]] = {
        "SHA-256 and zlib": lambda: [_keep(piece) for piece in ordinary],
        "redaction, ordinary code": lambda: [redact(piece) for piece in ordinary],
        "redaction, a secret in 20 lines": lambda: [redact(piece) for piece in secret],
    }
    secret = _with_secrets(ordinary)
    times: dict[str, list[float]] = {name: [] for name in cases}
    for number in range(rounds + 1):
        for name, work in cases.items():
            start = time.process_time()
            work()
            if number:
                times[name].append((time.process_time() - start) / PIECES * 1e6)
    print(f"{sys.version.split()[0]}, {rounds} rounds, microseconds a piece of {SIZE} characters")
    base = statistics.median(times["SHA-256 and zlib"])
    for name, found in times.items():
        low, *_, high = statistics.quantiles(found, n=10)
        middle = statistics.median(found)
        print(f"{name:<32} {middle:8.1f} ({low:.1f} - {high:.1f}) {middle / base:7.2f}")


def _keep(piece: str) -> bytes:
    data = piece.encode("utf-8", "surrogatepass")
    hashlib.sha256(data).hexdigest()
    return zlib.compress(data, 1)


def _ordinary() -> list[str]:
    library = Path(sysconfig.get_path("stdlib"))
    paths = [*sorted(library.glob("*.py")), *sorted(library.glob("[a-h]*/*.py"))]
    text = "".join(path.read_text("utf-8", "replace") for path in paths)
    return [text[start : start + SIZE] for start in range(0, PIECES * SIZE, SIZE)]


def _with_secrets(pieces: list[str]) -> list[str]:
    texts = [line for canary in canaries() for line in canary.text.split("\n")]
    made = []
    number = 0
    for piece in pieces:
        lines = piece.split("\n")
        for at in range(10, len(lines), 20):
            lines[at] = texts[number % len(texts)]
            number += 1
        made.append("\n".join(lines)[:SIZE])
    return made


if __name__ == "__main__":
    main()
