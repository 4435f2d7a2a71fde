"""Answer the questions of `aside` in the child process that may be left behind."""

import importlib
import json
import sys
from collections.abc import Callable
from typing import Any

from lib.system import mounts
from lib.system.aside import HANGS, Away, Touch, is_below


def serve() -> None:
    """Answer the questions on standard input until it ends."""
    made: dict[str, Any] = {}

    def say(**answer: Any) -> None:
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()

    touch = _sparing(sys.argv[2:], lambda mount: say(at=mount))
    say(value=None)
    for line in sys.stdin:
        module, kind, method, *arguments = json.loads(line)
        if kind not in made:
            made[kind] = getattr(importlib.import_module(module), kind)(touch)
        try:
            say(value=getattr(made[kind], method)(*arguments))
        except Away as away:
            say(away=away.mount)
        except OSError as error:
            say(errno=error.errno, text=error.strerror, path=error.filename)


def _sparing(held: list[str], say: Callable[[str], None]) -> Touch:
    """Make the child's `touch`: it tells each mount before it is touched, and spares `held`."""
    last = ""

    def touch(path: str) -> None:
        nonlocal last
        for mount in held:
            if is_below(path, mount):
                raise Away(mount, HANGS)
        mount = mounts.of(path)
        if mount != last:
            last = mount
            say(mount)

    return touch
