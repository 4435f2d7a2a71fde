"""What happened, an entry each, in a file that any process appends to without a lock.

An entry is a letter that says what happened and, where it happened to an event, the key of that
capture. Two entries with the same letter and key count once: whoever may have been interrupted
says it again. Builtins only: the hook path imports this.
"""

from lib.system import files
from lib.system.calls import posix
from lib.system.digest import hex_digest

FILE = "tally"
# What can happen to a captured event, other than that the ledger counts it: it was captured, and
# was dropped for its age, for the spool's size, by a command, by somebody's own hand, or because
# its file is excluded.
DROPPED = {"expired": "x", "overflow": "o", "discarded": "q", "removed": "r", "ignored": "i"}
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
    """What an event's file is counted under; a file of that name dated otherwise is another."""
    return f"{hex_digest(name)[:_KEY_DIGITS]}.{captured_ns}"


def add(directory: str, outcome: str, *keys: str) -> None:
    """Count `outcome`, one of LETTERS, for each of `keys`, or once without. Raises OSError."""
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
    """The keys by outcome, and the number of entries without one by outcome."""
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
