"""Install the packages of a lock file, and do without those that this machine cannot have."""

import os
import re
from collections.abc import Callable

from lib.system import files

# How the names of packages begin that are taken as wheels or not at all: nobody needs a compiler.
_OPTIONAL = "tree-sitter"
_PIN = re.compile(r"^([\w.-]+)==.*(?:\n[ \t].*)*\n?", re.M)


_OFFLINE = ("Failed to establish a new connection", "NewConnectionError", "NameResolutionError",
            "ConnectTimeoutError", "Connection refused", "ProxyError")  # fmt: skip


def install(lock: str, scratch: str, run: Callable[[list[str]], list[str]]) -> list[str]:
    """Install what a lock file pins; return what the tool printed if it failed, or [].

    Args:
        lock: the file of pinned packages with their hashes.
        scratch: a path for a file of part of the pins; nothing is left there.
        run: runs the tool with options, and returns what it printed if it failed, or [].

    Raises OSError.
    """
    with open(lock, encoding="utf-8") as file:
        text = file.read()
    # One package may have several, each for some versions of Python.
    pins: dict[str, str] = {}
    for pin in _PIN.finditer(text):
        pins[pin[1]] = pins.get(pin[1], "") + pin[0]
    optional = [name for name in pins if name.startswith(_OPTIONAL)]
    options = ["--require-hashes", *(f"--only-binary={name}" for name in optional), "-r"]
    failed = run([*options, lock])
    if not failed or not optional or any(map(_is_offline, failed)):
        return failed
    parts = ["".join(text for name, text in pins.items() if name not in optional)]
    parts += [pins[name] for name in optional]
    try:
        for number, text in enumerate(parts):
            files.replace(scratch, text.encode())
            failed = run([*options, scratch])
            if failed and not number:
                return failed
    finally:
        if os.path.exists(scratch):
            os.unlink(scratch)
    return []


def explained(lines: list[str]) -> str:
    """Say in a line why the tool failed that printed `lines`."""
    if any(map(_is_offline, lines)):
        return "no package index can be reached: is there a network?"
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR")]
    return f"pip could not install the packages: {(errors or lines)[-1]}"


def _is_offline(line: str) -> bool:
    return any(sign in line for sign in _OFFLINE)
