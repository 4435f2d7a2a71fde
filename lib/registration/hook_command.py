"""Write and recognise the shell command that is registered for a hook.

The shell replaces itself with Python, which saves a process, and so the exit code is Python's own.
That is safe while Python is the one with which the hooks were registered: the shell compares its
date with those of two files, without starting anything (a change between that and the start stays
unnoticed). Where it is another, or cannot be started, `hooks/takeover.sh` finds a Python that
works, which has to prove it before it gets the input, and its flusher mends the registration
(`lib/flusher/mending.py`).

What has to be done before a call is nothing as a rule, and then no Python is started.
"""

import encodings
import os
import shlex
from collections.abc import Iterator

from lib.system import bytecode, files

# Which script runs at which event of the client, of those that every client knows.
SCRIPTS = {"PreToolUse": "pre_tool_use.py", "PostToolUse": "post_tool_use.py"}
# After a call that failed, of which only some clients tell (`client_version`).
FAILED = "PostToolUseFailure"
EVENTS = {**SCRIPTS, FAILED: SCRIPTS["PostToolUse"]}
TAKEOVER = "takeover.sh"
# A script that is missing is no error: Python would exit with 2, which the client takes for a veto.
# It is the way where there is no image of the modules that fits (`lib/flusher/hook_image.py`), and
# short, for it is compiled each time.
_RUN = """import posix,sys,marshal
try:
 image=posix.open(sys.argv.pop(1),0)
 exec(marshal.loads(posix.read(image,16384))[0])
except:
 __file__=sys.argv.pop(1)
 exec(open(__file__).read())
finally:posix._exit(0)"""
# The last `cat` reads the input, so that the client's write does not fail. The trap is for shells
# that leave where they cannot start Python; bash has to be told to take it then.
_TRAP = (
    f"""trap '[ -f "$s" ] && /bin/sh "${{s%/*}}/{TAKEOVER}" "$p" "$s" "$d" || command -p cat; """
    "exit 0' 0; "
)
_QUIET = ">/dev/null 2>&1; ${BASH_VERSION:+shopt -s execfail}; "
# What the hook after a call prints is for the client, and what anything else prints is for nobody.
_KEEP, _GIVE = "3>&1 ", " >&3 3>&-"
# Nothing waits where the spool is as a rule. A directory that is named is for Python to judge.
_UNLESS_WAITING = (
    '[ -n "$PATTERN_CACHE_DIR" ] || {{ set -- "{hooks}/.cache/patterns/pending_"*; '
    '[ -e "$1" ] || [ ! -x /bin/cat ] || exec /bin/cat; }}; '
)
# For this locale a Python loads nothing, and texts are UTF-8 all the same (PEP 540).
_END = (
    '[ -x "{python}" ] && [ "{python}" -nt "$m.older" ] && [ "{python}" -ot "$m.newer" ] && '
    '[ -f "$m.lib" ] && [ -f "$m.so" ] && [ -f "$s" ] && LC_ALL=C exec "{python}" -I -S -c '
    + shlex.quote(_RUN)
    + ' "{image}.image" "$s" "$d"{out}; :'
)
# File systems keep dates to two seconds at worst, and some shells compare whole ones.
_SLACK_NS = 2_000_000_000


def command(root: str, interpreter: str, script: str) -> str:
    """Write the command of a hook: it exits 0, whatever is missing or broken.

    Nothing is printed but what the hook itself has to tell the client.
    """
    python, path = shlex.quote(interpreter), shlex.quote(f"{root}/hooks/{script}")
    return (
        f"{_beginning(script)}p={python} s={path} d= ; "
        + _before(script, "${s%/*/*/*}")
        + 'm="${s%/*/*}/lib/__pycache__/python"; '
        + _END.format(python="$p", image="$m", out=_out(script))
    )


