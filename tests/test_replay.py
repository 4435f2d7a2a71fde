"""The ledger says the same whatever was recorded first: it follows from what was captured."""

import copy
import random
import tempfile
from contextlib import closing
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.capture import event as events
from lib.capture.event import Content, forget_content
from lib.capture.payload import Change, event_of
from lib.ledger import moments, replay, unplaced
from lib.ledger.moments import READ
from lib.ledger.revisions import OUTSIDE, SHELL
from lib.ledger.store import Ledger
from lib.ledger.transactions import transaction
from lib.units import chronicle
from tests.support.contents import contents

BEGAN = 1_770_000_000 * 10**9
SECOND = 10**9
NAMES = ["/p/a.py", "/p/b.py", "/p/c.js"]
CODES = [f"def f{n}(a, b):\n    return a + b * {n}\n" for n in range(3)]
CODES += [CODES[0].replace("a + b", "a  +  b"), f"# note\n{CODES[1]}", "x = 1\n", ""]
CODES += ["# pattern-id: retry-1\nx = 1\n", "\ufeff" + CODES[1].replace("\n", "\r\n")]
HOW = st.sampled_from(["live", "read", "both"])
Made = dict[str, Any]


class Story:
    """What happens to files, as it is captured: `captured` in the order of its capture."""

    def __init__(self, keeps_code: bool = True) -> None:
        self.captured: list[Made] = []
        self._held: dict[str, str] = {}
        self._keeps_code = keeps_code

    def __repr__(self) -> str:
        told = ("actor", "event_type", "before", "event_id")
        parts = [(one["event_data"]["file_path"], one["event_data"]["pattern_data"].get("code"),
                  *(one.get(name) for name in told)) for one in self.captured]  # fmt: skip
        return "\n".join(map(repr, parts))

    def write(self, name: str, code: str, is_told: bool) -> None:
        """The agent writes; an older client does not tell what was there before."""
        before = self._held.get(name) if is_told else None
        self._add(event_of(Change(name, code, before, is_told), self._payload("Write"), self._now))
        self._held[name] = code

    def other(self, name: str, code: str, is_seen: bool) -> None:
        """Somebody else writes; that may have been seen."""
        if is_seen:
            made = event_of(Change(name, code, None, before_known=False), {}, self._now)
            made["actor"] = OUTSIDE
            self._add(made)
        self._held[name] = code

    def shell(self, name: str, code: str, is_told: bool) -> None:
        """The agent's shell writes."""
        before = self._held.get(name) if is_told else None
        made = event_of(Change(name, code, before, is_told), self._payload("Bash"), self._now)
        self._add({**made, "actor": SHELL, "program": "sed"})
        self._held[name] = code

    def remove(self, name: str, code: str, is_told: bool) -> None:
        """The agent's shell removes; where the client tells it, with what was there."""
        before = self._held.pop(name, None)
        told = Content(before, name) if is_told and before is not None else None
        use = f"use{len(self.captured)}"
        made = events.build(
            events.FILE_DELETED, Content("", name), path=name, tool_name="Bash", session_id="s",
            tool_use_id=use, captured_ns=self._now, before=told, extra={"tool_use_id": use},
        )  # fmt: skip
        self._add({**made, "actor": SHELL, "program": "rm"})

    def move(self, name: str, code: str, is_told: bool) -> None:
        """The agent's shell moves a file in one call: its end comes first."""
        target = NAMES[(NAMES.index(name) + 1) % len(NAMES)]
        held = self._held.get(name)
        if held is None:
            return
        self.remove(name, "", is_told=True)
        moment = self.captured[-1]
        made = event_of(Change(target, held, None, is_told), self._payload("Bash"), self._now)
        made = {**made, "actor": SHELL, "program": "mv"}
        self._add({**made, "timestamp": moment["timestamp"], "captured": moment["captured"]})
        self._held[target] = held

    @property
    def _now(self) -> int:
        return BEGAN + len(self.captured) * SECOND

    def _payload(self, tool: str) -> Made:
        number = len(self.captured)
        return {
            "tool_name": tool, "session_id": f"s{number % 2}", "tool_use_id": f"use{number}",
            "prompt_id": f"prompt{number // 3}", "agent_id": None if number % 2 else "agent",
        }  # fmt: skip

    def _add(self, made: Made) -> None:
        if not self._keeps_code:
            forget_content(made)
        self.captured.append({"captured": {"boot": "b", "up": len(self.captured) + 1}, **made})


