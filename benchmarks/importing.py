"""What an import costs: `python -m benchmarks.importing [MEGABYTES]`.

Transcripts of so many megabytes (100) are written as the client writes them: half of the lines by
their size are calls that edit files of 5 to 20 KB, each with the file as it was before; the rest is
what was read, said and printed. Then they are imported by a process of its own, twice. Printed are
seconds, events and the most memory that it had, and what that makes for a gigabyte.
"""

import json
import os
import random
import shutil
import sys
import tempfile
import time
import uuid
from pathlib import Path
from typing import Any

from benchmarks.hook import ROOT

MEGABYTES = 100
SESSION_BYTES = 4_000_000
FILES = 40
# For a gigabyte: seconds, and megabytes of memory.
MOST_SECONDS, MOST_MEMORY = 60.0, 150.0
BEGAN = 1_770_000_000


def main() -> None:
    """Measure and print; exit 1 where it takes more than it may."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else MEGABYTES
    home = Path(tempfile.mkdtemp(prefix="importing-"))
    try:
        written = _write(home / ".claude" / "projects" / "-work", megabytes * 10**6)
        print(f"{written / 1e6:.0f} MB of transcripts")
        seconds, busy, memory, told = _import(home)
        again = _import(home)[0]
    finally:
        shutil.rmtree(home)
    whole = seconds / written * 1e9
    print(f"{told['events']} events of {told['sessions']} sessions")
    print(f"{seconds:.1f} s, {busy:.1f} s of a processor, {memory:.0f} MB; again {again:.1f} s")
    print(f"a gigabyte: {whole:.0f} s, {busy / written * 1e9:.0f} s of a processor")
    if whole > MOST_SECONDS or memory > MOST_MEMORY:
        sys.exit(f"more than {MOST_SECONDS:.0f} s or {MOST_MEMORY:.0f} MB")


def _import(home: Path) -> tuple[float, float, float, dict[str, Any]]:
    """Import in a process of its own: seconds, those of a processor, megabytes, counts."""
    reading, writing = os.pipe()
    start = time.perf_counter()
    child = os.fork()
    if not child:
        os.dup2(writing, 1)
        environ = {"HOME": str(home), "PATTERN_CACHE_DIR": str(home / "spool")}
        code = "import sys; sys.path.insert(0, sys.argv.pop(1));"
        code += "from lib.commands.cli import main; sys.exit(main())"
        command = [sys.executable, "-I", "-c", code, str(ROOT), "import", "--json"]
        os.execve(sys.executable, command, {**environ, "PATH": os.environ["PATH"]})
    os.close(writing)
    with os.fdopen(reading) as output:
        told = json.loads(output.read())
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit("the import failed")
    busy = usage.ru_utime + usage.ru_stime
    return time.perf_counter() - start, busy, usage.ru_maxrss / 1024, told


def _write(directory: Path, size: int) -> int:
    """Write sessions of together about `size` bytes; return how many there are."""
    directory.mkdir(parents=True)
    chance, written, number = random.Random(7), 0, 0
    while written < size:
        session = _Session(directory, number, chance)
        written += session.write(min(SESSION_BYTES, size - written))
        number += 1
    return written


class _Session:
    def __init__(self, directory: Path, number: int, chance: random.Random) -> None:
        self._id = str(uuid.UUID(int=number))
        self._path = directory / f"{self._id}.jsonl"
        self._chance = chance
        self._number = number
        self._lines = 0
        self._parent: str | None = None
        self._prompt = ""

    def write(self, size: int) -> int:
        held: dict[int, list[str]] = {}
        with self._path.open("w") as file:
            while file.tell() < size:
                if self._lines % 60 == 0:
                    self._prompt = str(uuid.UUID(int=self._number << 32 | self._lines))
                    self._user(file, "please make it faster and say why", None)
                self._noise(file)
                self._edit(file, held)
            return file.tell()

    def _edit(self, file: Any, held: dict[int, list[str]]) -> None:
        name = self._chance.randrange(FILES)
        path = f"/home/dev/project/{self._number}/src/module_{name}.py"
        use = f"toolu_{self._number}_{self._lines}"
        before = held.get(name)
        if before is None:
            lines = [self._line(n) for n in range(self._chance.randrange(120, 500))]
            held[name] = lines
            code = "\n".join(lines) + "\n"
            given: dict[str, Any] = {"file_path": path, "content": code}
            answer: dict[str, Any] = {"type": "create", "filePath": path, "content": code}
            answer |= {"structuredPatch": [], "originalFile": None, "userModified": False}
            self._call(file, use, "Write", given, answer)
            return
        at = self._chance.randrange(len(before))
        old, new = before[at], f"{self._line(at)}  # {self._lines}"
        original = "\n".join(before) + "\n"
        old = original if original.count(old) != 1 else old
        new = new if old != original else f"{original}{new}\n"
        held[name] = original.replace(old, new).removesuffix("\n").split("\n")
        given = {"file_path": path, "old_string": old, "new_string": new, "replace_all": False}
        answer = {"filePath": path, "oldString": old, "newString": new, "originalFile": original,
                  "structuredPatch": [], "userModified": False, "replaceAll": False}  # fmt: skip
        self._call(file, use, "Edit", given, answer)

    def _line(self, number: int) -> str:
        words = " + ".join(f"value_{self._chance.randrange(999)}" for _ in range(2))
        return f"def part_{number}(a, b): return {words}" if number % 5 else f"# part {number}"

    def _noise(self, file: Any) -> None:
        text = "\n".join(self._line(n) for n in range(self._chance.randrange(50, 400)))
        use = f"toolu_read_{self._number}_{self._lines}"
        path = "/home/dev/project/x.py"
        answer = {"type": "text", "file": {"filePath": path, "content": text}}
        self._call(file, use, "Read", {"file_path": path}, answer)

    def _call(self, file: Any, use: str, name: str, given: Any, answer: Any) -> None:
        block = {"type": "tool_use", "id": use, "name": name, "input": given}
        message = {"role": "assistant", "model": "claude-opus-4-8", "content": [block]}
        self._add(file, "assistant", message)
        self._user(file, [{"type": "tool_result", "tool_use_id": use, "content": "done"}], answer)

    def _user(self, file: Any, content: Any, answer: Any) -> None:
        more = {"promptId": self._prompt}
        more |= {"toolUseResult": answer} if answer is not None else {}
        self._add(file, "user", {"role": "user", "content": content}, **more)

    def _add(self, file: Any, kind: str, message: Any, **more: Any) -> None:
        self._lines += 1
        when = time.gmtime(BEGAN + self._number * 3600 + self._lines)
        known = str(uuid.UUID(int=self._number << 64 | self._lines))
        record = {
            "parentUuid": self._parent, "isSidechain": False, "type": kind, "message": message,
            "uuid": known, "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.000Z", when),
            "cwd": f"/home/dev/project/{self._number}", "sessionId": self._id,
            "version": "2.1.197", "gitBranch": "main", **more,
        }  # fmt: skip
        self._parent = known
        file.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
