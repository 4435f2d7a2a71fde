"""Claude Code's settings.json as bytes and as text: read, and replaced in one step."""

import codecs
import json
import os

from lib.commands.common import CommandError
from lib.system import files

UNTOUCHED = "nothing was changed"


def read(path: str) -> bytes | None:
    """The bytes of the file, None where there is none. Raises CommandError for any other error."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise CommandError(f"{path} cannot be read ({error.strerror}); {UNTOUCHED}") from None


def text_of(data: bytes | None, shown: str) -> tuple[str, bytes]:
    """The settings in a file as text, and its byte order mark if it has one.

    `shown` is the file's name for messages. Raises CommandError for what is no JSON object.
    """
    mark = codecs.BOM_UTF8 if (data or b"").startswith(codecs.BOM_UTF8) else b""
    try:
        text = (data or b"")[len(mark) :].decode("utf-8")
        if not text.strip():
            text = "{}\n"
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{shown} is not JSON ({error}); {UNTOUCHED}") from None
    if not isinstance(settings, dict):
        raise CommandError(f"{shown} is not a JSON object; {UNTOUCHED}")
    return text, mark


def bytes_of(text: str, mark: bytes) -> bytes:
    """What `text_of` took apart, together again."""
    return mark + text.encode("utf-8", "surrogatepass")


def swap(path: str, data: bytes | None, before: bytes | None) -> bool:
    """Replace a file in one step, keeping its mode, or remove it (None); False, and nothing done,
    if it is no longer as it was `before`.

    Raises CommandError where it is read-only, OSError.
    """
    if data is not None:
        temporary = _prepared(path, data)
    if read(path) != before:
        if data is not None:
            os.unlink(temporary)
        return False
    if data is None:
        os.unlink(path)
    else:
        os.rename(temporary, path)
    return True


def put(path: str, data: bytes) -> None:
    """Replace a file in one step, whatever it holds. Raises as `swap` does."""
    os.rename(_prepared(path, data), path)


def _prepared(path: str, data: bytes) -> str:
    """A file with `data` beside `path`, with its mode, ready to take its place."""
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise CommandError(f"{path} is read-only; {UNTOUCHED}")
    # Only the lock's holder has this name: what lies there was left by one that was killed.
    temporary = f"{path}.pattern-tracker.tmp"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    files.write_new(temporary, data, sync=True)
    os.chmod(temporary, mode)
    return temporary
