"""Make the events of what the client took back at its `/rewind`, and find when that was."""

import sqlite3
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

from lib.capture import event
from lib.capture.event import Content
from lib.capture.payload import Change, event_of
from lib.flusher import look
from lib.ledger import revisions
from lib.ledger.revisions import DELETED, OUTSIDE, UNDO, Head
from lib.ledger.snapshots import digest_of
from lib.ledger.text import storable
from lib.system.timestamps import timestamp
from lib.transcripts.undone import Undone

_EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
# What a file was last at a time.
_LAST = (
    "SELECT r.revision_id, r.file_id, r.pattern_id, r.snapshot, r.change, r.actor, r.timestamp, "
    "b.boot, e.up FROM files f JOIN revisions r ON r.file_id = f.file_id "
    "LEFT JOIN events e ON e.seq = r.seq LEFT JOIN boots b ON b.id = e.boot "
    "WHERE f.path = ? AND r.timestamp <= ? ORDER BY r.revision_id DESC LIMIT 1"
)


class Moment(NamedTuple):
    """When a file was taken back: ns since 1970, and `boot` and `up` as events have; ("", 0)."""

    ns: int
    clock: tuple[str, int] = ("", 0)


def made_of(undone: Undone, path: str, captured_ns: int) -> dict[str, Any]:
    """Build the event of a file at the real `path` that was taken back at `captured_ns`."""
    told = {"session_id": undone.session_id, "cwd": undone.cwd}
    # It is the same event whenever it was: its id follows from the prompt.
    use = f"rewind {undone.prompt_uuid}"
    if undone.code is None:
        made: dict[str, Any] = event.build(
            event.FILE_DELETED, Content("", path), path=path, session_id=undone.session_id,
            tool_use_id=use, captured_ns=captured_ns, extra={"cwd": undone.cwd},
        )  # fmt: skip
    else:
        change = Change(path, undone.code, None, before_known=False)
        made = event_of(change, {**told, "tool_use_id": use}, captured_ns)
        # There is no such call to be looked for.
        del made["tool_use_id"]
    data: Any = made["event_data"]
    made["actor"] = data["triggered_by"] = UNDO
    return made


def moment_of(undone: Undone, path: str) -> Moment:
    """Tell when a file was taken back: by the disk if it is as it was then, else by the prompt."""
    before, after = _ns(undone.since), _ns(undone.when)
    changed_ns, code = look.seen(path, 0) if undone.code is not None else (0, None)
    is_so = code == undone.code and before < changed_ns < after
    return Moment(changed_ns if is_so else after)


def moment_in(
    db: sqlite3.Connection, undone: Undone, path: str, made: dict[str, Any]
) -> Moment | None:
    """Tell when a file was taken back, None where it held that already, or was never recorded.

    Where somebody saw it change before the transcript told, it was just before that. `made` is the
    event without secrets. May raise sqlite3.Error.
    """
    row = db.execute(_LAST, (storable(path), undone.when)).fetchone()
    if row is None:
        return None
    head, (actor, when, boot, up) = Head(*row[:5]), row[5:]
    if not _is_same(db, head, made):
        return moment_of(undone, path)
    if actor != OUTSIDE or when <= undone.since:
        return None
    return Moment(_ns(when) - 1000, (boot, up - 1) if boot and up else ("", 0))


def _is_same(db: sqlite3.Connection, head: Head, made: dict[str, Any]) -> bool:
    if made["event_type"] == event.FILE_DELETED:
        return head.change == DELETED
    code = made["event_data"]["pattern_data"]["code"]
    return revisions.is_same(db, head, made["content_pattern_id"], digest_of(code), code)


def at(made: dict[str, Any], captured_ns: int) -> dict[str, Any]:
    """Date an event."""
    made["timestamp"] = when = timestamp(captured_ns)
    made["event_data"]["pattern_data"]["captured_at"] = when
    return made


def _ns(when: str) -> int:
    """Return ns since 1970 of a time as the ledger writes it, 0 for none."""
    if not when:
        return 0
    return (datetime.fromisoformat(when) - _EPOCH) // timedelta(microseconds=1) * 1000
