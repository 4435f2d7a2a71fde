"""Our two entries in Claude Code's settings.json: put in, found again, taken out."""

import codecs
import difflib
import json
import os
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from lib import files
from lib.commands import json_text
from lib.commands.common import CommandError
from lib.commands.json_text import Node
from lib.identity import digest
from lib.lock import Lock

MATCHER = "Write|Edit|MultiEdit|NotebookEdit"
TIMEOUT_SECONDS = 10
SCRIPTS = {"PreToolUse": "pre_tool_use.py", "PostToolUse": "post_tool_use.py"}
LISTS = ("hooks", *SCRIPTS)
# In a directory of its own for each settings file that we are in.
RECORDS = "settings"
PATH, BACKUP, WRITTEN, FOUND = "path", "before", "after", "found"
LOCK_SECONDS = 60
# How often the file is read again if somebody else writes it just then.
TRIES = 10


def command(root: str, interpreter: str, script: str) -> str:
    """The shell command of a hook: silent, and 0 whatever is missing or broken.

    Claude Code takes exit code 2 for a veto, and that is what Python answers when a script is
    missing. The last `cat` keeps the client from writing to nobody.
    """
    python, path = shlex.quote(interpreter), shlex.quote(f"{root}/hooks/{script}")
    return f"{{ {python} -I -S {path} || cat; }} >/dev/null 2>&1 || :"


def register(settings_path: str, root: str, interpreter: str) -> bool:
    """Put our hooks into the settings; False if they were there already.

    Nothing else in the file changes. The file as it was and as we left it is kept in `root`, so
    that `unregister` can tell whether anyone else has written since. Raises CommandError, and then
    nothing has changed.
    """
    path = os.path.realpath(settings_path)
    files.make_private_directory(os.path.dirname(path))
    with _locked(root):
        for _ in range(TRIES):
            before = _read(path)
            after = _registered(before, settings_path, root, interpreter)
            if after == before:
                return False
            _remember(_record(root, path), before, after, path)
            if _write(path, after, before):
                return True
    raise CommandError(f"{settings_path} changes all the time; nothing was changed")


def preview(settings_path: str, root: str, interpreter: str) -> str:
    """What `register` would change, as a unified diff; "" for nothing. Raises CommandError."""
    before = _read(os.path.realpath(settings_path))
    after = _registered(before, settings_path, root, interpreter)
    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, settings_path, settings_path, lineterm=""))


def _registered(before: bytes | None, shown: str, root: str, interpreter: str) -> bytes:
    try:
        return _with_hooks(before, shown, root, interpreter)
    except CommandError as error:
        hooks = {
            event: [_group(command(root, interpreter, script))] for event, script in SCRIPTS.items()
        }
        by_hand = json.dumps({"hooks": hooks}, indent=2)
        raise CommandError(f"{error}. To add by hand:\n{by_hand}") from None


def _group(run: str) -> dict[str, object]:
    return {"matcher": MATCHER, "hooks": [_entry(run)]}


def _entry(run: str) -> dict[str, object]:
    return {"type": "command", "command": run, "timeout": TIMEOUT_SECONDS}


def _with_hooks(before: bytes | None, shown: str, root: str, interpreter: str) -> bytes:
    """The settings with our hooks in them; `before` is the file, None where there is none."""
    text, mark = _text(before, shown)
    for event, script in SCRIPTS.items():
        text = _add(text, event, command(root, interpreter, script), root, shown)
    return mark + text.encode("utf-8", "surrogatepass")


def unregister(settings_path: str, root: str) -> bool:
    """Take our hooks out of the settings; False if there were none. Raises CommandError."""
    path = os.path.realpath(settings_path)
    if not os.path.exists(path):
        return False
    record = _record(root, path)
    with _locked(root):
        for _ in range(TRIES):
            before = _read(path)
            text, mark = _text(before, settings_path)
            if not any(next(_places(text, event, root), None) for event in SCRIPTS):
                return False
            left = text
            for event in SCRIPTS:
                left = _remove(left, event, root, _ours_alone(record, event))
            after: bytes | None = mark + left.encode("utf-8", "surrogatepass")
            if before == _read(f"{record}/{WRITTEN}"):
                after = _read(f"{record}/{BACKUP}")
            if _write(path, after, before):
                shutil.rmtree(record, ignore_errors=True)
                return True
    raise CommandError(f"{settings_path} changes all the time; nothing was changed")


@contextmanager
def _locked(root: str) -> Iterator[None]:
    lock = Lock(_lock_path(root))
    if not lock.acquire(LOCK_SECONDS):
        raise CommandError("another installer is at work; nothing was changed")
    try:
        yield
    finally:
        lock.release()


def _lock_path(root: str) -> str:
    return f"{os.path.dirname(root)}/.pattern-tracker.lock"


def places(root: str) -> list[str]:
    """The settings files that the bundle at `root` has registered itself in."""
    directory = f"{root}/{RECORDS}"
    records = sorted(os.listdir(directory)) if os.path.isdir(directory) else []
    found = [_read(f"{directory}/{record}/{PATH}") for record in records]
    return [os.fsdecode(path) for path in found if path]


def _record(root: str, path: str) -> str:
    return f"{root}/{RECORDS}/{digest(path)[:16]}"


