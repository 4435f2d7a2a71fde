"""Units are the same but for layout and comments, or but for names, and nothing else is."""

import re

import pytest

from lib.units.bounded import read
from lib.units.fingerprint import Fingerprint
from tests.support.unit_cases import CASES

CODE = """
def total(items, tax=0.19):
    # sums up
    result = 0
    for item in items:
        result += item.price * (1 + tax)
    return round(result, 2)
"""


def one(code: str, language: str = "python") -> Fingerprint:
    return read(code, language).units[0]


def test_layout_and_comments_do_not_count() -> None:
    other = CODE.replace("    # sums up\n", "\n\n").replace("result = 0", "result  =  0  # none")
    other = other.replace("round(result, 2)", "round(\n        result,\n        2)")
    assert one(other).exact == one(CODE).exact
    assert one(other).tokens == one(CODE).tokens


@pytest.mark.parametrize(
    ("old", "new"),
    [("tax", "vat"), ("total", "sum_up"), ("0.19", "0.07"), ("result", "x"), ("price", "cost")],
)
def test_names_and_numbers_may_be_others(old: str, new: str) -> None:
    other = one(CODE.replace(old, new))
    assert other.exact != one(CODE).exact
    assert other.renamed == one(CODE).renamed


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("+=", "-="), ("(1 + tax)", "(1 + item)"), ("return", "yield"),
        ("round(result, 2)", "result"),
        ("items:", "result:"), ("def total", "async def total"),
    ],
)  # fmt: skip
def test_other_code_is_not_the_same(old: str, new: str) -> None:
    assert old in CODE
    other = one(CODE.replace(old, new))
    assert other.exact != one(CODE).exact
    assert other.renamed != one(CODE).renamed


@pytest.mark.parametrize("language", CASES)
def test_comments_do_not_count_in_any_language(language: str) -> None:
    code = CASES[language][0]
    whole = read(code, language).units
    assert len(whole) == CASES[language][1].count("\n") - 1
    for found in whole:
        assert found.tokens >= found.distinct > 1
    opener = "#" if language in ("python", "ruby", "shell") else "//"
    # Between an attribute and what it is of a comment would end the attribute's belonging to it.
    commented = read(re.sub(r"(?<!\])\n", f" {opener} so\n", code), language).units
    assert [one.exact for one in commented] == [one.exact for one in whole]


@pytest.mark.parametrize(
    ("language", "code"),
    [
        ("javascript", "function f() { return 'one' + `two ${x}`; }"),
        ("typescript", "function f() { return 'one' + `two ${x}`; }"),
        ("go", 'func f() string { return "one" + `two` }'),
        ("rust", 'fn f() -> &str { g("one", r"two") }'),
        ("java", 'class A { String f() { return "one" + "two"; } }'),
        ("c", 'char *f(void) { return g("one", "two"); }'),
        ("cpp", 'char *f() { return g("one", "two"); }'),
        ("csharp", 'class A { string F() { return "one" + @"two"; } }'),
        ("ruby", "def f\n  'one' + \"two\"\nend\n"),
        ("php", "<?php function f() { return 'one' . \"two\"; }"),
        ("kotlin", 'fun f(): String = "one" + "two"\n'),
        ("swift", 'func f() -> String { return "one" + "two" }'),
        ("shell", "f() { echo 'one' \"two\"; }"),
        ("python", "def f():\n    return 'one' + f\"two{x}\"\n"),
        # What is beside an escape has no node.
        ("python", "def f():\n    return 'one\\t' + 'a\\ttwo'\n"),
        ("shell", "f() { cat <<EOF\none $x two\nEOF\n}\n"),
    ],
)
def test_a_strings_text_counts(language: str, code: str) -> None:
    for word in ("one", "two"):
        other = one(code.replace(word, "three"), language)
        assert other.exact != one(code, language).exact
        assert other.renamed == one(code, language).renamed


def test_code_without_units_has_no_fingerprints() -> None:
    assert read("x = 1\n", "python").units == []
    assert read("x = 1\n", "cobol").units == []
