"""Show which hints were given of code that stands elsewhere, and what became of each copy."""

from collections import Counter
from typing import Any, NamedTuple

from lib.ledger import hints as told
from lib.ledger.hints import Hint
from lib.ledger.history import History
from lib.ledger.roots import root_of
from lib.ledger.usage import below
from lib.web.asked import Asked
from lib.web.later import Due
from lib.web.page import link

# Of one page; and of so many, the newest, it is counted what became of them.
SHOWN, COUNTED = 60, 300


def hints(history: History, asked: Asked) -> dict[str, Any]:
    """List the hints, below a directory if one is asked for, the newest first."""
    root, but = asked.text("root").rstrip("/"), asked.number("but")
    found = _given(asked, root)
    shown = found[but : but + SHOWN]
    fates = asked.later(
        f"fates {root} {but} {len(found)}", lambda own: [told.fate(own, hint) for hint in shown]
    )
    counted = summed(asked, root)
    became, is_partial = fates.told()
    rows = [
        (hint, _origin(history, hint), told.WORDS[became[number]] if became else "")
        for number, hint in enumerate(shown)
    ]
    return {
        "root": root,
        "rows": rows,
        "is_partial": is_partial,
        "hints": counted.told(),
        "next": but + SHOWN if but + SHOWN < len(found) else 0,
    }


class Summed(NamedTuple):
    """How many hints were given, and how many of the newest had which end."""

    given: int
    became: "Counter[str]"


def summed(asked: Asked, root: str = "") -> Due[Summed]:
    """Begin to count the hints, below a directory if there is one, and what became of them."""

    def count(history: History) -> Summed:
        found = _given(asked, root)
        return Summed(len(found), told.fates(history, found[:COUNTED]))

    return asked.later(f"hints {root}", count)


def _given(asked: Asked, root: str) -> list[Hint]:
    found = told.given(asked.directory)[::-1]
    if not root:
        return found
    first, last = below(root)
    return [hint for hint in found if first <= hint.file_path < last]


def _origin(history: History, hint: Hint) -> str:
    root = root_of(history, hint.file_path)
    return link("unit", path=f"{root}/{hint.origin}", name=hint.name) if root else ""
