"""Find, add and remove our entries in the text of settings.json.

Nothing else in the text changes.
"""

import json
import os
from collections.abc import Iterator
from typing import Any

from lib.registration import json_text
from lib.registration.hook_command import FAILED, SCRIPTS, scripts_in
from lib.registration.json_text import Node
from lib.registration.settings_file import UNTOUCHED, SettingsError

MATCHERS = {
    "PreToolUse": "Write|Edit|MultiEdit|NotebookEdit",
    "PostToolUse": "Write|Edit|MultiEdit|NotebookEdit|Bash",
    # A tool that edits has changed nothing where it failed.
    FAILED: "Bash",
}
# What a call has to be for a hook to run, beside the matcher: what the hook before a call does, the
# one after it does as well. Clients before 2.1.85 pass over this, and start it.
ONLY_IF = {"PreToolUse": "Write(//dev/null)"}
# How long the client waits for a hook. One that is over its time before a call loses nothing, one
# after it may have an event to write.
TIMEOUT_SECONDS = {"PreToolUse": 5, "PostToolUse": 30, FAILED: 30}


def group_of(event: str, run: str) -> dict[str, object]:
    """Build the group of hooks that runs the command `run` at `event`."""
    return {"matcher": MATCHERS[event], "hooks": [_entry(event, run)]}


def _entry(event: str, run: str) -> dict[str, object]:
    entry = {"type": "command", "command": run, "timeout": TIMEOUT_SECONDS[event]}
    return {**entry, "if": ONLY_IF[event]} if event in ONLY_IF else entry


def is_ours(hook: object, root: str) -> bool:
    """Check whether a hook entry runs one of our scripts from `root`, however it was written."""
    text = hook.get("command") if isinstance(hook, dict) else None
    if not isinstance(text, str):
        return False
    for python, path in scripts_in(text):
        # As it is written, for a directory may be called "$x"; and as a shell may read it.
        if any(_is_script(p, root) for p in (path, os.path.expanduser(os.path.expandvars(path)))):
            return not python or os.path.basename(python).startswith("python")
    return False


def _is_script(path: str, root: str) -> bool:
    """Check whether `path` is one of our scripts in `root`, symbolic links resolved."""
    found = next((s for s in SCRIPTS.values() if path.endswith(f"/hooks/{s}")), "")
    bundle = path.removesuffix(f"/hooks/{found}")
    return bool(found) and os.path.realpath(bundle) == os.path.realpath(root)


def add(text: str, event: str, run: str, root: str, shown: str) -> str:
    """Add our entry to the list of `event` in `text`, or correct the one that is there."""
    _check_shape(text, event, shown)
    ours = list(places_of(text, event, root))
    if len(ours) == 1 and _value(text, ours[0][1]).get("matcher") == MATCHERS[event]:
        hook = ours[0][2]
        if _value(text, hook) == _entry(event, run):
            return text
        return json_text.replace(text, hook, _entry(event, run))
    text = remove(text, event, root, (False, False))
    group = group_of(event, run)
    top = json_text.parse(text)
    hooks = top.get("hooks")
    if hooks is None:
        return json_text.append(text, top, {event: [group]}, "hooks")
    groups = hooks.get(event)
    if groups is None:
        return json_text.append(text, hooks, [group], event)
    return json_text.append(text, groups, group)


def remove(text: str, event: str, root: str, alone: tuple[bool, bool]) -> str:
    """Remove our entries of `event` from `text`, with the groups that they leave empty.

    `alone`: whether the list of `event`, and "hooks", go too when they are empty.
    """
    while place := next(places_of(text, event, root), None):
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


def places_of(text: str, event: str, root: str) -> Iterator[tuple[Node, Node, Node]]:
    """Find our entries of `event`: the list of groups, the group, the entry."""
    hooks = json_text.parse(text).get("hooks")
    groups = hooks.get(event) if hooks else None
    for _, group in groups.children if groups else []:
        entries = group.get("hooks")
        for _, entry in entries.children if entries else []:
            if groups and is_ours(_value(text, entry), root):
                yield groups, group, entry


def _value(text: str, node: Node) -> Any:
    return json.loads(text[node.start : node.end])


def _check_shape(text: str, event: str, shown: str) -> None:
    """Check that "hooks" has the documented shape. Raises SettingsError."""
    hooks = json.loads(text).get("hooks", {})
    if not isinstance(hooks, dict) or not isinstance(hooks.get(event, []), list):
        raise SettingsError(f"{shown}: 'hooks' has an unexpected shape; {UNTOUCHED}")
