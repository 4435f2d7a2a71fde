"""Tell the agent that what it just wrote stands elsewhere in the project already.

Builtins only: the hook path imports this. It is one line of JSON on standard output, or nothing.
Text of a project goes to a model here: of names and paths that hold anything but plain characters
nothing is told, and of nothing twice in a session.
"""

from lib.capture import named_file
from lib.capture.like_lines import WINDOW, alike, lines_of, numbers, places_of, windows
from lib.capture.reuse_index import Found, Table
from lib.capture.reuse_scope import is_left_out
from lib.system import json_codec
from lib.system.calls import posix

PROJECTS, TOLD = "projects", "told"
BASE, RECENT = ".base", ".recent"
# In characters: less code says nothing; what is told at most, of a name, of a path, in all.
_LEAST, _MOST_NAME, _MOST_PATH, MOST = 60, 80, 120, 300
ADVICE = "Call it if that serves; ignore this if you are moving it."
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$/:-")
# Lines that count: fewer say nothing, and of more so large a part must be the same.
LEAST_SAME, LEAST_MOST_OF, PART = 4, 6, 0.8
_MOST_TRIED, _MOST_HINTS = 8, 2
# In bytes: what is read of the list of projects, and of what was told.
_MOST_READ = 1 << 16
_MOST_CODE = 1 << 17
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW | posix.O_CLOEXEC
_APPEND = posix.O_APPEND | posix.O_CREAT | posix.O_WRONLY | (_READ & ~posix.O_RDONLY)


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
    candidates = _candidates(f"{place}{name}", windows(texts))
    if not candidates:
        return ""
    told: list[str] = []
    words: list[str] = []
    lines, places = numbers(texts), places_of(code)
    held: list[list[int]] = []
    for found, at in candidates:
        key = f"{session} {found.name} {found.path}"
        # Of copies of each other one will do.
        if found.lines in held or _was_told(f"{place}{TOLD}", key):
            continue
        if said := _said(found, at, lines, places, (root, own), payload):
            window = ".".join(f"{line:x}" for line in found.lines[:WINDOW])
            told.append(f"{window} {key}")
            words.append(said)
            held.append(found.lines)
            if len(words) == _MOST_HINTS:
                break
    return _printed(f"{place}{TOLD}", told, words, f"{now} {path}") if words else ""


def _project(path: str, file: str) -> "tuple[str, str]":
    """Find the innermost project that a file is in: the name of its tables, and its directory."""
    best = "", ""
    for line in _content(path, 0).decode("utf-8", "surrogateescape").split("\n"):
        name, _, root = line.partition(" ")
        if file.startswith(root + "/") and len(root) > len(best[1]) and name.isalnum():
            best = name, root
    return best


def _content(path: str, start: int) -> bytes:
    fd = posix.open(path, _READ)
    try:
        size = posix.fstat(fd).st_size
        return posix.pread(fd, _MOST_READ, max(0, size - _MOST_READ) if start < 0 else start)
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


def _candidates(path: str, looked: "list[int]") -> "list[tuple[Found, int]]":
    """List the units that share windows with what was written, those that share most first."""
    several: list[tuple[int, Found, int]] = []
    for ending in (BASE, RECENT):
        try:
            fd = posix.open(path + ending, _READ)
        except FileNotFoundError:
            continue
        try:
            table = Table(fd)
            hits = sorted(table.units_with(looked).items(), key=lambda one: -one[1][0])
            several += [(n, table.unit(unit), at) for unit, (n, at) in hits[:_MOST_TRIED]]
        finally:
            posix.close(fd)
    several.sort(key=lambda one: -one[0])
    return [(found, at) for _, found, at in several[:_MOST_TRIED]]


def _said(
    found: Found,
    at: int,
    lines: "list[int]",
    places: "list[int]",
    where: "tuple[str, str]",
    payload: "dict[str, object]",
) -> str:
    """Say how what was written is like a unit, "" where it is not or that is of no use."""
    root, own = where
    if found.path == own or not _is_plain(found.name, _MOST_NAME):
        return ""
    if not _is_plain(found.path, _MOST_PATH):
        return ""
    how = _how(found.lines, lines, lines[at : at + WINDOW])
    if not how or _was_there(found, payload):
        return ""
    word, first, last = how
    line = _stands_at(found, f"{root}/{found.path}")
    if not line:
        return ""
    start = _start(payload, f"{root}/{own}")
    which = f"lines {start + places[first]}-{start + places[last]}" if start else "what you wrote"
    verb = "are" if start else "is"
    since = f" (since {found.since})" if found.since else ""
    return f"{which} {verb} {word} {found.name}, {found.path}:{line}{since}"


