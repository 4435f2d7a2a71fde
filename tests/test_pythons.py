"""Of the paths to a Python the one that lives longest."""

import os
import shutil
import sys
from pathlib import Path

from lib.system import pythons
from tests.support.bundle import INTERPRETER

NAME = f"python{sys.version_info[0]}.{sys.version_info[1]}"


def test_of_the_paths_to_a_python_the_one_that_lives_longest(tmp_path: Path) -> None:
    def made(path: str, version: str = "") -> Path:
        binary = tmp_path / path / "bin" / f"python{version}"
        binary.parent.mkdir(parents=True)
        binary.touch()
        binary.chmod(0o755)
        return binary

    def link(path: str, target: Path) -> str:
        place = tmp_path / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(target)
        return str(place)

    def best(python: Path) -> str:
        return pythons.longest_lived(str(python)).removeprefix(f"{tmp_path}/")

    system = made("usr", "3.11")
    assert best(system) == "usr/bin/python3.11"
    link("usr/bin/python3", system)
    assert best(system) == "usr/bin/python3"
    newer = made("usr2", "3.13")
    link("usr2/bin/python3", system)
    assert best(newer) == "usr2/bin/python3.13"
    # Homebrew; the binary of a framework build lies deeper.
    keg = made("brew/Cellar/python@3.12/3.12.7/Frameworks/Versions/3.12", "3.12")
    assert best(keg).startswith("brew/Cellar/")
    link("brew/bin/python3.12", keg)
    assert best(keg) == "brew/bin/python3.12"
    link("brew/opt/python@3.12/bin/python3.12", keg)
    assert best(keg) == "brew/opt/python@3.12/bin/python3.12"
    # uv, mise, pyenv.
    uv = made("uv/python/cpython-3.12.7-linux-x86_64-gnu", "3.12")
    link("uv/python/cpython-3.12-linux-x86_64-gnu", uv.parents[1])
    assert best(uv) == "uv/python/cpython-3.12-linux-x86_64-gnu/bin/python3.12"
    early = made("uv/python/cpython-3.15.0rc1-linux-x86_64-gnu", "3.15")
    link("uv/python/cpython-3.15-linux-x86_64-gnu", early.parents[1])
    assert best(early) == "uv/python/cpython-3.15-linux-x86_64-gnu/bin/python3.15"
    mise = made("mise/installs/python/3.12.7", "3.12")
    link("mise/installs/python/3.12", made("mise/installs/python/3.12.8", "3.12").parents[1])
    assert best(mise) == "mise/installs/python/3.12.7/bin/python3.12"
    os.unlink(tmp_path / "mise/installs/python/3.12")
    link("mise/installs/python/3.12", mise.parents[1])
    assert best(mise) == "mise/installs/python/3.12/bin/python3.12"
    pyenv = made("pyenv/versions/3.12.7", "3.12")
    link("pyenv/versions/3.12.7/bin/python3", pyenv)
    assert best(pyenv) == "pyenv/versions/3.12.7/bin/python3.12"


def test_neither_a_shim_nor_an_environment_is_the_one(tmp_path: Path) -> None:
    real = tmp_path / "usr" / "bin" / NAME
    real.parent.mkdir(parents=True)
    shutil.copy(INTERPRETER, real)
    shim = real.with_name("python3")
    shim.write_text(f"#!/bin/sh\nexec {real} $@\n")
    shim.chmod(0o755)
    assert pythons.longest_lived(str(real)) == str(real)
    shim.unlink()
    shim.symlink_to(real)
    assert pythons.longest_lived(str(real)) == str(shim)
    (tmp_path / "usr" / "pyvenv.cfg").touch()
    assert pythons.longest_lived(str(real)) == str(real)
    assert pythons.longest_lived(sys.executable) == pythons.longest_lived(INTERPRETER)
