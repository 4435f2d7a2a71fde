"""`pattern-tracker status`: is it on, what waits, what was delivered, what was dropped and why."""

import argparse
import os
from collections.abc import Iterable
from typing import Any

from lib.commands import glance
from lib.commands.common import has_ledger, print_json, spool_directory
from lib.delivery.backoff import SECTION, Backoff
from lib.delivery.breaker import shared_breaker
from lib.flusher import mending, plugin_environment
from lib.ledger.history import History
from lib.ledger.recording import KNOWN, UNCHANGED
from lib.ledger.store import DELIVERED, FILE_NAME, Ledger
from lib.spool import outbox, tally, wake
from lib.spool.books import totals
from lib.system import packages
from lib.system.settings import Settings
from lib.system.state import FILE_NAME as STATE_FILE
from lib.system.state import StateFile
from lib.system.timestamps import timestamp

# What can become of a captured event that is neither delivered nor waiting.
DROPPED = (*tally.DROPPED, UNCHANGED, KNOWN)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb: nothing of its own."""


def run(options: argparse.Namespace) -> int:
    """Print the status."""
    found = gather(spool_directory())
    if options.json:
        print_json(found)
    else:
        glance.show(found)
    return 0


def gather(directory: str) -> dict[str, Any]:
    """All that is known of the spool at `directory`."""
    counters = _counters(directory)
    state = StateFile(f"{directory}/{STATE_FILE}")
    flusher = state.section("flusher")
    settings = Settings(os.environ)
    waiting = outbox.pending(directory)
    breaker = shared_breaker(settings, state)
    return {
        "enabled": settings.enabled,
        "pending": len(waiting),
        "last_capture": _last_capture(directory, waiting),
        "oldest_pending": timestamp(waiting[0].captured_ns) if waiting else None,
        "quarantined": outbox.quarantined(directory),
        "delivered": counters.get(DELIVERED, 0),
        "dropped": _some(counters, DROPPED),
        "captured": counters.get("captured", 0),
        "skipped": _some(counters, tally.SKIPPED),
        "ledgers_put_aside": counters.get("damaged_ledger", 0),
        "cache_dir": directory,
        "circuit_breaker": breaker.get_state(),
        "health": state.section("health"),
        "service": _service(state),
        "environment": _environment(state),
        "interpreter": state.section(mending.SECTION),
        "flusher": {
            "running": wake.is_running(directory) if os.path.isdir(directory) else False,
            "last_run": flusher.get("last_run"),
            "last_error": flusher.get("last_error"),
            "last_delivery": flusher.get("last_delivery"),
        },
    }


def _last_capture(directory: str, waiting: list[outbox.Waiting]) -> str | None:
    """When the newest event was captured, of those that wait or are recorded."""
    newest = timestamp(waiting[-1].captured_ns) if waiting else None
    if has_ledger(directory):
        history = History(f"{directory}/{FILE_NAME}")
        recorded = history.last_capture()
        history.close()
        newest = max(filter(None, (newest, recorded)), default=None)
    return newest


def _service(state: StateFile) -> dict[str, Any]:
    """What is known of the service; `problem` is None while there is none."""
    known = state.section(SECTION)
    verdict = known.get("verdict")
    reason = known.get("reason")
    return {
        "url": known.get("url"),
        "last_delivery": known.get("last_delivery"),
        "problem": f"{verdict}: {reason}" if verdict else None,
        "next_attempt_in": round(Backoff(known).wait(), 1),
    }


def _environment(state: StateFile) -> dict[str, Any]:
    """How it stands with the packages: READY; MISSING; or what the preparation of a plugin's says,
    with `since` and `reason`."""
    if not packages.missing():
        return {"state": plugin_environment.READY}
    told = state.section(plugin_environment.SECTION)
    if told.get("state") in (plugin_environment.PREPARING, plugin_environment.FAILED):
        return {name: told.get(name) for name in ("state", "since", "reason")}
    return {"state": plugin_environment.MISSING}


def _counters(directory: str) -> dict[str, int]:
    counters: dict[str, int] = {}
    if has_ledger(directory):
        ledger = Ledger(f"{directory}/{FILE_NAME}")
        counters = ledger.counters()
        ledger.close()
    return totals(directory, counters)


def _some(counters: dict[str, int], causes: Iterable[str]) -> dict[str, int]:
    """Those of `causes` that came up, in their order."""
    return {cause: counters[cause] for cause in causes if counters.get(cause)}
