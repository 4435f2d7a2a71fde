"""What looking for code that stands elsewhere costs: `python -m benchmarks.hints [ROUNDS [UNITS]]`.

Prints the median and the deciles of whole-process wall time of the PostToolUse hook, by its script
and as registered, each round's figure divided by that of `python -I -S -c pass` in the same round,
what is registered by that of the same as started by a shell: for a Write of 26 KB and an Edit of
1 KB without an index, and with one of 100,000 functions, in which nothing of them is; and for the
26 KB that a client was recorded with, whose lines say less than those of other code. Then what
making that index costs, one of them all and one of a file that changed. Which copies are told of
is for `benchmarks.hinted`.
"""

import json
import os
import random
import shlex
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.hook import (
    BARE,
    BARE_SHELL,
    INTERPRETER,
    PAYLOAD,
    REGISTERED,
    ROOT,
    _hook,
    _install,
    _root,
    _scratch,
    _shell,
    _spool,
)
from benchmarks.measure import Cost, interleave, ratios, run
from lib.capture.hook import REUSE
from lib.capture.reuse_hint import BASE, PROJECTS, RECENT
from lib.registration.hook_command import command
from lib.spool import wake
from lib.units.reuse_table import Entry, table

ROUNDS, UNITS = 60, 100_000


def main() -> None:
    """Measure and print."""
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS
    number = int(sys.argv[2]) if len(sys.argv) > 2 else UNITS
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch:
        bench = Bench(Path(scratch), number)
        os.sync()  # what was prepared is not what hooks wait for
        costs = interleave(bench.cases(), rounds)
        print(f"{sys.version.split()[0]}, {rounds} rounds, {number} functions")
        for name, found in costs.items():
            against = costs[BARE_SHELL if name.endswith(REGISTERED) else BARE]
            median, low, high = ratios(found, against)
            cpu = statistics.median(cost.cpu for cost in found) * 1000
            print(f"{name:<40} {median:5.2f}  ({low:.2f} - {high:.2f})  {cpu:.1f} ms of processor")
        bench.print_making()


class Bench:
    """Spools with and without an index, for files of a project in `scratch`."""

    def __init__(self, scratch: Path, number: int) -> None:
        self.root = scratch / "project"
        self.root.mkdir()
        self._chance = random.Random(7)
        self._entries = [self._entry(n) for n in range(number)]
        made = time.process_time()
        data = table(self._entries)
        self._seconds, self._size = time.process_time() - made, len(data)
        self._homes = {name: str(scratch / name) for name in ("none", "full")}
        self._held = []
        for home in self._homes.values():
            _install(home)
            Path(_spool(home)).mkdir(mode=0o700, parents=True)
            self._held.append(wake.say_running(_spool(home)))
        self._place = f"{_spool(self._homes['full'])}/{REUSE}"
        Path(f"{self._place}ab{BASE}").write_bytes(data)
        Path(f"{self._place}ab{RECENT}").write_bytes(table(self._entries[:100]))
        Path(f"{self._place}{PROJECTS}").write_text(f"ab {self.root}\n")

    def _entry(self, number: int) -> Entry:
        return Entry(f"f_{number}", f"src/m{number // 10}.py", 1, "2026-01-01", self._code())

    def _code(self) -> bytes:
        chance = self._chance
        return "\n".join(
            f"    value_{chance.randrange(99)} = call_{chance.randrange(10**6)}(a, {n})"
            for n in range(chance.randint(4, 22))
        ).encode()

    def cases(self) -> dict[str, Callable[[int], Cost]]:
        """What runs in each round."""
        given: Any = json.loads(PAYLOAD.read_bytes())
        path = str(self.root / "new.py")
        given["tool_input"] |= {"file_path": path}
        given["tool_response"] |= {"filePath": path}
        recorded = json.dumps(given).encode()
        # As people write it: the payload's own code has lines of two words each.
        code = "\n\n".join(
            path.read_text() for path in sorted((ROOT / "lib" / "commands").glob("*.py"))
        )
        content = {"content": code[:26_000]}
        given["tool_input"] |= content
        given["tool_response"] |= content
        text = code[:1000]
        small = {"file_path": path, "old_string": "x = 1\n", "new_string": text}
        edit = {**given, "tool_name": "Edit", "tool_input": small,
                "tool_response": {**small, "originalFile": "x = 1\n"}}  # fmt: skip
        write, change = json.dumps(given).encode(), json.dumps(edit).encode()
        bare = [INTERPRETER, "-I", "-S", "-c", "pass"]
        shell = _shell(f"exec {shlex.join(bare)}")
        none = self._homes["none"]
        cases = {
            BARE: lambda n: self._run(bare, write, none, n),
            BARE_SHELL: lambda n: self._run(shell, write, none, n),
        }
        for name, data in (
            ("26 KB Write", write),
            ("as recorded", recorded),
            ("1 KB Edit", change),
        ):
            for index, home in (("no index", none), ("with it", self._homes["full"])):
                registered = _shell(command(_root(home), INTERPRETER, "post_tool_use.py"))
                for end, started in (("", _hook("post", home)), (REGISTERED, registered)):
                    cases[f"{name}, {index}{end}"] = partial(self._run, started, data, home)
        return cases

    def _run(self, command: list[str], data: bytes, home: str, number: int) -> Cost:
        data = data.replace(b"toolu_", b"toolu_%d_%d_%d_" % (number, len(data), id(command)))
        return run(command, data, {"HOME": home})

    def print_making(self) -> None:
        """Print what making the tables costs."""
        begun = time.process_time()
        table(self._entries[:40])
        one = (time.process_time() - begun) * 1000
        print(f"all in a table: {self._seconds:.1f} s of processor, {self._size / 1e6:.1f} MB")
        print(f"40 functions of a file that changed: {one:.1f} ms of processor")


if __name__ == "__main__":
    main()
