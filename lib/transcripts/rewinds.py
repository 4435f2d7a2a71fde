"""Find the prompts before which the client took files back: its `/rewind`, of which no hook tells.

At a rewind the client writes nothing but what was typed. With the next prompt it writes a snapshot,
which names its own copies of the files that it ever changed, as they are at that prompt. That this
was no person's doing is told by the conversation, which forks there, or by what was typed.
"""

from collections.abc import Sequence
from typing import NamedTuple

from lib.transcripts.fields import MAX_PATH, when, word

_SNAPSHOT, _DELTA = "file-history-snapshot", "file-history-delta"
# What is known of a session's files: of so many files, so many copies of each, so many prompts.
_MOST_FILES, _MOST_COPIES, _MOST_PROMPTS = 1000, 256, 4096


class Copy(NamedTuple):
    """The client's copy of a file: its `name`, "" where there was no file; those made `earlier`.

    `directory` is that of the file, "" where it is not told.
    """

    name: str
    directory: str
    earlier: tuple[str, ...]


class Rewound(NamedTuple):
    """A prompt before which files were taken back, perhaps: `copies` by the files' paths.

    `since` is when the last was written before that prompt, `when` the time of the prompt itself.
    """

    prompt_uuid: str
    since: str
    when: str
    copies: dict[str, Copy]


class Rewinds:
    """Looks for rewinds in the records of a session's own transcript, one after another.

    Args:
        session_id: the session.
        typed: when the command was typed in it, as the ledger writes it.
        memory: what `memory` returned when reading was left off, None where reading begins with
            enough of what stands before. With it a prompt is told too that may be none after all.
    """

    def __init__(self, session_id: str, typed: Sequence[str], memory: str | None = None) -> None:
        self._session_id = session_id
        self._typed = typed
        self._is_brief = memory is not None
        self._leaf, self._asked, self._since, self._due = ((memory or "") + "|||").split("|")[:4]
        # The lines that prompts followed, and the copies of each file that were named.
        self._followed: dict[str, None] = {}
        self._copies: dict[str, dict[str, None]] = {}
        self._newest: dict[str, Copy] = {}
        self._found: dict[str, Copy] = {}
        self._found_at = ""

    @property
    def asked(self) -> str:
        """When the last prompt was, "" before the first."""
        return self._asked

    def memory(self) -> str:
        """Return what is to be remembered till reading goes on: a word."""
        return "|".join((self._leaf, self._asked, self._since, self._due))

    def take(self, record: dict[str, object]) -> Rewound | None:
        """Take the next record; return what it tells of a rewind."""
        kind = record.get("type")
        if kind == _DELTA:
            self._note(record.get("trackingPath"), record.get("backup"))
        elif kind == _SNAPSHOT:
            self._take_snapshot(record)
        elif not self._take_line(record, kind):
            return None
        return self._told()

    def standing(self) -> Rewound | None:
        """Return the command that was typed after the last prompt, None if none was.

        Whether files were taken back then they tell themselves: all copies of each are given.
        """
        last = max(self._typed, default="")
        if last <= self._asked:
            return None
        return Rewound(last, last, "", dict(self._newest))

    def _take_line(self, record: dict[str, object], kind: object) -> bool:
        uuid = word(record, "uuid")
        is_own = word(record, "sessionId") == self._session_id
        if not uuid or not is_own or record.get("isSidechain") is True:
            return False
        is_prompt = kind == "user" and "toolUseResult" not in record
        if is_prompt and record.get("isMeta") is not True:
            self._take_prompt(record, uuid)
        self._leaf, self._since = uuid, when(record) or self._since
        return is_prompt

    def _take_prompt(self, record: dict[str, object], uuid: str) -> None:
        parent, now = word(record, "parentUuid"), when(record)
        forks = self._leaf not in ("", parent) if self._is_brief else parent in self._followed
        if forks or any(self._asked < typed <= now for typed in self._typed):
            self._due = f"{uuid}/{self._since}/{now}"
        self._asked = now
        self._followed[parent] = None
        if len(self._followed) > _MOST_PROMPTS:
            del self._followed[next(iter(self._followed))]

    def _take_snapshot(self, record: dict[str, object]) -> None:
        snapshot = record.get("snapshot")
        told = snapshot.get("trackedFileBackups") if isinstance(snapshot, dict) else None
        if not isinstance(told, dict):
            return
        found = {path: copy for path in told if (copy := self._note(path, told[path]))}
        if record.get("isSnapshotUpdate") is not True:
            self._found, self._found_at = found, word(record, "messageId")

    def _note(self, path: object, told: object) -> Copy | None:
        if not isinstance(path, str) or not isinstance(told, dict) or len(path) > MAX_PATH:
            return None
        name, directory = word(told, "backupFileName"), told.get("realParentDir")
        if not name and told.get("backupFileName") is not None:
            return None
        known = self._copies.setdefault(path, {})
        earlier = tuple(known)
        known[name] = None
        if len(known) > _MOST_COPIES:
            del known[next(iter(known))]
        if len(self._copies) > _MOST_FILES:
            oldest = next(iter(self._copies))
            del self._copies[oldest], self._newest[oldest]
        self._newest[path] = Copy(name, directory if isinstance(directory, str) else "", earlier)
        return self._newest[path]

    def _told(self) -> Rewound | None:
        """Return the rewind before a prompt once that and its snapshot were read, in any order."""
        uuid, _, times = self._due.partition("/")
        if not uuid or uuid != self._found_at:
            return None
        self._due = ""
        since, _, now = times.partition("/")
        return Rewound(uuid, since or now, now, self._found)