def _remember(record: str, before: bytes | None, after: bytes, path: str) -> None:
    """Keep what `unregister` restores, unless somebody else wrote between our own writings, and
    which of the lists that our entries are in were there before us."""
    files.make_private_directory(record)
    _put(f"{record}/{PATH}", os.fsencode(path))
    written, kept = _read(f"{record}/{WRITTEN}"), _read(f"{record}/{BACKUP}")
    if not os.path.exists(f"{record}/{FOUND}"):
        hooks = json.loads(_text(before, path)[0]).get("hooks")
        found = ["hooks", *hooks] if isinstance(hooks, dict) else []
        _put(f"{record}/{FOUND}", json.dumps([e for e in found if e in LISTS]).encode())
    # As it was kept: an installer was killed before it wrote.
    if written is not None and before not in (written, kept):
        for name in (BACKUP, WRITTEN):
            if os.path.exists(f"{record}/{name}"):
                os.unlink(f"{record}/{name}")
        return
    if written is None and before is not None:
        _put(f"{record}/{BACKUP}", before)
    _put(f"{record}/{WRITTEN}", after)


def _ours_alone(record: str, event: str) -> tuple[bool, bool]:
    """Whether the list of `event`, and "hooks" itself, are there because of us."""
    data = _read(f"{record}/{FOUND}")
    found = json.loads(data) if data else []
    return event not in found, "hooks" not in found


def is_ours(hook: object, root: str) -> bool:
    """Whether a hook entry runs one of our scripts from `root`, however it was written."""
    text = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(text, str):
        return False
    try:
        words = [os.path.expanduser(os.path.expandvars(word)) for word in shlex.split(text)]
    except ValueError:
        return False
    for number, word in enumerate(words):
        if word in {f"{root}/hooks/{script}" for script in SCRIPTS.values()}:
            before = [w for w in words[:number] if not w.startswith("-")]
            return not before or os.path.basename(before[-1]).startswith("python")
    return False


def _add(text: str, event: str, run: str, root: str, shown: str) -> str:
    """`text` with our entry in the list of `event`: once, and as it should be."""
    wanted = _entry(run)
    _groups(text, event, shown)
    ours = [hook for hook in _hooks_in(text, event) if is_ours(hook, root)]
    if ours == [wanted]:
        return text
    if len(ours) == 1:
        _, _, hook = next(_places(text, event, root))
        return json_text.replace(text, hook, wanted)
    text = _remove(text, event, root, (False, False))
    group = _group(run)
    top = json_text.parse(text)
    hooks = top.get("hooks")
    if hooks is None:
        return json_text.append(text, top, {event: [group]}, "hooks")
    groups = hooks.get(event)
    if groups is None:
        return json_text.append(text, hooks, [group], event)
    return json_text.append(text, groups, group)


def _remove(text: str, event: str, root: str, alone: tuple[bool, bool]) -> str:
    """`text` without our entries of `event`, nor the groups, and where we are `alone` the lists,
    that they leave empty."""
    while place := next(_places(text, event, root), None):
        groups, group, hook = place
        hooks = group.get("hooks")
        if hooks is not None and len(hooks.children) > 1:
            text = json_text.remove(text, hooks, hooks.index(hook))
        else:
            text = json_text.remove(text, groups, groups.index(group))
    for key, may_go in ((event, alone[0]), ("hooks", alone[1])):
        top = json_text.parse(text)
        parent = top if key == "hooks" else top.get("hooks")
        found = parent.get(key) if parent else None
        if may_go and parent and found and not found.children:
            text = json_text.remove(text, parent, parent.index(found))
    return text


def _places(text: str, event: str, root: str) -> Iterator[tuple[Node, Node, Node]]:
    """Where our entries of `event` are: the list of groups, the group, the entry."""
    hooks = json_text.parse(text).get("hooks")
    groups = hooks.get(event) if hooks else None
    for _, group in groups.children if groups else []:
        entries = group.get("hooks")
        for _, entry in entries.children if entries else []:
            if is_ours(json.loads(text[entry.start : entry.end]), root):
                yield groups, group, entry  # type: ignore[misc]


def _hooks_in(text: str, event: str) -> list[object]:
    groups = json.loads(text).get("hooks", {}).get(event, [])
    lists = [group.get("hooks") for group in groups if isinstance(group, dict)]
    return [hook for hooks in lists if isinstance(hooks, list) for hook in hooks]


def _groups(text: str, event: str, shown: str) -> None:
    """Raises CommandError where "hooks" is not what the client documents."""
    hooks = json.loads(text).get("hooks", {})
    if not isinstance(hooks, dict) or not isinstance(hooks.get(event, []), list):
        raise CommandError(f"{shown}: 'hooks' has an unexpected shape; nothing was changed")


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _text(data: bytes | None, shown: str) -> tuple[str, bytes]:
    """The settings in a file as text, and its byte order mark if it has one."""
    mark = codecs.BOM_UTF8 if (data or b"").startswith(codecs.BOM_UTF8) else b""
    try:
        text = (data or b"")[len(mark) :].decode("utf-8")
        if not text.strip():
            text = "{}\n"
        settings = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{shown} is not JSON ({error}); nothing was changed") from None
    if not isinstance(settings, dict):
        raise CommandError(f"{shown} is not a JSON object; nothing was changed")
    return text, mark


def _write(path: str, data: bytes | None, before: bytes | None) -> bool:
    """Replace a file in one step, keeping its mode, or remove it (None); False, and nothing done,
    if it is no longer as it was `before`."""
    if data is not None:
        temporary = _prepared(path, data)
    if _read(path) != before:
        if data is not None:
            os.unlink(temporary)
        return False
    if data is None:
        os.unlink(path)
    else:
        os.rename(temporary, path)
    return True


def _put(path: str, data: bytes) -> None:
    os.rename(_prepared(path, data), path)


def _prepared(path: str, data: bytes) -> str:
    """A file with `data` beside `path`, with its mode, ready to take its place."""
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise CommandError(f"{path} is read-only; nothing was changed")
    # Only the lock's holder has this name: what lies there was left by one that was killed.
    temporary = f"{path}.pattern-tracker.tmp"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    files.write_new(temporary, data, sync=True)
    os.chmod(temporary, mode)
    return temporary
