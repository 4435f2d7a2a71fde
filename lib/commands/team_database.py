"""Open the database of a team's server for the verbs that look after it."""

import argparse
import getpass
import os
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from lib.commands.common import CommandError

if TYPE_CHECKING:
    from lib.web.team.stored import Storage

VARIABLE = "PATTERN_TEAM_DATABASE"


def add_argument(parser: argparse.ArgumentParser) -> None:
    """Declare the argument that names the database."""
    text = f"postgresql://... or sqlite:///FILE of the team's server (default: ${VARIABLE})"
    parser.add_argument("--database", metavar="URL", help=text)


@contextmanager
def opened(options: argparse.Namespace) -> Iterator["Storage"]:
    """Open the storage of the team's server. Raises CommandError, also for what it raises."""
    from lib.system import packages
    from lib.web.team.sql_storage import open_storage
    from lib.web.team.stored import StorageError

    url = options.database or os.environ.get(VARIABLE, "")
    if not url:
        raise CommandError(f"name the team's database: --database, or {VARIABLE}")
    packages.find()
    try:
        with closing(open_storage(url)) as storage:
            yield storage
    except StorageError as error:
        raise CommandError(f"{error}") from None


def note(storage: "Storage", act: str, about: str) -> None:
    """Write into the audit that whoever runs this did something. Raises StorageError."""
    from lib.web.team.stored import Note

    try:
        user = getpass.getuser()
    except (KeyError, OSError):
        user = f"user {os.getuid()}"
    storage.note(Note(time.time(), f"{user} at the server", act, about))
