"""Choose the path by which to register a Python: the one that survives most upgrades."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

PROBE_SECONDS = 10.0
_IS_RECENT = "import sys; print(sys.version_info >= (3, 10))"
_MINOR = re.compile(r"\d+\.\d+")
# The patch number, with a pre-release behind it, is what an upgrade changes.
_PATCH = re.compile(r"(\d+\.\d+)\.\d+\w*")


def base() -> str:
    """Return the longest-lived path to this Python, outside of any virtual environment."""
    return longest_lived(getattr(sys, "_base_executable", None) or sys.executable)


def longest_lived(python: str) -> str:
    """Choose the path to the same binary that survives most upgrades; the real one if none does.

    It is never a version manager's shim, nor within a virtual environment.
    """
    real = os.path.realpath(python)
    return next((path for path in _others(real) if _leads(path, real)), real)


def _leads(path: str, real: str) -> bool:
    in_environment = os.path.exists(f"{os.path.dirname(os.path.dirname(path))}/pyvenv.cfg")
    return os.path.realpath(path) == real and os.access(path, os.X_OK) and not in_environment


def _others(real: str) -> Iterator[str]:
    place, name = os.path.split(real)
    # /usr/bin/python3 outlives the python3.11 that it leads to.
    if not _MINOR.search(place):
        yield f"{place}/python3"
    # Homebrew: <prefix>/Cellar/python@3.12/3.12.7/...
    prefix, cellar, keg = real.partition("/Cellar/")
    if cellar:
        yield f"{prefix}/opt/{keg.partition('/')[0]}/bin/{name}"
        yield f"{prefix}/bin/{name}"
    # uv and mise: a link without the patch number, beside the version that it leads to.
    patches = list(_PATCH.finditer(place))
    if patches:
        last = patches[-1]
        yield f"{place[: last.start()]}{last[1]}{place[last.end() :]}/{name}"


def defect(python: str) -> str:
    """Tell why hooks cannot run on `python`, "" if they can."""
    if not os.access(python, os.X_OK):
        return "is gone"
    try:
        done = subprocess.run(
            [python, "-I", "-S", "-c", _IS_RECENT],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PROBE_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired):
        return "does not start"
    said = {b"True\n": "", b"False\n": "is older than Python 3.10"}
    return said.get(done.stdout, "does not start")
