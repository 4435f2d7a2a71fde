"""Say which units of a project stand in what was just written.

Builtins only: the hook path imports this. It is one line of JSON on standard output, or nothing.
Text of a project goes to a model here: of names and paths that hold anything but plain characters
nothing is told, and of nothing twice in a session.
"""

from lib.capture import named_file
from lib.capture.found_units import Found
from lib.capture.like_lines import WINDOW, alike, lines_of, numbers, places_of
from lib.system import json_codec
from lib.system.calls import posix

# In characters: what is told at most, of a name, of a path, in all.
_MOST_NAME, _MOST_PATH, MOST = 80, 120, 300
ADVICE = "Call it if that serves; ignore this if you are moving it."
_PLAIN = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.$/:-")
# Lines that count: fewer say nothing, and of more so large a part must be the same.
LEAST_SAME, LEAST_MOST_OF, PART = 4, 6, 0.8
_MOST_HINTS, _MOST_PLACES = 2, 8
# In bytes: what is read of what was told.
_MOST_READ = 1 << 16
_READ = posix.O_RDONLY | posix.O_NONBLOCK | posix.O_NOFOLLOW | posix.O_CLOEXEC
_APPEND = posix.O_APPEND | posix.O_CREAT | posix.O_WRONLY | (_READ & ~posix.O_RDONLY)


class Lines:
    """The lines of some code that count: the number of each, and which line (from 0) it is."""

    def __init__(self, code: bytes) -> None:
        self.numbers = numbers(lines_of(code))
        self.places = places_of(code)

    def place_of(self, found: Found) -> int:
        """Return the line (from 0) where what a unit holds begins, -1 where it does not."""
        unit = found.lines
        for at in range(0, len(unit) - WINDOW + 1, WINDOW):
            count, first, _ = _most_alike(unit, self.numbers, at, unit[at : at + WINDOW])
            if count >= PART * len(unit):
                return self.places[first]
        return -1


class Written:
    """What a call wrote into the file `own` of the project at `root`.

    What was there before, and what the file holds now, is looked at once, and only if it matters.
    """

    def __init__(self, payload: "dict[str, object]", code: bytes, root: str, own: str) -> None:
        self.payload, self.root, self.own = payload, root, own
        self.lines = Lines(code)
        self._before: Lines | None = None
        self._start = -1

    def was_there(self, found: Found) -> bool:
        """Check whether the file held a unit before the call."""
        if self._before is None:
            answer, given = self.payload.get("tool_response"), self.payload.get("tool_input")
            before = answer.get("originalFile") if isinstance(answer, dict) else None
            if not isinstance(before, str):
                before = given.get("old_string") if isinstance(given, dict) else None
            text = before if isinstance(before, str) else ""
            self._before = Lines(text.encode("utf-8", "surrogatepass"))
        return self._before.place_of(found) >= 0

    def start(self) -> int:
        """Return the line (from 1) of the file where what was written begins, 0 if unknown."""
        if self._start < 0:
            given = self.payload.get("tool_input")
            text = given.get("new_string") if isinstance(given, dict) else None
            is_whole = self.payload.get("tool_name") == "Write"
            self._start = 1 if is_whole else self._line_of(text) if isinstance(text, str) else 0
        return self._start

    def _line_of(self, text: str) -> int:
        try:
            code = named_file.read(f"{self.root}/{self.own}")
        except named_file.Refused:
            return 0
        at = code.find(text)
        return code.count("\n", 0, at) + 1 if at >= 0 else 0


def say(
    candidates: "list[tuple[Found, int]]", written: Written, told: str, session: str, when: str
) -> str:
    """Return what to print of units that share windows with what was written, "" for nothing.

    With each is the place of such a window. The file `told` has what is known to this `session`,
    and gets what is told now, behind `when`. Raises OSError.
    """
    notes: list[str] = []
    words: list[str] = []
    held: list[list[int]] = []
    for found, at in candidates:
        key = f"{session} {found.name} {found.path}"
        # Of copies of each other one will do.
        if found.lines in held or _was_told(told, key):
            continue
        if said := _said(found, at, written):
            window = ".".join(f"{line:x}" for line in found.lines[:WINDOW])
            notes.append(f"{window} {key}")
            words.append(said)
            held.append(found.lines)
            if len(words) == _MOST_HINTS:
                break
    return _printed(told, notes, words, when) if words else ""


def _said(found: Found, at: int, written: Written) -> str:
    """Say how what was written is like a unit, "" where it is not or that is of no use."""
    if found.path == written.own or not _is_plain(_called(found), _MOST_NAME):
        return ""
    if not _is_plain(found.path, _MOST_PATH):
        return ""
    lines = written.lines.numbers
    how = _how(found.lines, lines, lines[at : at + WINDOW])
    if not how or written.was_there(found):
        return ""
    word, first, last = how
    line = _stands_at(found, f"{written.root}/{found.path}")
    if not line:
        return ""
    start, places = written.start(), written.lines.places
    which = f"lines {start + places[first]}-{start + places[last]}" if start else "what you wrote"
    verb = "are" if start else "is"
    since = f" (since {found.since})" if found.since else ""
    return f"{which} {verb} {word} {_called(found)}, {found.path}:{line}{since}"


def _how(
    unit: "list[int]", lines: "list[int]", window: "list[int]"
) -> "tuple[str, int, int] | None":
    """Return how a unit is in lines that share a window with it, and which of them it is."""
    at = next(iter(_all(unit, window)), -1)
    count, first, last = _most_alike(unit, lines, at, window) if at >= 0 else (0, 0, 0)
    if count == len(unit) == last - first + 1 and count >= LEAST_SAME:
        return "the same as", first, last
    if count >= PART * len(unit) and len(unit) >= LEAST_MOST_OF:
        return "most of", first, last
    return None


def _most_alike(
    unit: "list[int]", lines: "list[int]", at: int, window: "list[int]"
) -> "tuple[int, int, int]":
    """Follow `unit` from its line `at`, where `window` is, to wherever that is in `lines`.

    Returns what `alike` does of the place where most is the same, (0, 0, 0) where there is none.
    """
    found = [alike(unit, lines, at, place) for place in _all(lines, window)]
    return max(found, default=(0, 0, 0), key=lambda one: one[0])


def _all(lines: "list[int]", window: "list[int]") -> "list[int]":
    """List where `window` is in `lines`: functions may begin alike. Not more than may matter."""
    found: list[int] = []
    for at in range(len(lines) - WINDOW + 1):
        if lines[at] == window[0] and lines[at : at + WINDOW] == window:
            found.append(at)
            if len(found) == _MOST_PLACES:
                break
    return found


def _stands_at(found: Found, path: str) -> int:
    """Return the line where a unit stands in the file at `path` now, 0 where it does not."""
    try:
        code = named_file.read(named_file.look(path))
    except named_file.Refused:
        return 0
    line = Lines(code.encode("utf-8", "surrogatepass")).place_of(found)
    return max(1, line - found.lead + 1) if line >= 0 else 0


def _called(found: Found) -> str:
    """Return a unit's name without the sign of JavaScript's private ones, which is not plain."""
    return found.name.replace("#", "")


def _is_plain(text: str, most: int) -> bool:
    return 0 < len(text) <= most and _PLAIN.issuperset(text)


def _was_told(path: str, key: str) -> bool:
    try:
        fd = posix.open(path, _READ)
    except FileNotFoundError:
        return False
    try:
        end = posix.pread(fd, _MOST_READ, max(0, posix.fstat(fd).st_size - _MOST_READ))
    finally:
        posix.close(fd)
    return f" {key}\n".encode() in end


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
