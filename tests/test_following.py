"""Units are followed through the states of their files, wherever they go."""

import time
from collections import Counter
from collections.abc import Iterator, Set

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.units import continuing
from lib.units.continuing import Changed, Step, follow
from lib.units.extraction import extract
from lib.units.lexing import lex
from lib.units.likeness import Likeness
from lib.units.pieces import Piece
from lib.units.recent import MOST_BYTES, MOST_FEEDS, MOST_UNITS, Recent
from lib.units.sources import Known, Source
from tests.support.unit_cases import CASES

A = "def first(a, b):\n    for one in a:\n        b.append(one * 2)\n    return sorted(b)\n"
B = "def second(path):\n    with open(path) as it:\n        return [one.split() for one in it]\n"
C = "class Third:\n    size = 3\n\n    def get(self):\n        return self.size\n"
LONG = """def work(items, found):
    for item in items:
        if item.size > 10 and item.name not in found:
            found[item.name] = item.read().strip().lower()
    names = sorted(found)
    total = sum(len(found[name]) for name in names)
    print("read", total, "characters of", len(names))
    return total
"""


def told(steps: list[Step]) -> list[str]:
    """Say steps in short: the old name, the new one, and what changed."""
    return [
        f"{one.old.unit.qualified_name if one.old else ''}"
        f">{one.new.unit.qualified_name if one.new else ''} {' '.join(one.change)}"
        for one in steps
    ]


def edited(before: str | None, after: str | None, language: str = "python") -> list[str]:
    return told(follow([Changed("a", language, before, after)], Recent()))


def fed(recent: Recent, *files: tuple[str, str | None, str | None]) -> list[str]:
    """Feed files, and say where units were and are, in short, with the feed that is replaced."""
    states = [Changed(path, "python", before, after) for path, before, after in files]
    steps = follow(states, recent)
    return [
        f"{one.old.path + ':' + one.old.unit.qualified_name if one.old else ''}"
        f">{one.new.path + ':' + one.new.unit.qualified_name if one.new else ''}"
        f" {' '.join(one.change)}{'' if one.late is None else f' instead of {one.late}'}"
        for one in steps
    ]


def test_what_can_become_of_a_unit() -> None:
    assert edited(None, A) == [">first introduced"]
    assert edited(A, None) == ["first> deleted"]
    assert edited(A, A.replace("* 2", "* 3")) == ["first>first body"]
    assert edited(A, A.replace("(a, b)", "(a, b, c)")) == ["first>first signature"]
    assert edited(A, A.replace("first", "other")) == ["first>other renamed"]
    assert edited(A, "@cache\n" + A) == ["first>first modifier"]
    assert edited(A, "# Why.\n" + A) == ["first>first documentation"]
    assert edited(A, A.replace("2)", "2)  # twice")) == ["first>first comment"]
    assert edited(A, A.replace(" * ", "*")) == ["first>first format"]
    assert edited(A, B + A) == [">second introduced"]
    assert edited(C, C.replace("= 3", "= 4")) == ["Third>Third body"]
    assert edited(C, C.replace("Third", "Other")) == [
        "Third>Other renamed",
        "Third.get>Other.get container",
    ]
    assert edited("class X:\n    def work(self):\n        pass\n" + LONG, "") == [
        "X> deleted",
        "X.work> deleted",
        "work> deleted",
    ]


def test_indentation_is_part_of_what_python_does() -> None:
    assert edited(A, A.replace("    return", "        return")) == ["first>first body"]
    wrapped = A.replace("(one * 2)", "(\n    one\n        * 2\n)").replace("in a", "in \\\n  a")
    assert edited(A, wrapped.replace("\\\n  a", "a")) == ["first>first format"]
    nested = "if x:\n" + "".join(f"    {line}\n" for line in A.splitlines())
    assert edited(A, nested) == ["first>first format"]
    assert edited(A, A.replace("        b", "  \n      # that\n      b")) == ["first>first comment"]


