"""Count captures and drops in a file to which any process appends without a lock.

An entry is a letter for the outcome and, where it concerns an event, the key of its capture. Two
entries with the same letter and key count once, so whoever may have been interrupted counts again.
Builtins only: the hook path imports this.
"""

from lib.spool import destination
from lib.system import digest, files
from lib.system.calls import posix

FILE = "tally"
# What can happen to a captured event, other than that the ledger counts it: it was captured, and
# was dropped for its age, for the spool's size, by a command, by somebody's own hand, because its
# file is excluded, because the rules for its file cannot be applied, or because events of its files
# stand for it: those of a call of the shell.
DROPPED = {
    "expired": "x",
    "overflow": "o",
    "discarded": "q",
    "removed": "r",
    "ignored": "i",
    "unclear": "e",
    "unfolded": "w",
}
# Why a hook captured nothing.
SKIPPED = {
    "duplicate": "d",
    "failed": "f",
    "unreadable": "u",
    "oversize": "z",
    "secret": "s",
    "client": "n",
    "staged": "h",
    "overtime": "t",
}
LETTERS = {"captured": "c", **DROPPED, **SKIPPED}
_OUTCOMES = {letter: outcome for outcome, letter in LETTERS.items()}
_KEY_DIGITS = 16

Entries = dict[str, "set[str]"]


def key(name: str, captured_ns: int) -> str:
    """Make the key under which an event's file is counted, from its name and its date.

    It ends in the mark of the service that the event is for, where that was decided.
    """
    mark = destination.mark_in(name)
    return f"{digest.hex_digest(name)[:_KEY_DIGITS]}.{captured_ns}{mark and '.' + mark}"


def mark_in(key: str) -> str:
    """Return the mark in which a key ends, "" where it has none."""
    return key.partition(".")[2].partition(".")[2]


def add(directory: str, outcome: str, *keys: str) -> None:
    """Append an entry of `outcome` for each of `keys`; "" makes one without. Raises OSError."""
    if not keys:
        return
    letter = LETTERS[outcome]
    # Begun with the line's end: what follows an entry that was torn is whole again.
    data = "".join(f"\n{letter}{key};" for key in keys).encode()
    try:
        _append(f"{directory}/{FILE}", data)
    except FileNotFoundError:
        files.make_private_directory(directory)
        _append(f"{directory}/{FILE}", data)


def add_elsewhere(directory: str, outcome: str) -> None:
    """Append an entry without a key where the disk of `directory` takes none. Raises OSError."""
    data = f"\n{LETTERS[outcome]};".encode()
    failed = OSError("nowhere to count")
    for path in elsewhere(directory):
        try:
            return _append(path, data, among_others=True)
        except OSError as error:
            failed = error
    raise failed


def elsewhere(directory: str) -> "list[str]":
    """List the files in which the entries for `directory` are that could not be added there."""
    uid = posix.getuid()
    name = f"pattern-tracker-{uid}-{digest.hex_digest(directory)[:_KEY_DIGITS]}.{FILE}"
    return [f"{place}/{name}" for place in (f"/run/user/{uid}", "/dev/shm", "/tmp")]  # noqa: S108


def is_own(fd: int) -> bool:
    """Check that an open file is a file of this user's alone: others may write beside it."""
    status = posix.fstat(fd)
    is_regular = status.st_mode & 0o170000 == 0o100000
    return is_regular and status.st_uid == posix.getuid() and status.st_nlink == 1


def _append(path: str, data: bytes, among_others: bool = False) -> None:
    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
    fd = posix.open(path, flags | posix.O_NONBLOCK, 0o600)
    try:
        if among_others and not is_own(fd):
            raise OSError("not a file of one's own")
        files.write_all(fd, data)
    finally:
        posix.close(fd)


def parse(data: bytes) -> "tuple[Entries, dict[str, int]]":
    """Parse a tally: the keys by outcome, and the number of entries without a key by outcome."""
    keys: Entries = {}
    counts: dict[str, int] = {}
    for line in data.decode("ascii", "replace").split("\n"):
        outcome = _OUTCOMES.get(line[:1])
        if not outcome or not line.endswith(";"):
            continue
        if len(line) > 2:
            keys.setdefault(outcome, set()).add(line[1:-1])
        else:
            counts[outcome] = counts.get(outcome, 0) + 1
    return keys, counts
