"""Differences: true to both sides, as short as can be, and bounded in time."""

import difflib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.ledger import diff
from lib.ledger.diff import opcodes, unified
from tests.support.timing import least_seconds

LINES = st.lists(st.sampled_from([*"abcdef", "", "}", "    x"]), max_size=40)
# The whole at once, and so many lines at a time.
WINDOWS = pytest.mark.parametrize("window", [diff.WINDOW, 7, 1])


def equal(before: list[str], after: list[str]) -> int:
    """How many lines it takes for the same."""
    return sum(code[2] - code[1] for code in opcodes(before, after) if code[0] == "equal")


@WINDOWS
@given(before=LINES, after=LINES)
def test_what_it_says_makes_the_one_of_the_other(
    before: list[str], after: list[str], window: int
) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(diff, "WINDOW", window)
        check_opcodes(before, after)


def check_opcodes(before: list[str], after: list[str]) -> None:
    made: list[str] = []
    at = to = 0
    for tag, i1, i2, j1, j2 in opcodes(before, after):
        assert (i1, j1) == (at, to)
        assert (tag in ("equal", "replace", "delete")) == (i1 < i2)
        assert (tag in ("equal", "replace", "insert")) == (j1 < j2)
        made += before[i1:i2] if tag == "equal" else after[j1:j2]
        if tag == "equal":
            assert before[i1:i2] == after[j1:j2]
        at, to = i2, j2
    assert (at, to) == (len(before), len(after))
    assert made == after


@given(LINES, LINES)
def test_no_more_lines_could_be_the_same(before: list[str], after: list[str]) -> None:
    longest = [0] * (len(after) + 1)
    for line in before:
        row = [0]
        for number, other in enumerate(after):
            both = longest[number] + 1 if line == other else max(row[-1], longest[number + 1])
            row.append(both)
        longest = row
    assert equal(before, after) == longest[-1]


@given(LINES)
def test_nothing_differs_from_itself(lines: list[str]) -> None:
    expected = [("equal", 0, len(lines), 0, len(lines))] if lines else []
    assert opcodes(lines, lines) == expected
    assert list(unified(lines, lines)) == []


@given(LINES, LINES)
def test_a_patch_of_it_applies(before: list[str], after: list[str]) -> None:
    """Each hunk's old lines stand where it says, and its new ones in their place make the other."""
    made = list(before)
    shift = 0
    hunk: list[str] = []
    lines = [*unified(before, after), "@@ -0,0 +0,0 @@"]
    where = ""
    for line in lines:
        if not line.startswith("@@"):
            hunk.append(line)
            continue
        if hunk:
            start, _, length = where.partition(",")
            size = int(length) if length else 1
            begin = int(start) - (1 if size else 0) + shift
            old = [text[1:] for text in hunk if text[0] in " -"]
            new = [text[1:] for text in hunk if text[0] in " +"]
            assert made[begin : begin + size] == old
            made[begin : begin + size] = new
            shift += len(new) - size
        where, hunk = line.split()[1][1:], []
    assert made == after


CODE = [f"def f{n}():" if n % 4 == 0 else ["    x = 1", "    }", ""][n % 4 - 1] for n in range(400)]
LIKE = ["}"] * 4000
EDITS = {
    "one line": [*CODE[:200], "    y = 2", *CODE[201:]],
    "two far apart": ["import os", *CODE[:-4], "def last():", *CODE[-3:]],
    "a block moved out": [*CODE[:100], *CODE[140:]],
    "all of a name": [line.replace("x", "renamed") for line in CODE],
}


@pytest.mark.parametrize("after", EDITS.values(), ids=EDITS.keys())
def test_of_ordinary_edits_it_tells_no_more_than_difflib(after: list[str]) -> None:
    expected = list(difflib.unified_diff(CODE, after, lineterm=""))[2:]
    found = list(unified(CODE, after))
    changed = [sum(line[0] in "+-" for line in lines) for lines in (found, expected)]
    assert changed[0] <= changed[1]


@pytest.mark.parametrize(("window", "astray"), [(diff.WINDOW, 0), (100, 1)])
def test_of_like_lines_those_that_stayed_are_the_same(
    monkeypatch: pytest.MonkeyPatch, window: int, astray: int
) -> None:
    """A part of them does not tell which of two like lines is which."""
    monkeypatch.setattr(diff, "WINDOW", window)
    assert equal(["first", *LIKE], [*LIKE, "last"]) == len(LIKE) - astray


def test_what_moved_beyond_a_part_is_found_in_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "WINDOW", 100)
    before = [str(number % 97) for number in range(2000)]
    assert equal(before, ["new"] * 30 + before[1:]) == len(before) - 1
    assert opcodes(["a"] * 300, ["b"] * 300) == [("replace", 0, 300, 0, 300)]


@pytest.mark.parametrize("inserted", [0, 30_000])
def test_edits_far_apart_in_a_large_file_stay_apart(inserted: int) -> None:
    """More than is compared at once, and more between them too: what stands once holds it."""
    before = [f"line {n}" if n % 2 else "}" for n in range(60_000)]
    middle = [f"new {n}" for n in range(inserted)]
    after = ["first", *before[1:25_000], *middle, *before[25_000:45_000], "last", *before[45_001:]]
    # The line below an insertion may be taken for one of its own.
    assert len(before) - 4 <= equal(before, after) <= len(before) - 2
    if not inserted:
        changed = [code for code in opcodes(before, after) if code[0] != "equal"]
        assert changed == [("replace", 0, 1, 0, 1), ("replace", 45_000, 45_001, 45_000, 45_001)]


HOSTILE = {
    "like lines": lambda n: (["}"] * n, ["}"] * (n // 2) + ["x"] + ["}"] * (n // 2)),
    "half like lines": lambda n: (
        [f"key{i}" if i % 2 else "}," for i in range(n)],
        [f"key{i}" if i % 2 and i != n // 2 else "}," for i in range(n)],
    ),
    "cycles": lambda n: ([str(i % 150) for i in range(n)], [str(i * 7 % 151) for i in range(n)]),
    "backwards": lambda n: ([str(i) for i in range(n)], [str(i) for i in range(n)][::-1]),
    "nothing alike": lambda n: (["a"] * n, ["b"] * n),
    "pairs": lambda n: (["a", "b"] * (n // 2), ["b", "a", "c"] * (n // 3)),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_bounded_on_hostile_lines(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(diff, "WINDOW", 1000)

    def seconds(size: int) -> float:
        before, after = HOSTILE[name](size)
        return least_seconds(lambda: opcodes(before, after))

    # Sixteen times the lines: linear is 16, quadratic is 256.
    assert seconds(80_000) < 48 * seconds(5000) + 0.05
