"""Copies of the bundle by hard links, which cost a tenth of what copied files do.

Whoever writes into a file of such a copy writes into the others: `rewrite` puts another there.
"""

import atexit
import contextlib
import functools
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from lib.commands.setup.staging import PARTS
from lib.system.bytecode import compile_all

ROOT = Path(__file__).resolve().parents[2]
# What running a bundle makes in it, for the place where that is.
MADE = shutil.ignore_patterns("hook-*.image", "python.*")
NO_PYC = shutil.ignore_patterns("__pycache__")
_dates: dict[Path, tuple[int, int]] = {}


def link(source: str, target: str) -> None:
    """Make `target` the same file as `source`, or a copy on another file system."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _put(
    source: Path,
    target: Path,
    part: str,
    copy: Callable[[str, str], object],
    ignored: Callable[[str, list[str]], set[str]] = MADE,
) -> None:
    place, there = source / part, target / part
    if place.is_dir():
        shutil.copytree(place, there, symlinks=True, ignore=ignored, copy_function=copy)
    else:
        copy(str(place), str(there))


@functools.cache
def _source() -> Path:
    """The bundle as it is in the checkout, compiled: one of a worker, which nobody runs."""
    source = Path(tempfile.mkdtemp(prefix="bundle-"))
    atexit.register(_remove, source, os.getpid())
    for part in PARTS:
        _put(ROOT, source, part, shutil.copy2)
    compile_all(str(source))
    _dates.update({path: _dated(path) for path in source.rglob("*") if path.is_file()})
    return source


def changed() -> list[str]:
    """Name the files of `_source` that are not what they were: somebody wrote into a copy."""
    if not _source.cache_info().currsize:
        return []
    return [
        str(path.relative_to(_source()))
        for path in sorted(_source().rglob("*"))
        if path.is_file() and _dated(path) != _dates.get(path)
    ]


def _dated(path: Path) -> tuple[int, int]:
    status = path.stat()
    return status.st_size, status.st_mtime_ns


def _remove(source: Path, maker: int) -> None:
    """Remove it, unless this is a fork of the process that made it."""
    if os.getpid() == maker:
        shutil.rmtree(source, ignore_errors=True)


def bundle_at(root: Path, parts: Iterable[str] = PARTS, compiled: bool = True) -> Path:
    """Put a copy of these parts of the checkout at `root`, with or without what is compiled."""
    root.mkdir(parents=True, exist_ok=True)
    for part in parts:
        _put(_source(), root, part, link, MADE if compiled else NO_PYC)
    return root


def rewrite(path: Path, content: str | bytes) -> None:
    """Let `path` be another file with that content, and the same mode."""
    mode = path.stat().st_mode
    path.unlink()
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    path.chmod(mode)


class Kept:
    """What was made once at a place, put there anew for each test: it holds the place's name.

    Files of a bundle are linked, for nobody writes into them but into their locks; others are
    copied.
    """

    def __init__(self, place: Path) -> None:
        self.place = place
        self._kept = place.with_name(f"{place.name}.kept")
        place.rename(self._kept)
        self._used = 0

    def put(self) -> Path:
        """Put it in its place, whatever has become of what was there; return the place."""
        self._used += 1
        made = self.place.with_name(f"{self.place.name}.{self._used}")
        shutil.copytree(self._kept, made, symlinks=True, copy_function=_link_or_copy)
        while made.exists():
            if self.place.exists():
                # A flusher of the test before may still write there, and make the place again.
                gone = Path(tempfile.mkdtemp(prefix="gone-", dir=self.place.parent))
                self.place.rename(gone / self.place.name)
                shutil.rmtree(gone, ignore_errors=True)
            with contextlib.suppress(OSError):
                made.rename(self.place)
        return self.place


def _link_or_copy(source: str, target: str) -> None:
    is_whole = "/pattern-tracker/" in source and not source.endswith(".lock")
    (link if is_whole else shutil.copy2)(source, target)
