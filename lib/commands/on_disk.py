"""Compare recorded files with the disk: the same, changed by others, or gone."""

import os

from lib.capture.event import OVERSIZE, Content
from lib.capture.named_file import Refused, read
from lib.ledger.earlier_identity import earlier_id
from lib.ledger.history import History
from lib.ledger.worktrees import Worktrees
from lib.system.places import is_away

SAME, DIFFERS, GONE, UNREAD = "same", "differs", "gone", "unread"


def state(history: History, path: str, recorded_as: str = "") -> str:
    """Compare the file at `path` with its last recorded content, or that of `recorded_as`.

    UNREAD: it cannot be compared. Raises sqlite3.Error.
    """
    away = is_away(path)
    if away is None:
        return GONE
    if away:
        return UNREAD
    recorded = history.head(recorded_as or path)
    language, pattern_type = history.words_of(recorded)
    if not path.startswith("/") or not recorded or pattern_type == OVERSIZE:
        return UNREAD
    code = code_of(path)
    if code is None:
        return UNREAD
    ids = [Content(code, path, language, pattern_type).pattern_id]
    if history.has_earlier_ids():
        ids.append(earlier_id(code, language, pattern_type))
    return SAME if recorded in ids else DIFFERS


def twins(history: History, path: str) -> list[str]:
    """List the recorded files of other worktrees that are this one, and held last what it holds."""
    names = Worktrees(history, os.path.dirname(path)).twins(path)
    known = (name for name in names if history.head(name))
    return [name for name in known if state(history, path, name) == SAME]


def code_of(path: str) -> str | None:
    """Return the code that the file at `path` holds, None if it cannot be told."""
    try:
        return read(path)
    except Refused:
        return None


def id_of(path: str) -> str:
    """Return the id of the code that the file at `path` holds, "" if it cannot be told."""
    code = code_of(path)
    return "" if code is None else Content(code, path).pattern_id
