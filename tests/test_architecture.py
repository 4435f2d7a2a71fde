"""The rooms of docs/architecture.md: what lies where, and which way the arrows point."""

import ast
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from tests.support.bundle import ROOT

# From the top down: a module imports from its own room and from those below.
ROOMS = (
    "hooks", "lib.pattern_tracker", "lib.resilience", "lib.commands", "lib.web",
    "lib.flusher", "lib.registration", "lib.delivery", "lib.units", "lib.transcripts", "lib.ledger",
    "lib.privacy", "lib.capture", "lib.spool", "lib.system",
)  # fmt: skip
MOST_ROOMS = 14
MOST_LINES = 250
# Where the hook path starts; what these import at the top, in turn, is the hook path.
HOOK_PATH = ("hooks/pre_tool_use.py", "hooks/post_tool_use.py")


def modules() -> dict[str, Path]:
    paths = [*ROOT.glob("hooks/*.py"), *ROOT.glob("lib/**/*.py")]
    return {name_of(path): path for path in sorted(paths)}


def name_of(path: Path) -> str:
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


MODULES = modules()


def imports(path: Path, at_start: bool = False) -> Iterator[str]:
    """The modules that the file at `path` imports: all, or only those that it needs to start."""
    for node in _nodes(ast.parse(path.read_text()), at_start):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if inner in MODULES else node.module


def _nodes(tree: ast.AST, at_start: bool) -> Iterator[ast.AST]:
    for node in ast.iter_child_nodes(tree):
        is_function = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        if at_start and (is_function or _is_for_types(node)):
            continue
        yield node
        yield from _nodes(node, at_start)


def _is_for_types(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test)


def room_of(module: str) -> str:
    return next((r for r in ROOMS if module == r or module.startswith(f"{r}.")), "")


def test_every_module_lies_in_a_room() -> None:
    assert [name for name in MODULES if not room_of(name) and name != "lib"] == []
    directories = [room for room in ROOMS if (ROOT / room.replace(".", "/")).is_dir()]
    assert len(directories) <= MOST_ROOMS


def test_arrows_point_down_only() -> None:
    upward = []
    for name, path in MODULES.items():
        here = room_of(name)
        above = ROOMS[: ROOMS.index(here)] if here else ()
        upward += [(name, found) for found in imports(path) if room_of(found) in above]
    assert upward == []


def test_there_are_no_cycles() -> None:
    arrows = {name: set(imports(path)) & set(MODULES) for name, path in MODULES.items()}
    while leaves := [name for name, below in arrows.items() if not below - {name}]:
        for name in leaves:
            del arrows[name]
        arrows = {name: below - set(leaves) for name, below in arrows.items()}
    assert arrows == {}


def test_the_hook_path_imports_builtins_only() -> None:
    """A module that is compiled into the interpreter or an extension, never one of files."""
    met, left = set(), [ROOT / path for path in HOOK_PATH]
    foreign = set()
    while left:
        for found in imports(left.pop(), at_start=True):
            if found in MODULES and found not in met:
                met.add(found)
                left.append(MODULES[found])
            elif found not in MODULES and found not in sys.builtin_module_names:
                foreign.add(found)
    # Their accelerators, in the interpreter or beside it; what stands in for them is not loaded.
    assert foreign <= {"_json", "_sha2", "_sha256", "hashlib"}
    assert {room_of(name) for name in met} == {"lib.capture", "lib.spool", "lib.system"}


def test_no_word_names_two_rooms_or_files() -> None:
    names = [path.stem for path in MODULES.values() if path.stem != "__init__"]
    rooms = {path.parent.name for path in MODULES.values() if path.stem == "__init__"}
    assert [name for name, times in Counter([*names, *rooms]).items() if times > 1] == []


def test_no_module_is_too_long_to_be_read_at_once() -> None:
    lengths = {name: len(path.read_text().splitlines()) for name, path in MODULES.items()}
    assert {name: lines for name, lines in lengths.items() if lines > MOST_LINES} == {}


def test_the_map_names_every_room() -> None:
    drawn = (ROOT / "docs" / "architecture.md").read_text()
    rooms = {path.parent.relative_to(ROOT) for path in MODULES.values()} - {Path("lib")}
    assert [str(room) for room in rooms if f"{room.name}/" not in drawn] == []


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        n for n, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []
