"""Whatever code is, reading its units ends, says why it found none, and does no harm."""

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from lib.units import parsing_child
from lib.units.bounded import Reading, read
from lib.units.grammars import LANGUAGES
from lib.units.last_parsed import LastParsed
from lib.units.parsing import MOST_BYTES, NO_GRAMMAR, TOO_LARGE, TOO_SLOW
from lib.units.parsing_child import CRASHED
from lib.units.suspicion import MOST_USUAL_BYTES, is_suspicious
from tests.support.bundle import ROOT
from tests.support.copies import bundle_at
from tests.support.unit_cases import CASES

ODD = bytes(range(256)).decode("latin-1") * 20
LARGE = "\n" + " " * (MOST_USUAL_BYTES + 1)
# Stands for a grammar; the code it is asked for lets it end its process.
DEADLY = """
import os, signal
def language():
    os.kill(os.getpid(), signal.SIG{})
"""
READS = """
import sys
sys.path.insert(0, sys.argv[1])
from lib.units.last_parsed import LastParsed
from lib.units.bounded import read
last = LastParsed(sys.argv[2])
for language, code in (("python", "def f(): pass"), ("ruby", "def f; end" + " " * int(sys.argv[3])),
                       ("python", "def g(): pass")):
    found = read(code, language, last=last)
    print([one.unit.qualified_name for one in found.units], found.reason, flush=True)
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A copy of the code, whose grammars of its own go before those installed."""
    return bundle_at(tmp_path, ("lib",))


def reads(root: Path, blanks: int = 0) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-I", "-c", READS, str(root), str(root / "last"), str(blanks)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_usual_code_is_read_in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(parsing_child, "ask")
    for language, (code, _) in CASES.items():
        assert read(code, language).units, language


@pytest.mark.parametrize("language", ["python", "php", "tsx"])
def test_a_child_finds_what_this_process_does(language: str) -> None:
    code = CASES[language][0]
    found = read(code, language)
    assert found.units
    assert read(code + LARGE, language).units == found.units


def test_a_crash_ends_the_child_alone(root: Path) -> None:
    (root / "tree_sitter_ruby.py").write_text(DEADLY.format("SEGV"))
    done = reads(root, blanks=MOST_USUAL_BYTES)
    assert done.stdout.splitlines() == ["['f'] ", f"[] {CRASHED}", "['g'] "]
    assert done.returncode == 0


def test_what_ended_a_run_is_read_aside_by_the_next(root: Path) -> None:
    """Its code looks like any other, so that nobody could know before."""
    (root / "tree_sitter_ruby.py").write_text(DEADLY.format("SEGV"))
    first = reads(root)
    assert (first.stdout.splitlines(), first.returncode) == (["['f'] "], -signal.SIGSEGV)
    second = reads(root)
    assert second.stdout.splitlines() == ["['f'] ", f"[] {CRASHED}", "['g'] "]
    assert second.returncode == 0


def test_a_run_that_was_not_ended_by_code_fears_none(tmp_path: Path) -> None:
    last = LastParsed(str(tmp_path / "last"))
    assert not last.is_feared(b"one")
    last.close()
    assert not LastParsed(str(tmp_path / "last")).is_feared(b"one")
    assert LastParsed(str(tmp_path / "last")).is_feared(b"one")
    assert not LastParsed(str(tmp_path / "none" / "last")).is_feared(b"one")


def test_a_parse_without_end_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parsing_child, "MOST_SECONDS", 1)
    # Generic types in one another are tried in all ways, and nothing can interrupt that.
    assert read("A<T," * 20_000, "typescript").reason in (TOO_SLOW, CRASHED)


@pytest.mark.parametrize("name", ["XCPU", "ALRM"])
def test_a_child_that_its_limits_end_was_too_slow(root: Path, name: str) -> None:
    (root / "tree_sitter_ruby.py").write_text(DEADLY.format(name))
    done = reads(root, blanks=MOST_USUAL_BYTES)
    assert done.stdout.splitlines()[1] == f"[] {TOO_SLOW}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_hostile_code_is_bounded(language: str) -> None:
    head = "<?php " if language == "php" else ""
    assert read(head + "x = " + "1 + " * (2 * 1024 * 1024), language) == Reading([], TOO_LARGE)
    assert read(head + "[" * 100_000, language).reason in ("", TOO_SLOW)
    assert read(head + ODD, language).reason == ""
    assert read("", language) == Reading([])


def test_20_000_functions_are_found() -> None:
    assert len(read("def f(): pass\n" * 20_000, "python").units) == 20_000


@pytest.mark.parametrize(
    "code",
    [
        "(" * 300, "([{" * 100, "f({a: [" * 90, "A<T," * 64, "x" * 10_001, ODD, "a\ufffd" * 100,
        LARGE, "f(<<-ONE)\n" * 21,
    ],
)  # fmt: skip
def test_what_is_suspicious(code: str) -> None:
    assert is_suspicious(code.encode())


def test_what_is_usual() -> None:
    for path in sorted((ROOT / "lib").rglob("*.py")):
        assert not is_suspicious(path.read_bytes()), path
    for code in (
        "",
        "if (a < b && c > d) {\n" * 100 + "}\n" * 100,
        "日本語 = '日本語'\n" * 100,
        "(" * 200,
    ):
        assert not is_suspicious(code.encode())


def test_why_there_are_no_units() -> None:
    assert read("def f(): pass\n", "cobol") == Reading([], NO_GRAMMAR)
    assert read(" " * (MOST_BYTES + 1), "python") == Reading([], TOO_LARGE)
    assert read("x = 1\n", "python") == Reading([])


def test_units_that_are_known_are_not_taken_apart() -> None:
    code = "def f(a):\n    return a\n\ndef g(b):\n    return b\n"
    f, g = read(code, "python").units
    again = read(code, "python", known={f.content}).units
    assert again == [f._replace(tokens=0, distinct=0, exact="", renamed=""), g]
    assert g.renamed == f.renamed
