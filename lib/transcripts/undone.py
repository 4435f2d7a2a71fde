"""Tell what the client took files back to at its `/rewind`, from its own copies of them."""

import json
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from datetime import datetime, timezone
from typing import BinaryIO, NamedTuple

from lib.capture.named_file import MAX_BYTES
from lib.capture.secret_names import holds_secrets
from lib.system.aside import Touch
from lib.system.private_file import Refused, bounded, open_regular
from lib.transcripts.fields import path_of
from lib.transcripts.reader import Reader
from lib.transcripts.rewinds import Copy, Rewinds, Rewound

# The command by its names.
COMMANDS = ("/rewind", "/checkpoint", "/undo")
# So many bytes before a prompt tell of earlier ones, and of the copies that were made.
BACK = 32 * 1024 * 1024
# What was typed last, and where a transcript begins, in bytes.
_TYPED, _BEGINNING = 64 * 1024, 256 * 1024
# What is read of the copies for one prompt, in bytes.
_MOST_BYTES = 64 * 1024 * 1024
# So long after the command was typed files are taken back, in seconds: it asks which.
_CHOOSING = 600
_NAME = re.compile(r"[\w-]+@v\d+")


class Undone(NamedTuple):
    """A file that the client took back; `code` is what it holds then, None where it is gone.

    It was done after `since`, and not after `when`: then the prompt `prompt_uuid` followed, or that
    is when the command was typed and nothing was asked since.
    """

    session_id: str
    prompt_uuid: str
    path: str
    code: str | None
    cwd: str
    since: str
    when: str


def config_dir_of(path: str) -> str:
    """Return the client's directory that the transcript at `path` lies in, "" for none."""
    projects = os.path.dirname(os.path.dirname(path))
    return os.path.dirname(projects) if os.path.basename(projects) == "projects" else ""


def typed(config_dir: str, session_id: str) -> list[str]:
    """List when the command was typed in a session of late, as the ledger writes it."""
    if not config_dir:
        return []
    found: list[str] = []
    with suppress(OSError, Refused), open_regular(f"{config_dir}/history.jsonl") as file:
        file.seek(max(0, os.fstat(file.fileno()).st_size - _TYPED))
        told = file.read(_TYPED)
        if not any(command.encode() in told for command in COMMANDS):  # the usual
            return found
        for line in told.splitlines():
            if session_id.encode() in line and (when := _typed_at(line, session_id)):
                found.append(when)
    return found


def _typed_at(line: bytes, session_id: str) -> str:
    try:
        told = json.loads(line)
        if told["sessionId"] != session_id or told["display"].strip() not in COMMANDS:
            return ""
        moment = datetime.fromtimestamp(told["timestamp"] / 1000, timezone.utc)
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError):
        return ""
    return moment.isoformat(timespec="microseconds")


def undone(
    file: BinaryIO, path: str, session_id: str, when_typed: Sequence[str], start: int, end: int
) -> Iterator[Undone]:
    """Yield what was taken back before the prompts in the bytes from `start` to `end`.

    `file` is the open transcript at `path`. Raises OSError.
    """
    cwd = _beginning(file)
    reader, rewinds = Reader(file, max(0, start - BACK)), Rewinds(session_id, when_typed)
    for record in reader.records(end - reader.offset):
        told = rewinds.take(record)
        if told is not None and reader.offset > start:
            yield from taken_back(told, path, session_id, cwd)


def _beginning(file: BinaryIO) -> str:
    """Return the directory that the session began in: names of files are told from there."""
    return next(filter(None, map(path_of, Reader(file).records(_BEGINNING))), "")


def taken_back(told: Rewound, path: str, session_id: str, cwd: str) -> Iterator[Undone]:
    """Yield the files that hold what they held earlier, by the copies of them.

    `path` is that of the transcript, `cwd` the directory that the session began in.
    """
    copies = _copies_of(path, session_id)
    for name, copy in told.copies.items():
        place = _place(name, copy, cwd)
        code = copies.text(copy.name) if copy.name else None
        is_known = copy.name in copy.earlier
        if copy.name and not is_known:
            is_known = any(copies.are_same(copy.name, one) for one in copy.earlier[::-1])
        if is_known and place.startswith("/") and (code is not None or not copy.name):
            yield Undone(session_id, told.prompt_uuid, place, code, cwd, told.since, told.when)


