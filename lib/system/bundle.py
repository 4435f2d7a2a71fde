"""Locate the installed bundle, and the files in which its user's decisions are kept.

No environment variable has a say: a cloned repository's settings can set any. Builtins only: the
hook path imports this.
"""

from lib.system.calls import posix

# What the user approved, and the service that they chose.
APPROVALS = ".approved.json"
# The client keeps each version of a plugin in a directory of its own:
# <configuration>/plugins/cache/<marketplace>/<plugin>/<version>
_CACHE = ("plugins", "cache")


def root() -> str:
    """Return the directory of the bundle that this code belongs to."""
    import os

    return os.path.abspath(__file__).removesuffix("/lib/system/bundle.py")


def config_of(root: str) -> str:
    """Find Claude Code's directory in which the bundle at `root` is installed, "" for none."""
    if root.endswith("/hooks/pattern-tracker"):
        return root[: -len("/hooks/pattern-tracker")]
    return root.rpartition("/plugins/cache/")[0]


def kept(suffix: str, bundle: str = "") -> str:
    """Locate the file, named by `suffix`, of a user's decisions about `bundle` (default: this one).

    It lies beside the bundle. For an installed plugin, whose directory changes with each version,
    it is the one of an installation in the same configuration.
    """
    found = (bundle or root()).rstrip("/")
    parts = found.split("/")
    if tuple(parts[-5:-3]) == _CACHE:
        found = "/".join([*parts[:-5], "hooks", "pattern-tracker"])
    elif is_link(f"{found}/lib"):
        import os

        # The directory `plugin` of a checkout, which is what it is kept beside.
        found = os.path.dirname(os.path.realpath(f"{found}/lib"))
    return found + suffix


def is_link(path: str) -> bool:
    """Check whether `path` names a symbolic link."""
    try:
        posix.readlink(path)
    except OSError:
        return False
    return True
