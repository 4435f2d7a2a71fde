"""What the two hook scripts do. Builtins only; never prints, never waits."""

import posix
import time

from lib import capture, codec, event, files, spool
from lib.settings import Settings
from lib.wake import is_held_off, wake

CHUNK = 65536


def pre_tool_use(root: str) -> None:
    """Commit nothing, for the call may still be denied; wake the flusher if events wait.

    The payload is read to its end, so that the client can write it, and not looked at: nothing
    that could be said of it would outlive this process. `root` is the bundle's directory.
    """
    while posix.read(0, CHUNK):
        pass
    directory = _place()[0]
    if directory and spool.has_pending(directory) and not is_held_off(directory):
        wake(directory, root, posix.environ)


def post_tool_use(root: str) -> None:
    """Commit the event that the payload makes, count what happened, wake the flusher."""
    data, tail, size = _read_payload()
    directory, keep_content = _place()
    if not directory:
        return
    captured_ns = time.time_ns()
    try:
        outcome = _commit(directory, keep_content, data, tail, size, captured_ns)
    except capture.Refused as refused:
        outcome = refused.cause
    except (ValueError, RecursionError):
        outcome = "unreadable"
    except OSError:
        outcome = "failed"
    if outcome in spool.OUTCOMES:
        spool.tally(directory, outcome)
    if outcome == "captured":
        wake(directory, root, posix.environ)


def _place() -> "tuple[str, bool]":
    """The spool's directory, "" if tracking is off or there is nowhere safe to keep it, and
    whether code is kept."""
    posix.umask(0o077)
    environ = {
        name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape")
        for name, value in posix.environ.items()
    }
    settings = Settings(environ)
    directory = settings.cache_dir if settings.enabled else ""
    if directory and files.refusal(directory):
        directory = ""
    return directory, settings.keep_content


def _commit(
    directory: str, keep_content: bool, data: bytes, tail: bytes, size: int, captured_ns: int
) -> str:
    if tail:
        made = capture.capture_oversize(data[:CHUNK], tail, size, captured_ns)
    else:
        made = capture.capture(codec.loads(data.decode("utf-8")), captured_ns)
    if not keep_content:
        event.forget_content(made)
    return "captured" if spool.commit(directory, made, captured_ns) else "duplicate"


def _read_payload() -> "tuple[bytes, bytes, int]":
    """Standard input to its end: all of it, or its first and last bytes if it is oversize."""
    chunks: list[bytes] = []
    size = 0
    while size <= capture.MAX_BYTES:
        chunk = posix.read(0, CHUNK)
        if not chunk:
            return b"".join(chunks), b"", size
        chunks.append(chunk)
        size += len(chunk)
    head, last = chunks[0], chunks[-1]
    del chunks
    while chunk := posix.read(0, CHUNK):
        last = (last + chunk)[-CHUNK:]
        size += len(chunk)
    return head, last, size