def _how(
    unit: "list[int]", lines: "list[int]", window: "list[int]"
) -> "tuple[str, int, int] | None":
    """Return how a unit is in lines that share a window with it, and which of them it is."""
    best = (0, 0, 0)
    place = _find(lines, window)
    at = _find(unit, window)
    if place >= 0 and at >= 0:
        best = alike(unit, lines, at, place)
    count, first, last = best
    if count == len(unit) == last - first + 1 and count >= LEAST_SAME:
        return "the same as", first, last
    if count >= PART * len(unit) and len(unit) >= LEAST_MOST_OF:
        return "most of", first, last
    return None


def _find(lines: "list[int]", window: "list[int]") -> int:
    for at in range(len(lines) - WINDOW + 1):
        if lines[at] == window[0] and lines[at : at + WINDOW] == window:
            return at
    return -1


def _was_there(found: Found, payload: "dict[str, object]") -> bool:
    """Check whether the file held the unit before the call."""
    answer, given = payload.get("tool_response"), payload.get("tool_input")
    before = answer.get("originalFile") if isinstance(answer, dict) else None
    if not isinstance(before, str):
        before = given.get("old_string") if isinstance(given, dict) else None
    return isinstance(before, str) and _line_of(found, before) >= 0


def _stands_at(found: Found, path: str) -> int:
    """Return the line where a unit stands in the file at `path` now, 0 where it does not."""
    try:
        line = _line_of(found, named_file.read(named_file.look(path)))
    except named_file.Refused:
        return 0
    return max(1, line - found.lead + 1) if line >= 0 else 0


def _line_of(found: Found, code: str) -> int:
    """Return the line (from 0) of `code` where what a unit holds begins, -1 where it does not."""
    unit = found.lines
    data = code.encode("utf-8", "surrogatepass")
    lines = numbers(lines_of(data))
    for at in range(0, len(unit) - WINDOW + 1, WINDOW):
        place = _find(lines, unit[at : at + WINDOW])
        if place >= 0:
            count, first, _ = alike(unit, lines, at, place)
            if count >= PART * len(unit):
                return places_of(data)[first]
    return -1


def _start(payload: "dict[str, object]", path: str) -> int:
    """Return the line (from 1) of the file where what was written begins, 0 if that is unknown."""
    given = payload.get("tool_input")
    text = given.get("new_string") if isinstance(given, dict) else None
    if payload.get("tool_name") == "Write":
        return 1
    if not isinstance(text, str):
        return 0
    try:
        code = named_file.read(path)
    except named_file.Refused:
        return 0
    at = code.find(text)
    return code.count("\n", 0, at) + 1 if at >= 0 else 0


def _is_plain(text: str, most: int) -> bool:
    return 0 < len(text) <= most and _PLAIN.issuperset(text)


def _was_told(path: str, key: str) -> bool:
    try:
        return f" {key}\n".encode() in _content(path, -1)
    except FileNotFoundError:
        return False


def _printed(path: str, told: "list[str]", words: "list[str]", when: str) -> str:
    """Return the line of JSON for the client, and note in the file at `path` what it tells."""
    text = ""
    while words and not 0 < len(text) <= MOST:
        if text:
            del words[-1], told[-1]
        text = f"pattern-tracker: {'; '.join(words)}. {ADVICE}"
    if not words:
        return ""
    fd = posix.open(path, _APPEND, 0o600)
    try:
        posix.write(fd, "".join(f"{when} {key}\n" for key in told).encode("utf-8", "surrogatepass"))
    finally:
        posix.close(fd)
    answer = {"hookEventName": "PostToolUse", "additionalContext": text}
    return json_codec.dumps({"hookSpecificOutput": answer}) + "\n"
