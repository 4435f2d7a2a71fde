"""Tell a spool from a directory that holds other people's files. Builtins only."""

from lib.system.calls import posix

# What a spool says of itself, in its README.
OWNER = "This directory belongs to pattern-tracker"
# How the names begin that a spool may have. Those of SIGNS are used by nobody else.
NAMES = ("pending_", "tmp_", "tally", "ledger.db", "state.", "flusher.", "quarantine", "sighting_",
         "reuse.")  # fmt: skip
SIGNS = ("flusher.", "tally", "state.lock", "ledger.db")
MARKERS = ("README", ".gitignore", "CACHEDIR.TAG")
_DIGITS = frozenset("0123456789abcdef")


def is_foreign(directory: str) -> bool:
    """Check whether `directory` holds files and is no spool: nothing may be changed there.

    False for one that is missing, empty or cannot be read.
    """
    try:
        posix.lstat(f"{directory}/flusher.running")
        return False
    except (OSError, ValueError):
        pass
    if _says_so(directory):
        return False
    is_empty, is_signed = True, False
    try:
        with posix.scandir(directory) as entries:
            for entry in entries:
                # One stranger is enough: what is not ours may be of any number.
                if not holds_only_ours([entry.name]):
                    return True
                is_empty, is_signed = False, is_signed or _is_sign(entry.name)
    except (OSError, ValueError):
        return False
    return not is_empty and not is_signed


def holds_only_ours(names: "list[str]") -> bool:
    """Check that all of a directory's `names` may be a spool's."""
    return all(name in MARKERS or name.startswith(NAMES) for name in names)


def _is_sign(name: str) -> bool:
    """Check that nobody else has a file of that name.

    An event's is a digest, and that of one that is being written two numbers.
    """
    digits = name[len("pending_") : -len(".json")]
    is_event = name == f"pending_{digits}.json" and len(digits) == 32
    is_event = is_event and _DIGITS.issuperset(digits)
    return is_event or name.startswith(SIGNS) or name[4:].replace("_", "", 1).isdigit()


def _says_so(directory: str) -> bool:
    try:
        fd = posix.open(f"{directory}/README", posix.O_RDONLY | posix.O_NOFOLLOW | posix.O_NONBLOCK)
    except OSError:
        return False
    try:
        return posix.read(fd, len(OWNER)) == OWNER.encode()
    except OSError:
        return False
    finally:
        posix.close(fd)
