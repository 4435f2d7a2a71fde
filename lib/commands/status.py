"""`pattern-tracker status`: is it on, what waits, what was delivered, what was dropped and why."""

import argparse
import os
from typing import Any

from lib import outbox, spool, wake
from lib.backoff import SECTION
from lib.commands.common import has_ledger, print_json, printable, spool_directory
from lib.flusher import OLD_TALLY
from lib.ledger import FILE_NAME, Ledger
from lib.settings import Settings
from lib.state import FILE_NAME as STATE_FILE
from lib.state import StateFile


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What may follow the verb: nothing of its own."""


def run(options: argparse.Namespace) -> int:
    """Print the status."""
    found = gather(spool_directory())
    if options.json:
        print_json(found)
    else:
        _print(found)
    return 0


def gather(directory: str) -> dict[str, Any]:
    """All that is known of the spool at `directory`."""
    counters = _counters(directory)
    captured = counters.pop("captured", 0)
    delivered = counters.pop("delivered", 0)
    state = StateFile(f"{directory}/{STATE_FILE}")
    flusher = state.section("flusher")
    return {
        "enabled": Settings(os.environ).enabled,
        "pending": len(outbox.pending(directory)),
        "quarantined": outbox.quarantined(directory),
        "delivered": delivered,
        "dropped": {cause: count for cause, count in sorted(counters.items()) if count},
        "captured": captured,
        "cache_dir": directory,
        "circuit_breaker": state.section("breaker"),
        "health": state.section("health"),
        "service": _service(state),
        "flusher": {
            "running": wake.is_running(directory) if os.path.isdir(directory) else False,
            "last_run": flusher.get("last_run"),
            "last_error": flusher.get("last_error"),
        },
    }


def _service(state: StateFile) -> dict[str, Any]:
    """What is known of the service; `problem` is None while there is none."""
    known = state.section(SECTION)
    verdict = known.get("verdict")
    reason = known.get("reason")
    return {
        "url": known.get("url"),
        "last_delivery": known.get("last_delivery"),
        "problem": f"{verdict}: {reason}" if verdict else None,
    }


def _counters(directory: str) -> dict[str, int]:
    total: dict[str, int] = {}
    sources = [spool.read_tally(f"{directory}/{name}") for name in (spool.TALLY, OLD_TALLY)]
    if has_ledger(directory):
        ledger = Ledger(f"{directory}/{FILE_NAME}")
        sources.append(ledger.counters())
        waiting = len(ledger.waiting())
        sources.append({"delivered": ledger.delivered() - waiting})
        ledger.close()
    for source in sources:
        for name, count in source.items():
            if not name.startswith("folded:"):
                total[name] = total.get(name, 0) + count
    return total


def _print(found: dict[str, Any]) -> None:
    flusher = found["flusher"]
    dropped = ", ".join(f"{count} {cause}" for cause, count in found["dropped"].items())
    rows = {
        "tracking": "on" if found["enabled"] else "off (PATTERN_TRACKING_ENABLED)",
        "captured": found["captured"] or "never observed",
        "delivered": found["delivered"],
        "pending": found["pending"],
        "quarantined": found["quarantined"],
        "dropped": dropped or "nothing",
        "last run": flusher["last_run"] or "never observed",
        "last error": printable(flusher["last_error"]) or "none",
        "service": printable(found["service"]["url"]) or "none: the embedded ledger only",
        "problem": printable(found["service"]["problem"]) or "none",
        "kept in": printable(found["cache_dir"]),
    }
    for name, value in rows.items():
        print(f"{name:<12} {value}")
