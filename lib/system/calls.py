"""The system's calls, as `os` has them where it is loaded and as `posix` where it is not.

A hook has not loaded `os`, which would cost a tenth of its time. Elsewhere it is there, and a test
that puts another file system in its place (as pyfakefs does) means us too.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    import posix
else:
    posix = sys.modules.get("os") or __import__("posix")

__all__ = ["are_replaced", "posix"]


def are_replaced() -> bool:
    """Whether a test has put others in the place of the system's calls."""
    return not isinstance(posix.open, type(len))
