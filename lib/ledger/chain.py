"""Go on with the revisions of one file: what others made of it since, then what an event did."""

import sqlite3
from typing import NamedTuple

from lib.capture.event import UNTOLD
from lib.capture.identity import is_valid_id
from lib.ledger import overlaps, revisions, snapshots
from lib.ledger.nodes import Nodes
from lib.ledger.revisions import AGENT, OUTSIDE, SHELL, UNDO, Head, Revision
from lib.ledger.snapshots import Kept
from lib.ledger.text import storable
from lib.ledger.unplaced import is_guessed
from lib.spool.spooled import Event


class Outside(NamedTuple):
    """What somebody else made of a file since its last revision, and the reason if that is known.

    `changed`: it is other code, and makes an event, which has the `name`.
    """

    pattern_id: str
    name: str
    snapshot: str | None
    change: str
    changed: bool
    reason: str | None


class Chain:
    """The revisions of the file of `event`, within the caller's transaction.

    `head` is the last one, None before the first. Every method may raise sqlite3.Error.
    """

    def __init__(self, db: sqlite3.Connection, event: Event) -> None:
        self._db = db
        self._event = event
        self._data = event["event_data"]
        self._path = storable(self._data.get("file_path"))
        self.head = revisions.head_of(db, self._path) if self._path else None
        told = event.get("parents")
        before = told[0] if isinstance(told, list) and len(told) == 1 else None
        self._before: dict[str, object] = before if isinstance(before, dict) else {}
        told_actor = event.get("actor")
        self.actor = str(told_actor) if told_actor in (SHELL, OUTSIDE, UNDO) else AGENT

    def outside(self) -> Outside | None:
        """Find what the file held before the event, if that is not what it held last."""
        pattern_id, code, head = self._before.get("pattern_id"), self._before.get("code"), self.head
        if not self._path or not isinstance(pattern_id, str) or not is_valid_id(pattern_id):
            return None
        snapshot = snapshots.add(self._db, code)
        if head is None:
            return Outside(pattern_id, "", snapshot, revisions.BEFORE, False, None)
        if revisions.is_same(self._db, head, pattern_id, snapshot, code):
            return None
        if overlaps.is_overwritten(self._db, self._event, head, snapshot):
            return None
        if head.pattern_id == pattern_id and not head.gone:
            return Outside(pattern_id, "", snapshot, revisions.UNCHANGED, False, None)
        name = Nodes(self._db, self._event).name_of(self._before.get("pattern_name"), code)
        change = revisions.CREATED if head.gone else revisions.MODIFIED
        held, holds = snapshots.read(self._db, head.snapshot), snapshots.text(self._db, code)
        layout = revisions.is_layout(held, holds)
        return Outside(
            pattern_id, name, snapshot, change, True, revisions.FORMAT if layout else None
        )

    def end_unseen(self) -> None:
        """Add the end of the file where the event made it and nobody told that it was gone."""
        if (head := self.head) and self._is_made_anew(head):
            when = storable(self._event["timestamp"])
            new = Revision(head.pattern_id, None, OUTSIDE, revisions.DELETED, when)
            self.head = revisions.add(self._db, self._path, head, new)

    def _is_made_anew(self, head: Head) -> bool:
        event = self._event
        is_told = event["event_type"] == "pattern_created" and event.get("before") is None
        is_call = self.actor in (AGENT, SHELL) and not is_guessed(event)
        # What is made of an empty file is told as made, too.
        return (
            is_told
            and is_call
            and not (head.gone or self._before or revisions.is_nothing(head.pattern_id))
            and not overlaps.is_made_beside(self._db, event, head)
        )

    def is_layout(self, code: object) -> bool:
        """Check whether the event changed the layout alone of what the file held before.

        Of one whose code is kept already that was asked.
        """
        is_asked = isinstance(code, Kept)
        return not is_asked and revisions.is_layout(self._before.get("code"), code)

    def add_outside(self, found: Outside, seq: int | None) -> None:
        """Add the revision of what somebody else did, whose event has the number `seq`."""
        when = storable(self._event["timestamp"])
        new = Revision(found.pattern_id, found.snapshot, OUTSIDE, found.change, when, seq)
        self.head = revisions.add(self._db, self._path, self.head, new)

    def add(self, pattern_id: str, snapshot: str | None, code: object, seq: int | None) -> bool:
        """Add what the event made of the file; False if the file held that before."""
        head = self.head
        if not self._path:
            return False
        if head is not None and revisions.is_same(self._db, head, pattern_id, snapshot, code):
            return False
        is_new = (head is None or head.gone) and self._event.get("before") != UNTOLD
        change = revisions.CREATED if is_new else revisions.MODIFIED
        self._add(pattern_id, snapshot, change if seq else revisions.UNCHANGED, seq)
        return True

    def delete(self) -> bool:
        """Add the end of the file; False if it was not known, or gone already."""
        if self.head is None or self.head.gone:
            return False
        self._add(self.head.pattern_id, None, revisions.DELETED, None)
        return True

    def _add(self, pattern_id: str, snapshot: str | None, change: str, seq: int | None) -> None:
        details = self._data.get("pattern_data")
        session = details.get("session_id") if isinstance(details, dict) else None
        event = self._event
        new = Revision(
            pattern_id=pattern_id,
            snapshot=snapshot,
            actor=self.actor,
            change=change,
            timestamp=storable(event["timestamp"]),
            seq=seq,
            event_id=None if seq else storable(event["event_id"]),
            session_id=storable(session) or None,
            program=storable(event.get("program")) or None,
            prompt_id=storable(event.get("prompt_id")) or None,
            tool_use_id=storable(event.get("tool_use_id")) or None,
            agent_id=storable(event.get("agent_id")) or None,
            agent_type=storable(event.get("agent_type")) or None,
        )
        self.head = revisions.add(self._db, self._path, self.head, new)
