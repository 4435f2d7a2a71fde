"""Gather the state of a spool, and word what both `status` and `doctor` print of it."""

import os
import time
from collections.abc import Iterable
from contextlib import closing
from math import isnan
from typing import TypedDict, cast

from lib.commands.reading import has_ledger, read_ledger
from lib.commands.setup import link
from lib.delivery.backoff import RECOVERING, SECTION, Backoff
from lib.delivery.breaker import shared_breaker
from lib.flusher import mending, plugin_environment
from lib.ledger.history import History
from lib.ledger.recording import KNOWN, UNCHANGED
from lib.ledger.store import DELIVERED
from lib.spool import outbox, tally, wake
from lib.spool.books import totals
from lib.spool.outbox import Waiting
from lib.system import bundle, packages
from lib.system.settings import Settings
from lib.system.state import FILE_NAME as STATE_FILE
from lib.system.state import StateFile
from lib.system.timestamps import timestamp

# What can become of a captured event that is neither delivered nor waiting.
DROPPED = (*tally.DROPPED, UNCHANGED, KNOWN)
# The causes that are nobody's wish.
LOSSES = ("expired", "overflow", "failed", "removed")
NEVER = "never observed"
NO_SERVICE = "none: the embedded ledger only"


class Service(TypedDict):
    """The service; `problem` is None while there is none, `next_attempt_in` is in seconds.

    `backlog` says why events wait though there is no problem.
    """

    url: str | None
    last_delivery: str | None
    problem: str | None
    next_attempt_in: float
    backlog: str | None


class Environment(TypedDict, total=False):
    """The state of the packages: READY, MISSING, or that of a plugin's preparation."""

    state: str
    since: str | None
    reason: str | None


class Flusher(TypedDict):
    """The flusher, now and at the end of its last run."""

    running: bool
    last_run: str | None
    last_error: str | None
    last_delivery: str | None


class Circuit(TypedDict):
    """The circuit to the service, what is told of it; `available_in` is in seconds."""

    state: str
    available_in: float


Interpreter = TypedDict(
    "Interpreter",
    {"state": str, "reason": str, "was": str, "is": str, "fault": str, "since": str},
    total=False,
)
"""The hooks' Python: which one took over from which, or why none could (`reason`)."""


class Facts(TypedDict):
    """The state of a spool, as `status --json` prints it. Times are ISO 8601 in UTC."""

    enabled: bool
    pending: int
    last_capture: str | None
    oldest_pending: str | None
    quarantined: int
    delivered: int
    dropped: dict[str, int]
    captured: int
    skipped: dict[str, int]
    ledgers_put_aside: int
    cache_dir: str
    command: str
    circuit_breaker: Circuit
    health: dict[str, object]
    service: Service
    environment: Environment
    interpreter: Interpreter
    flusher: Flusher
    warnings: list[str]


def gather(directory: str) -> Facts:
    """Gather the state of the spool at `directory`. Raises OSError, sqlite3.Error."""
    settings = Settings(os.environ)
    state = StateFile(f"{directory}/{STATE_FILE}")
    waiting = outbox.pending(directory)
    counters, recorded = _read_ledger(directory)
    counters = totals(directory, counters)
    captures = [recorded, *(timestamp(item.captured_ns) for item in waiting[-1:])]
    run = state.section("flusher")
    return {
        "enabled": settings.enabled,
        "pending": len(waiting),
        "last_capture": max(filter(None, captures), default=None),
        "oldest_pending": timestamp(waiting[0].captured_ns) if waiting else None,
        "quarantined": outbox.quarantined(directory),
        "delivered": counters.get(DELIVERED, 0),
        "dropped": _some(counters, DROPPED),
        "captured": counters.get("captured", 0),
        "skipped": _some(counters, tally.SKIPPED),
        "ledgers_put_aside": counters.get("damaged_ledger", 0),
        "cache_dir": directory,
        "command": link.typed(bundle.root()),
        "circuit_breaker": cast(Circuit, shared_breaker(settings, state).get_state()),
        "health": state.section("health"),
        "service": _service(state, waiting, run.get("last_run")),
        "environment": _environment(state),
        "interpreter": cast(Interpreter, state.section(mending.SECTION)),
        "flusher": {
            "running": _is_running(directory),
            "last_run": run.get("last_run"),
            "last_error": run.get("last_error"),
            "last_delivery": run.get("last_delivery"),
        },
        "warnings": settings.warnings,
    }


