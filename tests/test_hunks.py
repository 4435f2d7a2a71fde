"""The client's hunks: what they make of code, and what was there before."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.flusher.hunks import applied, last, taken_back, written
from tests.support.diffs import hunks_of

CODES = st.lists(st.sampled_from(["", "a", "b", "c", "return 1"]), max_size=12)


@given(CODES, CODES)
def test_hunks_lead_from_one_code_to_another_and_back(old: list[str], new: list[str]) -> None:
    before, after = ("".join(f"{line}\n" for line in lines) for lines in (old, new))
    hunks = hunks_of(old, new)
    if hunks:
        assert (applied(before, hunks), taken_back(after, hunks)) == (after, before)
    if not old and new:
        assert written(hunks) == after
    if old and not new:
        assert last(hunks) == before


END = "\\ No newline at end of file"


@pytest.mark.parametrize(
    ("before", "lines", "after"),
    [
        ("a\nb\n", [" a", "-b", "+c", END], "a\nc"),
        ("a\nb", [" a", "-b", END, "+c"], "a\nc\n"),
        ("a\nb", [" a", "-b", END, "+c", END], "a\nc"),
        ("a\nb", ["-a", "+c", " b", END], "c\nb"),
        ("a\nb\n", ["-a", "-b"], ""),
        ("a\nb", ["-a", "-b", END], ""),
        ("", ["+a", "+b", END], "a\nb"),
    ],
)
@pytest.mark.parametrize("start", [0, 1])
def test_code_need_not_end_by_a_newline(
    before: str, lines: list[str], after: str, start: int
) -> None:
    """Of a side without lines the client tells the place 0 or 1."""
    hunks = [{"oldStart": start if not before else 1, "newStart": start if not after else 1,
              "lines": lines}]  # fmt: skip
    assert (applied(before, hunks), taken_back(after, hunks)) == (after, before)
    if not before:
        assert written(hunks) == after
    if not after:
        assert last(hunks) == before


def test_lines_may_end_as_they_do_elsewhere() -> None:
    assert taken_back("a\r\nc\r\n", hunks_of(["a", "b"], ["a", "c"])) == "a\nb\n"


HUNK: dict[str, Any] = {"oldStart": 1, "newStart": 1, "lines": [" a", "-b", "+c"]}


@pytest.mark.parametrize(
    "hunks",
    [None, "a", [], [None], [{}], [{**HUNK, "lines": None}], [{"lines": HUNK["lines"]}],
     [{**HUNK, "oldStart": "1", "newStart": "1"}], [{**HUNK, "oldStart": -1, "newStart": -1}],
     [{**HUNK, "oldStart": 2, "newStart": 2}]],
)  # fmt: skip
def test_what_does_not_fit_tells_nothing(hunks: Any) -> None:
    assert (applied("a\nb\n", hunks), taken_back("a\nc\n", hunks)) == (None, None)
    assert written(hunks) is None


def test_what_was_there_is_no_new_file() -> None:
    assert written([HUNK]) is None
    assert last([{"lines": None}]) is None
