"""Tell how many of the lines that the agent wrote stood some days later."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from math import inf
from typing import NamedTuple

from lib.ledger.attribution import contents
from lib.ledger.history import History
from lib.ledger.line_changes import Change, Lines
from lib.ledger.revisions import AGENT, BEFORE, DELETED, FORMAT, SHELL
from lib.ledger.steps import Step, steps_of

DAYS = (7, 30)
_DAY_SECONDS = 86_400.0
# When a line of the agent's was written, in seconds since 1970; None for one of somebody else's.
Born = float | None


class Survived(NamedTuple):
    """Of `lines` that are older than so many `days`, as many stood then."""

    days: int
    lines: int
    stood: int


def survival(history: History, paths: Iterable[str], now: float) -> list[Survived]:
    """Count the lines in files that the agent, or a shell of it, wrote some days before `now`.

    A line that was changed is another one, but for a change of its layout. Raises sqlite3.Error.
    """
    lives = [life for path in paths for life in _lives(history, path)]
    found = []
    for days in DAYS:
        seconds = days * _DAY_SECONDS
        old = [end - born for born, end in lives if now - born >= seconds]
        found.append(Survived(days, len(old), sum(age >= seconds for age in old)))
    return found


def _lives(history: History, path: str) -> Iterator[tuple[float, float]]:
    """Yield when each of the agent's lines in a file was written, and when it went (inf: never)."""
    lines, born = Lines(), list[Born]()
    for where, step, code in contents(history, path, None):
        if step is None or (at := _seconds(step.timestamp)) is None:
            continue
        is_own = where == path and step.actor in (AGENT, SHELL) and step.change != BEFORE
        changes = lines.become(code)
        for change in changes:
            if not _is_layout(step, change):
                gone = born[change.old : change.old + change.old_size]
                yield from ((one, at) for one in gone if one is not None)
        born = _next(born, changes, step, at if is_own else None)
    last = next(iter(steps_of(history, path, 1)), None)
    end = inf if last is None or last.change != DELETED else _seconds(last.timestamp) or inf
    yield from ((one, end) for one in born if one is not None)


def _next(before: list[Born], changes: Iterable[Change], step: Step, new: Born) -> list[Born]:
    made: list[Born] = []
    at = 0
    for change in changes:
        end = change.old + change.old_size
        is_kept = _is_layout(step, change)
        made += before[at : change.old]
        made += before[change.old : end] if is_kept else [new] * change.new_size
        at = end
    return made + before[at:]


def _is_layout(step: Step, change: Change) -> bool:
    return step.reason == FORMAT and change.old_size == change.new_size


def _seconds(timestamp: str) -> float | None:
    try:
        return datetime.fromisoformat(timestamp.replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None
