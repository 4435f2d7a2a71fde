"""What files of a directory held one after another, as the kernel tells it."""

import ctypes
import os
import select
import struct
import threading
from collections import defaultdict
from pathlib import Path

import pytest

_CLOSE_WRITE, _MOVED_TO = 0x8, 0x80
_EVENT = struct.Struct("iIII")


class Watch:
    """Reads the files of `directory` at each change, until it is left: `states` by their names.

    A state that was replaced before it could be read is missed.
    """

    def __init__(self, directory: Path) -> None:
        self.states: defaultdict[str, list[str]] = defaultdict(list)
        self._directory = directory
        self._ended, self._end = os.pipe()
        self._thread = threading.Thread(target=self._run)
        libc = ctypes.CDLL(None, use_errno=True)
        if not hasattr(libc, "inotify_init1"):
            pytest.skip("the system does not tell of changes of files")
        self._fd = libc.inotify_init1(os.O_CLOEXEC)
        libc.inotify_add_watch(self._fd, os.fsencode(directory), _CLOSE_WRITE | _MOVED_TO)

    def __enter__(self) -> "Watch":
        self._thread.start()
        return self

    def __exit__(self, *error: object) -> None:
        os.close(self._end)
        self._thread.join()
        os.close(self._fd)
        os.close(self._ended)

    def _run(self) -> None:
        while self._ended not in select.select([self._fd, self._ended], [], [])[0]:
            data = os.read(self._fd, 65536)
            while data:
                size = _EVENT.unpack_from(data)[3]
                name = data[_EVENT.size : _EVENT.size + size].rstrip(b"\0").decode()
                data = data[_EVENT.size + size :]
                self._read(name)

    def _read(self, name: str) -> None:
        if not name.endswith(".py"):
            return
        try:
            text = (self._directory / name).read_text()
        except FileNotFoundError:
            return
        if self.states[name][-1:] != [text]:
            self.states[name].append(text)