def plugin_command(script: str) -> str:
    """Write the same for a plugin, which remembers its interpreter where it keeps its data.

    `python3` may be a version manager's shim, which takes ten times as long as what is behind it.
    """
    root, data = "${CLAUDE_PLUGIN_ROOT}", "${CLAUDE_PLUGIN_DATA}"
    return (
        f'{_beginning(script)}p=python3 s="{root}/hooks/{script}" d="{data}" ; '
        + _before(script, "${d%/plugins/data/*}/hooks")
        + 'm="$d/python"; '
        + _END.format(python="$m", image="${s%/*/*}/lib/__pycache__/python", out=_out(script))
    )


def _beginning(script: str) -> str:
    return f"{_TRAP}exec {_KEEP if _out(script) else ''}{_QUIET}"


def _out(script: str) -> str:
    return _GIVE if script == SCRIPTS["PostToolUse"] else ""


def _before(script: str, hooks: str) -> str:
    return _UNLESS_WAITING.format(hooks=hooks) if script == SCRIPTS["PreToolUse"] else ""


def mark(root: str, interpreter: str, data: str = "") -> None:
    """Write the marks by which the hooks at `root` recognise `interpreter`, which is this Python.

    With them are links to the image for it and, in the directory `data` of a plugin, to itself.
    Raises OSError.
    """
    place, dated = _place(root, data), os.stat(interpreter).st_mtime_ns
    os.makedirs(f"{root}/lib/__pycache__", exist_ok=True)
    for name, ns in (("older", dated - _SLACK_NS), ("newer", dated + _SLACK_NS)):
        files.replace(f"{place}.{name}", os.fsencode(interpreter), mtime_ns=ns)
    # The first file of the standard library that Python cannot start without.
    _link(_existing(encodings.__file__ or "", interpreter), f"{place}.lib")
    _link(_existing(_shared_library(), interpreter), f"{place}.so")
    if data:
        _link(interpreter, place)
    _link(bytecode.image_path(root), f"{_place(root)}.image")


def _existing(path: str, otherwise: str) -> str:
    return path if os.path.isfile(path) else otherwise


def _shared_library() -> str:
    """Find the library that this Python is in, "" where it is in the program itself."""
    import sysconfig

    found = sysconfig.get_config_vars("Py_ENABLE_SHARED", "LIBDIR", "INSTSONAME")
    return os.path.join(*map(str, found[1:])) if found[0] else ""


def _link(target: str, path: str) -> None:
    made = f"{path}.{os.getpid()}"
    os.symlink(target, made)
    os.replace(made, path)


def marked(root: str, data: str = "") -> str:
    """Return the interpreter that `mark` was called with, "" if there is none."""
    try:
        with open(f"{_place(root, data)}.older", "rb") as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


def is_marked(root: str, interpreter: str, data: str = "") -> bool:
    """Check as the shell does that `interpreter` has not changed since `mark`."""
    place = _place(root, data)
    try:
        older, now, newer = (
            os.stat(path).st_mtime_ns for path in (f"{place}.older", interpreter, f"{place}.newer")
        )
    except OSError:
        return False
    is_same = older < now < newer and all(os.path.isfile(f"{place}.{x}") for x in ("lib", "so"))
    return is_same and os.access(interpreter, os.X_OK)


def _place(root: str, data: str = "") -> str:
    return f"{data}/python" if data else f"{root}/lib/__pycache__/python"


def scripts_in(text: str) -> Iterator[tuple[str, str]]:
    """Yield the interpreter ("" for none) and path of each script in `text` that may be ours.

    It understands the commands of every version.
    """
    try:
        words = [_value(word) for word in shlex.split(text)]
    except ValueError:
        return
    for number, word in enumerate(words):
        if word.endswith(tuple(f"/hooks/{script}" for script in SCRIPTS.values())):
            before = [w for w in words[:number] if not w.startswith("-")]
            yield (before[-1] if before else ""), word


def _value(word: str) -> str:
    """Return the value of a word like `p=/usr/bin/python3`, else the word."""
    return word[2:] if word[1:2] == "=" else word
