"""Gather the state of a spool, and word what both `status` and `doctor` print of it."""

import os
from collections.abc import Iterable
from contextlib import closing
from typing import Any, TypedDict, cast

from lib.commands import destinations
from lib.commands.destinations import Book, Circuit, Known, Service
from lib.commands.reading import has_ledger, read_ledger
from lib.commands.setup import link
from lib.commands.when import age, ago, since
from lib.flusher import mending, plugin_environment
from lib.flusher.obstacles import SECTION as MOUNTS
from lib.ledger import hints
from lib.ledger.hints import Summary as Hints
from lib.ledger.history import STEP_KINDS, History
from lib.ledger.recording import DELETED, KNOWN, UNCHANGED
from lib.ledger.store import DELIVERED
from lib.spool import outbox, tally, wake
from lib.spool.books import totals
from lib.system import bundle, packages
from lib.system.settings import Settings
from lib.system.state import FILE_NAME as STATE_FILE
from lib.system.state import StateFile
from lib.system.timestamps import timestamp

# What can become of a captured event that is neither delivered nor waiting.
DROPPED = (*tally.DROPPED, UNCHANGED, DELETED, KNOWN)
# The causes that are nobody's wish.
LOSSES = ("expired", "overflow", "failed", "removed", "unclear", "unreadable")
NEVER = "never observed"
NO_SERVICE = "none: the embedded ledger only"


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


Interpreter = TypedDict(
    "Interpreter",
    {"state": str, "reason": str, "was": str, "is": str, "fault": str, "since": str},
    total=False,
)
"""The hooks' Python: which one took over from which, or why none could (`reason`)."""


class Facts(TypedDict):
    """The state of a spool, as `status --json` prints it. Times are ISO 8601 in UTC.

    `steps` says how many are whose, as `History.steps` does.
    `service`, `circuit_breaker` and `health` are those of the service that the environment names or
    the user chose, else of one for which events wait; `services` has all, `books` the counts of
    each destination.
    """

    enabled: bool
    pending: int
    last_capture: str | None
    oldest_pending: str | None
    quarantined: int
    delivered: int
    dropped: dict[str, int]
    steps: dict[str, int]
    captured: int
    skipped: dict[str, int]
    ledgers_put_aside: int
    cache_dir: str
    command: str
    circuit_breaker: Circuit
    health: dict[str, object]
    service: Service
    services: dict[str, Known]
    books: dict[str, Book]
    environment: Environment
    interpreter: Interpreter
    mounts: dict[str, dict[str, Any]]
    flusher: Flusher
    hints: Hints
    warnings: list[str]


def gather(directory: str) -> Facts:
    """Gather the state of the spool at `directory`. Raises OSError, sqlite3.Error."""
    settings = Settings(os.environ)
    state = StateFile(f"{directory}/{STATE_FILE}")
    waiting = outbox.pending(directory)
    counters, recorded, met, steps = _read_ledger(directory)
    counters = totals(directory, counters)
    services, own = destinations.services(state, settings), destinations.own(settings)
    books = destinations.books(directory, waiting, counters, DROPPED, {*services, *met, own})
    chosen = destinations.main(own, services, books)
    main = services.get(chosen) or destinations.known(state, settings, own)
    captures = [recorded, *(timestamp(item.captured_ns) for item in waiting[-1:])]
    run = state.section("flusher")
    destinations.tell_backlogs(main, services.values(), waiting, run.get("last_run"))
    return {
        "enabled": settings.enabled,
        "pending": len(waiting),
        "last_capture": max(filter(None, captures), default=None),
        "oldest_pending": timestamp(waiting[0].captured_ns) if waiting else None,
        "quarantined": outbox.quarantined(directory),
        "delivered": counters.get(DELIVERED, 0),
        "dropped": _some(counters, DROPPED),
        "steps": steps,
        "captured": counters.get("captured", 0),
        "skipped": _some(counters, tally.SKIPPED),
        "ledgers_put_aside": counters.get("damaged_ledger", 0),
        "cache_dir": directory,
        "command": link.typed(bundle.root()),
        "circuit_breaker": main["circuit_breaker"],
        "health": main["health"],
        "service": {
            "url": main["url"],
            "last_delivery": main["last_delivery"],
            "problem": main["problem"],
            "next_attempt_in": main["next_attempt_in"],
            "backlog": main["backlog"],
        },
        "services": services,
        "books": books,
        "environment": _environment(state),
        "interpreter": cast(Interpreter, state.section(mending.SECTION)),
        "mounts": state.section(MOUNTS),
        "hints": hints.summary(directory),
        "flusher": {
            "running": _is_running(directory),
            "last_run": run.get("last_run"),
            "last_error": run.get("last_error"),
            "last_delivery": run.get("last_delivery"),
        },
        "warnings": settings.warnings,
    }


Recorded = tuple[dict[str, int], str | None, set[str], dict[str, int]]


def _read_ledger(directory: str) -> Recorded:
    """Read the counters, when the newest event was captured, the services it met, and the steps."""
    if not has_ledger(directory):
        return {}, None, set(), dict.fromkeys(STEP_KINDS, 0)
    with closing(read_ledger(History, directory)) as history:
        met = history.services()
        return history.counters(), history.last_capture(), met, history.steps()


def _is_running(directory: str) -> bool:
    try:
        return os.path.isdir(directory) and wake.is_running(directory)
    except OSError:
        # Where its file cannot be opened to be locked, none can run.
        return False


def others(found: Facts) -> list[str]:
    """Return the services for which events wait, but for the one that `service` tells of."""
    return [
        url for url in destinations.waited_for(found["books"]) if url != found["service"]["url"]
    ]


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
        return f"its last run: {known['last_error']}"
    if known["running"]:
        return "at work"
    return f"last run {ago(known['last_run'], now)}" if known["last_run"] else NEVER


def obstacles(known: dict[str, dict[str, Any]], now: float) -> list[str]:
    """Word which mounts or files events wait for, and since when."""
    lines = []
    for place, told in known.items():
        count = told.get("events", 0)
        waiting = f": {count} event{'s' * (count != 1)} wait{'s' * (count == 1)}" if count else ""
        noticed = ago(told.get("since"), now)
        lines.append(f"{place}: {str(told.get('why')).lower()}, noticed {noticed}{waiting}")
    return lines
