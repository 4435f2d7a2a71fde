"""Units are found in each language with their names and lines, against what else knows them."""

import ast
import json
import shutil
import subprocess
import sys
import sysconfig
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from lib.system import packages
from lib.units import grammars, parsing
from lib.units.extraction import Unit, extract
from lib.units.grammars import LANGUAGES, language_at
from lib.units.parsing import MOST_BYTES
from lib.units.unknown_syntax import without
from tests.support.bundle import ROOT
from tests.support.unit_cases import CASES, DECLARATIONS, ENDINGS, HALVES

STANDARD = Path(sysconfig.get_paths()["stdlib"])
CTAGS = shutil.which("ctags")
# Has an attribute on a line of its own, in brackets and less indented: an error to the grammar.
UNREADABLE = ("test_compile.py",)
# What ctags calls a function, method or class, in these languages.
TAGS = {
    "go": "func struct interface", "java": "method class interface enum annotation",
    "c": "function struct union enum", "php": "function class interface trait enum",
    "csharp": "method class struct interface enum", "shell": "function",
    "ruby": "method singletonMethod class module",
}  # fmt: skip


def told(unit: Unit) -> str:
    return f"{unit.kind} {unit.qualified_name} {unit.start_line}-{unit.end_line}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_language_has(language: str) -> None:
    code, expected = CASES[language]
    found = extract(code, language)
    assert [told(unit) for unit in found] == expected.split("\n")[1:-1]
    lines = code.encode().split(b"\n")
    for unit in found:
        text = code.encode()[unit.start : unit.end]
        assert text == text.strip()
        assert unit.start_line == code.encode()[: unit.start].count(b"\n") + 1
        assert lines[unit.start_line - 1].lstrip()
        assert unit.start < unit.body <= unit.end
    assert language_at(f"a.{ENDINGS[language]}") == language


HEADS = [
    ("python", "@at\ndef f(a, b=(1,)) -> int:\n    return a", "return a"),
    ("javascript", "const f = async ({ a }) => { go(a) }", "{ go(a) }"),
    ("typescript", "abstract class A { abstract m(a: {}): void; n(): {} { return 1 } }",
     "{ abstract m(a: {}): void; n(): {} { return 1 } }||{ return 1 }"),
    ("go", "func (s *S) M(a struct{}) {}", "{}"),
    ("java", "@A({1}) class A { abstract int m(); int n() { } }",
     "{ abstract int m(); int n() { } }||{ }"),
    ("csharp", "record R(int a);", ""),
    ("kotlin", "class A { fun f(a: () -> Unit) = a() }", "{ fun f(a: () -> Unit) = a() }|= a()"),
    ("swift", "protocol P { func q(a: Int) }", "{ func q(a: Int) }|"),
]  # fmt: skip


@pytest.mark.parametrize(("language", "code", "expected"), HEADS)
def test_where_the_body_begins(language: str, code: str, expected: str) -> None:
    found = [code[unit.body : unit.end] for unit in extract(code, language)]
    assert found == expected.split("|")


@pytest.mark.parametrize(("language", "code", "expected"), HALVES)
def test_half_written_code_keeps_what_is_whole(language: str, code: str, expected: str) -> None:
    names = {unit.qualified_name for unit in extract(code, language)}
    assert set(expected.split()) <= names


@pytest.mark.parametrize("language", DECLARATIONS)
def test_what_is_being_written_hides_nothing_around_it(language: str) -> None:
    """Wherever somebody stopped in a declaration, those before and after it have their names."""
    text = DECLARATIONS[language]
    before, half, after = (text.replace("NAME", name) for name in ("one", "two", "three"))
    head = "<?php\n" if language == "php" else ""
    lost = [
        half[:end]
        for end in range(len(half))
        if not {"one", "three"}
        <= {
            unit.qualified_name
            for unit in extract(f"{head}{before}\n{half[:end]}\n\n{after}", language)
        }
    ]
    # A few are read as something else altogether: `c`, in C#, as the type of a property.
    assert len(lost) <= 4, lost
    whole = extract(f"{head}{before}\n{half}\n{after}", language)
    assert [unit.qualified_name for unit in whole if "." not in unit.qualified_name] == [
        "one", "two", "three",
    ]  # fmt: skip


# What the grammar does not know: `in out`, and signatures and properties that end with their line.
NEW_TYPES = """
export interface Store<in out Key, out Value = never> {
  <A>(a: A): Map<Key, A>
  /** Or
   * so. */
  <
    B
  >(b: B, c: Value): [Key, B]
  name: string
  in: "query"
}
const send: {
  (a: A): B
  <C>(c: C): B
} = (out, a) => g(a,
  out as B)
class L { "a/b"() { return f(
    <T>(x: T) => x) } }
"""


def test_types_that_the_grammar_does_not_know() -> None:
    assert [told(unit) for unit in extract(NEW_TYPES, "typescript")] == [
        "class Store 2-11", "function send 12-16", "class L 17-18", "method L.a/b 17-18",
    ]  # fmt: skip
    assert len(without(NEW_TYPES.encode(), "typescript")) == len(NEW_TYPES)
    assert b"f(\n    <T>" in without(NEW_TYPES.encode(), "typescript")
    assert b"  out as B" in without(NEW_TYPES.encode(), "typescript")


def known_to_python(tree: ast.AST) -> Iterator[tuple[str, str, int, int]]:
    def walk(
        node: ast.AST, names: tuple[str, ...], around: str
    ) -> Iterator[tuple[str, str, int, int]]:
        for child in ast.iter_child_nodes(node):
            if not isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                yield from walk(child, names, around)
                continue
            is_class = isinstance(child, ast.ClassDef)
            kind = "class" if is_class else "method" if around == "class" else "function"
            inner = (*names, child.name)
            first = min(node.lineno for node in (child, *child.decorator_list))
            yield kind, ".".join(inner), first, child.end_lineno or 0
            yield from walk(child, inner, kind)

    return walk(tree, (), "")


