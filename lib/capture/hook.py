"""Run the two hooks: commit an event, wake the flusher. Builtins only; prints nothing."""

import posix
import sys
import time

from lib.capture import event, named_file, payload
from lib.spool import destination, inbox, tally
from lib.spool.wake import Stale, is_held_off, wake
from lib.system import files, json_codec
from lib.system.defaults import Defaults, defaults_in

CHUNK, _SMALL = 65536, 4096
# How the names of the indexes of what may be reused begin, in the spool.
REUSE = "reuse."


def pre_tool_use(root: str) -> None:
    """Wake the flusher if events wait; commit none, for the tool call may still be denied.

    The payload is read to its end, so that the client can write it, and ignored. `root` is the
    bundle's directory.
    """
    while posix.read(0, CHUNK):
        pass
    directory, settings = _place(root)
    if directory and inbox.has_pending(directory) and not is_held_off(directory):
        _wake(directory, root, settings)


def post_tool_use(root: str) -> None:
    """Commit the event of the payload on standard input, count the outcome, wake the flusher."""
    data, tail, size = _read_payload()
    directory, settings = _place(root)
    if not directory:
        return
    key, given = "", None
    made: dict[str, object] = {}
    try:
        # Of what a shell did, and of what is too large, nothing is given.
        made, given, sync, captured_ns, code = _made(settings, data, tail, size)
        _complete(made, root, settings)
        key = inbox.commit(directory, made, captured_ns, sync, code=code)
        outcome = "captured" if key else "duplicate"
    except named_file.Refused as refused:
        outcome = refused.cause
    except (ValueError, RecursionError):
        outcome = "unreadable"
    except OSError:
        outcome = "failed"
    if outcome in tally.LETTERS:
        _count(directory, outcome, key)
    if key:
        _wake(directory, root, settings)
        if given is not None and settings.reuse_hints:
            _hint(directory, given, made)


def _hint(directory: str, given: "dict[str, object]", made: "dict[str, object]") -> None:
    """Print a hint where what was written stands elsewhere already; as a rule there is none."""
    try:
        posix.stat(f"{directory}/{REUSE}projects")
        from lib.capture.reuse_hint import hint

        path = str(made["event_data"]["file_path"])  # type: ignore[index]
        if text := hint(f"{directory}/{REUSE}", given, path, str(made["timestamp"])):
            posix.write(1, text.encode())
    except (OSError, ValueError):
        pass


def _count(directory: str, outcome: str, key: str) -> None:
    try:
        tally.add(directory, outcome, key)
    except OSError:  # the disk is full: what is in the spool goes on all the same
        if not key:
            _count_elsewhere(directory, outcome)


def _count_elsewhere(directory: str, outcome: str) -> None:
    try:
        tally.add_elsewhere(directory, outcome)
    except OSError:
        pass


def _wake(directory: str, root: str, settings: Defaults) -> None:
    try:
        # The client's own word for where a plugin's data belongs, for which no variable is taken,
        # and what hooks/takeover.sh has to say.
        wake(directory, root, posix.environ, *sys.argv[1:3])
    except Stale:
        # Nobody else keeps the bounds now. Loads more than a hook should, once in STALE_NS.
        from lib.spool.retention import expire_alone

        expire_alone(directory, settings.max_age_days, settings.max_size_mb)


def _place(root: str) -> "tuple[str, Defaults]":
    """Find the spool's directory, "" if tracking is off or none is safe, and the settings."""
    posix.umask(0o077)
    settings = defaults_in(posix.environ, root) or _chosen(posix.environ)
    directory = settings.cache_dir if settings.enabled else ""
    if directory and files.refusal(directory):
        directory = ""
    return directory, settings


def _chosen(environ: "dict[bytes, bytes]") -> Defaults:
    """Read the settings that variables hold."""
    from lib.system.settings import Settings

    return Settings(
        {
            name.decode("utf-8", "replace"): value.decode("utf-8", "surrogateescape")
            for name, value in environ.items()
        }
    )


def _complete(made: "dict[str, object]", root: str, settings: Defaults) -> None:
    """Put into an event what depends on settings."""
    if not settings.keep_prompts:
        made["prompts"] = False
    # The flusher that delivers it may have been started by a session with other settings.
    url = destination.decide(settings.service_url, root)
    if url is not None:
        made["service_url"] = url


def _made(
    settings: Defaults, data: bytes, tail: bytes, size: int
) -> "tuple[dict[str, object], dict[str, object] | None, bool, int, str]":
    """Make the event of a payload, and return the payload of a call that wrote a file.

    Also whether the event must be on the disk, for what a shell did is there unless it was read,
    when it was captured (since 1970), and the JSON of its code, where the payload had that and the
    event has "" for it. Raises Refused.
    """
    captured_ns = time.time_ns()
    given, raw = None, ""
    if tail:
        from lib.capture.oversize import capture_oversize

        made = capture_oversize(data, tail, size, captured_ns)
    else:
        given, raw = json_codec.loads_call(data.decode("utf-8"))
        if isinstance(given, dict) and given.get("tool_name") == "Bash":
            from lib.capture import shell

            call = shell.capture(given, captured_ns, settings.config_dir, settings.keep_content)
            return call, None, bool(call["event_data"]["files"]), captured_ns, ""
        made = payload.capture(given, captured_ns)
    path = str(made["event_data"]["file_path"])  # type: ignore[index]
    if named_file.lies_in(path, settings.config_dir):
        raise named_file.Refused("client")
    if not settings.keep_content:
        event.forget_content(made)
    given = given if isinstance(given, dict) else None
    return made, given, True, captured_ns, raw if raw and given and _is_whole(made, given) else ""


def _is_whole(made: "dict[str, object]", given: "dict[str, object]") -> bool:
    """Check whether an event's code is what a call was given; if so, take it out."""
    told: dict[str, object] = made["event_data"]["pattern_data"]  # type: ignore[index]
    code = told.get("code")
    if not code or code is not given["tool_input"].get("content"):  # type: ignore[attr-defined]
        return False
    told["code"] = ""
    return True


def _read_payload() -> "tuple[bytes, bytes, int]":
    """Read standard input to its end: all of it, or the first and last bytes if it is oversize."""
    chunks: list[bytes] = []
    size, most = 0, CHUNK
    while size <= named_file.MAX_BYTES:
        chunk = posix.read(0, most)
        if not chunk:
            return b"".join(chunks), b"", size
        chunks.append(chunk)
        size += len(chunk)
        # As a rule that was all: no room is made for a chunk that does not come.
        most = CHUNK if len(chunk) == most else _SMALL
    # The same of the same payload, in whatever pieces it comes: its event's id depends on them.
    head = last = b""
    while len(last) < CHUNK:
        last = chunks.pop() + last
    chunks.reverse()
    while len(head) < CHUNK:
        head += chunks.pop()
    head, last = head[:CHUNK], last[-CHUNK:]
    del chunks
    while chunk := posix.read(0, CHUNK):
        last = (last + chunk)[-CHUNK:]
        size += len(chunk)
    return head, last, size
