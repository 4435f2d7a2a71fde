"""Link the installed bundle's command into ~/.local/bin, so that it can be typed."""

import os
import shutil

from lib.commands.terminal import shortened

NAME = "pattern-tracker"
COMMAND = f"/bin/{NAME}"


def typed(root: str) -> str:
    """Return what to type for the command of the bundle at `root`: its name, or a path."""
    found, path = shutil.which(NAME), _place()
    if found and _leads_to(found, root):
        return NAME
    return shortened(path if _leads_to(path, root) else root + COMMAND)


def put(root: str) -> str:
    """Link the command of the bundle at `root`, unless something else has that name.

    Returns "" or the line that says why the name alone is not enough to type.
    """
    path, problem = _place(), "something else is there"
    try:
        if path and _is_free(path):
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if os.path.islink(path):
                os.unlink(path)
            os.symlink(root + COMMAND, path)
    except OSError as error:
        problem = error.strerror or str(error)
    if not path or typed(root) == NAME:
        return ""
    if _leads_to(path, root):
        directory = shortened(os.path.dirname(path))
        return f"(or {NAME} alone, once {directory} comes first in your PATH)\n"
    return f"({shortened(path)} was left: {problem})\n"


def remove(root: str) -> str:
    """Remove the link to the bundle at `root`; its directories are whoever's that made them.

    Returns the line that says so, "" where there is no such link.
    """
    path = _place()
    if not _is_ours(path, root):
        return ""
    try:
        os.unlink(path)
    except OSError as error:
        return f"{path} was left: {error.strerror}\n"
    return f"Removed {path}\n"


def directories() -> list[str]:
    """List the directories that `put` makes where they are missing, those above first."""
    place = os.path.dirname(_place())
    return [os.path.dirname(place), place] if place else []


def preview(root: str, removal: bool) -> str:
    """Word what `put`, or for a `removal` `remove`, would do; "" for nothing."""
    path = _place()
    if removal:
        return f"{path} would be removed\n" if _is_ours(path, root) else ""
    return f"{path} would lead to {root}{COMMAND}\n" if path and _is_free(path) else ""


def _place() -> str:
    """Return the path of the link, "" without a home directory."""
    home = os.environ.get("HOME", "").rstrip("/")
    return f"{home}/.local{COMMAND}" if home.startswith("/") else ""


def _leads_to(path: str, root: str) -> bool:
    return os.path.realpath(path) == os.path.realpath(root + COMMAND)


def _is_ours(path: str, root: str) -> bool:
    return os.path.islink(path) and _leads_to(path, root)


def _is_free(path: str) -> bool:
    """Check that nothing is at `path`, or only the link of an installation that is gone."""
    if os.path.islink(path) and not os.path.exists(path):
        return os.readlink(path).endswith(f"/hooks/{NAME}{COMMAND}")
    return not os.path.lexists(path)
