"""Locate files: behind links, and in a repository's worktrees."""

import os

from lib.system.private_file import Refused, bounded, open_regular

# git writes one line, with a path in it.
_MAX_BYTES = 8192


def real(path: str) -> str:
    """Return an absolute path without the links in it, and a relative one as it is."""
    try:
        return os.path.realpath(path) if path.startswith("/") else path
    except ValueError:  # no file can have that name
        return path


def here() -> str:
    """Return the working directory, "" where somebody removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def is_gone(path: str) -> bool:
    """Check that no file is at an absolute path; False for a relative one."""
    try:
        os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return path.startswith("/")
    except (OSError, ValueError):
        pass
    return False


def in_any_worktree(path: str) -> str:
    """Return a name for the file at `path` that is the same in all worktrees of its repository."""
    path = real(path)
    above = os.path.dirname(path)
    while above != os.path.dirname(above) and "\0" not in path:
        if os.path.lexists(f"{above}/.git"):
            return f"{_repository(f'{above}/.git')}\0{path[len(above) + 1 :]}"
        above = os.path.dirname(above)
    return path


def project_root(directory: str) -> str:
    """Return the nearest directory at or above `directory` that holds a .git, else `directory`."""
    above = directory
    while above != os.path.dirname(above) and "\0" not in above:
        if os.path.lexists(f"{above}/.git"):
            return above
        above = os.path.dirname(above)
    return directory


def _repository(git: str) -> str:
    """Find the repository's directory by `git`: that directory, or a worktree's file."""
    try:
        own = _line(git).removeprefix("gitdir:").strip()
        own = os.path.join(os.path.dirname(git), own)
        return os.path.realpath(os.path.join(own, _line(f"{own}/commondir")))
    except (OSError, Refused, ValueError):
        return os.path.realpath(git)


def _line(path: str) -> str:
    with open_regular(path) as file:
        return os.fsdecode(bounded(file, _MAX_BYTES)).rstrip("\n")
