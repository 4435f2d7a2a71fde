"""Read which hints were given of code that stood elsewhere already, and what became of each."""

import re
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple, TypedDict

from lib.capture.hook import REUSE
from lib.capture.like_lines import WINDOW, lines_of, numbers
from lib.capture.reuse_hint import TOLD
from lib.ledger.history import History
from lib.ledger.text import storable

# What became of the copy, as its file was recorded last.
GONE, CALLED, KEPT = "gone", "called", "kept"
WORDS = {CALLED: "called instead", GONE: "not kept", KEPT: "kept as copies"}


class Hint(NamedTuple):
    """A hint: when, for which file and session, and of which unit in which file of the project.

    `lines` are numbers of the unit's first lines, see `lib.capture.like_lines`.
    """

    timestamp: str
    file_path: str
    lines: str
    session_id: str
    name: str
    origin: str

    def public(self) -> dict[str, str]:
        """Return the fields that `--json` prints."""
        return {name: value for name, value in self._asdict().items() if name != "lines"}


def given(directory: str) -> list[Hint]:
    """List the hints that are known in the spool at `directory`, oldest first."""
    found = []
    with (
        suppress(OSError),
        open(
            f"{directory}/{REUSE}{TOLD}", encoding="utf-8", errors="surrogateescape", newline="\n"
        ) as file,
    ):
        for line in file:
            timestamp, _, rest = line.rstrip("\n").partition(" ")
            words = rest.rsplit(" ", 4)
            if len(words) == 5:
                found.append(Hint(timestamp, *words))
    return found


class Summary(TypedDict):
    """How many hints are known, and the last one."""

    given: int
    last: dict[str, str] | None


def summary(directory: str) -> Summary:
    """Count the hints that are known in the spool at `directory`."""
    found = given(directory)
    return {"given": len(found), "last": found[-1].public() if found else None}


def fates(history: History, several: Iterable[Hint]) -> Counter[str]:
    """Count what became of hints: GONE, CALLED or KEPT. Raises sqlite3.Error."""
    return Counter(fate(history, hint) for hint in several)


def fate(history: History, hint: Hint) -> str:
    """Tell what became of a hint: GONE, CALLED or KEPT. Raises sqlite3.Error."""
    query = (
        "SELECT iif(gone, NULL, snapshot) FROM files LEFT JOIN revisions ON revision_id = revision "
        "WHERE path = ?"
    )
    found = history.rows(query, (storable(hint.file_path),))
    code = history.snapshot(found[0][0]) if found and found[0][0] else None
    if code is None:
        return GONE
    if _has(code, hint.lines):
        return KEPT
    name = re.escape(hint.name.rpartition(".")[2])
    return CALLED if re.search(rf"(?<![\w$]){name}(?![\w$])", code) else GONE


def _has(code: str, lines: str) -> bool:
    found = numbers(lines_of(code.encode("utf-8", "surrogatepass")))
    wanted = [int(word, 16) for word in lines.split(".") if word]
    return any(found[at : at + WINDOW] == wanted for at in range(len(found) - WINDOW + 1))
