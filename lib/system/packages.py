"""The packages of the bundle's environment: which they are, and whether they are there."""

import os
import sys
from functools import cache
from importlib import import_module
from typing import Any

# Of requirements.txt, as they are imported.
NAMES = ("httpx", "orjson", "filelock", "rich", "pathspec", "regex", "rapidfuzz")


class Missing(Exception):
    """A package is not there before the installation is complete; the text names it."""


def place(environment: str) -> str:
    """Where an environment keeps its packages for this Python."""
    return f"{environment}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"


def are_at_home(root: str) -> bool:
    """Whether this process runs on the environment of the bundle at `root`, and that is for this
    Python: told without starting or loading anything."""
    own = f"{root}/.venv"
    is_own = os.path.normpath(sys.executable) == f"{own}/bin/python"
    return is_own and os.path.isdir(place(own))


@cache
def find() -> None:
    """Let them be imported from now on, in a flusher that was started without `site`; costs a few
    milliseconds, once."""
    if sys.flags.no_site:
        import site

        site.main()


def missing() -> list[str]:
    """Those that this process cannot import."""
    from importlib.util import find_spec

    find()
    return [name for name in NAMES if find_spec(name) is None]


def load(name: str) -> Any:
    """Import the module `name` of one of them. Raises Missing."""
    find()
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        text = f"the installation is incomplete: the package {package} is missing"
        raise Missing(text) from None
