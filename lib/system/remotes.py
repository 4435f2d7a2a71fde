"""Name a repository as everybody does who has a copy of it: by where it was cloned from."""

import os
import re
from collections.abc import Iterator
from urllib.parse import unquote

from lib.system.aside import Away, Touch, near, shared
from lib.system.private_file import Refused, bounded, open_regular

_MAX_BYTES = 1024 * 1024
_SECTION = re.compile(r'\s*\[\s*remote\s+"origin"\s*\]', re.IGNORECASE)
_URL = re.compile(r'\s*url\s*=\s*"?([^"#;]*)"?', re.IGNORECASE)
_WITH_SCHEME = re.compile(
    r"[a-z][a-z0-9+.-]*://(?:[^/@]*@)?(\[[^]/]*\]|[^:/]*)(?::\d*)?/(.*)", re.I
)
# As scp writes it; a single letter is a drive.
_LIKE_SCP = re.compile(r"(?:[^/@:]*@)?([^/:@]{2,}):(?!/?/)(.*)")


class Remotes:
    """Reads the settings of repositories. `touch` and what is raised are as for `Places`."""

    def __init__(self, touch: Touch) -> None:
        self._touch = touch

    def origin(self, repository: str) -> str:
        """Return the URL of origin in the git directory `repository`, "" where it names none."""
        path = f"{repository}/config"
        self._touch(path)
        try:
            with open_regular(path) as file:
                text = bounded(file, _MAX_BYTES).decode("utf-8", "replace")
        except (FileNotFoundError, NotADirectoryError, Refused, ValueError):
            return ""
        return next(_urls(text), "")


def _urls(text: str) -> Iterator[str]:
    is_ours = False
    for line in text.splitlines():
        rest = line
        if line.lstrip().startswith("["):
            found = _SECTION.match(line)
            is_ours, rest = bool(found), line[found.end() :] if found else ""
        if is_ours and (url := _URL.match(rest)) and url[1].strip():
            yield url[1].strip()


_NEAR = Remotes(near)


def project_of(repository: str) -> str | None:
    """Name the project of the git directory `repository`; None where its disk does not answer.

    That is host/owner/name of the URL that it was cloned from, without credentials, and else the
    name of the directory that it lies in: the same in all of its worktrees.
    """
    try:
        url = str(shared.ask(_NEAR, "origin", repository))
    except (OSError, Away):
        return None
    own = repository.removesuffix("/.git")
    return normalised(url) or os.path.basename(own).removesuffix(".git")


def normalised(url: str) -> str:
    """Return host/owner/name of a repository's URL; "" for one that names no host.

    Nothing of who may enter it is left: no user, no password, no query.
    """
    found = _WITH_SCHEME.fullmatch(url) or _LIKE_SCP.fullmatch(url)
    # Behind an @ in the path, what is before may be a password with a slash in it.
    if not found or "@" in found[2] or url.lower().startswith("file:"):
        return ""
    path = unquote(re.split("[?#]", found[2])[0]).strip("/").removesuffix(".git").strip("/")
    parts = [part for part in path.split("/") if part not in ("", ".", "..", "~")]
    host = found[1].lower()
    return "/".join([host, *parts]) if host and parts else ""
