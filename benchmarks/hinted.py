"""Which copies hooks tell of, and what else: `python -m benchmarks.hinted [DIRECTORY...]`.

The packages in the directories, by default those of the standard library and of site-packages, are
recorded, each as a project and a few together as one more, and the flusher makes their indexes.
Then functions of them are written again, in a new file among up to three functions of another
package and in one of more than 300 lines: whole, laid out anew, and with something changed in one
line of ten, but at least in one. Printed is which part of them hooks tell of, by how many lines
count, and each of the files that have nothing to do with their project of which they tell anything.
"""

import random
import re
import sys
import sysconfig
import tempfile
from collections import defaultdict
from itertools import cycle, islice
from pathlib import Path

from benchmarks.hook import _scratch
from benchmarks.real_code import Corpus, Function, Project
from lib.capture.like_lines import lines_of

COPIES, BY_HOOK, FILES, LONG = 400, 20, 1000, 301
SIZES = {"5": range(5, 6), "6 - 9": range(6, 10), "10 and more": range(10, 10**6)}
TOLD = re.compile(r"lines (\d+)-(\d+) are ")


def main() -> None:
    """Measure and print."""
    given = map(Path, sys.argv[1:] or map(sysconfig.get_path, ("stdlib", "purelib")))
    with tempfile.TemporaryDirectory(dir=_scratch()) as scratch:
        corpus = Corpus(Path(scratch), given)
        single = corpus.projects[:-1]
        print(f"{len(single)} packages, {sum(len(one.functions) for one in single)} functions")
        _print_copies(corpus)
        _print_unrelated(corpus, single)


def _print_copies(corpus: Corpus) -> None:
    found: dict[str, list[tuple[int, bool]]] = defaultdict(list)
    full = [project for project in corpus.projects if project.functions]
    for number, project in enumerate(islice(cycle(full), COPIES)):
        one = corpus.chance.choice(project.functions)
        for how, text in _texts(one, corpus.chance).items():
            for where, least in (("", 0), (", in long code", LONG), (", by the hook", 0)):
                if not (by_hook := where == ", by the hook") or number < BY_HOOK:
                    told = _is_told(corpus, project, one, text, least, by_hook)
                    found[how + where].append((one.lines, told))
    print(f"{'lines that count':<30}", *(f"{name:>14}" for name in [*SIZES, "all"]))
    for name, several in found.items():
        of_size = [[told for lines, told in several if lines in size] for size in SIZES.values()]
        columns = [*of_size, [told for _, told in several]]
        print(f"{name:<30}", *(f"{sum(told):>7} of {len(told):<3}" for told in columns))


def _texts(one: Function, chance: random.Random) -> dict[str, str]:
    """Return copies of a function by how they were made."""
    whole = one.head + one.body
    anew = whole.replace("    ", "\t").replace("\n", "\n\t").replace(":\n", ":\n\n")
    lines = one.body.split("\n")
    places = [at for at, line in enumerate(lines) if lines_of(line.encode())]
    for at in chance.sample(places, max(1, round(one.lines / 10))):
        # A name or number, or a word of a text, becomes another.
        ends = [word.end() for word in re.finditer(r"\w+", lines[at])] or [len(lines[at])]
        end = chance.choice(ends)
        lines[at] = f"{lines[at][:end]}2{lines[at][end:]}"
    return {"whole": whole, "laid out anew": anew, "a line in ten": one.head + "\n".join(lines)}


def _is_told(
    corpus: Corpus, project: Project, one: Function, text: str, least: int, by_hook: bool
) -> bool:
    """Check that a copy is told of, among up to 3 functions of another package or `least` lines."""
    other, around = corpus.other(project, one.path), [""]
    left = least or corpus.chance.randrange(4)
    while left > 0:
        chosen = corpus.chance.choice(other.functions)
        around.append(f"{chosen.head}{chosen.body}\n\n\n")
        left -= chosen.lines if least else 1
    at = corpus.chance.randrange(len(around)) + 1
    before, after = "".join(around[:at]), "".join(around[at:])
    printed = corpus.told(project, one.path, f"{before}{text}\n{after}", by_hook)
    first = before.count("\n") + 1
    lines = range(first, first + text.count("\n") + 1)
    return any(int(begin) in lines and int(end) in lines for begin, end in TOLD.findall(printed))


def _print_unrelated(corpus: Corpus, single: list[Project]) -> None:
    files = [(project, path) for project in single for path in project.files]
    corpus.chance.shuffle(files)
    mixed, several = corpus.projects[-1], 0
    for number, (project, path) in enumerate(islice(cycle(files), FILES)):
        is_apart = number % 2 and mixed.names.isdisjoint(project.names)
        into = mixed if is_apart else corpus.other(project, path)
        if told := corpus.told(into, path, project.files[path]):
            several += 1
            print(*project.names, path, told.partition("tracker: ")[2].partition(". Call")[0])
    print(f"told of {several} of {FILES} files that have nothing to do with their project")


if __name__ == "__main__":
    main()
