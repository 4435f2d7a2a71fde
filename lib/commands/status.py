"""Run `pattern-tracker status`: print what waits, was delivered, was dropped and why."""

import argparse
import time

from lib.commands import destinations, facts
from lib.commands.common import by_actor, print_json, spool_directory
from lib.commands.destinations import Circuit
from lib.commands.facts import LOSSES, NEVER, NO_SERVICE, Facts
from lib.commands.setup import link
from lib.commands.terminal import Cell, print_rows, shortened
from lib.commands.when import age, ago, since
from lib.delivery.circuit import CLOSED
from lib.flusher.plugin_environment import FAILED

# How long it is told that another Python took over; and of a function's name, in characters.
SHOWN_SECONDS, MOST_NAME = 30 * 86_400.0, 30
GOOD, BAD, WORSE, PLAIN, FAINT = "green", "yellow", "bold red", "", "dim"
# What a cause of a drop or of no capture means.
WORDS = {
    "expired": "waited too long",
    "overflow": "too much waited",
    "discarded": "by command",
    "removed": "by hand",
    "unclear": "a .patternignore cannot be applied",
    "unchanged": "changed nothing",
    "known": "recorded before",
    "deleted": "ends of files",
    "unfolded": "calls of the shell",
    "duplicate": "seen twice",
    "failed": "not written",
    "unreadable": "not understood",
    "oversize": "too large",
    "secret": "by its name",
    "client": "Claude Code's own",
    "staged": "held for review",
    "overtime": "hooks over their time, recorded from the transcript",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take nothing of its own after the verb."""


def run(options: argparse.Namespace) -> int:
    """Print the status: a line for each question, problems in colour."""
    found = facts.gather(spool_directory())
    if options.json:
        print_json(found)
    else:
        show(found)
    return 0


def show(found: Facts) -> None:
    """Print the gathered state for people."""
    now = time.time()
    last_run, packages = found["flusher"], facts.environment(found["environment"], now)
    rows: list[tuple[str, Cell]] = [
        (
            "tracking",
            ("on", GOOD) if found["enabled"] else ("off (PATTERN_TRACKING_ENABLED)", WORSE),
        ),
        ("captured", _plain(facts.counted(found["captured"], found["last_capture"], now))),
        *_steps(found["steps"]),
        ("delivered", _plain(facts.counted(found["delivered"], last_run["last_delivery"], now))),
        ("waiting", _waiting(found, now)),
        *(("for", (shortened(line), BAD)) for line in facts.obstacles(found["mounts"], now)),
        ("dropped", _causes(found["dropped"])),
        ("not captured", _causes(found["skipped"])),
        ("quarantine", _quarantine(found["quarantined"])),
        ("flusher", _plain(facts.flusher(last_run, now), bool(last_run["last_error"]))),
        *([("packages", (packages, BAD))] if packages else []),
        *_interpreter(found["interpreter"], now),
        *_service(found, now),
        *_hint(found["hints"]["last"], now),
        ("kept in", (shortened(found["cache_dir"]), PLAIN)),
        *(("variables", (warning, BAD)) for warning in found["warnings"]),
        *([("command", (found["command"], PLAIN))] if found["command"] != link.NAME else []),
    ]
    print_rows([((name, "bold"), value) for name, value in rows])


def _steps(steps: dict[str, int]) -> list[tuple[str, Cell]]:
    told = by_actor(steps)
    return [("steps", (told, PLAIN))] if told else []


def _hint(last: dict[str, str] | None, now: float) -> list[tuple[str, Cell]]:
    if not last:
        return []
    name = last["name"].rpartition(".")[2][:MOST_NAME]
    return [("last hint", (f"of {name}, {ago(last['timestamp'], now)}", PLAIN))]


def _plain(text: str, is_bad: bool = False) -> Cell:
    return text, WORSE if is_bad else FAINT if text == NEVER else PLAIN


def _waiting(found: Facts, now: float) -> Cell:
    if not found["pending"]:
        return "nothing", GOOD
    return f"{found['pending']}, the oldest for {age(since(found['oldest_pending'], now))}", BAD


def _causes(counts: dict[str, int]) -> Cell:
    text = ", ".join(f"{n} {cause} ({WORDS.get(cause, cause)})" for cause, n in counts.items())
    return text or "nothing", PLAIN if counts.keys().isdisjoint(LOSSES) else BAD


def _quarantine(count: int) -> Cell:
    return (f"{count}: pattern-tracker quarantine list", BAD) if count else ("empty", PLAIN)


def _interpreter(told: facts.Interpreter, now: float) -> list[tuple[str, Cell]]:
    """Tell for a while that another Python took over from one that is gone, else nothing."""
    if told.get("state") == FAILED:
        return [("interpreter", (f"could not be registered anew: {told['reason']}", WORSE))]
    if told.get("was") and since(told["since"], now) < SHOWN_SECONDS:
        text = f"{shortened(told['was'])} {told['fault']}, {shortened(told['is'])} took over"
        return [("interpreter", (f"{text} {ago(told['since'], now)}", PLAIN))]
    return []


def _service(found: Facts, now: float) -> list[tuple[str, Cell]]:
    service = found["service"]
    others = [("also for", _other(url, found)) for url in facts.others(found)]
    if not service["url"]:
        return [("service", (NO_SERVICE, PLAIN)), *others]
    last = service["last_delivery"]
    rows: list[tuple[str, Cell]] = [
        ("service", (service["url"], PLAIN)),
        ("delivered to it", _plain(f"the last {ago(last, now)}" if last else NEVER)),
    ]
    if service["problem"]:
        wait = service["next_attempt_in"]
        again = f"; asked again in {age(wait)} at the earliest" if wait else ""
        rows.append(("problem", (f"{service['problem']}{again}", WORSE)))
    if service["backlog"]:
        count = destinations.pending(found["books"], service["url"], True)
        rows.append(("backlog", (f"{count} wait: {service['backlog']}", BAD)))
    return [*rows, ("circuit", _circuit(found["circuit_breaker"])), *others]


def _other(url: str, found: Facts) -> Cell:
    """Tell of a service for which events of other sessions wait."""
    known = found["services"].get(url)
    why = known and (known["problem"] or known["backlog"])
    text = f"{url}: {found['books'][url]['pending']} waiting"
    return f"{text}; {why}" if why else text, BAD


def _circuit(breaker: Circuit) -> Cell:
    wait = breaker["available_in"]
    state = str(breaker["state"]).replace("_", "-")
    if state == CLOSED:
        return state, GOOD
    until = time.strftime("%H:%M:%S", time.localtime(time.time() + wait))
    return (f"{state} until {until}, {age(wait)} more" if wait else state), WORSE
