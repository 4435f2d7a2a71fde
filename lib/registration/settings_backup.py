"""Back up each settings file in which the hooks are registered.

The backups lie beside the bundle, not in it: they restore the file also when the bundle is gone.
"""

import json
import os
import shutil
from collections.abc import Collection, Iterable

from lib.registration import settings_file
from lib.system import files
from lib.system.digest import hex_digest

PATH, BACKUP, WRITTEN, FOUND = "path", "before", "after", "found"


def directory(root: str) -> str:
    """Return the directory of the bundle's backups."""
    return f"{root}.settings"


def places(root: str) -> list[str]:
    """List the settings files in which the bundle at `root` is registered."""
    kept = directory(root)
    names = sorted(os.listdir(kept)) if os.path.isdir(kept) else []
    found = [settings_file.read(f"{kept}/{name}/{PATH}") for name in names]
    return [os.fsdecode(path) for path in found if path]


def note_made(root: str, made: Iterable[str]) -> None:
    """Note which directories the installation of the bundle at `root` made. Raises OSError."""
    paths = dict.fromkeys([*made_directories(root), *made])
    if paths:
        files.make_private_directory(os.path.dirname(_made(root)))
        settings_file.put(_made(root), os.fsencode("\0".join(paths)))


def made_directories(root: str) -> list[str]:
    """Return the directories that `note_made` was told of, those above first."""
    kept = settings_file.read(_made(root)) or b""
    return [os.fsdecode(path) for path in kept.split(b"\0") if path]


def _made(root: str) -> str:
    return f"{directory(root)}/made/directories"


class Record:
    """The backup of the settings file at `path` (a real path)."""

    def __init__(self, root: str, path: str) -> None:
        self._path = path
        self._directory = f"{directory(root)}/{hex_digest(path)[:16]}"

    def remember(
        self, before: bytes | None, after: bytes, ours: tuple[str, ...], had: Collection[str]
    ) -> None:
        """Back up a settings file, and note which of the lists `ours` it had. Raises OSError.

        `had`: those in which entries of ours are already. The backup is discarded if somebody else
        wrote between our own writings.
        """
        files.make_private_directory(self._directory)
        self._put(PATH, os.fsencode(self._path))
        written, kept = self._read(WRITTEN), self._read(BACKUP)
        self._note(before, ours, had)
        # As it was kept: an installer was killed before it wrote.
        if written is not None and before not in (written, kept):
            for name in (BACKUP, WRITTEN):
                if os.path.exists(self._name(name)):
                    os.unlink(self._name(name))
            return
        if written is None and had:  # what was there before us is not known
            return
        if written is None and before is not None:
            self._put(BACKUP, before)
        self._put(WRITTEN, after)

    def _note(self, before: bytes | None, ours: tuple[str, ...], had: Collection[str]) -> None:
        """Note the lists that are there without ours: somebody else made them."""
        known = self._found()
        passed = {*known, *had, *(["hooks"] if had else [])}
        found = [name for name in _lists(before, self._path, ours) if name not in passed]
        if found or not os.path.exists(self._name(FOUND)):
            self._put(FOUND, json.dumps([*known, *found]).encode())

    def is_untouched(self, now: bytes | None) -> bool:
        """Check that the file still is as we wrote it."""
        return now is not None and now == self._read(WRITTEN)

    def original(self) -> bytes | None:
        """Return the file before our registration, None where there was none."""
        return self._read(BACKUP)

    def made(self, name: str) -> bool:
        """Check whether our registration made the list `name`."""
        return name not in self._found()

    def forget(self) -> None:
        """Remove the backup, and the directory of backups if it was the last."""
        shutil.rmtree(self._directory, ignore_errors=True)
        try:
            os.rmdir(os.path.dirname(self._directory))
        except OSError:  # others are left, or it is gone
            pass

    def _found(self) -> list[str]:
        kept = self._read(FOUND)
        return list(json.loads(kept)) if kept else []

    def _name(self, name: str) -> str:
        return f"{self._directory}/{name}"

    def _read(self, name: str) -> bytes | None:
        return settings_file.read(self._name(name))

    def _put(self, name: str, data: bytes) -> None:
        settings_file.put(self._name(name), data)


def _lists(data: bytes | None, path: str, ours: tuple[str, ...]) -> list[str]:
    hooks = json.loads(settings_file.text_of(data, path)[0]).get("hooks")
    found = ["hooks", *hooks] if isinstance(hooks, dict) else []
    return [name for name in found if name in ours]
