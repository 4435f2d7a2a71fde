"""What finding functions costs: `python -m benchmarks.units [KB]`, 26 KB by default.

Prints the processor time of a file of that size in Python, JavaScript and TypeScript, made of code
that repeats with other names, once the grammar is loaded: median and deciles, to find its units and
to have their fingerprints as well, where all are new and where one has changed; and the memory of
a process with no language, with these three and with all of them.
"""

import sys
import time
from collections.abc import Callable
from functools import partial

from benchmarks.measure import deciles, run
from lib.units.bounded import read
from lib.units.extraction import extract
from lib.units.grammars import LANGUAGES

KB, ROUNDS = 26, 40
MEASURED = ("python", "javascript", "typescript")
PYTHON = '''
@cached(size={n})
def load_{n}(path: str, *, strict: bool = True) -> dict[str, int]:
    """Read the totals of a report."""
    totals: dict[str, int] = {{}}
    with open(path, encoding="utf-8") as lines:  # one a line
        for number, line in enumerate(lines, {n}):
            name, _, value = line.partition("=")
            if strict and not value.strip().isdecimal():
                raise ValueError(f"{{path}}:{{number}}: {{name!r}} has no total")
            totals[name.strip()] = totals.get(name, 0) + int(value or {n})
    return {{name: value for name, value in sorted(totals.items()) if value > {n}}}


class Report{n}(Base):
    def __init__(self, path: str) -> None:
        self.path, self.totals = path, load_{n}(path)

    @property
    def best(self) -> str:
        return max(self.totals, key=lambda name: (self.totals[name], name))
'''
JAVASCRIPT = """
export async function load{n}(path, {{ strict = true }} = {{}}) {{
  const totals = new Map();
  for (const [number, line] of (await read(path)).split("\\n").entries()) {{
    const [name, value] = line.split("=").map((part) => part.trim()); // one a line
    if (strict && !/^\\d+$/.test(value ?? "")) {{
      throw new Error(`${{path}}:${{number + {n}}}: ${{name}} has no total`);
    }}
    totals.set(name, (totals.get(name) ?? 0) + Number(value || {n}));
  }}
  return Object.fromEntries([...totals].filter(([, value]) => value > {n}));
}}

export class Report{n} extends Base {{
  handler = () => this.emit("change", {{ id: {n}, at: Date.now() }});
  constructor(path) {{ super(path); this.path = path; }}
  get best() {{ return Object.keys(this.totals).sort((a, b) => a.localeCompare(b))[0]; }}
}}

const render{n} = ({{ items, onPick }}) => items.map((item) => onPick(item.id + {n}));
"""
TYPESCRIPT = (
    JAVASCRIPT.replace("(path, {{", "(path: string, {{")
    .replace("}} = {{}}) {{", "}}: {{ strict?: boolean }} = {{}}): Promise<Totals<number>> {{")
    .replace("new Map()", "new Map<string, number>()")
    .replace("constructor(path)", "constructor(private readonly path: string)")
    .replace("get best()", "get best(): string")
)
PIECES = {"python": PYTHON, "javascript": JAVASCRIPT, "typescript": TYPESCRIPT}
PROGRAM = """
import sys
from lib.units.extraction import extract
for language in sys.argv[1:]:
    extract("", language)
"""


def main() -> None:
    """Measure and print."""
    size = int(sys.argv[1]) if len(sys.argv) > 1 else KB
    # First: a process's peak counts as no less than that of the one that starts it.
    for name, languages in (("no", ()), ("three", MEASURED), ("all", LANGUAGES)):
        cost = run([sys.executable, "-c", PROGRAM, *languages], b"", {"PYTHONPATH": "."})
        print(f"{name} languages: {cost.memory:.0f} MB, {cost.cpu:.2f} s")
    codes = {language: _code(language, size) for language in MEASURED}
    for language, code in codes.items():
        known = {one.content for one in read(code, language).units}
        edited = code.replace("Number(value || 1)", "Number(value)").replace("int(value or 1)", "1")
        assert edited != code
        assert len(known) > size
        for name, work in (
            ("units", partial(extract, code, language)),
            ("fingerprints", partial(read, code, language)),
            ("one edited", partial(read, edited, language, known)),
        ):
            print(f"{language}, {len(code)} bytes, {name}: {_cost(work)} of processor time")


def _cost(work: Callable[[], object]) -> str:
    """Measure what a call takes, once everything is loaded."""
    costs: list[float] = []
    for number in range(ROUNDS + 1):
        begun = time.process_time()
        work()
        if number:
            costs.append((time.process_time() - begun) * 1000)
    return "{:.1f} ({:.1f} - {:.1f}) ms".format(*deciles(costs))


def _code(language: str, size: int) -> str:
    """Write code of so many KB, to the end of a piece."""
    code = ""
    while len(code) < size * 1000:
        code += PIECES[language].format(n=len(code) + 1)
    return code


if __name__ == "__main__":
    main()
