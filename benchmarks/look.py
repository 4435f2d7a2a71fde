"""What a look at a project costs: `python -m benchmarks.look [FILES]`, 20,000 by default.

Prints the processor time of looks at a project of that many known files, in 1,000 directories, as
ratios to one `lstat` of each file in the same round, with median and deciles.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable

from benchmarks.measure import deciles
from lib.flusher.look import Window, changed

FILES, DIRECTORIES, ROUNDS = 20_000, 1_000, 20


def main() -> None:
    """Measure and print."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else FILES
    with tempfile.TemporaryDirectory() as root:
        paths = [f"{root}/d{n % DIRECTORIES}/f{n}.py" for n in range(number)]
        for path in paths:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "w") as file:
                file.write(path)
        after = time.time_ns() + 10**9
        window = Window(after, after, after + 10**9)
        looks = [(_cost(lambda: changed(root, paths, window)), _cost(lambda: _stats(paths)))
                 for _ in range(ROUNDS)]  # fmt: skip
        spent = deciles([look * 1000 for look, _ in looks])
        ratios = deciles([look / bare for look, bare in looks])
        print(f"{number} files: a look {_told(spent)} ms of processor time, "
              f"{_told(ratios)} times one lstat of each")  # fmt: skip


def _stats(paths: list[str]) -> None:
    for path in paths:
        os.lstat(path)


def _cost(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _told(values: tuple[float, float, float]) -> str:
    return "{:.1f} ({:.1f} - {:.1f})".format(*values)


if __name__ == "__main__":
    main()
