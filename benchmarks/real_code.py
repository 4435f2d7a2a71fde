"""Real packages as projects whose functions hooks know, for `benchmarks.hinted`."""

import random
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.hook import _hook, _install, _spool
from benchmarks.lives import Writer
from lib.capture.hook import REUSE
from lib.capture.like_lines import lines_of
from lib.capture.reuse_hint import hint
from lib.capture.reuse_scope import is_left_out
from lib.flusher.reuse_upkeep import ReuseUpkeep
from lib.ledger.store import FILE_NAME, Ledger
from lib.spool import wake
from lib.system import json_codec
from lib.units.excused import is_generated
from lib.units.extraction import extract
from lib.units.grammars import language_at

MIXED, LEAST_LINES = 6, 5
# In files and bytes: more of a package, or of a file, is not taken; smaller ones are none.
_MOST, _LEAST, _SIZES = 100, 12, range(300, 100_000)
# Copies of others, and what consists of tests.
_NOT = frozenset("_vendor _vendored extern site-packages idlelib test tests".split())


class Function(NamedTuple):
    """A function: its file, what stands before its body, that, and how many lines of it count."""

    path: str
    head: str
    body: str
    lines: int


class Project:
    """The files of the packages `names`, by their paths below `root`."""

    def __init__(self, root: Path, names: Iterable[str], files: dict[str, str]) -> None:
        self.root, self.names, self.files = root, frozenset(names), files
        self.functions = [one for path in files for one in _functions(path, files[path])]
        for path, code in files.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(code)
        subprocess.run(["git", "init", "-q"], cwd=root, check=True)


def _functions(path: str, code: str) -> Iterator[Function]:
    data = code.encode()
    for unit in extract(code, language_at(path)):
        lines = len(lines_of(data[unit.body : unit.end]))
        if unit.kind != "class" and lines >= LEAST_LINES:
            head = data[data.rfind(b"\n", 0, unit.start) + 1 : unit.body].decode()
            yield Function(path, head, data[unit.body : unit.end].decode(), lines)


def _packages(directory: Path, chance: random.Random) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield names and files of the packages in a directory; the files beside them are one too."""
    for place in [directory, *sorted(directory.iterdir())]:
        paths = place.glob("*") if place == directory else place.rglob("*")
        names = sorted(str(path.relative_to(place)) for path in paths if language_at(path.name))
        files: dict[str, str] = {}
        for name in chance.sample(names, len(names)) if place.name not in _NOT else ():
            if len(files) < _MOST and _NOT.isdisjoint(name.split("/")) and not is_left_out(name):
                data = (place / name).read_bytes()
                if len(data) in _SIZES and not is_generated(data):
                    files[name] = data.decode("utf-8", "replace").replace("\r\n", "\n")
        if len(files) >= _LEAST:
            yield place.name.lstrip("@"), files


class Corpus:
    """Projects in `scratch`, one a package and one of several, and a home with their indexes."""

    def __init__(self, scratch: Path, directories: Iterable[Path]) -> None:
        self.chance, self.home, self._calls = random.Random(20), str(scratch / "home"), 0
        _install(self.home)
        spool = Path(_spool(self.home))
        spool.mkdir(mode=0o700, parents=True)
        self._place, self._held = f"{spool}/{REUSE}", wake.say_running(str(spool))
        found = [one for place in directories for one in _packages(place, self.chance)]
        some = self.chance.sample(found, min(MIXED, len(found) // 2))
        mixed = {f"{name}/{path}": code for name, files in some for path, code in files.items()}
        several = [([name], files) for name, files in found]
        several.append(([name for name, _ in some], mixed))
        for number in range(len(several)):
            (scratch / str(number)).mkdir()
        self.projects = [Project(scratch / str(n), *one) for n, one in enumerate(several)]
        with closing(Ledger(str(spool / FILE_NAME))) as ledger:
            writer = Writer(ledger)
            for project in self.projects:
                for path, code in project.files.items():
                    writer.write(f"{project.root}/{path}", code)
            writer.catch_up()
            ReuseUpkeep(str(spool)).update(ledger.connection)

    def other(self, project: Project, path: str) -> Project:
        """Choose a project that shares nothing with one, of the language of a file if any is."""
        found = [p for p in self.projects if p.functions and p.names.isdisjoint(project.names)]
        language = language_at(path)
        same = [p for p in found if any(language_at(name) == language for name in p.files)]
        return self.chance.choice(same or found)

    def told(self, project: Project, path: str, code: str, by_hook: bool = False) -> str:
        """Return what is told of a file that is written, by the hook's process or in this one."""
        self._calls += 1
        given: Any = {"file_path": f"{project.root}/new/{path}", "content": code}
        call: Any = {"session_id": f"s{self._calls}", "tool_name": "Write", "tool_input": given,
                     "tool_response": {"type": "create", **given}, "cwd": str(project.root),
                     "tool_use_id": f"use-{self._calls}"}  # fmt: skip
        if not by_hook:
            return hint(self._place, call, given["file_path"], "now")
        data = json_codec.dumps({"hook_event_name": "PostToolUse", **call}).encode()
        run = subprocess.run
        return run(_hook("post", self.home), input=data, env={"HOME": self.home},
                   capture_output=True, check=True).stdout.decode()  # fmt: skip
