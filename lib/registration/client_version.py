"""Tell which version of Claude Code PATH names, by where its files lie: nobody runs it."""

import json
import os
import re
import shutil

from lib.system.private_file import Refused, bounded, open_regular

# From here on the client tells of calls that failed. Earlier ones run no hook at all of settings
# that name an event that they do not know (2.0.30, 2.0.0 and 1.0.100 did not).
TELLS_OF_FAILURES = (2, 0, 60)
# How npm's package is called, and where the native installer keeps each version as a file.
_PACKAGE, _VERSIONS = "/@anthropic-ai/claude-code/", "/claude/versions"
_NUMBERS = re.compile(r"(\d{1,9})\.(\d{1,9})\.(\d{1,9})")
_MOST = 64 * 1024


def version() -> tuple[int, ...]:
    """Return the version of the `claude` on PATH, () where there is none, or its files are mute."""
    found = shutil.which("claude")
    if not found:
        return ()
    path = os.path.realpath(found)
    directory, name = os.path.split(path)
    if directory.endswith(_VERSIONS):
        return _numbers(name)
    above, package, _ = path.rpartition(_PACKAGE)
    return _numbers(_packaged(f"{above}{package}package.json")) if package else ()


def tells_of_failures() -> bool:
    """Check that the client is known to be one that tells of calls that failed."""
    return version() >= TELLS_OF_FAILURES


def _numbers(text: object) -> tuple[int, ...]:
    found = _NUMBERS.fullmatch(text) if isinstance(text, str) else None
    return tuple(map(int, found.groups())) if found else ()


def _packaged(path: str) -> object:
    """Return the version in a package.json, None where it tells none."""
    try:
        with open_regular(path, follow=True) as file:
            told = json.loads(bounded(file, _MOST))
    except (OSError, Refused, ValueError, RecursionError):
        return None
    return told.get("version") if isinstance(told, dict) else None
