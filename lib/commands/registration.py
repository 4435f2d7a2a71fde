"""Our two entries in Claude Code's settings.json: put in, found again, taken out."""

import json
import os
import shlex
from typing import Any

from filelock import FileLock

from lib import files
from lib.commands.common import CommandError

MATCHER = "Write|Edit|MultiEdit|NotebookEdit"
TIMEOUT_SECONDS = 10
SCRIPTS = {"PreToolUse": "pre_tool_use.py", "PostToolUse": "post_tool_use.py"}
BACKUP = "settings.before"
WRITTEN = "settings.after"

Settings = dict[str, Any]


def command(root: str, interpreter: str, script: str) -> str:
    """The shell command of a hook: silent, and 0 whatever is missing or broken.

    Claude Code takes exit code 2 for a veto, and that is what Python answers when a script is
    missing. The last `cat` keeps the client from writing to nobody.
    """
    python, path = shlex.quote(interpreter), shlex.quote(f"{root}/hooks/{script}")
    return f"{{ {python} -I -S {path} || cat; }} >/dev/null 2>&1 || :"


def register(settings_path: str, root: str, interpreter: str) -> bool:
    """Put our hooks into the settings; False if they were there already.

    The file as it was and as we left it is kept in `root`, so that `unregister` can tell whether
    anyone else has written since. Raises CommandError, and then nothing has changed.
    """
    path = os.path.realpath(settings_path)
    files.make_private_directory(os.path.dirname(path))
    with FileLock(_lock_path(root)):
        before = _read(path)
        settings = _parse(before, settings_path)
        for event, script in SCRIPTS.items():
            _add(settings, event, command(root, interpreter, script), root, settings_path)
        if before is not None and _parse(before, settings_path) == settings:
            return False
        after = _format(settings, before)
        _remember(root, before, after)
        _write(path, after)
    return True


def unregister(settings_path: str, root: str) -> bool:
    """Take our hooks out of the settings; False if there were none. Raises CommandError."""
    path = os.path.realpath(settings_path)
    if not os.path.exists(path):
        return False
    with FileLock(_lock_path(root)):
        before = _read(path)
        settings = _parse(before, settings_path)
        if not any([_remove(settings, event, root) for event in SCRIPTS]):
            return False
        if before == _read(f"{root}/{WRITTEN}"):
            _restore(path, _read(f"{root}/{BACKUP}"))
        else:
            _write(path, _format(settings, before))
    return True


def _lock_path(root: str) -> str:
    return f"{os.path.dirname(root)}/.pattern-tracker.lock"


def _remember(root: str, before: bytes | None, after: bytes) -> None:
    """Keep what `unregister` restores, unless somebody else wrote between our own writings."""
    written, kept = _read(f"{root}/{WRITTEN}"), _read(f"{root}/{BACKUP}")
    # As it was kept: an installer was killed before it wrote.
    if written is not None and before not in (written, kept):
        for name in (BACKUP, WRITTEN):
            if os.path.exists(f"{root}/{name}"):
                os.unlink(f"{root}/{name}")
        return
    if written is None and before is not None:
        _write(f"{root}/{BACKUP}", before)
    _write(f"{root}/{WRITTEN}", after)


def _restore(path: str, original: bytes | None) -> None:
    if original is not None:
        _write(path, original)
    else:
        os.unlink(path)


def is_ours(hook: object, root: str) -> bool:
    """Whether a hook entry runs one of our scripts from `root`."""
    text = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(text, str):
        return False
    return any(shlex.quote(f"{root}/hooks/{script}") in text for script in SCRIPTS.values())


def _add(settings: Settings, event: str, text: str, root: str, shown: str) -> None:
    hooks = settings.setdefault("hooks", {})
    groups = hooks.setdefault(event, []) if isinstance(hooks, dict) else None
    if not isinstance(groups, list):
        raise CommandError(f"{shown}: 'hooks' has an unexpected shape; nothing was changed")
    wanted = {"type": "command", "command": text, "timeout": TIMEOUT_SECONDS}
    ours = [hook for group in groups for hook in _hooks_of(group) if is_ours(hook, root)]
    if ours == [wanted]:
        return
    _remove(settings, event, root)
    settings.setdefault("hooks", {}).setdefault(event, []).append(
        {"matcher": MATCHER, "hooks": [wanted]}
    )


def _remove(settings: Settings, event: str, root: str) -> bool:
    """Take our entries of `event` out, with what they leave empty."""
    hooks = settings.get("hooks")
    groups = hooks.get(event) if isinstance(hooks, dict) else None
    if not isinstance(hooks, dict) or not isinstance(groups, list):
        return False
    kept, found = [], False
    for group in groups:
        others = [hook for hook in _hooks_of(group) if not is_ours(hook, root)]
        if len(others) == len(_hooks_of(group)):
            kept.append(group)
            continue
        found = True
        if others:
            kept.append({**group, "hooks": others})
    if found:
        hooks[event] = kept
        if not kept:
            del hooks[event]
        if not hooks:
            del settings["hooks"]
    return found


def _hooks_of(group: object) -> list[object]:
    hooks = group.get("hooks") if isinstance(group, dict) else None
    return hooks if isinstance(hooks, list) else []


def _read(path: str) -> bytes | None:
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _parse(data: bytes | None, shown: str) -> Settings:
    try:
        settings = json.loads((data or b"{}").decode("utf-8-sig") or "{}")
    except (ValueError, RecursionError) as error:
        raise CommandError(f"{shown} is not JSON ({error}); nothing was changed") from None
    if not isinstance(settings, dict):
        raise CommandError(f"{shown} is not a JSON object; nothing was changed")
    return settings


def _format(settings: Settings, before: bytes | None) -> bytes:
    """`settings` as JSON in the manner of the file before: indentation, newlines, end."""
    text = (before or b"{\n  \n}\n").decode("utf-8-sig")
    second = text.split("\n", 2)[1] if "\n" in text else ""
    indent = second[: len(second) - len(second.lstrip(" \t"))]
    written = json.dumps(settings, indent=indent or 2, ensure_ascii=False)
    if text.endswith("\n"):
        written += "\n"
    if "\r\n" in text:
        written = written.replace("\n", "\r\n")
    mark = b"\xef\xbb\xbf" if (before or b"").startswith(b"\xef\xbb\xbf") else b""
    return mark + written.encode("utf-8", "surrogatepass")


def _write(path: str, data: bytes) -> None:
    """Replace a file in one step, keeping its mode."""
    mode = os.stat(path).st_mode & 0o777 if os.path.exists(path) else 0o600
    if os.path.exists(path) and not os.access(path, os.W_OK):
        raise CommandError(f"{path} is read-only; nothing was changed")
    # Only the lock's holder has this name: what lies there was left by one that was killed.
    temporary = f"{path}.pattern-tracker.tmp"
    if os.path.lexists(temporary):
        os.unlink(temporary)
    files.write_new(temporary, data, sync=True)
    os.chmod(temporary, mode)
    os.rename(temporary, path)
