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
# file is excluded, or because events of its files stand for it: those of a call of the shell.
DROPPED = {
    "expired": "x",
    "overflow": "o",
    "discarded": "q",
    "removed": "r",
    "ignored": "i",
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
    """Append an entry of `outcome` for each of `keys`, or one without a key. Raises OSError."""
    letter = LETTERS[outcome]
    # Begun with the line's end: what follows an entry that was torn is whole again.
    data = "".join(f"\n{letter}{key};" for key in keys or ("",)).encode()
    path = f"{directory}/{FILE}"
    flags = posix.O_WRONLY | posix.O_APPEND | posix.O_CREAT | posix.O_NOFOLLOW | posix.O_CLOEXEC
    try:
        fd = posix.open(path, flags, 0o600)
    except FileNotFoundError:
        files.make_private_directory(directory)
        fd = posix.open(path, flags, 0o600)
    try:
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
