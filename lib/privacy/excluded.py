"""Decide which files are never recorded: excluded ones, those named as secrets, Claude Code's own.

The client keeps notes about the user, plans and settings in its directory.
"""

import os
from typing import TypedDict

from lib.capture.secret_names import holds_secrets
from lib.privacy.ignore import Ignores
from lib.system.aside import Touch
from lib.system.places import Places, real


class Verdict(TypedDict):
    """Whether a file is excluded, by `rules` that cannot be applied or others, and its real path.

    `problems` holds a line for each .patternignore that could not be applied.
    """

    excluded: bool
    unclear: bool
    path: str
    problems: list[str]


class Judge:
    """Decides about files. Calls `touch` as `Places` does, and raises what it does."""

    def __init__(self, touch: Touch) -> None:
        self._disk = Places(touch)
        self._ignores = Ignores(touch)
        # Where directories lead.
        self._known: dict[str, str] = {}

    def judge(self, names: list[str], cwd: str, base: str, config_dir: str) -> Verdict:
        """Decide about the file that goes by `names` as seen from `cwd`; the first is recorded.

        By any name or by where that leads. `base`: where a relative `cwd` begins; `config_dir`:
        Claude Code's real directory, "" for none.
        """
        found = {name: self._real(name) for name in names}
        joined = {os.path.join(base, cwd, name) for name in names if name}
        leads = {found.get(path) or self._real(path) for path in joined}
        own = config_dir + "/" if config_dir else "\0"
        excluded = unclear = False
        if any(map(holds_secrets, {*filter(None, names), *leads})) or any(
            p.startswith(own) for p in leads
        ):
            excluded = True
        else:
            here = self._directory(cwd)
            places = [*((name, cwd) for name in names), *((name, here) for name in found.values())]
            for place in dict.fromkeys(places):
                if self._ignores.excludes(*place):
                    excluded, unclear = True, self._ignores.is_unclear(*place)
                    break
        problems, self._ignores.problems = self._ignores.problems, []
        path = found[names[0]] if names else ""
        return {"excluded": excluded, "unclear": unclear, "path": path, "problems": problems}

    def _real(self, path: str) -> str:
        directory, _, name = path.rpartition("/")
        if not directory.startswith("/") or name in ("", ".", "..") or "\0" in path:
            return self._disk.real(path)
        return self._disk.real_below(self._directory(directory), name)

    def _directory(self, path: str) -> str:
        if path not in self._known:
            self._known[path] = self._disk.real(path)
        return self._known[path]

    def flaws(self, path: str, cwd: str) -> tuple[list[str], list[str]]:
        """Return what is wrong with files and with rules that count for `path`, told once each."""
        self._ignores.excludes(path, cwd)
        found = self._ignores.problems, self._ignores.faults
        self._ignores.problems, self._ignores.faults = [], []
        return found


def is_private(path: str, config_dir: str) -> bool:
    """Check whether the file at `path` is named as secrets are, or lies in `config_dir`."""
    if not path:
        return False
    found, own = real(os.path.abspath(path)), real(config_dir) + "/" if config_dir else "\0"
    return holds_secrets(path) or holds_secrets(found) or found.startswith(own)