def compare_with_python(paths: list[Path]) -> int:
    """See that the units of files are those of `ast`; how many they are."""
    count = 0
    for path in paths:
        try:
            code = path.read_text("utf-8")
            expected = sorted(known_to_python(ast.parse(code)))
        except (SyntaxError, ValueError):  # the library's tests have some that are meant to be bad
            continue
        found = sorted(unit[:4] for unit in extract(code, "python"))
        assert [one[:3] for one in found] == [one[:3] for one in expected], path
        lines = code.split("\n")
        for (*_, end), (*_, least) in zip(found, expected, strict=True):
            # Comments at the end of a body are of it.
            assert all(line.strip()[:1] in ("", "#") for line in lines[least:end]), path
            assert end >= least, path
        count += len(found)
    return count


def test_all_that_python_knows_is_found() -> None:
    assert compare_with_python(sorted((ROOT / "lib").rglob("*.py"))) > 1500
    assert compare_with_python(sorted(STANDARD.glob("[a-h]*.py"))) > 1500


@pytest.mark.long
def test_all_of_the_standard_library_is_found() -> None:
    paths = [
        path
        for path in STANDARD.rglob("*.py")
        if "site-packages" not in path.parts and path.name not in UNREADABLE
    ]
    assert compare_with_python(sorted(paths)) > 50_000


@pytest.mark.skipif(not CTAGS, reason="universal-ctags is not installed")
@pytest.mark.parametrize("language", TAGS)
def test_all_that_ctags_knows_is_found(language: str, tmp_path: Path) -> None:
    code, _ = CASES[language]
    path = tmp_path / f"a.{ENDINGS[language]}"
    path.write_text(code)
    command = [str(CTAGS), "--output-format=json", "--fields=+nK", "-f", "-", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode or '"name"' not in done.stdout:
        pytest.skip("this ctags writes no JSON")
    tags = [json.loads(line) for line in done.stdout.splitlines()]
    kinds = TAGS[language].split()
    known = {(tag["name"], tag["line"]) for tag in tags
             if tag["kind"] in kinds and not tag["name"].startswith("__anon")}  # fmt: skip
    units = extract(code, language)
    assert known
    missing = {
        (name, line) for name, line in known
        if not any(unit.qualified_name.endswith(name) and unit.start_line <= line <= unit.end_line
                   for unit in units)
    }  # fmt: skip
    assert missing == set()


def test_what_takes_too_long_has_no_units() -> None:
    """A tree that is 100,000 deep is parsed at once, and would take 7 s to search."""
    assert extract("def f(): pass\n" + "[" * 100_000, "python") == []
    assert extract("def f(): pass\n" + "[" * 100, "python") != []


def test_the_parser_is_stopped_when_its_time_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "def f(): pass\n" * 1000
    assert len(extract(code, "python")) == 1000
    monkeypatch.setattr(parsing, "LEAST_SECONDS", 0)
    monkeypatch.setattr(parsing, "SECONDS_A_BYTE", 0)
    assert extract(code, "python") == []


def test_nothing_is_kept_of_what_was_parsed() -> None:
    """The binding of tree-sitter never lets go of what it reads code from."""
    code = "# so\n" * 20_000
    assert extract(code, "python") == []
    tracemalloc.start()
    try:
        for _ in range(20):
            extract(code, "python")
        assert tracemalloc.get_traced_memory()[0] < len(code)
    finally:
        tracemalloc.stop()


def test_many_and_deep_units() -> None:
    assert len(extract("def f(): pass\n" * 5000, "python")) == 5000
    deep = "".join(f"{' ' * depth}def f():\n" for depth in range(90))
    assert len(extract(deep + " " * 90 + "pass\n", "python")) == 64
    assert extract("def f(): pass\n" + " " * MOST_BYTES, "python") == []
    assert extract("def f(): pass\n" + f"def {'n' * 900}(): pass\n", "python")[1:] == []


def test_without_packages_there_are_no_units(tmp_path: Path) -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lib.units.extraction import extract\n"
        "print(extract('def f(): pass', 'python'), [n for n in sys.modules if 'sitter' in n])"
    )

    shutil.copytree(ROOT / "lib", tmp_path / "lib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "tree_sitter.py").write_text("raise ImportError('of another system')\n")
    done = subprocess.run([sys.executable, "-I", "-S", "-c", program, str(tmp_path)],
                          capture_output=True, text=True, check=True)  # fmt: skip
    assert done.stdout == "[] []\n"


def test_only_what_is_needed_is_loaded() -> None:
    program = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from lib.units.extraction import extract\n"
        "assert not [n for n in sys.modules if 'sitter' in n]\n"
        "from lib.system import packages\n"
        "asked, binding = [], packages.binding\n"
        "packages.binding = lambda name: asked.append(name) or binding(name)\n"
        "assert extract('def f(): pass', 'python')\n"
        "print(*asked, *[n for n in sys.modules if n in ('importlib.resources', 'subprocess')])"
    )
    command = [sys.executable, "-I", "-c", program, str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == "tree_sitter_python\n"


def test_an_unknown_language_has_no_units() -> None:
    assert extract("def f(): pass\n", "cobol") == []
    assert language_at("a.fish") == ""
    assert language_at("notes.txt") == ""
    assert grammars.grammar("cobol") is None
    assert packages.missing() == []
