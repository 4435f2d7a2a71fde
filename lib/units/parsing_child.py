"""Parse code in a child process, which may crash or never end without harm to its parent."""

import json
import resource
import signal
import subprocess
import sys
from typing import Any

from lib.system import bundle
from lib.units.extraction import Unit
from lib.units.fingerprint import Fingerprint, fingerprints_of
from lib.units.parsing import TOO_SLOW, parsed

CRASHED = "crashed"
# Of processor time, and until the child ends itself; where that fails it is killed.
MOST_SECONDS, ALARM_SECONDS, LAST_SECONDS = 5, 20, 22
# Of addresses, where a system keeps that limit; a MB of code takes 60 MB.
MOST_MEMORY = 512 * 1024 * 1024
_START = (
    "import sys;sys.path.insert(0,sys.argv[1]);from lib.units.parsing_child import serve;serve()"
)
_ENDS = (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)


def ask(data: bytes, language: str) -> list[Fingerprint] | str:
    """Return the fingerprints of code in UTF-8 from a child process, or why there are none."""
    command = [
        sys.executable, "-I", "-S", "-B", "-c", _START, bundle.root(), language, str(MOST_SECONDS),
    ]  # fmt: skip
    try:
        done = subprocess.run(
            command, input=data, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, cwd="/",
            check=False, timeout=LAST_SECONDS,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return TOO_SLOW
    except OSError:  # no process is to be had
        return CRASHED
    if done.returncode:
        return TOO_SLOW if done.returncode in _ENDS else CRASHED
    found = json.loads(done.stdout)
    if isinstance(found, str):
        return found
    return [Fingerprint(Unit(*_tuple(unit)), *_tuple(rest)) for unit, *rest in found]


def _tuple(found: Any) -> Any:
    """Make tuples of the lists that JSON has for them."""
    return tuple(map(_tuple, found)) if isinstance(found, list) else found


def serve() -> None:
    """Parse the code on standard input, in the language of the arguments; write what is found."""
    language, seconds = sys.argv[2:4]
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(ALARM_SECONDS)
    for kind, limit in (
        (resource.RLIMIT_CORE, 0),
        (resource.RLIMIT_CPU, int(seconds)),
        (resource.RLIMIT_AS, MOST_MEMORY),
    ):
        _limit(kind, limit)
    found = parsed(sys.stdin.buffer.read(), language)
    answer = found if isinstance(found, str) else fingerprints_of(found, language)
    json.dump(answer, sys.stdout)


def _limit(kind: int, limit: int) -> None:
    hard = resource.getrlimit(kind)[1]
    if hard != resource.RLIM_INFINITY:
        limit = min(limit, hard)
    try:
        resource.setrlimit(kind, (limit, hard))
    except (OSError, ValueError):  # macOS keeps no limit of addresses
        pass
