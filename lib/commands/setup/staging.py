"""Make a bundle aside, to be put in place atomically: a hook finds the old one or the new."""

import os
import shutil
from collections.abc import Iterator

from lib.system.bytecode import compile_all
from lib.system.files import make_all_private

PARTS = (
    "lib", "hooks", "bin", "skills", ".claude-plugin", "plugin", "plugin.json", "install.sh",
    "requirements.lock", "requirements-team.lock", "README.md", "LICENSE", "CHANGELOG.md",
)  # fmt: skip
# What is made beside the bundle, followed by the process that makes it.
ASIDE = ".pattern-tracker.new."
# How the installer before this one called the old bundle, between two renames.
_OLD = ".pattern-tracker.old."


def is_current(source: str, root: str) -> bool:
    """Check whether the bundle at `root` holds what `source` holds."""
    return source == root or dict(_files(source)) == dict(_files(root))


def _files(bundle: str) -> Iterator[tuple[str, bytes | str]]:
    """Yield the files of a bundle with their contents; of links, their targets."""
    for part in PARTS:
        for directory, below, names in os.walk(f"{bundle}/{part}"):
            below[:] = [name for name in below if name != "__pycache__"]
            yield from (_file(bundle, f"{directory}/{name}") for name in names)
        if os.path.isfile(f"{bundle}/{part}"):
            yield _file(bundle, f"{bundle}/{part}")


def _file(bundle: str, path: str) -> tuple[str, bytes | str]:
    name = path[len(bundle) :]
    if os.path.islink(path):
        return name, os.readlink(path)
    with open(path, "rb") as file:
        return name, file.read()


def aside(root: str) -> str:
    """Name the directory in which this process makes the bundle for `root`."""
    return f"{os.path.dirname(root)}/{ASIDE}{os.getpid()}"


def copy(source: str, stage: str) -> None:
    """Copy the parts of a bundle, and compile them. Raises OSError."""
    leave = shutil.ignore_patterns("__pycache__")
    for part in PARTS:
        path = f"{source}/{part}"
        if os.path.isdir(path):
            shutil.copytree(path, f"{stage}/{part}", symlinks=True, ignore=leave)
        else:
            shutil.copy2(path, f"{stage}/{part}", follow_symlinks=False)
    compile_all(stage)
    # Copies have the modes and the ACLs of what they were made from.
    make_all_private(stage)


def remove(path: str) -> None:
    """Remove a bundle: rename it, then delete its files. Of a link only the link is removed."""
    if os.path.islink(path):
        os.unlink(path)
        return
    if not os.path.isdir(path):
        return
    hidden = f"{os.path.dirname(path)}/{ASIDE}{os.getpid()}.gone"
    try:
        os.rename(path, hidden)
    except OSError:
        hidden = path
    shutil.rmtree(hidden, ignore_errors=True)


def sweep(root: str) -> None:
    """Remove what killed installers have left, or put back the old bundle if none is in place.

    For the holder of the installers' lock.
    """
    directory = os.path.dirname(root)
    for name in sorted(os.listdir(directory)) if os.path.isdir(directory) else []:
        if name.startswith((ASIDE, _OLD)):
            path = f"{directory}/{name}"
            is_old = name.startswith(_OLD) or name.endswith(".old")
            if is_old and not os.path.lexists(root):
                os.rename(path, root)
            else:
                shutil.rmtree(path, ignore_errors=True)
