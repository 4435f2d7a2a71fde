"""Compare the units that are found with what others find in the same files.

`python -m benchmarks.counted LANGUAGE DIRECTORY...` asks universal-ctags (go, java, c, php, csharp,
ruby, shell), and `python -m benchmarks.counted typescript MODULE DIRECTORY...` the compiler, whose
module is at MODULE, in `node`. Prints how many of theirs are found, how many of those found they
know, and up to 20 of both that differ.
"""

import json
import re
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from lib.units import bounded
from lib.units.extraction import Unit
from lib.units.grammars import language_at

SHOWN = 20
# The name and last line of a unit; of a tag the line that it begins at.
Place = tuple[str, int]
TAGS = {
    "go": "func struct interface", "java": "method class interface enum annotation",
    "c": "function struct union enum", "php": "function class interface trait",
    "csharp": "method class struct interface enum", "shell": "function",
    "ruby": "method singletonMethod class module",
}  # fmt: skip
FORCED = {"c": "--langmap=C:.c.h", "shell": "--language-force=Sh"}
SHELL = re.compile(rb"#!\s*\S*/(env )?(ba|da|)sh\b")
COMPILER = Path(__file__).with_name("units_of_typescript.cjs")
PREFIX = re.compile(r"^(?:module\.)?exports\.|^(?:this|self)\.")


def main() -> None:
    """Compare and print."""
    language, *rest = sys.argv[1:]
    module = rest.pop(0) if language == "typescript" else ""
    paths = [
        path for root in rest for path in sorted(Path(root).rglob("*")) if _is_in(path, language)
    ]
    with tempfile.NamedTemporaryFile("w") as listed:
        listed.write("\n".join(map(str, paths)))
        listed.flush()
        if module:
            command = ["node", str(COMPILER), str(Path(module).resolve()), listed.name]
        else:
            forced = [FORCED[language]] if language in FORCED else []
            command = ["ctags", "--output-format=json", "--fields=+nK", *forced, "-L", listed.name]
            command += ["-f", "-"]
        said = subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout.splitlines()
    theirs = _compiled(said) if module else _tagged(said, language)
    _compare(language, paths, theirs, by_end=bool(module))


def _is_in(path: Path, language: str) -> bool:
    if path.is_symlink() or not path.is_file() or path.name.endswith((".d.ts", ".d.mts", ".d.cts")):
        return False
    if language == "shell":
        return path.suffix in (".sh", ".bash") or bool(SHELL.match(path.read_bytes()[:200]))
    return language_at(path.name).replace("tsx", "typescript") == language


def _tagged(lines: Iterable[bytes], language: str) -> dict[str, "Counter[Place]"]:
    kinds = TAGS[language].split()
    found: dict[str, Counter[Place]] = {}
    for line in lines:
        tag = json.loads(line.decode("utf-8", "replace"))
        name = tag["name"]
        # Arrays that are assigned, and words in texts, are functions to it: `name=()`.
        is_name = language != "shell" or re.fullmatch(r"[\w:.,@+-]*\w[\w:.,@+-]*", name)
        if tag["kind"] in kinds and is_name and not name.startswith("__anon"):
            found.setdefault(tag["path"], Counter())[_short(name), tag["line"]] += 1
    return found


def _compiled(lines: Iterable[bytes]) -> dict[str, "Counter[Place]"]:
    found: dict[str, Counter[Place]] = {}
    for line in lines:
        file = json.loads(line)
        if not file["errors"]:
            names = [(PREFIX.sub("", name.strip("'\"")), end) for name, end in file["units"]]
            found[file["path"]] = Counter((_short(name), end) for name, end in names)
    return found


def _compare(
    language: str, paths: list[Path], theirs: dict[str, "Counter[Place]"], by_end: bool
) -> None:
    known = ours = both = 0
    missing: list[str] = []
    more: list[str] = []
    for path in paths:
        other = theirs.get(str(path), None if by_end else Counter())
        if other is None:
            continue
        code = path.read_bytes().decode("utf-8", "replace")
        found, reason = bounded.read(code, language_at(path.name) or language)
        if reason:
            missing.append(f"{path}: {reason}")
        units = [one.unit for one in found]
        met = [_met(unit, other, by_end) for unit in units]
        left = other - Counter(place for place in met if place)
        known, ours = known + other.total(), ours + len(units)
        both += other.total() - left.total()
        missing += [f"{path}:{line} {name}" for name, line in left]
        more += [f"{path}:{unit.start_line} {unit.qualified_name}"
                 for unit, place in zip(units, met, strict=True) if not place]  # fmt: skip
    print(f"{language}: {len(paths)} files, {known} known, {ours} found, {both} both:")
    print(f"{both / max(known, 1):.4f} of theirs, {1 - len(more) / max(ours, 1):.4f} of ours")
    for title, lines in (("not found", missing), ("not theirs", more)):
        print(f"{title}: {len(lines)}", *lines[:: len(lines) // SHOWN + 1], sep="\n  ")


def _met(unit: Unit, other: "Counter[Place]", by_end: bool) -> Place | None:
    """Return as what others know a unit."""
    name = _short(unit.qualified_name)
    lines = [unit.end_line] if by_end else range(unit.start_line, unit.end_line + 1)
    return next(((name, line) for line in lines if (name, line) in other), None)


def _short(name: str) -> str:
    """Return the last part of a name; a computed one, `[Symbol.iterator]`, is one part."""
    at = name.find("[") if name.endswith("]") else -1
    return name[at:] if at >= 0 else name.replace("::", ".").rpartition(".")[2]


if __name__ == "__main__":
    main()