@st.composite
def stories(draw: st.DrawFn, keeps_code: bool = True) -> Story:
    story = Story(keeps_code)
    steps = ("write", "write", "other", "shell", "remove", "move")
    for _ in range(draw(st.integers(1, 8))):
        step = draw(st.sampled_from(steps))
        told = draw(st.booleans())
        getattr(story, step)(draw(st.sampled_from(NAMES)), draw(st.sampled_from(CODES)), told)
    return story


def live(ledger: Ledger, captured: list[Made]) -> None:
    ledger.record_all(copy.deepcopy(captured))  # type: ignore[arg-type]


def read(ledger: Ledger, captured: list[Made], places: list[int]) -> None:
    """Do as an import does with events out of transcripts."""
    with transaction(ledger.connection) as db:
        moments.note_disorder(db)
        for one, place in zip(captured, places, strict=True):
            made: Any = copy.deepcopy(one)
            unplaced.keep(db, made, (READ, place))


def in_order(ledger: Ledger) -> None:
    # Before and after: what was known of units is known after it too.
    caught_up(ledger)
    if replay.is_due(ledger.connection):
        replay.replay(ledger.connection)
    assert not replay.is_due(ledger.connection)
    caught_up(ledger)


def caught_up(ledger: Ledger) -> None:
    assert chronicle.catch_up(ledger.connection, 60.0) == (False, [])


def expected(captured: list[Made]) -> dict[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as where:
        with closing(Ledger(f"{where}/live.db")) as ledger:
            live(ledger, captured)
            in_order(ledger)
        return contents(f"{where}/live.db")


def made_by(run: Any) -> dict[str, list[dict[str, Any]]]:
    with tempfile.TemporaryDirectory() as where:
        with closing(Ledger(f"{where}/other.db")) as ledger:
            run(ledger)
        return contents(f"{where}/other.db")


@pytest.mark.parametrize("keeps_code", [True, False])
@settings(max_examples=25, derandomize=True)
@given(data=st.data())
def test_import_before_after_twice_or_in_the_middle_makes_the_same(
    keeps_code: bool, data: st.DataObject
) -> None:
    captured = data.draw(stories(keeps_code)).captured
    # A call is read or captured with all its files.
    calls = list(dict.fromkeys(one["timestamp"] for one in captured))
    drawn = data.draw(st.lists(HOW, min_size=len(calls), max_size=len(calls)))
    how = dict(zip(calls, drawn, strict=True))
    is_read = [how[one["timestamp"]] != "live" for one in captured]
    is_live = [how[one["timestamp"]] != "read" for one in captured]
    middle = data.draw(st.integers(0, len(captured)))
    again = data.draw(st.booleans())
    places = [number for number, one in enumerate(is_read) if one]
    past = [captured[number] for number in places]

    def run(ledger: Ledger) -> None:
        live(ledger, [one for n, one in enumerate(captured) if n < middle and is_live[n]])
        read(ledger, past, places)
        in_order(ledger)
        live(ledger, [one for n, one in enumerate(captured) if n >= middle and is_live[n]])
        in_order(ledger)
        if again:
            read(ledger, past, places)
            in_order(ledger)

    assert made_by(run) == expected(captured)


@settings(max_examples=25, derandomize=True)
@given(stories(), st.randoms())
def test_what_comes_late_comes_to_its_place(story: Story, chance: random.Random) -> None:
    # Of several clients the contents may tell another order than the clock, see `adjacent`.
    for made in story.captured:
        made["event_data"]["pattern_data"]["session_id"] = "s"
        made.pop("agent_id", None)
    # The files of one call come together.
    calls: dict[str, list[Made]] = {}
    for made in story.captured:
        calls.setdefault(made["timestamp"], []).append(made)
    several = list(calls.values())
    chance.shuffle(several)
    captured = [made for call in several for made in call]

    def run(ledger: Ledger) -> None:
        for made in captured:
            live(ledger, [made])
        in_order(ledger)

    assert made_by(run) == expected(story.captured)


@settings(max_examples=20, derandomize=True)
@given(stories())
def test_in_its_order_a_ledger_stays_what_it_is(story: Story) -> None:
    def run(ledger: Ledger) -> None:
        live(ledger, story.captured)
        replay.replay(ledger.connection)
        caught_up(ledger)
        replay.replay(ledger.connection)
        caught_up(ledger)

    assert made_by(run) == expected(story.captured)
