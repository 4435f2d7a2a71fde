"""Apply the client's hunks to code, take them back out of it, and read whole files out of them.

Each function returns None where the hunks do not fit, or do not tell.
"""

from itertools import pairwise
from typing import Any

# How the lines of a hunk begin: those of both sides, of one alone, and what is said of the line
# before, that no newline follows it.
_BOTH, _OLD, _NEW, _NO_NEWLINE = " ", "-", "+", "\\"


def applied(code: str, hunks: object) -> str | None:
    """Make of `code` what a call made of it."""
    return _turned(code, hunks, "oldStart")


def taken_back(code: str, hunks: object) -> str | None:
    """Make of the `code` after a call what was there before; its lines end by newlines then."""
    return _turned(code.replace("\r\n", "\n").replace("\r", "\n"), hunks, "newStart")


def last(hunks: object) -> str | None:
    """Read what a deleted file held."""
    return _whole(hunks, _OLD)


def written(hunks: object) -> str | None:
    """Read what a new file holds."""
    is_new = not any(line[:1] in (_BOTH, _OLD) for line in _lines(hunks))
    return _whole(hunks, _NEW) if is_new else None


def _turned(code: str, hunks: object, start_name: str) -> str | None:
    several: Any = hunks if isinstance(hunks, list) else []
    lines = code.split("\n")
    try:
        for hunk in reversed(several):
            sides = _sides([str(line) for line in hunk["lines"]])
            gone, come = sides if start_name == "oldStart" else sides[::-1]
            # Where a side has no lines the client tells the line before, or the first.
            told = hunk[start_name]
            start = max(told, 1) - 1 if gone else min(told, len(lines) - 1)
            if told < 0 or lines[start : start + len(gone)] != gone:
                return None
            lines[start : start + len(gone)] = come
    except (KeyError, TypeError):
        return None
    return "\n".join(lines) if several else None


def _sides(told: list[str]) -> tuple[list[str], list[str]]:
    """List the old and the new lines of a hunk.

    Code that ends by a newline has an empty line after it. A hunk holds that where it tells of the
    other side that it does not end so.
    """
    old = [line[1:] for line in told if line[:1] in (_BOTH, _OLD)]
    new = [line[1:] for line in told if line[:1] in (_BOTH, _NEW)]
    endless = {one[:1] for one, after in pairwise(told) if after[:1] == _NO_NEWLINE}
    if endless == {_OLD}:
        new.append("")
    elif endless == {_NEW}:
        old.append("")
    return old, new


def _whole(hunks: object, mark: str) -> str | None:
    told = _lines(hunks)
    if not told:
        return None
    held = "\n".join(line[1:] for line in told if line[:1] == mark)
    return held if any(line[:1] == _NO_NEWLINE for line in told) else f"{held}\n"


def _lines(hunks: object) -> list[str]:
    several: Any = hunks if isinstance(hunks, list) else []
    try:
        return [str(line) for hunk in several for line in hunk["lines"]]
    except (KeyError, TypeError):
        return []
