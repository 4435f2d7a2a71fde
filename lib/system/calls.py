"""System calls: taken from `os` where that is loaded already, from `posix` where it is not.

A hook has not loaded `os`, which would cost a tenth of its time. Elsewhere it is loaded, and a test
that replaces its functions by those of another file system (as pyfakefs does) means us too.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import posix
else:
    posix = sys.modules.get("os") or __import__("posix")

__all__ = ["are_replaced", "posix"]


def are_replaced() -> bool:
    """Check whether a test has replaced the system calls (by a fake file system)."""
    return not isinstance(posix.open, type(len))
