"""Find words in what was recorded."""

import re
from typing import Any

from lib.ledger import kinship, search_index
from lib.ledger.history import History
from lib.ledger.search_index import FILE, PROMPT, Found, Place
from lib.ledger.store import FILE_NAME
from lib.web.asked import Asked
from lib.web.page import link
from lib.web.unit_view import place

SHOWN, NAMED = 40, 12
# What may be a function's name, or how one begins.
_NAME = re.compile(r"[^\W\d]\w{2,}")
# In characters: more of a query is not looked for.
MOST_TEXT = 300


def search(history: History, asked: Asked) -> dict[str, Any]:
    """Tell the best matches of some words, in prompts, titles, names and code."""
    text = asked.text("q")[:MOST_TEXT].strip()
    found: list[tuple[Found, Place, str]] = []
    done, count = asked.indexed() if text else (0, 0)
    if text:
        with search_index.opened(f"{asked.directory}/{FILE_NAME}") as index:
            for one in index.find(text, SHOWN):
                at = search_index.place(history, one)
                found.append((one, at, _address(one, at)))
    named = kinship.named_like(history, text, NAMED) if _NAME.fullmatch(text) else []
    units = [(one, place(one)) for one in named]
    return {"q": text, "found": found, "done": done, "count": count, "units": units}


def _address(found: Found, at: Place) -> str:
    if found.kind == FILE:
        line = max(1, found.number - 5) if found.number else 0
        return link("file", f"L{found.number}" if found.number else "", path=found.key, line=line)
    fragment = f"p-{found.key}" if found.kind == PROMPT else ""
    return link("session", fragment, id=at.session_id)
