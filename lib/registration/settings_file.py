"""Read Claude Code's settings.json, and replace it with its owner, mode, ACL and links kept."""

import codecs
import errno
import json
import os

from lib.system import files

UNTOUCHED = "nothing was changed"
# What is to be written lies there, whole, until it is.
TEMPORARY = ".pattern-tracker.tmp"


class SettingsError(Exception):
    """The settings cannot be changed; the text is the one line that says why."""


def read(path: str) -> bytes | None:
    """Read the file, None where there is none; its intended content if a writer was killed in it.

    Raises SettingsError for any other error.
    """
    data = _bytes(path)
    is_torn = data and os.path.lexists(path + TEMPORARY) and not _is_json(data)
    return _bytes(path + TEMPORARY) if is_torn else data


def _bytes(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise SettingsError(f"{path} cannot be read ({error.strerror}); {UNTOUCHED}") from None


def text_of(data: bytes | None, shown: str) -> tuple[str, bytes]:
    """Decode the settings in a file to text, and its byte order mark if it has one.

    `shown` is the file's name for messages. Raises SettingsError for what is no JSON object.
    """
    mark = codecs.BOM_UTF8 if (data or b"").startswith(codecs.BOM_UTF8) else b""
    try:
        text = (data or b"")[len(mark) :].decode("utf-8")
        if not text.strip():
            text = "{}\n"
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SettingsError(f"{shown} is not JSON ({error}); {UNTOUCHED}") from None
    if not isinstance(settings, dict):
        raise SettingsError(f"{shown} is not a JSON object; {UNTOUCHED}")
    return text, mark


def bytes_of(text: str, mark: bytes) -> bytes:
    """Encode what `text_of` returned."""
    return mark + text.encode("utf-8", "surrogatepass")


def swap(path: str, data: bytes | None, before: bytes | None) -> bool:
    """Replace a file, or remove it (None), if it still is as it was `before`; else return False.

    Its owner, mode, ACL and links are kept: atomically where renaming keeps all of them, else in
    place. For the holder of the lock. Raises SettingsError where it is read-only, OSError.
    """
    if data is None:
        if _bytes(path) != before:
            return False
        os.unlink(path)
        return True
    temporary = _prepared(path, data)
    if _bytes(path) != before:
        os.unlink(temporary)
        return False
    if not (_is_like(temporary, path) and _is_renamed(temporary, path)):
        _write_in_place(path, data)
        os.unlink(temporary)
    return True


def finish(path: str) -> None:
    """Complete the write of a killed process. For the holder of the lock. Raises OSError."""
    if os.path.lexists(path + TEMPORARY):
        whole = read(path)
        if whole is not None and whole != _bytes(path):
            _write_in_place(path, whole)
        os.unlink(path + TEMPORARY)


def put(path: str, data: bytes) -> None:
    """Replace a file atomically, whatever it holds. Raises as `swap` does."""
    os.rename(_prepared(path, data), path)


def _is_json(data: bytes) -> bool:
    try:
        json.loads(data)
    except (ValueError, RecursionError):
        return False
    return True


def _prepared(path: str, data: bytes) -> str:
    """Write `data` durably to a temporary file beside `path`, and return that."""
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise SettingsError(f"{path} is read-only; {UNTOUCHED}")
    # Only the lock's holder has this name: what lies there was left by one that was killed.
    temporary = path + TEMPORARY
    if os.path.lexists(temporary):
        os.unlink(temporary)
    files.write_new(temporary, data, sync=True)
    return temporary


def _is_like(temporary: str, path: str) -> bool:
    """Give `temporary` the owner, mode and attributes of `path`; False if more must be kept."""
    if not os.path.exists(path):
        return True
    status = os.stat(path)
    try:
        if (status.st_uid, status.st_gid) != (os.geteuid(), os.getegid()):
            os.chown(temporary, status.st_uid, status.st_gid)
        os.chmod(temporary, status.st_mode & 0o7777)
        # Among them the ACL, on Linux.
        for name in os.listxattr(path) if hasattr(os, "listxattr") else ():
            os.setxattr(temporary, name, os.getxattr(path, name))
    except OSError:
        return False
    return status.st_nlink == 1


def _is_renamed(temporary: str, path: str) -> bool:
    """Rename `temporary` to `path`; False where that is a mount, or may not be replaced."""
    try:
        os.rename(temporary, path)
    except OSError as error:
        if error.errno not in (errno.EBUSY, errno.EXDEV, errno.EPERM, errno.EACCES):
            raise
        return False
    return True


def _write_in_place(path: str, data: bytes) -> None:
    """Overwrite a file; if killed, its whole content lies beside it, for `finish`."""
    fd = os.open(path, os.O_WRONLY | os.O_CLOEXEC)
    try:
        files.write_all(fd, data)
        os.ftruncate(fd, len(data))
        os.fsync(fd)
    finally:
        os.close(fd)
