"""Record which files a call of the shell may have changed.

Builtins only: the hook path imports this for calls of Bash. Of the command no more is kept than the
name of the program that may have written, and digests of what names no file. What the files held is
read here, before anything else can change them; what follows from it the flusher finds out.
"""

from lib.capture import named_file, shell_reach, shell_words
from lib.capture.named_file import Refused
from lib.capture.payload import context, path_in, text
from lib.system.calls import posix
from lib.system.digest import hex_digest
from lib.system.moment import uptime_ns
from lib.system.timestamps import timestamp

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

EVENT_TYPE = "shell_call"
# What the hook looks at; the rest is left to the flusher.
MAX_FILES = 64
MAX_CHARACTERS = 1024 * 1024
# How much earlier than the client says a call may have begun: it starts the hook a while after it.
SLACK_NS = 100_000_000
# A busy machine may start the hook so long after the end of a call.
LATE_NS = 2_000_000_000
_NAME = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+@-")
_REGULAR, _LINK, _DIRECTORY, _KIND = 0o100000, 0o120000, 0o040000, 0o170000
_ENDED = ("", "PostToolUse", "PostToolUseFailure")


def capture(
    payload: "dict[str, Any]", captured_ns: int, config_dir: str, keep_content: bool
) -> "dict[str, Any]":
    """Build the record of the call in `payload`, which ended just before `captured_ns`.

    Its `files` are those that the client says the call changed, and those that the command names
    and that were changed while it ran; `missed` has the digests of names in it that no file has
    now; `looks` says that there may be others, `names_all` that the command itself can have changed
    none but those that it names, and `ends_named` that it can have ended no others. Raises Refused
    where nothing can have changed.
    """
    given, answer = payload.get("tool_input"), payload.get("tool_response")
    command = given.get("command") if isinstance(given, dict) else None
    if not isinstance(command, str) or payload.get("hook_event_name", "") not in _ENDED:
        raise Refused("other")
    told = answer.get("bashEditDiff") if isinstance(answer, dict) else None
    if not isinstance(told, dict) or told.get("unavailable") or told.get("skipped"):
        told = None
    simple = shell_words.simple_commands(command)
    commands = [words for words in simple if shell_words.may_write(words)]
    if told is None and not commands:
        raise Refused("other")
    cwd = text(payload.get("cwd"))
    began_ns = captured_ns - _age_ns() - _duration_ns(payload) - SLACK_NS
    reader = _Reader(config_dir, keep_content)
    looks = True if told is None else reader.read_told(told)
    # The client's diff is of one repository, without what that ignores.
    reader.read_named(commands, shell_reach.places(simple, cwd), began_ns)
    if not reader.files and not looks:
        raise Refused("other")
    call = f"{payload.get('session_id')}\0{payload.get('tool_use_id')}\0{command}"
    return {
        "event_id": hex_digest(f"{EVENT_TYPE}\0{call}")[:32],
        "timestamp": timestamp(captured_ns),
        "event_type": EVENT_TYPE,
        "pattern_id": "",
        "event_data": {
            "program": program(commands),
            "session_id": text(payload.get("session_id")),
            "began_ns": began_ns,
            "ended_ns": captured_ns,
            "files": reader.files,
            "missed": reader.missed,
            "looks": looks,
            "names_all": reader.is_sure and shell_reach.names_all(command, simple),
            "ends_named": reader.has_all_missed() and shell_reach.ends_named(command, simple, cwd),
            "keeps_content": keep_content,
        },
        **context(payload),
    }


