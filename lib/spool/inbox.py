"""Write events into the spool, one file each, from any process and without a lock.

Builtins only: the hook path imports this. Reading and acknowledging are the outbox's.
"""

from lib.spool import destination, tally
from lib.system import digest, files, json_codec
from lib.system.calls import posix
from lib.system.moment import boot_id, uptime_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

PREFIX = "pending_"
SUFFIX = ".json"
TEMPORARY = files.TEMPORARY
# How a file begins.
BEGINNING = '{"captured":{'


def file_name(event_id: str, service_url: "str | None" = None) -> str:
    """Name an event's file by a digest of its id, so that no input can choose the name.

    `service_url`: the service that the event is for, None where none was decided.
    """
    mark = destination.mark(service_url)
    return f"{PREFIX}{digest.hex_digest(event_id)[:32]}{mark and '-' + mark}{SUFFIX}"


def name_of(event: "Mapping[str, object]") -> str:
    """Name the file of `event`."""
    return file_name(str(event["event_id"]), destination.of_event(event))


def commit(
    directory: str,
    event: "Mapping[str, object]",
    captured_ns: int,
    sync: bool = True,
    moment: "tuple[str, int] | None" = None,
    code: str = "",
) -> str:
    """Put `event` into the spool, durably and never visible in part.

    The file is dated `captured_ns` (since 1970). It begins with the moment by a clock that nobody
    sets, which gives the order (`lib.spool.order`): not every file system keeps dates to less than
    seconds. Returns the key under which the capture is counted, "" if the same event waits there
    already. Raises OSError; then the spool is as before. Without `sync` a power failure may still
    lose the event. `moment`: the boot's id, and ns since it began, where that is not now. `code`:
    the JSON of the event's code, where that is known and the event has "" for it.
    """
    # No string has this in it: its quotes would have backslashes. A parent's code comes later.
    text, place, rest = json_codec.dumps(event).partition('"code":""' if code else "\n")
    # A boot's id is no more than hex digits and hyphens.
    boot, up = moment or (boot_id(), uptime_ns())
    begin = f'{BEGINNING}"boot":"{boot}","up":{up}}},{text[1:]}'
    data = "".join((begin, place and '"code":', code, rest)).encode()
    temporary = files.temporary_in(directory)
    try:
        dated = files.write_new(temporary, data, sync, captured_ns, private=True)
    except FileNotFoundError:
        files.make_private_directory(directory)
        dated = files.write_new(temporary, data, sync, captured_ns, private=True)
    name = name_of(event)
    return tally.key(name, dated) if _publish(temporary, f"{directory}/{name}") else ""


def _publish(temporary: str, path: str) -> bool:
    """Give a finished file its name if that is free: a link fails else, a rename would not."""
    try:
        posix.link(temporary, path)
    except FileExistsError:
        posix.unlink(temporary)
        return False
    except OSError:  # a file system without links
        posix.rename(temporary, path)
        return True
    posix.unlink(temporary)
    return True


def has_pending(directory: str) -> bool:
    """Check whether any event waits. Stops at the first: the cost does not grow with the queue."""
    try:
        with posix.scandir(directory) as entries:
            return any(entry.name.startswith(PREFIX) for entry in entries)
    except OSError:
        return False
