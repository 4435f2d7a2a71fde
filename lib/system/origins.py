"""Tell the variables of the user from those that a project's settings set.

Builtins only: the hook path imports this. The client hands both to its hooks, as one environment.
A cloned repository brings settings along: they may turn the tracking of the project down or off,
and choose nothing else.
"""

import sys

from lib.system import files
from lib.system.calls import posix

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, MutableMapping

MANAGED = (
    "/Library/Application Support/ClaudeCode" if sys.platform == "darwin" else "/etc/claude-code"
)
MAX_BYTES = 1 << 20
# A hook is the client's child, or that of a shell in between.
_GENERATIONS = 2
SETTINGS = (".claude/settings.json", ".claude/settings.local.json")
PLACES = ("HOME", "CLAUDE_CONFIG_DIR")
# What turns tracking down: a project may say so, whatever the user said.
DOWN = {
    "PATTERN_TRACKING_ENABLED": ("false", "0", "no", "off"),
    "PATTERN_TRACKING_CONTENT": ("none",),
    "PATTERN_TRACKING_PROMPTS": ("none",),
    "PATTERN_REUSE_HINTS": ("off",),
}


def is_harmless(name: str, value: str) -> bool:
    """Check whether any project may give the variable `name` that value.

    A service that is reached by https needs the user's approval anyway.
    """
    word = value.strip().lower()
    is_vetted = name == "INTELLIGENCE_SERVICE_URL" and word.startswith("https:")
    return is_vetted or word in DOWN.get(name, ())


def chosen_by_project(environ: "Mapping[str, str]", config_dir: str) -> "set[str]":
    """Find the variables that the settings of the project set, and should not.

    The project is the client's, as it tells its hooks, and what lies around the working
    directory. `config_dir`: the client's own directory, whose settings are the user's.
    """
    found: set[str] = set()
    for directory in dict.fromkeys(_projects(environ)):
        # Most have none, and one question costs less than two that fail.
        for name in SETTINGS if _is_there(f"{directory}/.claude") else ():
            data, identity = _read(f"{directory}/{name}")
            if data:
                named = _named_in(data, environ)
                # Settings that say where the user's settings are cannot be these themselves.
                if identity != _identity(config_dir) or not named.isdisjoint(PLACES):
                    found |= named
    return {name for name in found & environ.keys() if not is_harmless(name, environ[name])}


def without(
    environ: "Mapping[str, str]", names: "Iterable[str]", config_dir: str
) -> "dict[str, str]":
    """Replace the values of `names` in `environ` by those of the user's own settings, if any."""
    own: dict[str, str] = {}
    for directory, file in ((config_dir, "settings.json"), (MANAGED, "managed-settings.json")):
        own |= (directory and _variables(_read(f"{directory}/{file}")[0])) or {}
    kept = {name: value for name, value in environ.items() if name not in names}
    return kept | {name: own[name] for name in names if name in own}


def is_down_above(name: str) -> bool:
    """Whether a process that started this one was itself told to turn tracking down by `name`.

    So the client remembers what the shell exported before it set the project's value in that
    place. Only Linux tells: False elsewhere.
    """
    pid = posix.getppid()
    for _ in range(_GENERATIONS):
        environ = _contents(f"/proc/{pid}/environ").decode("utf-8", "replace").split("\0")
        values = [entry[len(name) + 1 :] for entry in environ if entry.startswith(f"{name}=")]
        if any(is_harmless(name, value) for value in values):
            return True
        # "<pid> (<name>) <state> <parent> ..."
        fields = _contents(f"/proc/{pid}/stat").rpartition(b")")[2].split()
        if len(fields) < 2:
            break
        pid = int(fields[1])
    return False


def turned_down_in(path: str) -> "set[str]":
    """Find the variables by which the settings at `path` turn tracking down.

    Where they are not understood, all that they may mean.
    """
    data, _ = _read(path)
    found = _variables(data)
    if found is None:
        return _named_in(data, dict.fromkeys(DOWN, ""))
    return {name for name, value in found.items() if name in DOWN and is_harmless(name, value)}


def _contents(path: str) -> bytes:
    """Return what a file of /proc holds, b"" where it cannot be read."""
    chunks = []
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_CLOEXEC)
        try:
            while chunk := posix.read(fd, 1 << 16):
                chunks.append(chunk)
        finally:
            posix.close(fd)
    except OSError:
        pass
    return b"".join(chunks)


def forget_project(environ: "MutableMapping[str, str]", config_dir: str) -> None:
    """Leave in `environ` what the user chose."""
    chosen = chosen_by_project(environ, config_dir)
    own = without(environ, chosen, config_dir)
    for name in {"CLAUDE_PROJECT_DIR", *chosen} & environ.keys():
        del environ[name]
    environ.update({name: own[name] for name in chosen & own.keys()})


def _projects(environ: "Mapping[str, str]") -> "Iterator[str]":
    """Yield the directories whose settings the client may have read for the project."""
    project = environ.get("CLAUDE_PROJECT_DIR", "")
    if project.startswith("/"):
        yield project.rstrip("/")
    try:
        directory = posix.getcwd()
    except OSError:  # it was removed
        return
    while directory.strip("/"):
        yield directory
        directory = directory.rpartition("/")[0]


def _is_there(path: str) -> bool:
    try:
        return posix.access(path, posix.F_OK)
    except ValueError:
        return False


def _identity(config_dir: str) -> "tuple[int, int] | None":
    """Tell which file the user's own settings are."""
    try:
        status = posix.stat(config_dir and f"{config_dir}/settings.json")
    except (OSError, ValueError):
        return None
    return status.st_dev, status.st_ino


def _read(path: str) -> "tuple[bytes, tuple[int, int] | None]":
    """Read what a file begins with and which file it is; nothing where that cannot be done."""
    try:
        fd = posix.open(path, posix.O_RDONLY | posix.O_NONBLOCK | posix.O_CLOEXEC)
    except (OSError, ValueError):
        return b"", None
    try:
        status = posix.fstat(fd)
        data = files.read_all(fd) if status.st_size <= MAX_BYTES else b"\\u"
        return data, (status.st_dev, status.st_ino)
    except OSError:  # a directory
        return b"", None
    finally:
        posix.close(fd)


def _named_in(data: bytes, environ: "Mapping[str, str]") -> "set[str]":
    """Find the variables that settings set; where they are not understood, all they may mean."""
    variables = _variables(data)
    if variables is not None:
        return set(variables)
    return {name for name in environ if b"\\u" in data or name.encode("utf-8", "replace") in data}


def _variables(data: bytes) -> "dict[str, str] | None":
    """Read the variables that settings set; None where they are not understood."""
    from lib.system import json_codec

    try:
        found = json_codec.loads(data.decode("utf-8-sig", "replace")) if data.strip() else {}
    except (ValueError, RecursionError):
        return None
    given = found.get("env") if isinstance(found, dict) else None
    if not isinstance(given, dict):
        return {}
    return {n: v if isinstance(v, str) else str(v).lower() for n, v in given.items()}