def test_a_unit_moves_within_its_file() -> None:
    inside = "class X:\n    a = 1\n\n" + "".join(f"    {line}\n" for line in LONG.splitlines())
    assert edited("class X:\n    a = 1\n\n" + LONG, inside) == ["work>X.work moved"]


def test_a_copy_names_its_origin() -> None:
    assert edited(LONG, LONG + LONG.replace("work", "other")) == ["work>other copied"]
    changed = LONG.replace("work", "other").replace("> 10", "> 20")
    assert edited(LONG, LONG + changed) == ["work>other copied"]
    small = "def small():\n    return 1\n"
    assert edited(small, small + small.replace("small", "other")) == [">other introduced"]


def test_a_part_names_what_it_was_a_part_of() -> None:
    lines = LONG.splitlines(keepends=True)
    whole = "def run(items):\n    found = {}\n" + "".join(lines[1:])
    rest = "def run(items):\n    found = {}\n    return work(items, found)\n"
    assert edited(whole, rest + LONG) == ["run>run body", "run>work split"]
    assert edited(rest + LONG, whole) == ["run>run body", "work>run merged"]


@pytest.mark.parametrize("language", CASES)
def test_each_language_is_followed(language: str) -> None:
    code = CASES[language][0]
    assert edited(code, code, language) == []
    steps = follow(
        [Changed("a", language, code, None), Changed("b", language, None, code)], Recent()
    )
    there = [(one.new.path, one.new.unit) for one in steps if one.new]
    assert there == [("b", unit) for unit in extract(code, language)]
    assert {one.change for one in steps} <= {("container",)}


@settings(max_examples=25, deadline=None)
@given(st.permutations([A, B, C]))
def test_order_is_no_change(parts: list[str]) -> None:
    assert edited(A + B + C, "".join(parts)) == []


NAMES = [f"unit{number}" for number in range(6)]


def code_of(names: list[str], bodies: dict[str, int]) -> str:
    """Python functions, each of which says its own things."""
    return "\n".join(
        f"def {name}(a):\n"
        + "".join(f"    a.do_{bodies[name]}_{line}(x{bodies[name]}, {line})\n" for line in range(6))
        for name in names
    )


@settings(max_examples=30, deadline=None)
@given(st.permutations(NAMES), st.permutations(NAMES), st.sampled_from(NAMES))
def test_a_renamed_unit_is_the_only_step(before: list[str], after: list[str], one: str) -> None:
    bodies = {name: number for number, name in enumerate(NAMES)} | {"other": NAMES.index(one)}
    new = ["other" if name == one else name for name in after]
    assert edited(code_of(before, bodies), code_of(new, bodies)) == [f"{one}>other renamed"]


@settings(max_examples=30, deadline=None)
@given(st.data())
def test_what_is_told_does_not_depend_on_the_order_of_files(data: st.DataObject) -> None:
    bodies = {name: number for number, name in enumerate(NAMES)}
    paths = ["a", "b", "c"]
    places = [{name: data.draw(st.sampled_from(paths)) for name in NAMES} for _ in range(2)]
    states = [
        {path: code_of([name for name in NAMES if of[name] == path], bodies) for path in paths}
        for of in places
    ]
    files = [Changed(path, "python", states[0][path], states[1][path]) for path in paths]
    usual = follow(files, Recent(), all_units=True)
    other = follow(data.draw(st.permutations(files)), Recent(), all_units=True)
    assert sorted(usual) == sorted(other)
    for kind in ("old", "new"):
        met = [getattr(step, kind) for step in usual]
        assert len(set(met)) == len(met) == len(NAMES)
    for step in usual:
        assert step.old
        assert step.new
        name = step.new.unit.qualified_name
        assert name == step.old.unit.qualified_name
        stays = places[0][name] == places[1][name]
        assert (step.change == ()) == stays or step.change == ("container",)


