"""The packages of the bundle's environment, which a flusher started without `site` does not see."""

import sys
from functools import cache


@cache
def find() -> None:
    """Let them be imported from now on; costs a few milliseconds, once."""
    if sys.flags.no_site:
        import site

        site.main()
