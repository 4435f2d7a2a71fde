"""Render templates: whatever the ledger holds comes out as text."""

import os
import shlex
import time
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from lib.ledger import hints
from lib.ledger.reasons import first_line
from lib.system import wording

HERE = os.path.dirname(os.path.abspath(__file__))
# In characters: more of a prompt, or of a line of code, is not shown in a list.
MOST_WORDS = 90


class Absent(Exception):
    """What was asked for was never recorded; the text says so in one line."""


@cache
def _environment() -> Environment:
    made = Environment(
        loader=FileSystemLoader(f"{HERE}/templates"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True, finalize=_visible, auto_reload=False,
    )  # fmt: skip
    made.filters.update(
        day=lambda text: wording.local(text, "%Y-%m-%d"), when=wording.local,
        ago=lambda text: wording.ago(text, time.time()) if text else "never",
        age=wording.age, short=wording.shortened, words=words, model=short_model, code=code,
        many=many, quoted=quoted,
    )  # fmt: skip
    made.globals.update(link=link, fates=hints.WORDS)
    return made


def prepare() -> None:
    """Compile the templates that the first view of all needs."""
    for name in ("base.html", "_parts.html", "home.html"):
        _environment().get_template(name)


def _visible(value: object) -> object:
    """Show control characters, and those that turn a line around, instead of obeying them."""
    is_text = isinstance(value, str) and not hasattr(value, "__html__")
    return wording.printable(str(value)) if is_text else value


def rendered(name: str, values: Mapping[str, Any], status: int = 200) -> HTMLResponse:
    """Return the page that a template makes of `values`."""
    return HTMLResponse(_environment().get_template(name).render(values), status)


def link(view: str, fragment: str = "", **asked: object) -> str:
    """Write a relative address of a view, with what is asked of it where that is anything."""
    query = urlencode({name: value for name, value in asked.items() if value}, errors="replace")
    mark = f"#{fragment}" if fragment else ""
    return f"{view or './'}{'?' if query else ''}{query}{mark}"


def words(text: str, most: int = MOST_WORDS) -> str:
    """Return the beginning of a text's first line that says something."""
    text = first_line(text)
    return text if len(text) <= most else f"{text[: most - 1].rstrip()}…"


def quoted(text: str) -> str:
    """Quote a word for a shell, so that what is shown of it can be typed there."""
    if text.isprintable():
        return shlex.quote(text)
    kept = text.replace("\\", "\\\\").replace("'", "\\'")
    return f"$'{wording.printable(kept)}'"


def code(line: str) -> str:
    """Return a line of code without tabs."""
    return line.expandtabs(4)


def short_model(model: str | None) -> str:
    """Shorten a model's name as people say it."""
    return (model or "").removeprefix("claude-").split("-20", 1)[0]


def number(text: str | None, least: int = 0, most: int = 2**62) -> int:
    """Read a number from an address; what is none is `least`."""
    found = int(text) if text and text.isascii() and text.isdecimal() and len(text) < 20 else least
    return min(max(found, least), most)


def many(count: int, noun: str) -> str:
    """Word how many of something there are."""
    return f"{count} {noun}{'s' * (count != 1)}"
