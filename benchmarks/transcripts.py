"""What joining events with their prompts costs: `python -m benchmarks.transcripts [SESSIONS [MB]]`.

A flusher's run over an empty spool is timed with so many sessions (20 by default) whose transcripts
are followed and tell nothing new, in turn with one that follows none: the ratio, and the difference
in ms of processor time. Then a transcript of so many MB (100) is read, in turn with a program that
only parses its lines: the ratio, MB/s, and peak memory.
"""

import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.measure import Cost, deciles, interleave, ratios, run
from lib.flusher.process import Flusher
from lib.ledger.store import Ledger
from lib.ledger.wanted import follow
from lib.spool.spooled import Event
from lib.system.settings import Settings
from tests.support.transcripts import Writer

SESSIONS, MEGABYTES, ROUNDS = 20, 100, 30
CODE = "def area(width, height):\n    return width * height\n" * 40
READ = (
    "import sys; sys.path.insert(0, sys.argv[1])\n"
    "from lib.transcripts.lines import Lines; from lib.transcripts.reader import *\n"
    "lines = Lines('s')\n"
    "with open_transcript(sys.argv[2]) as file:\n"
    " for record in Reader(file).records():\n"
    "  for one in lines.take(record): pass\n"
)
PARSE = "import json, sys\nfor line in open(sys.argv[2], 'rb'): json.loads(line)\n"
ROOT = str(Path(__file__).resolve().parents[1])


def main() -> None:
    """Measure and print."""
    sessions = int(sys.argv[1]) if len(sys.argv) > 1 else SESSIONS
    megabytes = int(sys.argv[2]) if len(sys.argv) > 2 else MEGABYTES
    with tempfile.TemporaryDirectory() as scratch:
        _runs(Path(scratch), sessions)
        _reading(Path(scratch), megabytes)


def _runs(scratch: Path, sessions: int) -> None:
    """Time runs that find nothing new."""
    idle = [_flusher(scratch / str(number), number) for number in (0, sessions)]
    costs = [[_cost(flusher._drain) for flusher in idle] for _ in range(ROUNDS + 1)][1:]
    ratio = deciles([followed / none for none, followed in costs])
    extra = deciles([(followed - none) * 1000 for none, followed in costs])
    print(f"{sessions} followed transcripts with nothing new: {_told(extra)} ms more, "
          f"{_told(ratio)} times a run that follows none")  # fmt: skip


def _flusher(directory: Path, sessions: int) -> Flusher:
    """Make a flusher of a spool that follows so many transcripts, and has read them."""
    directory.mkdir()
    ledger = Ledger(str(directory / "ledger.db"))
    for number in range(sessions):
        writer = Writer(directory / "projects", f"s-{number}")
        _fill(writer, 1)
        data = {"pattern_data": {"session_id": writer.session_id}}
        told = {"event_data": data, "transcript_path": str(writer.path), "prompt_id": "unknown"}
        event: Event = told  # type: ignore[assignment]
        follow(ledger.connection, [event])
    ledger.close()
    flusher = Flusher(str(directory), Settings({"HOME": str(directory)}))
    flusher._drain()
    return flusher


def _reading(scratch: Path, megabytes: int) -> None:
    """Time whole processes that read a long transcript."""
    writer = Writer(scratch, "s")
    _fill(writer, megabytes * 1024 * 1024)
    size = writer.path.stat().st_size / 1e6

    def timed(code: str) -> Callable[[int], Cost]:
        command = [sys.executable, "-c", code, ROOT, str(writer.path)]
        return lambda _: run(command, b"", dict(os.environ))

    costs = interleave({"reading": timed(READ), "parsing alone": timed(PARSE)}, 3)
    memory = max(cost.memory for cost in costs["reading"])
    speed = deciles([size / cost.wall for cost in costs["reading"]])
    ratio = ratios(costs["reading"], costs["parsing alone"])
    print(f"{size:.0f} MB read: {_told(speed)} MB/s, {memory:.0f} MB of memory, "
          f"{_told(ratio)} times parsing alone")  # fmt: skip


def _fill(writer: Writer, size: int) -> None:
    """Write prompts and edits until a transcript has so many bytes."""
    number = 0
    while not number or writer.path.stat().st_size < size:
        if number % 20 == 0:
            writer.prompt(f"change it once more, for the {number}th time")
        edit = {"file_path": "/p/a.py", "old_string": "width", "new_string": "breadth"}
        writer.use(f"u-{number}", "Edit", **edit)
        writer.result(f"u-{number}", {"originalFile": CODE * (number % 10), **edit})
        writer.line("attachment", {}, attachment=json.dumps({"listing": CODE}))
        number += 1


def _cost(work: Callable[[], object]) -> float:
    begun = time.process_time()
    work()
    return time.process_time() - begun


def _told(values: tuple[float, float, float]) -> str:
    return "{:.2f} ({:.2f} - {:.2f})".format(*values)


if __name__ == "__main__":
    main()
