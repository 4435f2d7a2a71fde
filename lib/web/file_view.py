"""Show a file with the reason of each line, and one step of it with its prompt and diff."""

from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from markupsafe import escape

from lib.ledger.attribution import Line, attribute
from lib.ledger.biography import Unit, UnitStep, done_in, units_in
from lib.ledger.biography import steps_of as units_steps
from lib.ledger.diff import unified
from lib.ledger.history import History
from lib.ledger.prompts import session
from lib.ledger.reasons import Reason, Reasons, summary, who
from lib.ledger.revisions import BEFORE, DELETED, FORMAT, OUTSIDE, UNCHANGED
from lib.ledger.steps import Step, size_of, step_by, steps_of
from lib.units import chronicle
from lib.web.asked import Asked
from lib.web.page import Absent, code, link

# Of one page: lines, and characters of code as they are sent. Of one line, of a list of steps, and
# of functions.
LINES, CHARACTERS, LINE, STEPS, UNITS = 400, 60_000, 600, 40, 60
# Of a longer file it is not told how many lines each step changed: that takes too long.
LONG = 2000
# No file has so many lines.
LAST = 2**62
DIFF_LINES, DIFF_CHARACTERS, PROMPT = 1500, 120_000, 60_000


class Block(NamedTuple):
    """Lines that came with one step: its link, why and by whom; each line with its number."""

    href: str
    why: str
    actor: str
    model: str | None
    timestamp: str
    lines: list[tuple[int, str]]


def file(history: History, asked: Asked) -> dict[str, Any]:
    """Tell whose each line of a file is, as it is recorded or as it was after a step."""
    path = asked.text("path")
    steps = steps_of(history, path)
    if not steps:
        raise Absent(f"no file {path} was recorded")
    at = min(asked.number("step"), len(steps)) or len(steps)
    step = steps[len(steps) - at]
    reasons = Reasons(history)
    is_last = at == len(steps)
    lines = asked.remembered(
        f"lines {step.revision_id}",
        lambda: attribute(history, path, until=step.revision_id),
    )
    first = min(asked.number("line", 1), max(1, len(lines)))
    blocks = list(blocks_of(history, lines, first))
    shown = sum(len(block.lines) for block in blocks)
    listed = asked.number("list")

    def size(one: Step) -> tuple[int, int] | None:
        return size_of(history, one) if len(lines) <= LONG else None

    return {
        "path": path,
        "root": path.rpartition("/")[0],
        "step": step,
        "at": at,
        "count": len(steps),
        "blocks": blocks,
        "first": first,
        "last": first + shown - 1,
        "all": len(lines),
        "kept": step.snapshot is not None or step.change == DELETED,
        "steps": [
            (len(steps) - listed - n, one, address(one), reasons.of(one), size(one))
            for n, one in enumerate(steps[listed : listed + STEPS])
        ],
        "next": listed + STEPS if listed + STEPS < len(steps) else 0,
        "how": how,
        "units": _units(history, path, asked.number("units")) if is_last else None,
    }


class Units(NamedTuple):
    """Units of a file, each with its last step and the reason of that, without the first `but`.

    `next` is the number of the first one that does not fit on the page, 0 if all do.
    """

    several: list[tuple[Unit, UnitStep, Reason]]
    but: int
    next: int
    total: int
    is_behind: bool


def _units(history: History, path: str, but: int) -> Units:
    reasons, found = Reasons(history), units_in(history, path)
    told = []
    for one in found[but : but + UNITS]:
        (last,) = units_steps(history, one, 1)
        told.append((one, last, reasons.of(last.step)))
    end = but + UNITS if but + UNITS < len(found) else 0
    return Units(told, but, end, len(found), chronicle.is_behind(history.connection))


def _some(lines: Sequence[Line], first: int, last: int) -> list[Line]:
    """Return as many lines as fit on a page, from number `first` to `last`; at least one."""
    left, end = CHARACTERS, first - 1
    while end < min(len(lines), last) and end - first + 1 < LINES and left > 0:
        left -= len(escape(lines[end].text[:LINE]))
        end += 1
    return list(lines[first - 1 : end])


