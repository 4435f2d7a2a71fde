"""The shell command that is registered for a hook: written, recognised, and kept safe to run.

The shell replaces itself with Python, which saves a process, and so the exit code is Python's own.
That is safe while Python is what it was when the hooks were registered, but for the moment between
the look and the start: the shell compares its date with those of two files, without starting
anything. Where it is another, `hooks/takeover.sh` finds one that works, which has to prove it
before it gets the input, and its flusher mends the registration (`lib/flusher/mending.py`).
"""

import encodings
import os
import shlex
from collections.abc import Iterator

from lib.system import files

SCRIPTS = {"PreToolUse": "pre_tool_use.py", "PostToolUse": "post_tool_use.py"}
TAKEOVER = "takeover.sh"
# A script that is missing is no error: Python would exit with 2, which the client takes for a veto.
_RUN = """import posix,sys
try:
 __file__=sys.argv.pop(1)
 exec(open(__file__,"rb").read())
except:
 while posix.read(0,65536):0
finally:posix._exit(0)"""
# File systems keep dates to two seconds at worst, and some shells compare whole ones.
_SLACK_NS = 2_000_000_000


def command(root: str, interpreter: str, script: str) -> str:
    """The command of a hook: silent, and 0 whatever is missing or broken.

    The last `cat` keeps the client from writing to nobody.
    """
    python, path = shlex.quote(interpreter), shlex.quote(f"{root}/hooks/{script}")
    return (
        f"trap 'exit 0' 0; exec >/dev/null 2>&1; p={python} s={path} ; "
        'm="${s%/*/*}/lib/__pycache__/python"; '
        '[ -x "$p" ] && [ "$p" -nt "$m.older" ] && [ "$p" -ot "$m.newer" ] && [ -f "$m.lib" ] && '
        f'exec "$p" -I -S -c {shlex.quote(_RUN)} "$s"; '
        f'[ -f "$s" ] && /bin/sh "${{s%/*}}/{TAKEOVER}" "$p" "$s" || command -p cat'
    )


def mark(root: str, interpreter: str) -> None:
    """Let the hooks of the bundle at `root` know `interpreter`, which is this Python, as it is now.

    Raises OSError.
    """
    place, dated = _place(root), os.stat(interpreter).st_mtime_ns
    os.makedirs(os.path.dirname(place), exist_ok=True)
    for name, ns in (("older", dated - _SLACK_NS), ("newer", dated + _SLACK_NS)):
        files.replace(f"{place}.{name}", os.fsencode(interpreter), mtime_ns=ns)
    # The first file of the standard library that Python cannot start without.
    library = encodings.__file__ or interpreter
    if os.path.lexists(f"{place}.lib"):
        os.unlink(f"{place}.lib")
    os.symlink(library if os.path.isfile(library) else interpreter, f"{place}.lib")


def marked(root: str) -> str:
    """The interpreter that `mark` was told of, "" if there is none."""
    try:
        with open(f"{_place(root)}.older", "rb") as file:
            return os.fsdecode(file.read())
    except OSError:
        return ""


def is_marked(root: str, interpreter: str) -> bool:
    """Whether `interpreter` is what it was when `mark` was told of it: what the shell asks."""
    place = _place(root)
    try:
        older, now, newer = (
            os.stat(path).st_mtime_ns for path in (f"{place}.older", interpreter, f"{place}.newer")
        )
    except OSError:
        return False
    is_same = older < now < newer and os.path.isfile(f"{place}.lib")
    return is_same and os.access(interpreter, os.X_OK)


def _place(root: str) -> str:
    return f"{root}/lib/__pycache__/python"


def scripts_in(text: str) -> Iterator[tuple[str, str]]:
    """Each place where `text` names what may be a script of ours: the interpreter before it, "" for
    none, and its path. Understands the commands of every version."""
    try:
        words = [_value(word) for word in shlex.split(text)]
    except ValueError:
        return
    for number, word in enumerate(words):
        if word.endswith(tuple(f"/hooks/{script}" for script in SCRIPTS.values())):
            before = [w for w in words[:number] if not w.startswith("-")]
            yield (before[-1] if before else ""), word


def _value(word: str) -> str:
    """What a word like `p=/usr/bin/python3` says."""
    return word[2:] if word[1:2] == "=" else word
