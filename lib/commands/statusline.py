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
STATE_FILE, BREAKER = "state.json", b'"breaker"'


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
    """Word the state of the circuit; "" while it is closed."""
    if not _was_ever_open(f"{directory}/{STATE_FILE}"):
        return ""
    from lib.delivery.breaker import shared_breaker
    from lib.delivery.circuit import CLOSED, OPEN

    state = shared_breaker(settings, f"{directory}/{STATE_FILE}").get_state()
    if state["state"] == CLOSED:
        return ""
    if state["state"] == OPEN:
        return f"circuit open for {state['available_in']:.0f} s"
    return "circuit half-open"


def _was_ever_open(path: str) -> bool:
    """Check by one read whether the state file has a circuit: parsing it takes far longer."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_CLOEXEC)
    except OSError:
        return False
    try:
        return BREAKER in files.read_all(fd)
    finally:
        posix.close(fd)