def blocks_of(
    history: History, lines: Sequence[Line], first: int, last: int = LAST
) -> Iterator[Block]:
    """Put lines, from number `first` to `last` as far as they fit on a page, by their steps."""
    reasons, number = Reasons(history), first
    for step, block in groupby(_some(lines, first, last), lambda line: line.place.step):
        reason = reasons.of(step)
        texts = [_cropped(line.text) for line in block]
        when = step.timestamp if step else ""
        why = summary(step, reason) if step is None or step.session_id else how(step)
        numbered = list(enumerate(texts, number))
        yield Block(address(step), why, who(step), reason.model, when, numbered)
        number += len(texts)


def _cropped(text: str) -> str:
    return code(text) if len(text) <= LINE else f"{code(text[:LINE])}… {len(text) - LINE} more"


def address(step: Step | None) -> str:
    """Return the address of a step, "" for what was not recorded yet."""
    if step is None:
        return ""
    if step.event_id:
        return link("step", id=step.event_id)
    return link("step", revision=step.revision_id)


def how(step: Step) -> str:
    """Say in a few words what a step did, and who that may have been."""
    if step.change == BEFORE:
        return "as it was found"
    if step.program:
        return f"{step.change} by {step.program}"
    if step.actor != OUTSIDE:
        return " ".join(filter(None, (step.change, step.reason)))
    if step.change == UNCHANGED:
        return "comments or blank lines, by somebody else"
    if step.reason == FORMAT:
        return "the layout alone, by a formatter or somebody else"
    return f"{step.change} by somebody else"


def step(history: History, asked: Asked) -> dict[str, Any]:
    """Tell of one step: who made it, for which prompt, and what it changed."""
    found = step_by(history, asked.text("id"), asked.number("revision"))
    if found is None:
        raise Absent("no step of a file is known by that id")
    path, one = found
    reason = Reasons(history).of(one)
    steps = [step.revision_id for step in steps_of(history, path)][::-1]
    lines, cut = diff_of(history, one)
    text = reason.text or ""
    return {
        "path": path,
        "step": one,
        "how": how(one),
        "actor": who(one),
        "reason": reason,
        "why": summary(one, reason) if one.session_id else "",
        "prompt": text[:PROMPT],
        "cut_prompt": len(text) - PROMPT,
        "session": session(history, one.session_id) if one.session_id else None,
        "lines": lines,
        "cut": cut,
        "at": steps.index(one.revision_id) + 1,
        "count": len(steps),
        "size": size_of(history, one),
        "before": _neighbour(steps, one, -1),
        "after": _neighbour(steps, one, 1),
        "done": done_in(history, one.revision_id)[:UNITS],
    }


def _neighbour(steps: list[int], step: Step, by: int) -> str:
    at = steps.index(step.revision_id) + by
    return link("step", revision=steps[at]) if 0 <= at < len(steps) else ""


def diff_of(history: History, step: Step) -> tuple[list[str] | None, int]:
    """Return the lines of a step's diff, None where no code was kept, and how many are left out."""
    after = "" if step.change == DELETED else history.snapshot(step.snapshot)
    before = history.snapshot(step.before)
    if after is None or (step.before and before is None):
        return None, 0
    lines = list(unified((before or "").splitlines(), after.splitlines()))
    return Room(DIFF_LINES, DIFF_CHARACTERS).shortened(lines)


class Room:
    """How many lines and characters, as they are sent, the diffs of a page may have."""

    def __init__(self, lines: int, characters: int) -> None:
        self._lines = lines
        self._characters = characters

    @property
    def is_full(self) -> bool:
        """Whether no more may be shown."""
        return self._lines <= 0 or self._characters <= 0

    def shortened(self, diff: Sequence[str]) -> tuple[list[str], int]:
        """Return the first lines of a diff, as many as there is room for; count the others."""
        shown: list[str] = []
        for line in diff[: max(0, self._lines)]:
            text = _cropped(line)
            self._characters -= len(escape(text)) + 40
            if self._characters < 0:
                break
            shown.append(text)
        self._lines -= len(shown) + 1
        return shown, len(diff) - len(shown)
