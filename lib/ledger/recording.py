"""Record one event in the ledger, with the patterns, edges and creations that it implies."""

import sqlite3
from typing import Any

from lib.capture import identity
from lib.capture.event import FILE_DELETED, FILE_UNCHANGED, UNKNOWN, UNTOLD
from lib.ledger import moments, overlaps, snapshots, sums, unplaced, ways
from lib.ledger.adjacent import placed
from lib.ledger.chain import Chain, Outside
from lib.ledger.event_ids import creation_event_id, is_recorded, outside_event_id
from lib.ledger.moments import CREATED, DERIVED, Moment
from lib.ledger.nodes import Nodes
from lib.ledger.projects import Projects
from lib.ledger.revisions import AGENT, FORMAT, OUTSIDE, UNDO
from lib.ledger.text import storable
from lib.ledger.ways import USUAL_TYPE
from lib.spool.spooled import Event

RECORDED, UNCHANGED, KNOWN, DELETED = "recorded", "unchanged", "known", "deleted"


class Recording:
    """Records one event, within the caller's transaction; may raise sqlite3.Error.

    `moment` is given where the events come in their order, whenever that was.
    """

    def __init__(
        self, db: sqlite3.Connection, event: Event, projects: Projects, moment: Moment | None = None
    ) -> None:
        self._db = db
        self._projects = projects
        self._event = event
        self._data: dict[str, Any] = event["event_data"]
        self._type = storable(event["event_type"])
        self._subject = str(event["pattern_id"])
        self._content_id = storable(event.get("content_pattern_id")) or self._subject
        told = self._data.get("parent_pattern_ids")
        parents = told if isinstance(told, list) else []
        self._parents = [one for one in parents if identity.is_valid_id(one)]
        self._edge = storable(self._data.get("edge_type")) or "derived_from"
        self._path = storable(self._data.get("file_path"))
        details = self._data.get("pattern_data")
        self._details: dict[str, Any] = details if isinstance(details, dict) else {}
        self._snapshot: str | None = None
        self._chain = Chain(db, event)
        self._nodes = Nodes(db, event)
        self._is_known = is_recorded(db, storable(event["event_id"]))
        self._moment, self._place = self._placed(moment)
        self._is_late = self._place.is_late
        self._before_snapshot: str | None = None
        guessed = unplaced.GUESSED if unplaced.is_guessed(event) else None
        self._told = event["before"] if event.get("before") in (UNKNOWN, UNTOLD) else guessed
        self._is_whole = False

    def record(self) -> str:
        """Record the event, and before it what others made of the file, and unseen parents.

        Returns RECORDED, or why there was no event to record: KNOWN for one that was recorded
        before, UNCHANGED for a modification that changed no code, DELETED for the end of a file.
        """
        if self._is_known:
            moments.adopt(self._db, self._event, self._moment)
            unplaced.adopt(self._db, self._event, self._moment)
            return KNOWN
        outcome = self._record()
        if not self._is_whole:
            unplaced.keep(self._db, self._event, self._moment)
        if self._place.is_out:
            moments.note_disorder(self._db)
        return outcome

    def _placed(self, moment: Moment | None) -> tuple[Moment, moments.Place]:
        """Return when the event was captured, and its place among those that are recorded."""
        if moment:
            return moment, moments.IN_ORDER
        if self._is_known:  # others have their places by it already
            return moments.moment_of(self._db, self._event, self._path)
        return placed(self._db, self._event, self._path, self._chain.head)

    def _record(self) -> str:
        if self._told in (UNKNOWN, UNTOLD):
            self._resolve_before()
        if self._is_late and self._type in (FILE_DELETED, FILE_UNCHANGED):
            return UNCHANGED
        if self._chain.actor == UNDO and self._chain.head is None:
            # Nobody recorded what was taken back.
            return UNCHANGED
        if overlaps.is_claim(self._db, self._event, self._chain.head):
            return UNCHANGED
        bridged = "" if self._is_late else self._bridge()
        if self._type == FILE_DELETED:
            is_new = self._chain.delete()
            return bridged or (DELETED if is_new else UNCHANGED)
        if self._type == FILE_UNCHANGED or (
            self._type == "pattern_modified" and self._parents == [self._content_id]
        ):
            snapshot = snapshots.add(self._db, self._code())
            self._chain.add(self._content_id, snapshot, self._code(), None)
            return bridged or UNCHANGED
        if self._type == "pattern_created" and self._projects.hold(self._subject, self._path):
            self._type, self._told = "pattern_applied", self._told or CREATED
        if self._type == "pattern_created" and not self._parents:
            self._parents, self._edge = self._nodes.earlier(self._content_id), "derived_from"
        self._imply_parents()
        if self._type == "pattern_applied":
            self._imply(self._subject, self._code(), self._name())
        before = self._before()
        self._before_snapshot = snapshots.add(self._db, before)
        self._snapshot = snapshots.add(self._db, self._code(), before)
        self._add_event()
        ways.join(self._db, self._parents, self._content_id, self._edge)
        ways.join(self._db, [self._subject], self._content_id, "derived_from")
        return RECORDED

    def _bridge(self) -> str:
        """Record what somebody else made of the file; return RECORDED if that makes an event."""
        self._chain.end_unseen()
        found = self._chain.outside()
        if found is None:
            return ""
        seq = self._add_outside_event(found) if found.changed else None
        self._chain.add_outside(found, seq)
        return RECORDED if seq else ""

    def _add_outside_event(self, found: Outside) -> int:
        head = self._chain.head
        assert head is not None
        self._nodes.count(found.pattern_id)
        seq = self._insert(
            event_id=outside_event_id(storable(self._event["event_id"])),
            event_type="pattern_modified",
            pattern_id=found.pattern_id,
            pattern_name=found.name,
            parent_pattern_ids=head.pattern_id,
            content_id=found.pattern_id,
            snapshot=found.snapshot,
            before_snapshot=head.snapshot,
            reason=found.reason,
            edge_type="modified_from",
            actor=OUTSIDE,
            told=DERIVED,
        )
        ways.join(self._db, [head.pattern_id], found.pattern_id, "modified_from")
        return seq

    def _resolve_before(self) -> None:
        head = self._chain.head
        if head and not head.gone and self._type == "pattern_created":
            self._type, self._parents = "pattern_modified", [head.pattern_id]
            self._edge = "modified_from"

    def _imply_parents(self) -> None:
        told = self._event.get("parents")
        known = {}
        for parent in told if isinstance(told, list) else []:
            if isinstance(parent, dict) and identity.is_valid_id(parent.get("pattern_id")):
                known[parent["pattern_id"]] = parent
        for parent_id in self._parents:
            parent = known.get(parent_id, {})
            self._imply(parent_id, parent.get("code"), parent.get("pattern_name"))

    def _imply(self, pattern_id: str, code: object, told_name: object) -> None:
        """Record the creation of a pattern that was never captured: every edge needs both ends."""
        if self._nodes.knows(pattern_id):
            return
        name = self._nodes.name_of(told_name, code)
        earlier = self._nodes.earlier(pattern_id)
        snapshot = snapshots.add(self._db, code)
        self._nodes.count(pattern_id)
        kind = "pattern_modified" if earlier else "pattern_created"
        event_id = creation_event_id(pattern_id)
        self._insert_event(event_id, kind, pattern_id, name, earlier, snapshot, implied=1)
        ways.join(self._db, earlier, pattern_id, "derived_from")

    def _add_event(self) -> None:
        event_id, parents = storable(self._event["event_id"]), self._parents
        self._nodes.count(self._content_id)
        seq = self._insert_event(
            event_id, self._type, self._subject, self._name(), parents, self._snapshot
        )
        told = storable(self._event["timestamp"]), self._type, storable(self._data.get("language"))
        edit = sums.Edit(0 if self._is_late else seq, *told, self._path, self._content_id)
        sums.add_edits(self._db, [edit])
        # A row tells all of the event, with that of its file's revision.
        self._is_whole = not self._path
        if self._path and not self._is_late:
            self._is_whole = self._chain.add(self._content_id, self._snapshot, self._code(), seq)

    def _before(self) -> str | None:
        """Return what the file held before, which its id does not tell to the letter."""
        told = self._event.get("parents")
        before = told[0] if isinstance(told, list) and len(told) == 1 else None
        code = before.get("code") if isinstance(before, dict) else None
        return code if isinstance(code, str) else None

    def _insert_event(
        self,
        event_id: str,
        event_type: str,
        pattern_id: str,
        name: str,
        parents: list[str],
        snapshot: str | None,
        implied: int = 0,
    ) -> int:
        # Why this was changed is no reason of what was there before.
        reason = "" if implied else storable(self._data.get("reason"))
        if not implied and not reason and self._chain.is_layout(self._code()):
            reason = FORMAT
        return self._insert(
            event_id=event_id,
            event_type=event_type,
            pattern_id=pattern_id,
            pattern_name=name,
            tool_name=storable(self._data.get("tool_name")) or None,
            session_id=storable(self._details.get("session_id")) or None,
            parent_pattern_ids=" ".join(parents),
            content_id=pattern_id if implied else self._content_id,
            snapshot=snapshot,
            before_snapshot=None if implied else self._before_snapshot,
            reason=reason or None,
            implied=implied,
            edge_type=self._edge if parents else None,
            actor=None if implied or self._chain.actor == AGENT else self._chain.actor,
            told=None if implied else self._told,
        )

    def _insert(self, **values: object) -> int:
        """Insert a row of events with what all those of this file have in common."""
        values["timestamp"] = storable(self._event["timestamp"])
        values["language"] = storable(self._data.get("language"))
        values["file_path"] = self._path or None
        kind = storable(self._data.get("pattern_type"))
        values["pattern_type"] = None if kind == USUAL_TYPE else kind
        values["boot"], values["up"] = self._moment
        if values["reason"] == FORMAT:
            sums.add(self._db, f"{sums.STEPS}{FORMAT}", 1)
        names, marks = ", ".join(values), ", ".join("?" * len(values))
        query = f"INSERT INTO events ({names}) VALUES ({marks})"
        return self._db.execute(query, tuple(values.values())).lastrowid or 0

    def _code(self) -> object:
        return self._details.get("code")

    def _name(self) -> str:
        return storable(self._data.get("pattern_name"))
