"""Share what all commands need: the spool, the ledger, errors, printing."""

import json
import os
from typing import TypeVar

from lib.commands.reading import has_ledger, read_ledger
from lib.ledger.revisions import AGENT, FORMAT, OUTSIDE, SHELL, UNDO
from lib.ledger.store import Ledger
from lib.ledger.worktrees import MADE
from lib.system import files, wording
from lib.system.places import here, real
from lib.system.settings import Settings

# So many of the files that may have been meant are named.
OFFERED = 10
L = TypeVar("L", bound=Ledger)
NOTHING = "nothing was recorded yet"
printable = wording.printable


class CommandError(Exception):
    """The command cannot do what was asked; the text says why, in one line."""


def spool_directory() -> str:
    """Return the spool of the environment. Raises CommandError if it cannot be used."""
    directory = Settings(os.environ).cache_dir
    if not directory:
        raise CommandError("no home directory: set HOME or PATTERN_CACHE_DIR")
    problem = files.refusal(directory)
    if problem:
        raise CommandError(f"{printable(directory)} is not used, and nothing captured: {problem}")
    return directory


def opened(reader: type[L]) -> L | None:
    """Open the ledger of the environment's spool; None where nothing was recorded yet.

    Raises CommandError, OSError, sqlite3.Error.
    """
    directory = spool_directory()
    if not has_ledger(directory):
        return None
    ledger = read_ledger(reader, directory)
    if ledger.has_events():
        return ledger
    ledger.close()
    return None


def say_nothing(as_json: bool, text: str = NOTHING, json_text: str = "") -> int:
    """Say that there is nothing to show, in a line for people or `json_text` for machines; 0."""
    if json_text or not as_json:
        print(json_text if as_json else text)
    return 0


def repository() -> str:
    """Return the repository that the working directory is in, "" where it is in none."""
    above = here()
    while not any(os.path.exists(f"{above}/{name}") for name in (".git", ".hg", ".jj", ".svn")):
        if above == os.path.dirname(above):
            return ""
        above = os.path.dirname(above)
    return above


def by_actor(steps: dict[str, int]) -> str:
    """Word how many of the `steps` (as in `History`) are whose; "" where there are none."""
    whose = {AGENT: "by the agent", SHELL: "by shells", OUTSIDE: "outside", UNDO: "undone"}
    told = [f"{steps[kind]} {words}" for kind, words in whose.items() if steps[kind]]
    layout = f"; {steps[FORMAT]} of layout alone" if steps[FORMAT] else ""
    return ", ".join(told) + layout


def print_json(value: object) -> None:
    """Print a JSON value on one line."""
    print(json.dumps(value, ensure_ascii=True))


def names_of(path: str) -> list[str]:
    """Return the names that the file at `path` may be recorded by: without links, and with them."""
    full = os.path.normpath(os.path.join(here(), path))
    return list(dict.fromkeys([real(full), full]))


def meant(target: str, files: list[str]) -> str:
    """Choose of `files`, whose paths end in `target`, the one that it means.

    That is one of the project at hand, unless another file is here by that name. Raises
    CommandError where it is none or several.
    """
    root = (repository() or here()).rstrip("/") + "/"
    inside = [
        path for path in files
        if path == target or (path.startswith(root) and MADE not in path[len(root) - 1 :])
    ]  # fmt: skip
    if len(inside) == 1 and (target in inside or not os.path.lexists(target)):
        return inside[0]
    shown = ", ".join(map(printable, files[:OFFERED]))
    more = f" and {len(files) - OFFERED} more" if len(files) > OFFERED else ""
    raise CommandError(f"{printable(target)} was not recorded here; elsewhere: {shown}{more}")