def _read_ledger(directory: str) -> tuple[dict[str, int], str | None]:
    """Read the ledger's counters, and when its newest event was captured."""
    if not has_ledger(directory):
        return {}, None
    with closing(read_ledger(History, directory)) as history:
        return history.counters(), history.last_capture()


def _is_running(directory: str) -> bool:
    try:
        return os.path.isdir(directory) and wake.is_running(directory)
    except OSError:
        # Where its file cannot be opened to be locked, none can run.
        return False


def _service(state: StateFile, waiting: list[Waiting], last_run: object) -> Service:
    known = state.section(SECTION)
    verdict, backlog = known.get("verdict"), None
    if waiting and known.get("url") and not verdict:
        if Backoff(known).phase == RECOVERING:
            backlog = "it works again after an outage, and what waited is sent in growing steps"
        elif since(last_run) < since(timestamp(waiting[0].captured_ns)):
            backlog = "the last run left them, mostly for lack of time; the next one goes on"
    return {
        "url": known.get("url"),
        "last_delivery": known.get("last_delivery"),
        "problem": f"{verdict}: {known.get('reason')}" if verdict else None,
        "next_attempt_in": round(Backoff(known).wait(), 1),
        "backlog": backlog,
    }


def _environment(state: StateFile) -> Environment:
    if not packages.missing():
        return {"state": plugin_environment.READY}
    told = state.section(plugin_environment.SECTION)
    if told.get("state") in (plugin_environment.PREPARING, plugin_environment.FAILED):
        return {"state": told["state"], "since": told.get("since"), "reason": told.get("reason")}
    return {"state": plugin_environment.MISSING}


def _some(counters: dict[str, int], causes: Iterable[str]) -> dict[str, int]:
    """Choose the counters of `causes` that are above 0, in that order."""
    return {cause: counters[cause] for cause in causes if counters.get(cause)}


def counted(number: int, last: str | None, now: float) -> str:
    """Word how often something happened, and when it did last."""
    if not number and not last:
        return NEVER
    return f"{number}, the last {ago(last, now)}" if last else str(number)


def environment(known: Environment, now: float) -> str:
    """Word why the packages are missing; "" where they are there."""
    state, when = known["state"], known.get("since")
    if state == plugin_environment.PREPARING:
        waited = age(since(when, now))
        return f"being made in the background for {waited}; events are kept"
    if state == plugin_environment.FAILED:
        return f"could not be made {ago(when, now)}, tried again hourly: {known['reason']}"
    missing = "missing: events are recorded, but no service gets them"
    return missing if state == plugin_environment.MISSING else ""


def flusher(known: Flusher, now: float) -> str:
    """Word what the flusher does, or how its last run went."""
    if known["last_error"]:
        return f"its last run failed: {known['last_error']}"
    if known["running"]:
        return "at work"
    return f"last run {ago(known['last_run'], now)}" if known["last_run"] else NEVER


def age(seconds: float) -> str:
    """Return a length of time for people: "42 s", "5 min", "3 h", "2 days"."""
    seconds = max(0.0, seconds)
    if seconds < 100:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    if seconds < 2 * 86_400:
        return f"{seconds / 3600:.0f} h"
    return f"{seconds / 86_400:.0f} days"


def since(timestamp: object, now: float | None = None) -> float:
    """Return seconds since an ISO 8601 time, negative if in the future; NaN if it is none."""
    from datetime import datetime, timezone

    try:
        found = datetime.fromisoformat(str(timestamp).replace("Z", "+00:00"))
    except ValueError:
        return float("nan")
    if found.tzinfo is None:
        found = found.replace(tzinfo=timezone.utc)
    return (time.time() if now is None else now) - found.timestamp()


def ago(timestamp: str | None, now: float) -> str:
    """How long ago a time of ours was; one from the future is said to be that."""
    seconds = since(timestamp, now)
    if isnan(seconds):
        return str(timestamp)
    return f"{age(-seconds)} ahead of the clock" if seconds < -1 else f"{age(seconds)} ago"
