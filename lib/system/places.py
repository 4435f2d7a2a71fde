"""Locate files: behind links, in any spelling, and in a repository's worktrees.

What lies on another mount is asked for in a child process (`aside`), so that none of it hangs.
"""

import errno
import os
import unicodedata
from typing import NamedTuple

from lib.system.aside import Away, Touch, near, shared
from lib.system.private_file import Refused, bounded, open_regular

# git writes one line, with a path in it.
_MAX_BYTES = 8192
_MAX_LINKS = 40
# What lies in a name, and not on the disk: no file can have it.
NO_NAME = (errno.ELOOP, errno.ENAMETOOLONG, errno.EINVAL)


class Checkout(NamedTuple):
    """The root of a git repository or worktree, and the directory that all its worktrees share.

    Both are "" where there is no repository.
    """

    root: str
    repository: str

    def name(self, path: str) -> str:
        """Return a name for the file at a real `path` in it, the same in all worktrees."""
        return f"{self.repository}\0{path[len(self.root) + 1 :]}" if self.root else path


class Places:
    """Finds out where paths lead. Calls `touch` with every path before it touches the file there.

    Raises OSError for what cannot be known, and what `touch` raises. A path that is missing is
    no error.
    """

    def __init__(self, touch: Touch) -> None:
        self._touch = touch

    def answers(self, path: str) -> None:
        """Touch the file at `path`."""
        self._touch(path)
        os.stat(path)

    def real(self, path: str) -> str:
        """Return an absolute path as the disk spells it, without links; a relative one as it is."""
        if not path.startswith("/") or "\0" in path:
            return path
        return self._walk("", path) or "/"

    def real_below(self, directory: str, name: str) -> str:
        """Return where `name`, which is no path, leads in a real directory."""
        return self._walk(directory.rstrip("/"), name) or "/"

    def _walk(self, here: str, path: str) -> str:
        links, is_there = 0, True
        begun = here
        rest = path.split("/")[::-1]
        while rest:
            name = rest.pop()
            if name == "..":
                here = here.rpartition("/")[0]
            if name in ("", ".", ".."):
                continue
            full = f"{here}/{name}"
            target = self._target(full) if is_there else None
            is_there = target is not None
            if not target:
                here = f"{here}/{self._spelled(here, name)}" if is_there else full
                continue
            links += 1
            if links > _MAX_LINKS:
                return os.path.normpath(f"{begun}/{path}")
            here = "" if target.startswith("/") else here
            rest += target.split("/")[::-1]
        return here

    def _target(self, path: str) -> str | None:
        """Return where the link at `path` leads, "" if it is none, None where nothing is."""
        self._touch(path)
        try:
            return os.readlink(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return None
        except OSError as error:
            if error.errno == errno.EINVAL:
                return ""
            if error.errno in NO_NAME:
                return None
            raise

    def _spelled(self, directory: str, name: str) -> str:
        """Return the name that the file `name` has in `directory`, which may not mind the case."""
        if not is_folded(directory, name):
            return name
        names = os.listdir(directory or "/")
        same = (found for found in names if _folded(found) == _folded(name))
        return name if name in names else next(same, name)

    def is_gone(self, path: str) -> bool:
        """Check that no file is at an absolute path; False for a relative one."""
        try:
            found = self.real(path)
            self._touch(found)
            os.stat(found)
        except (FileNotFoundError, NotADirectoryError):
            return path.startswith("/")
        except ValueError:
            pass
        return False

    def root(self, directory: str) -> str:
        """Return the nearest directory at or above a real `directory` with a .git, "" for none."""
        while directory != os.path.dirname(directory) and "\0" not in directory:
            if self.exists(f"{directory}/.git"):
                return directory
            directory = os.path.dirname(directory)
        return ""

    def checkout(self, directory: str) -> list[str]:
        """Return the `Checkout` for the repository that a real `directory` is in."""
        root = self.root(directory)
        return [root, self._repository(f"{root}/.git") if root else ""]

    def in_any_worktree(self, path: str) -> str:
        """Return a name for the file at `path`, the same in all worktrees of its repository."""
        path = self.real(path)
        return Checkout(*self.checkout(os.path.dirname(path))).name(path)

    def exists(self, path: str) -> bool:
        """Check whether there is something at `path`, in whose directory are no links."""
        self._touch(path)
        try:
            os.lstat(path)
        except (FileNotFoundError, NotADirectoryError, ValueError):
            return False
        except OSError as error:
            if error.errno in NO_NAME:
                return False
            raise
        return True

    def _repository(self, git: str) -> str:
        """Find the repository's directory by `git`: that directory, or a worktree's file."""
        try:
            own = self._line(git).removeprefix("gitdir:").strip()
            own = self.real(os.path.join(os.path.dirname(git), own))
            return self.real(os.path.join(own, self._line(f"{own}/commondir")))
        except (OSError, Refused, ValueError):
            return self.real(git)

    def _line(self, path: str) -> str:
        self._touch(path)
        with open_regular(path) as file:
            return os.fsdecode(bounded(file, _MAX_BYTES)).rstrip("\n")


_NEAR = Places(near)


def real(path: str) -> str:
    """Return an absolute path as the disk spells it, without links in it; else as it is."""
    try:
        return str(shared.ask(_NEAR, "real", path))
    except (OSError, Away):
        return path


def here() -> str:
    """Return the working directory, "" where somebody removed it."""
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def is_gone(path: str) -> bool:
    """Check that no file is at an absolute path; False where that cannot be told."""
    return is_away(path) is None


def is_away(path: str) -> bool | None:
    """Check whether the file at `path` cannot be reached now; None where there is none."""
    try:
        return None if shared.ask(_NEAR, "is_gone", path) else False
    except (OSError, Away):
        return True


def checkout(directory: str) -> Checkout | None:
    """Find the repository that a real directory is in, None where its disk does not answer."""
    try:
        return Checkout(*shared.ask(_NEAR, "checkout", directory))
    except (OSError, Away):
        return None


def in_any_worktree(path: str) -> str:
    """Return a name for the file at `path` that is the same in all worktrees of its repository."""
    try:
        return str(shared.ask(_NEAR, "in_any_worktree", path))
    except (OSError, Away):
        return path


def is_folded(directory: str, name: str) -> bool:
    """Check whether the file `name` in `directory` goes by other spellings too, as git probes it.

    Raises OSError.
    """
    others = {name.swapcase()}
    if not name.isascii():
        others |= {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}
    for other in others - {name}:
        try:
            os.lstat(f"{directory}/{other}")
        except (OSError, ValueError):
            continue
        names = os.listdir(directory or "/")
        return sum(_folded(found) == _folded(name) for found in names) == 1
    return False


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()
