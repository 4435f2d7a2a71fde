"""Decide at capture which service an event is for, and tell it by the name of the event's file.

Builtins only: the hook path imports this. An event holds the service's URL in `service_url`, "" for
the ledger only; its file's name holds the URL's mark, so that files are told apart unread. Events
of earlier versions have neither: the settings of the flusher decide for them.
"""

from lib.system import bundle, digest, files, json_codec
from lib.system.calls import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# "pending_<32 hex digits>-<mark>.json"
MARK_DIGITS = 8
MAX_BYTES = 64 * 1024


def decide(service_url: str, root: str) -> "str | None":
    """Decide which service an event of this session is for: its URL, "" for the ledger only.

    Args:
        service_url: what the session's settings name.
        root: the bundle, beside which the user's own choice is kept for those that name none.

    Returns None where that choice cannot be read, so that whoever delivers has to decide.
    """
    return _clean(service_url) or _chosen(bundle.kept(bundle.APPROVALS, root))


def _chosen(path: str) -> "str | None":
    flags = posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK | posix.O_CLOEXEC
    try:
        fd = posix.open(path, flags)
    except FileNotFoundError:
        return ""
    except OSError:
        return None
    try:
        if posix.fstat(fd).st_size > MAX_BYTES:
            return None
        kept = json_codec.loads(files.read_all(fd).decode())
    except (OSError, ValueError, RecursionError):
        return None
    finally:
        posix.close(fd)
    found = kept.get("service_url", "") if isinstance(kept, dict) else None
    return _clean(found) if isinstance(found, str) else None


def _clean(url: str) -> str:
    """Write what is no text as escapes, which neither a file nor the ledger may hold."""
    return url.encode("utf-8", "backslashreplace").decode().rstrip("/")


def of_event(event: "Mapping[str, object]") -> "str | None":
    """Return the URL that `event` is for, "" for the ledger only, None where none was decided."""
    url = event.get("service_url")
    return _clean(url) if isinstance(url, str) else None


def mark(url: "str | None") -> str:
    """Make the mark of a service, or of the ledger alone ("" as the URL); "" for no decision."""
    return "" if url is None else digest.hex_digest(url)[:MARK_DIGITS]


def counters(outcome: str, mark: str) -> "list[str]":
    """Name the counters of an event's outcome: of all events, and of those for its destination."""
    return [outcome, f"{outcome}@{mark}"] if mark else [outcome]


def mark_in(name: str) -> str:
    """Read the mark in the name of an event's file; "" where it has none."""
    found = name.partition(".")[0].rpartition("-")[2]
    is_mark = len(found) == MARK_DIGITS and not found.strip("0123456789abcdef")
    return found if is_mark and "-" in name else ""