class _Reader:
    """Collects what changed files hold, as far as they may be captured."""

    def __init__(self, config_dir: str, keep_content: bool) -> None:
        self.files: list[dict[str, Any]] = []
        # A word may be anything but a name: it is not kept itself.
        self.missed: list[str] = []
        self._config_dir = config_dir
        self._keep_content = keep_content
        # Whether a name is a directory's: it may have been made anew, without what was in it.
        self._has_directories = False
        # Whether each file that is named was seen for what it is.
        self.is_sure = True
        self._left = MAX_CHARACTERS
        self._seen: dict[str, dict[str, Any]] = {}
        self._refused: list[str] = []

    def read_told(self, told: "dict[str, Any]") -> bool:
        """Read the files that the client names; return whether there are more."""
        changes = told.get("files")
        for change in changes if isinstance(changes, list) else []:
            if isinstance(change, dict) and isinstance(change.get("filePath"), str):
                self._add(change["filePath"], change)
        names = told.get("changedFiles")
        for name in names if isinstance(names, list) else []:
            if isinstance(name, str):
                self._add(name, {})
        return bool(told.get("moreFiles")) or len(self._seen) > MAX_FILES

    def read_named(self, commands: "list[list[str]]", places: "list[str]", began_ns: int) -> None:
        """Read the files that are words of `commands`, and were changed after `began_ns`.

        Or a little before: then they are `late`, and others may have done it. Names are looked for
        in each of the directories `places`.
        """
        for words in commands:
            for word in words[1:]:
                if word[:1] in ("-", ">", "") or len(self._seen) >= MAX_FILES:
                    self.is_sure = self.is_sure and len(self._seen) < MAX_FILES
                    continue
                if word[0] == "/":
                    self._read_named(word, began_ns)
                    continue
                for place in places:
                    self._read_named(f"{place}/{word.removeprefix('./')}", began_ns)

    def _read_named(self, path: str, began_ns: int) -> None:
        try:
            status = posix.lstat(path)
        except (OSError, ValueError):
            if len(self.missed) < MAX_FILES:
                self.missed.append(hex_digest(path.rstrip("/")))
            return
        changed_ns = status.st_ctime_ns
        if status.st_mode & _KIND == _REGULAR and changed_ns >= began_ns - LATE_NS:
            self._add(path, {})
            self.is_sure = self.is_sure and path not in self._refused
            self._seen.get(path, {})["named"] = True
            if changed_ns < began_ns:
                self._seen.get(path, {})["late"] = True
        elif status.st_mode & _KIND == _LINK:
            self.is_sure = False
        elif status.st_mode & _KIND == _DIRECTORY:
            self._has_directories = True

    def has_all_missed(self) -> bool:
        """Check whether each name that no file has by now is known."""
        is_whole = len(self.missed) < MAX_FILES and len(self._seen) < MAX_FILES
        return is_whole and not self._has_directories

    def _add(self, path: str, change: "dict[str, Any]") -> None:
        if path in self._seen or path[:1] != "/":
            return
        self._seen[path] = {}
        if len(self.files) >= MAX_FILES:
            return
        try:
            found = path_in(path)
            if named_file.lies_in(found, self._config_dir):
                return
            self._seen[path] = read = self._read(found, change)
            self.files.append(read)
        except Refused:
            self._refused.append(path)

    def _read(self, path: str, change: "dict[str, Any]") -> "dict[str, Any]":
        if change.get("deleted") is True:
            hunks = change.get("hunks") if self._keep_content else None
            return {"path": path, "gone": True, "hunks": hunks}
        read: dict[str, Any] = {"path": path}
        if not self._keep_content or self._left <= 0:
            return read
        code = named_file.read(path)
        self._left -= len(code)
        if self._left < 0:
            return read
        read["code"] = code
        if change.get("created") is True:
            read["created"] = True
        elif isinstance(change.get("hunks"), list):
            read["hunks"] = change["hunks"]
        return read


def program(commands: "list[list[str]]") -> str:
    """Name the first program that may have written."""
    for words in commands:
        rest = shell_words.without_prefixes(words)
        name = shell_words.base_name(rest[0]) if rest else ""
        if 0 < len(name) <= 64 and _NAME.issuperset(name):
            return name
    return ""


def _age_ns() -> int:
    """Return for how long this process has run; 0 where that cannot be told.

    Starting it may take long on a busy machine, and the call had ended before. proc_pid_stat(5):
    the 22nd field, in 1/100 s since the system's start.
    """
    try:
        fd = posix.open("/proc/self/stat", posix.O_RDONLY)
        try:
            fields = posix.read(fd, 1024).rpartition(b")")[2].split()
        finally:
            posix.close(fd)
        return max(0, uptime_ns() - int(fields[19]) * 10_000_000)
    except (OSError, ValueError, IndexError):  # not Linux
        return 0


def _duration_ns(payload: "dict[str, Any]") -> int:
    """Return how long the call took; an hour at most, for the client says it."""
    found = payload.get("duration_ms")
    return int(min(max(found, 0), 3_600_000) * 1e6) if isinstance(found, (int, float)) else 0
