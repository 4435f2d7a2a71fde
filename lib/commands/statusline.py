"""Print how many events wait and whether the circuit is open, for Claude Code's status line.

Run by a bare interpreter at every refresh, so it imports builtins only, and looks at no more than
one directory and one small file.
"""

import posix
import sys

from lib.spool import inbox
from lib.system import files
from lib.system.settings import Settings

LABEL = "patterns"
STATE_FILE, BREAKER = "state.json", b'"opened"'


def main() -> None:
    """Print the line for the environment's spool."""
    environ = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape")
        for name, value in posix.environ.items()
    }
    sys.stdout.write(line(Settings(environ)) + "\n")


def line(settings: Settings) -> str:
    """Word the line, without colours: a status line has its own."""
    directory = settings.cache_dir
    if not settings.enabled:
        return f"{LABEL}: off"
    if not directory or files.refusal(directory):
        return f"{LABEL}: not captured"
    waiting = pending(directory)
    if waiting < 0:
        return f"{LABEL}: never observed"
    circuit = _circuit(directory, settings)
    return f"{LABEL}: {waiting} waiting{f', {circuit}' if circuit else ''}"


def pending(directory: str) -> int:
    """Count the events that wait; -1 where there is no spool yet."""
    try:
        with posix.scandir(directory) as entries:
            return sum(entry.name.startswith(inbox.PREFIX) for entry in entries)
    except OSError:
        return -1


def _circuit(directory: str, settings: Settings) -> str:
    """Word the state of the services' circuits, of the one that is open longest; "" for none."""
    if not _is_any_open(f"{directory}/{STATE_FILE}"):
        return ""
    from lib.delivery.breaker import shared_breaker
    from lib.delivery.circuit import CLOSED
    from lib.delivery.service_state import state_of, urls
    from lib.system.state import StateFile

    file = StateFile(f"{directory}/{STATE_FILE}")
    states = [shared_breaker(settings, state_of(file, url)).get_state() for url in urls(file)]
    not_closed = [state["available_in"] for state in states if state["state"] != CLOSED]
    if not not_closed:
        return ""
    others = f" ({len(not_closed)} of {len(states)} services)" if len(states) > 1 else ""
    longest = max(not_closed)
    return (f"circuit open for {longest:.0f} s" if longest else "circuit half-open") + others


def _is_any_open(path: str) -> bool:
    """Check by one read whether a circuit is not closed: parsing the file takes far longer."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        return BREAKER in files.read_all(fd)
    finally:
        posix.close(fd)
