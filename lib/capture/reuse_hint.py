"""Tell the agent that what it just wrote stands elsewhere in the project already.

Builtins only: the hook path imports this. As a rule there is nothing, and then no more is done than
to look; `lib.capture.saying` does the rest.
"""

from lib.capture.like_lines import lines_of, windows
from lib.capture.reuse_index import Looked, Table
from lib.capture.reuse_scope import is_left_out
from lib.system.calls import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.capture.found_units import Found

PROJECTS, TOLD = "projects", "told"
BASE, RECENT = ".base", ".recent"
# In characters: less code says nothing.
_LEAST = 60
_MOST_TRIED = 8
# Of so many lines that count, every other window is looked for, of more every third: units have
# some of each kind.
_LONG, _VERY_LONG = 300, 450
# In bytes: what is read of the list of projects, and of what was written.
_MOST_READ = 1 << 16
_MOST_CODE = 1 << 17
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW | posix.O_CLOEXEC


def hint(place: str, payload: "dict[str, object]", path: str, now: str) -> str:
    """Return what to print for a call that wrote the file at `path`, "" for nothing.

    `place` is how the paths of the indexes begin, beside which what is told is noted: the time
    `now`, the file, lines of the unit, the session, the unit's name and its file, with blanks
    between them.
    Raises OSError, and ValueError for a damaged index.
    """
    name, root = _project(f"{place}{PROJECTS}", path)
    session = payload.get("session_id")
    written = _written(payload)
    if not name or len(written) < _LEAST or "\n" in path:
        return ""
    if not isinstance(session, str) or not session.isprintable() or " " in session:
        return ""
    own = path[len(root) + 1 :]
    if is_left_out(own):
        return ""
    # Of very long code the beginning has to do: nobody should wait for it.
    code = written.encode("utf-8", "surrogatepass")[:_MOST_CODE]
    texts = lines_of(code)
    step = 1 + (len(texts) > _LONG) + (len(texts) > _VERY_LONG)
    candidates = _candidates(f"{place}{name}", Looked(windows(texts, step)), step)
    if not candidates:
        return ""
    from lib.capture.saying import Written, say

    change = Written(payload, code, root, own)
    return say(candidates, change, f"{place}{TOLD}", session, f"{now} {path}")


def _project(path: str, file: str) -> "tuple[str, str]":
    """Find the innermost project that a file is in: the name of its tables, and its directory."""
    best = "", ""
    for line in _content(path).decode("utf-8", "surrogateescape").split("\n"):
        name, _, root = line.partition(" ")
        if file.startswith(root + "/") and len(root) > len(best[1]) and name.isalnum():
            best = name, root
    return best


def _content(path: str) -> bytes:
    fd = posix.open(path, _READ)
    try:
        return posix.read(fd, _MOST_READ)
    finally:
        posix.close(fd)


def _written(payload: "dict[str, object]") -> str:
    """Return the code that a call has written, or put into a file."""
    given = payload.get("tool_input")
    if not isinstance(given, dict):
        return ""
    edits = given.get("edits")
    several = [given, *(edits if isinstance(edits, list) else ())]
    found = (one.get(name) for one in several if isinstance(one, dict)
             for name in ("content", "new_string"))  # fmt: skip
    return "\n".join(text for text in found if isinstance(text, str))


def _candidates(path: str, looked: Looked, step: int) -> "list[tuple[Found, int]]":
    """List the units that share windows with what was written, those that share most first.

    With the line that counts where such a window begins; `step` lines lie between two of them.
    """
    several: list[tuple[int, Found, int]] = []
    for ending in (BASE, RECENT):
        try:
            fd = posix.open(path + ending, _READ)
        except FileNotFoundError:
            continue
        try:
            table = Table(fd)
            if units := table.units_with(looked):
                several += _read(table, units)
        finally:
            posix.close(fd)
    several.sort(key=lambda one: -one[0])
    return [(found, at * step) for _, found, at in several[:_MOST_TRIED]]


def _read(table: Table, units: "dict[int, tuple[int, int]]") -> "list[tuple[int, Found, int]]":
    from lib.capture.found_units import unit_of

    hits = sorted(units.items(), key=lambda one: -one[1][0])
    return [(n, unit_of(table, unit), at) for unit, (n, at) in hits[:_MOST_TRIED]]
