"""Spool, outbox, breaker and ledger against a model, with crashes between any two steps."""

import shutil
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from lib.capture.payload import capture
from lib.commands.facts import gather
from lib.ledger.store import Ledger
from lib.spool import books, inbox, outbox, tally
from tests.support.books import assert_whole, balance
from tests.support.bundle import write_payload
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble
from tests.support.service_faults import Fault

SECOND = 10**9
WEEK_AND_DAY = 8 * 86_400 * SECOND
# Each of them is a step of a flusher: it may die before it and after it.
STEPS: list[tuple[Any, str]] = [
    (outbox, "acknowledge"),
    (outbox, "quarantine"),
    (tally, "add"),
    (Ledger, "take"),
    (Ledger, "settle"),
    (Ledger, "forget"),
    (Ledger, "fold"),
]


class Killed(BaseException):
    """The process ends here."""


class Tracker(RuleBasedStateMachine):
    """The model is what was captured, what was damaged, dropped and said twice, in numbers."""

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.server = self.stack.enter_context(ServiceDouble(rate_limit=None))
        self.scratch = tempfile.mkdtemp()
        self.outpost = Outpost(Path(self.scratch, "spool"), self.server)
        self.directory = self.outpost.directory
        self.directory.mkdir(mode=0o700)
        self.codes: dict[str, str] = {}
        self.events: list[dict[str, Any]] = []
        self.captured = 0
        self.bad = 0
        self.dropped = {"expired": 0, "discarded": 0, "removed": 0, "known": 0, "unchanged": 0}
        self.settled = True

    @initialize()
    def fold_early(self) -> None:
        for name, value in (("LIMIT", 100), ("OLD_SECONDS", -1)):
            self.stack.enter_context(patch.object(books, name, value))
        self.stack.enter_context(patch("lib.flusher.upkeep.TIDY_SECONDS", -1))

    def teardown(self) -> None:
        self.books_add_up()
        self.stack.close()
        shutil.rmtree(self.scratch)

    @rule(counted=st.booleans(), elsewhere=st.booleans(), old=st.booleans())
    def write(self, counted: bool, elsewhere: bool, old: bool) -> None:
        """A hook commits; it may be killed before it counts."""
        number = len(self.events)
        path, code = f"/p/{number}.py", f"x = {number}\n"
        captured_ns = time.time_ns() - (WEEK_AND_DAY if old and elsewhere else 0)
        event: dict[str, Any] = capture(write_payload(path, code, f"use-{number}"), captured_ns)
        if elsewhere:
            event["service_url"] = "http://127.0.0.1:9"
        self.events.append(event)
        self.codes[path] = code
        self._commit(event, captured_ns, counted)
        self.dropped["expired"] += old and elsewhere

    @precondition(lambda self: self.settled and self.events)
    @rule(data=st.data(), counted=st.booleans())
    def say_again(self, data: st.DataObject, counted: bool) -> None:
        """Another registration captures a call once more, when the first is delivered."""
        event = data.draw(st.sampled_from(self.events))
        if not (self.directory / inbox.name_of(event)).exists():
            self._commit(event, time.time_ns(), counted)
            self.dropped["known"] += 1

    @precondition(lambda self: self.events)
    @rule(counted=st.booleans())
    def change_nothing(self, counted: bool) -> None:
        """A client that does not tell what was there writes the same once more."""
        path, code = "/p/same.py", "same = 1\n"
        data = write_payload(path, code, f"again-{self.captured}")
        data["tool_response"] = {}
        first = path not in self.codes
        self.codes[path] = code
        now = time.time_ns()
        self._commit(capture(data, now), now, counted)
        self.dropped["unchanged"] += not first

    def _commit(self, event: dict[str, Any], captured_ns: int, counted: bool) -> None:
        key = inbox.commit(str(self.directory), event, captured_ns)
        assert key
        if counted:
            tally.add(str(self.directory), "captured", key)
        self.captured += 1
        self.settled = False

    @rule()
    def damage(self) -> None:
        """A file that is no event."""
        (self.directory / f"pending_bad{self.captured}.json").write_text("{")
        self.captured += 1
        self.bad += 1
        self.settled = False

    @rule(steps=st.integers(0, 30), fault=st.sampled_from([None, Fault.REFUSE, Fault.DB_DOWN]))
    def flush_and_die(self, steps: int, fault: Fault | None) -> None:
        """A flusher that ends in the middle, the service being well or not."""
        with ExitStack() as stack:
            if fault:
                stack.enter_context(self.server.faults.during(fault))
            countdown = [steps]
            for owner, name in STEPS:
                step = mortal(getattr(owner, name), countdown)
                stack.enter_context(patch.object(owner, name, step))
            try:
                self.outpost.flush()
            except Killed:
                pass
        self.settled = False

    @rule()
    def flush_while_it_is_down(self) -> None:
        """A flusher that a hook starts: with the circuit open it asks nobody."""
        circuit = gather(str(self.directory))["circuit_breaker"]["state"]
        before = len(self.server.requests)
        with self.server.faults.during(Fault.STATUS, status=500):
            self.outpost.run()
        asked = len(self.server.requests) - before
        assert asked == 0 or circuit != "open"
        self.settled = False

    @rule(data=st.data(), verb=st.sampled_from([outbox.retry, outbox.drop]))
    def look_after_quarantine(self, data: st.DataObject, verb: Callable[[str, str], None]) -> None:
        """A person has a look at what is in quarantine."""
        names = outbox.quarantined_names(str(self.directory))
        if names:
            verb(str(self.directory), data.draw(st.sampled_from(names)))
            self.settled = False
            if verb is outbox.drop:
                self.bad -= 1
                self.dropped["discarded"] += 1

    @rule(data=st.data())
    def remove_by_hand(self, data: st.DataObject) -> None:
        """A person deletes an event that waits for the service."""
        ledger = self.outpost.ledger()
        names = sorted(ledger.waiting() & set(self.outpost.pending()))
        ledger.close()
        found = {name: outbox.read(str(self.directory), name) for name in names}
        mine = [name for name, event in found.items() if "service_url" not in event]
        if mine:
            (self.directory / data.draw(st.sampled_from(mine))).unlink()
            self.dropped["removed"] += 1
            self.settled = False

    @rule()
    def books_add_up(self) -> None:
        """The next run, with nobody dying, makes up for all that was."""
        self.outpost.flush()
        self.outpost.flush()
        assert_whole(self.directory)
        status = balance(self.directory)
        assert status["captured"] == self.captured
        assert status["quarantined"] == self.bad
        assert {**dict.fromkeys(self.dropped, 0), **status["dropped"]} == self.dropped
        ledger = self.outpost.ledger()
        for event in ledger.events():
            code = ledger.creation_of(event.pattern_id)["code"]
            assert code == self.codes[str(event.file_path)]
        ledger.close()
        # What somebody removed may have been sent by a flusher that died of it.
        sent = len(self.server.commits) - status["delivered"]
        assert 0 <= sent <= self.dropped["removed"]
        self.settled = True

    @invariant()
    def nothing_torn_is_visible(self) -> None:
        for item in outbox.pending(str(self.directory)):
            if not item.name.startswith("pending_bad"):
                outbox.read(str(self.directory), item.name)


def mortal(step: Callable[..., Any], countdown: list[int]) -> Callable[..., Any]:
    """`step` in a process that is killed after so many beginnings and ends of steps."""

    def run(*given: Any, **named: Any) -> Any:
        _live(countdown)
        found = step(*given, **named)
        _live(countdown)
        return found

    return run


def _live(countdown: list[int]) -> None:
    if countdown[0] <= 0:
        raise Killed
    countdown[0] -= 1


class TestModel(Tracker.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=20, stateful_step_count=20)


@pytest.mark.long
class TestModelAtLength(Tracker.TestCase):  # type: ignore[valid-type,misc]
    settings = settings(max_examples=300, stateful_step_count=30)
