"""Pythons in scratch folders, laid out as package managers and version managers lay them out."""

import functools
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.bundle import INTERPRETER

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
NAME = f"python{MINOR}"
_WHERE = (
    "import os, sys, sysconfig as s; b = getattr(sys, '_base_executable', '') or sys.executable\n"
    "print(os.path.realpath(b), s.get_path('stdlib'), getattr(sys, 'platlibdir', 'lib'), sep='\\n')"
)


@functools.cache
def _where(of: str) -> list[str]:
    """The program that is the Python at `of`, its standard library, and the name of its `lib`."""
    told = subprocess.run([of, "-I", "-c", _WHERE], capture_output=True, text=True, check=True)
    return told.stdout.splitlines()


def python_in(place: Path, of: str = INTERPRETER) -> Path:
    """Make `place` the prefix of a Python that runs by itself, a copy of the one at `of`; its
    binary, beside which is `python3`."""
    real, library, directory = _where(of)
    (place / "bin").mkdir(parents=True)
    (place / directory).mkdir()
    (place / directory / os.path.basename(library)).symlink_to(library)
    binary = place / "bin" / os.path.basename(library)
    # With its date, as those who install it do.
    shutil.copy2(real, binary)
    (place / "bin" / "python3").symlink_to(binary.name)
    return binary


def other_python(version: str) -> str:
    """The Python of that minor version that a version manager has, or a skipped test."""
    for root in ("~/.pyenv/versions", "~/.local/share/uv/python", "~/.local/share/mise/installs"):
        for found in sorted(Path(root).expanduser().glob(f"*{version}.*/bin/python{version}")):
            return str(found)
    return shutil.which(f"python{version}", path="/usr/bin:/usr/local/bin") or pytest.skip(
        f"there is no Python {version}"
    )


class Brew:
    """A prefix like Homebrew's: kegs with the patch number, and links without it."""

    def __init__(self, prefix: Path, poured: bool = False) -> None:
        """`poured`: it is there already."""
        self.prefix = prefix
        self.opt = prefix / "opt" / f"python@{MINOR}"
        self.python = self.opt / "bin" / NAME
        if not poured:
            (prefix / "opt").mkdir(parents=True)
            (prefix / "bin").mkdir()
            self.pour("1")

    def keg(self, patch: str) -> Path:
        return self.prefix / "Cellar" / f"python@{MINOR}" / f"{MINOR}.{patch}"

    def pour(self, patch: str, of: str = INTERPRETER) -> None:
        """Install that patch version, and let all links lead to it."""
        binary = python_in(self.keg(patch), of)
        if binary.name != NAME:
            binary.rename(binary.with_name(NAME))
        self.link(self.opt, self.keg(patch))
        for name in ("python3", NAME):
            self.link(self.prefix / "bin" / name, self.keg(patch) / "bin" / NAME)

    def link(self, path: Path, target: Path) -> None:
        path.unlink(missing_ok=True)
        path.symlink_to(target)