def test_what_comes_first_and_goes_later_is_one_unit() -> None:
    recent = Recent()
    assert fed(recent, ("a", LONG, LONG)) == []
    assert fed(recent, ("b", None, LONG)) == [">b:work introduced"]
    assert fed(recent, ("a", LONG + A, A)) == ["a:work>b:work moved instead of 2"]
    assert fed(recent, ("b", LONG, None)) == ["b:work> deleted"]


def test_what_goes_first_and_comes_later_is_one_unit() -> None:
    recent = Recent()
    assert fed(recent, ("a", LONG + A, A)) == ["a:work> deleted"]
    kept = Recent(recent.feed, recent.kept())
    for one in (recent, kept):
        assert fed(one, ("b", B, B + LONG)) == ["a:work>b:work moved instead of 1"]
        assert one.kept() == []
        assert [two.unit.qualified_name for two in one.dropped] == ["work"]


def test_what_is_deleted_and_written_again_is_restored() -> None:
    recent = Recent()
    assert fed(recent, ("a", A + B, B)) == ["a:first> deleted"]
    assert fed(recent, ("a", B, B + A)) == ["a:first>a:first restored instead of 1"]


def test_what_was_introduced_and_is_gone_does_not_continue_itself() -> None:
    recent = Recent()
    assert fed(recent, ("a", A, A + LONG)) == [">a:work introduced"]
    again = LONG.replace("work", "other")
    assert fed(recent, ("a", A + LONG, A + again)) == ["a:work>a:other renamed"]
    assert fed(recent, ("a", A + again, A)) == ["a:other> deleted"]


def test_what_is_remembered_is_bounded() -> None:
    recent = Recent()
    for number in range(MOST_FEEDS + 9):
        fed(recent, (f"f{number}", None, A.replace("first", f"f{number}")))
    assert len({one.feed for one in recent.kept()}) == MOST_FEEDS
    assert recent.dropped
    assert all(one.feed < recent.feed for one in recent.dropped)
    many = "".join(f"def g{number}():\n    return {number}\n" for number in range(MOST_UNITS + 9))
    fed(recent, ("many", None, many))
    assert len(recent.kept()) == MOST_UNITS
    large = "".join(f"def h{number}():\n    return '{'x' * 99_999}'\n" for number in range(9))
    for number in range(3):
        fed(recent, (f"large{number}", None, large))
    assert sum(len(one.body) for one in recent.kept()) <= MOST_BYTES
    assert set(recent.added) <= set(recent.kept())


def knowing(*sources: Source) -> Known:
    def known(path: str, names: Set[str]) -> Iterator[Source]:
        return (one for one in sources if names)

    return known


def test_a_moved_file_whose_old_one_was_not_seen_to_go_names_its_origin() -> None:
    standing = knowing(Source("old", "python", A + B + C))
    steps = follow([Changed("new", "python", None, A + B + C)], Recent(), known=standing)
    assert [one.change for one in steps] == [("container", "copied")] * 4
    assert {one.old.path for one in steps if one.old} == {"old"}
    gone = knowing(Source("old", "python", A + B + C, gone=7))
    steps = follow([Changed("new", "python", None, A + B)], Recent(9), known=gone)
    assert [(one.change, one.late) for one in steps] == [(("container",), 7)] * 2
    merged = [Changed("new", "python", LONG, LONG + A + B)]
    steps = follow(merged, Recent(), known=standing)
    assert [one.change for one in steps] == [("copied", "moved")] * 2
    other = knowing(Source("old", "python", C + LONG))
    assert [one.change for one in follow(merged, Recent(), known=other)] == [("introduced",)] * 2


def test_a_unit_that_is_told_of_twice_goes_on_once() -> None:
    twice = "class X:\n    def get(self, a):\n        return a.found\n"
    other = twice + twice.replace("X", "Y")
    recent = Recent()
    assert len(fed(recent, ("old", twice, None))) == 2
    gone = knowing(*[Source("old", "python", twice, gone=1)] * 2)
    steps = follow([Changed("new", "python", None, other)], recent, known=gone)
    met = [one.old for one in steps if one.old]
    assert len(set(met)) == len(met) == 2


