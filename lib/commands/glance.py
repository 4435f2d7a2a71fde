"""What `pattern-tracker status` shows to people: a line a question, the worst in colour."""

import time
from math import isnan
from typing import Any

from lib.commands.doctor_checks.finding import age, since
from lib.commands.terminal import Cell, print_rows, shortened
from lib.delivery.circuit import CLOSED
from lib.flusher.plugin_environment import FAILED, PREPARING, READY

NEVER: Cell = ("never observed", "dim")
# How long it is told that another Python took over.
SHOWN_SECONDS = 30 * 86_400.0
GOOD, BAD, WORSE, PLAIN = "green", "yellow", "bold red", ""
# What a cause of a drop or of no capture means.
WORDS = {
    "expired": "waited too long",
    "overflow": "too much waited",
    "discarded": "dropped by command",
    "removed": "files deleted by hand",
    "unchanged": "changed nothing",
    "known": "recorded before",
    "duplicate": "seen twice",
    "failed": "could not be written",
    "unreadable": "not understood",
    "oversize": "too large",
    "secret": "by name a secret",
}
_LOSSES = ("expired", "overflow", "removed", "failed")


def show(found: dict[str, Any]) -> None:
    """Print what `gather` found."""
    now = time.time()
    rows: list[tuple[str, Cell]] = [
        ("tracking", _tracking(found)),
        ("captured", _captured(found, now)),
        ("delivered", _delivered(found, now)),
        ("waiting", _waiting(found, now)),
        ("dropped", _counted(found["dropped"])),
        ("not captured", _counted(found["skipped"])),
        ("quarantine", _quarantine(found)),
        ("flusher", _flusher(found["flusher"], now)),
        *_environment(found["environment"], now),
        *_interpreter(found["interpreter"], now),
        *_service(found, now),
        ("kept in", (shortened(found["cache_dir"]), PLAIN)),
    ]
    print_rows([((name, "bold"), value) for name, value in rows])


def _tracking(found: dict[str, Any]) -> Cell:
    return ("on", GOOD) if found["enabled"] else ("off (PATTERN_TRACKING_ENABLED)", WORSE)


def _captured(found: dict[str, Any], now: float) -> Cell:
    last = found["last_capture"]
    if not found["captured"] and not last:
        return NEVER
    return f"{found['captured']}{f', the last {ago(last, now)}' if last else ''}", PLAIN


def _delivered(found: dict[str, Any], now: float) -> Cell:
    last = found["flusher"]["last_delivery"]
    if not found["delivered"] and not last:
        return NEVER
    return f"{found['delivered']}{f', the last {ago(last, now)}' if last else ''}", PLAIN


def _waiting(found: dict[str, Any], now: float) -> Cell:
    if not found["pending"]:
        return "nothing", GOOD
    waited = since(found["oldest_pending"], now)
    return f"{found['pending']}, the oldest for {age(waited)}", BAD


def _counted(counts: dict[str, int]) -> Cell:
    text = ", ".join(f"{n} {cause} ({WORDS.get(cause, cause)})" for cause, n in counts.items())
    return text or "nothing", BAD if any(cause in counts for cause in _LOSSES) else PLAIN


def _quarantine(found: dict[str, Any]) -> Cell:
    count = found["quarantined"]
    return (f"{count}: pattern-tracker quarantine list", BAD) if count else ("empty", PLAIN)


def _flusher(flusher: dict[str, Any], now: float) -> Cell:
    if flusher["last_error"]:
        return f"its last run failed: {flusher['last_error']}", WORSE
    if flusher["running"]:
        return "at work", PLAIN
    ran = flusher["last_run"]
    return (f"last run {ago(ran, now)}", PLAIN) if ran else NEVER


def _environment(environment: dict[str, Any], now: float) -> list[tuple[str, Cell]]:
    """Nothing, where all is there."""
    said, since_when = environment["state"], environment.get("since")
    if said == READY:
        return []
    if said == PREPARING:
        text = f"being made in the background for {age(since(since_when, now))}; events are kept"
    elif said == FAILED:
        text = f"could not be made {ago(str(since_when), now)}, tried again hourly: "
        text += str(environment["reason"])
    else:
        text = "missing: events are recorded, but no service gets them"
    return [("packages", (text, BAD))]


def _interpreter(told: dict[str, Any], now: float) -> list[tuple[str, Cell]]:
    """Nothing, unless a Python took over from another that is no more, and not long ago."""
    if told.get("state") == FAILED:
        return [("interpreter", (f"could not be registered anew: {told['reason']}", WORSE))]
    if told.get("was") and since(told["since"], now) < SHOWN_SECONDS:
        text = f"{shortened(told['was'])} {told['fault']}, {shortened(told['is'])} took over"
        return [("interpreter", (f"{text} {ago(told['since'], now)}", PLAIN))]
    return []


def _service(found: dict[str, Any], now: float) -> list[tuple[str, Cell]]:
    service = found["service"]
    if not service["url"]:
        return [("service", ("none: the embedded ledger only", PLAIN))]
    last = service["last_delivery"]
    rows: list[tuple[str, Cell]] = [
        ("service", (service["url"], PLAIN)),
        ("delivered to it", (f"the last {ago(last, now)}", PLAIN) if last else NEVER),
    ]
    if service["problem"]:
        wait = service["next_attempt_in"]
        again = f"; asked again in {age(wait)} at the earliest" if wait else ""
        rows.append(("problem", (f"{service['problem']}{again}", WORSE)))
    return [*rows, ("circuit", _circuit(found["circuit_breaker"]))]


def _circuit(breaker: dict[str, Any]) -> Cell:
    wait = breaker["available_in"]
    state = str(breaker["state"]).replace("_", "-")
    if state == CLOSED:
        return state, GOOD
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + wait))
    return (f"{state} until {until}, {age(wait)} more" if wait else state), WORSE


def ago(timestamp: str, now: float) -> str:
    """How long ago a time of ours was; one from the future is said to be that."""
    seconds = since(timestamp, now)
    if seconds < -1:
        return f"{age(-seconds)} ahead of the clock"
    return timestamp if isnan(seconds) else f"{age(seconds)} ago"
