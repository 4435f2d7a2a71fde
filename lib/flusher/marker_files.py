"""Write the files that describe the spool directory, and keep it private."""

import os

from lib.ledger.store import FILE_NAME
from lib.system import files
from lib.system.own_directory import OWNER, is_foreign

_ABOUT = f"""{OWNER}, a hook bundle for Claude Code.

pending_*.json  events that wait for delivery, one file each
quarantine/     files that could not be delivered, each with its reason
ledger.db       the delivered events: the history of your code patterns
state.json      what the last run of the flusher found; flusher.log says more

Ask it with `pattern-tracker status`. Deleting the directory loses the history and nothing else.
"""
_CACHE_TAG = "Signature: 8a477f597d28d172789f06886806bc55\n"


def write_marker_files(directory: str) -> None:
    """Write the files that tell people, git and backup programs what `directory` is.

    It is also made private. One that holds other people's files is left alone. Raises OSError.
    """
    if is_foreign(directory):
        return
    try:
        files.make_private(directory)
        for name in (FILE_NAME, f"{FILE_NAME}-wal", f"{FILE_NAME}-shm"):
            path = f"{directory}/{name}"
            if os.path.isfile(path) and not os.path.islink(path):
                os.chmod(path, 0o600)
    except OSError:  # a file system without modes; whether it is private was asked before
        pass
    signs = {"README": _ABOUT, ".gitignore": "*\n", "CACHEDIR.TAG": _CACHE_TAG}
    for name, text in signs.items():
        path = f"{directory}/{name}"
        if not os.path.lexists(path):
            with open(path, "x", encoding="utf-8") as file:
                file.write(text)
