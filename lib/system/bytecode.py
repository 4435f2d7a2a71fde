"""Compile the bundle to .pyc files, each written atomically.

CPython takes a short write for a whole one (importlib's _write_atomic in 3.10 to 3.13, which
py_compile uses too): on a full disk it leaves a torn file, and every later import of that module
fails. So no process of ours writes any (-B, or sys.dont_write_bytecode) but by this module.
"""

import marshal
import os
import sys
from collections.abc import Iterator
from importlib.util import MAGIC_NUMBER, cache_from_source
from struct import pack

from lib.system import files


def image_path(root: str) -> str:
    """Return the path of the hook path's image in the bundle at `root` for this interpreter."""
    return f"{root}/lib/__pycache__/hook-{sys.hexversion:x}.image"


def compile_all(root: str) -> None:
    """Compile each module of the bundle at `root` whose .pyc file is missing or out of date.

    Raises OSError.
    """
    for path in _sources(f"{root}/lib"):
        status = os.stat(path)
        # PEP 552: no flags, then the source's date and size, each in four bytes.
        dated = int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF
        header = MAGIC_NUMBER + pack("<III", 0, *dated)
        compiled = cache_from_source(path)
        if _begins_with(compiled, header):
            continue
        with open(path, "rb") as file:
            code = compile(file.read(), path, "exec")
        os.makedirs(os.path.dirname(compiled), exist_ok=True)
        files.replace(compiled, header + marshal.dumps(code))


def _sources(directory: str) -> Iterator[str]:
    for place, _, names in os.walk(directory):
        yield from (f"{place}/{name}" for name in names if name.endswith(".py"))


def _begins_with(path: str, header: bytes) -> bool:
    try:
        with open(path, "rb") as file:
            return file.read(len(header)) == header
    except OSError:
        return False
