"""Import the packages of the bundle's virtual environment, or tell which are missing."""

import os
import sys
from functools import cache
from importlib import import_module
from importlib.machinery import PathFinder
from importlib.util import find_spec, module_from_spec
from typing import Any

# Of requirements.txt, as they are imported.
NAMES = ("httpx", "orjson", "filelock", "rich", "regex", "rapidfuzz")
# What `serve` alone needs.
PAGE = ("starlette", "uvicorn", "jinja2")


class Missing(Exception):
    """A package is not installed (yet); the text names it."""


def place(environment: str) -> str:
    """Return the directory in which an environment keeps its packages for this Python version."""
    return f"{environment}/lib/python{sys.version_info[0]}.{sys.version_info[1]}"


def are_at_home(root: str) -> bool:
    """Check that this process runs in the environment of the bundle at `root`, by paths alone."""
    own = f"{root}/.venv"
    is_own = os.path.normpath(sys.executable) == f"{own}/bin/python"
    return is_own and os.path.isdir(place(own))


@cache
def find() -> None:
    """Make the packages importable in a process started without `site` (milliseconds, once)."""
    if sys.flags.no_site:
        import site

        site.main()


def missing() -> list[str]:
    """List the packages that this process cannot import."""
    find()
    return [name for name in NAMES if find_spec(name) is None]


def binding(name: str) -> Any:
    """Import the compiled part of a package without the rest of it, which takes longer.

    All of the package where it has no such part. Raises Missing.
    """
    find()
    package = PathFinder.find_spec(name)
    places = package.submodule_search_locations if package else None
    spec = PathFinder.find_spec(f"{name}._binding", list(places)) if places else None
    if spec is None or spec.loader is None or f"{name}._binding" in sys.modules:
        return load(name)
    try:
        made = module_from_spec(spec)
        spec.loader.exec_module(made)
    except ImportError:
        return load(name)
    return made


def load(name: str) -> Any:
    """Import a module of one of the packages. Raises Missing."""
    find()
    try:
        return import_module(name)
    except ImportError:
        package = name.partition(".")[0]
        text = f"the installation is incomplete: the package {package} is missing"
        raise Missing(text) from None