def test_a_file_told_twice_counts_from_its_first_state_to_its_last() -> None:
    steps = fed(Recent(), ("a", A, B), ("a", B, A.replace("* 2", "* 3")))
    assert steps == ["a:first>a:first body"]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("def same():\n    return 1\n" * 900, "def same():\n    return 2\n" * 900),
        (
            "".join(f"def a{n}():\n    return go(b, c, d, e, f, g, {n})\n" for n in range(900)),
            "".join(f"def z{n}():\n    return go(b, c, d, e, f, g, {n})\n" for n in range(900)),
        ),
        (
            "".join(f"class A{n}:\n    def get(self):\n        return {n}\n" for n in range(400)),
            "".join(f"class B{n}:\n    def get(self):\n        return {n}\n" for n in range(400)),
        ),
        ("def f(): pass\n" * 900, ""),
    ],
)
def test_many_that_are_alike_take_no_longer(before: str, after: str) -> None:
    """By the square of their number these would take minutes."""
    began = time.process_time()
    steps = follow([Changed("a", "python", before, after)], Recent(), all_units=True)
    assert time.process_time() - began < 5
    for kind in ("old", "new"):
        met = [getattr(one, kind) for one in steps if getattr(one, kind)]
        ends = {one.old for one in steps if one.new is None}
        assert len(met) - len(set(met)) == 0 or ends


OPENINGS = ['"', "'\\", "/*", '"""', "`", "=begin\n"]


@pytest.mark.parametrize("language", ["python", "javascript", "rust", "ruby", "shell", "java"])
def test_hostile_code_is_split_at_once(language: str) -> None:
    began = time.process_time()
    for opening in OPENINGS:
        lex(opening.encode() * 30_000, language)
    assert time.process_time() - began < 2


def test_comments_are_no_code() -> None:
    said = {
        "python": "a = '#b' # c",
        "javascript": "a = `//b` // c",
        "php": "a = '#b' # c",
        "shell": "a=$#b '#b' # c",
        "rust": "fn a<'b>() { '\"' } // c",
    }
    for language, code in said.items():
        found = lex(code.encode(), language)
        assert [one.strip(b"/# ") for one in found.comments] == [b"c"]
        assert not any(token == b"c" for token in found.code)


def test_very_many_units_are_joined_by_name_and_text_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[Piece] = []
    counted = Likeness.parts

    def parts(self: Likeness, piece: Piece) -> Counter[object]:
        compared.append(piece)
        return counted(self, piece)

    monkeypatch.setattr(Likeness, "parts", parts)
    monkeypatch.setattr(continuing, "MOST_COMPARED", 100)
    body = "    return go(a, {n}, b.c, d[{n}], {n} + 1)\n"
    many = range(51)
    before = "".join(f"def f{n}(a, b, d):\n{body.format(n=n)}" for n in many)
    renamed = before.replace("def f", "def g")
    recent = Recent()
    steps = follow([Changed("a", "python", before, renamed)], recent)
    assert (recent.are_too_many, {one.change for one in steps}) == (True, {("renamed",)})
    # What is alike is new, for nothing was compared.
    changed = renamed.replace("go(", "went(").replace("def g", "def h")
    steps = follow([Changed("a", "python", renamed, changed)], recent)
    assert {one.change for one in steps} == {("introduced",), ("deleted",)}
    assert (len(steps), compared) == (2 * len(many), [])
    # All of one name are no reason.
    steps = follow([Changed("a", "python", before, before.replace("go(", "went("))], recent)
    assert (recent.are_too_many, {one.change for one in steps}) == (False, {("body",)})
    few = Changed("b", "python", LONG, LONG.replace("work", "works").replace("10", "11"))
    assert told(follow([few], recent)) == ["work>works body renamed"]
    assert compared
