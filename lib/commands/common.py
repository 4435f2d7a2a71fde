"""What the commands share: where things are, and how a problem is told."""

import json
import os
from typing import TypeVar

from lib.ledger.store import FILE_NAME, Ledger
from lib.system import files
from lib.system.places import real
from lib.system.settings import Settings

L = TypeVar("L", bound=Ledger)


class CommandError(Exception):
    """The command cannot do what was asked; the text is the one line that says why."""


def spool_directory() -> str:
    """The spool that the environment names. Raises CommandError if it cannot be used."""
    directory = Settings(os.environ).cache_dir
    if not directory:
        raise CommandError("no home directory: set HOME or PATTERN_CACHE_DIR")
    problem = files.refusal(directory)
    if problem:
        raise CommandError(f"{printable(directory)} is not used, and nothing captured: {problem}")
    return directory


def has_ledger(directory: str) -> bool:
    """Whether anything was ever delivered there."""
    return os.path.exists(f"{directory}/{FILE_NAME}")


def require(reader: type[L]) -> L:
    """Open the ledger of the environment's spool. Raises CommandError where none was made yet."""
    directory = spool_directory()
    if not has_ledger(directory):
        raise CommandError("nothing was recorded yet")
    return reader(f"{directory}/{FILE_NAME}")


def print_json(value: object) -> None:
    """One JSON value on one line."""
    print(json.dumps(value, ensure_ascii=True))


def printable(text: str | None) -> str:
    """`text` without what could drive a terminal: control characters become escapes."""
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text or "")


def names_of(path: str) -> list[str]:
    """The names that the file at `path` may be recorded by: without links, and with them."""
    full = os.path.abspath(path)
    return list(dict.fromkeys([real(full), full]))