def standing(
    file: BinaryIO, path: str, session_id: str, when_typed: Sequence[str], touch: Touch
) -> Iterator[Undone]:
    """Yield the files that were taken back after the last prompt: the disk has an earlier copy.

    `file` is the open transcript at `path`; `touch` is called with what is looked at then. Raises
    OSError, and what `touch` does.
    """
    cwd, rewinds = _beginning(file), Rewinds(session_id, when_typed)
    for record in Reader(file, max(0, os.fstat(file.fileno()).st_size - BACK)).records():
        rewinds.take(record)
    told = rewinds.standing()
    if told is None:
        return
    copies = _copies_of(path, session_id)
    for name, copy in told.copies.items():
        place = _place(name, copy, cwd)
        if not place.startswith("/") or holds_secrets(place):
            continue
        touch(place)
        changed_ns, data = _held(place)
        names = (*copy.earlier, copy.name)
        is_earlier = "" in names if data is None else copies.have(data, names)
        code = None if data is None else _text(data)
        if is_earlier and (code is None) is (data is None) and _is_after(told, changed_ns):
            now = datetime.now(timezone.utc).isoformat(timespec="microseconds")
            yield Undone(session_id, told.prompt_uuid, place, code, cwd, told.since, now)


def _held(place: str) -> tuple[int, bytes | None]:
    """Return when a file was changed or went, in ns since 1970 (0: unknown), and what it holds."""
    try:
        with open_regular(place) as file:
            return os.fstat(file.fileno()).st_ctime_ns, bounded(file, MAX_BYTES)
    except FileNotFoundError:
        with suppress(OSError):
            return os.lstat(os.path.dirname(place)).st_mtime_ns, None
    except (OSError, Refused):
        pass
    return 0, None


def _is_after(told: Rewound, changed_ns: int) -> bool:
    typed_ns = int(datetime.fromisoformat(told.since).timestamp() * 1000) * 10**6
    return typed_ns < changed_ns < typed_ns + _CHOOSING * 10**9


def _place(name: str, copy: Copy, cwd: str) -> str:
    place = f"{copy.directory}/{os.path.basename(name)}" if copy.directory else name
    return os.path.normpath(os.path.join(cwd, place))


def _text(data: bytes) -> str | None:
    is_wide = data.startswith((b"\xff\xfe", b"\xfe\xff"))
    try:
        return data.decode("utf-16" if is_wide else "utf-8")
    except ValueError:
        return None


def _copies_of(path: str, session_id: str) -> "_Copies":
    config_dir = config_dir_of(path)
    return _Copies(f"{config_dir}/file-history/{session_id}" if config_dir else "")


class _Copies:
    """The client's copies of the files of a session, below `directory`."""

    def __init__(self, directory: str) -> None:
        self._directory = directory
        self._left = _MOST_BYTES

    def text(self, name: str) -> str | None:
        """Return the text of a copy, None where it cannot be had."""
        data = self._data(name)
        return None if data is None else _text(data)

    def are_same(self, one: str, other: str) -> bool:
        """Check whether two copies are to the letter the same."""
        sizes = self._size(one), self._size(other)
        if sizes[0] is None or sizes[0] != sizes[1]:
            return False
        data = self._data(one)
        return data is not None and data == self._data(other)

    def have(self, data: bytes, names: Sequence[str]) -> bool:
        """Check whether one of the copies with these names has just this data."""
        return any(
            self._size(name) == len(data) and self._data(name) == data
            for name in names[::-1] if name
        )  # fmt: skip

    def _size(self, name: str) -> int | None:
        if not self._directory or not _NAME.fullmatch(name):
            return None
        try:
            return os.lstat(f"{self._directory}/{name}").st_size
        except OSError:
            return None

    def _data(self, name: str) -> bytes | None:
        size = self._size(name)
        if size is None or size > min(MAX_BYTES, self._left):
            return None
        self._left -= size
        try:
            with open_regular(f"{self._directory}/{name}") as file:
                return bounded(file, MAX_BYTES)
        except (OSError, Refused):
            return None
