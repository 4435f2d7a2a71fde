"""The packages of the bundle's environment: which they are, and whether they are there."""

import sys
from functools import cache

# Of requirements.txt, as they are imported.
NAMES = ("httpx", "orjson", "filelock", "rich", "pathspec", "regex")


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
