"""What files held is remembered of past calls, within bounds."""

import pytest

from lib.capture.named_file import Refused
from lib.flusher import guessing
from lib.flusher.guessing import Held
from tests.support.diffs import hunks_of


def test_earlier_states_make_room_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "_MOST_HELD", 10)
    held = Held()
    for path, code in (("a", "a1"), ("b", "b1"), ("a", "a2"), ("a", "a3"), ("b", "b2")):
        held.note(path, code)
    assert [list(held.states(path)) for path in "ab"] == [["a3", "a2", "a1"], ["b2", "b1"]]
    held.note("c", "c1c1")
    assert [list(held.states(path)) for path in "abc"] == [["a3"], ["b2", "b1"], ["c1c1"]]
    held.note("d", "d1d1")
    assert [held.code(path) for path in "abcd"] == [None, "b2", "c1c1", "d1d1"]
    held.end("d")
    held.clear()
    assert list(held.states("d")) == []


def test_so_many_states_of_a_file_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guessing, "MOST_STATES", 3)
    monkeypatch.setattr(guessing, "_MOST_HELD", 3)
    held = Held()
    for code in ("1", "2", "2", "3", "4"):
        held.note("a", code)
    assert list(held.states("a")) == ["4", "3", "2"]
    held.end("a")
    assert list(held.states("a")) == ["", "4", "3"]
    held.note("a", None)
    assert list(held.states("a")) == []


def test_a_diff_is_applied_to_the_latest_state_that_it_fits() -> None:
    held = Held()
    for code in ("x\na\n", "x\nb\n", "x\na\ny\n"):
        held.note("a", code)
    assert held.patched("a", hunks_of(["x", "a"], ["x", "c"])) == "x\nc\ny\n"
    assert held.patched("a", hunks_of(["x", "b"], ["x", "c"])) == "x\nc\n"
    with pytest.raises(Refused):
        held.patched("a", hunks_of(["x", "d"], ["x", "c"]))
