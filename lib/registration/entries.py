"""Add our hooks to Claude Code's settings.json, and remove them."""

import difflib
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from lib.registration import settings_backup
from lib.registration.hook_command import EVENTS, SCRIPTS, command
from lib.registration.hook_groups import add, group_of, places_of, remove
from lib.registration.settings_backup import Record
from lib.registration.settings_file import (
    UNTOUCHED,
    SettingsError,
    bytes_of,
    finish,
    read,
    swap,
    text_of,
)
from lib.system import files
from lib.system.lock import patient_lock

LISTS = ("hooks", *EVENTS)
LOCK_SECONDS = 60
# How often the file is read again if somebody else writes it just then.
TRIES = 10


def register(
    settings_path: str, root: str, interpreter: str, events: Mapping[str, str] = SCRIPTS
) -> bool:
    """Add our hooks to the settings; False if they were there already.

    `events`: the script of each event. What is there of ours at another one goes. Nothing else in
    the file changes. The file before and after that is kept beside `root`, so that `unregister` can
    tell whether anyone else has written since. Raises SettingsError, which tells what to add by
    hand; then nothing has changed.
    """
    path = os.path.realpath(settings_path)
    try:
        files.make_private_directory(os.path.dirname(path))
        with _locked(root):
            return _put_in(path, settings_path, root, interpreter, events)
    except (SettingsError, OSError) as error:
        raise SettingsError(f"{error}. {_by_hand(root, interpreter, events)}") from None


def renew(root: str, interpreter: str) -> list[str]:
    """Register the hooks with `interpreter` wherever they are; list the failures, a line each.

    Which client there is by now, the next installer looks.
    """
    problems = []
    for path in settings_backup.places(root):
        try:
            with _locked(root):
                finish(path)
                before = read(path)
                if found := _events_in(before, path, root):
                    _put_in(path, path, root, interpreter, {**SCRIPTS, **found})
        except (SettingsError, OSError) as error:
            problems.append(str(error))
    return problems


def _put_in(path: str, shown: str, root: str, interpreter: str, events: Mapping[str, str]) -> bool:
    finish(path)
    for _ in range(TRIES):
        before = read(path)
        after = _with_hooks(before, shown, root, interpreter, events)
        if after == before:
            return False
        Record(root, path).remember(before, after, LISTS, _events_in(before, shown, root))
        if swap(path, after, before):
            return True
    raise SettingsError(f"{shown} changes all the time; {UNTOUCHED}")


def preview(
    settings_path: str, root: str, interpreter: str, events: Mapping[str, str] = SCRIPTS
) -> str:
    """Show what `register` would change, as a unified diff or "". Raises SettingsError."""
    try:
        before = read(os.path.realpath(settings_path))
        after = _with_hooks(before, settings_path, root, interpreter, events)
    except SettingsError as error:
        raise SettingsError(f"{error}. {_by_hand(root, interpreter, events)}") from None
    return _difference(settings_path, before, after)


def preview_removal(settings_path: str, root: str) -> str:
    """Show what `unregister` would change, as a unified diff or "". Raises SettingsError."""
    path = os.path.realpath(settings_path)
    before = read(path)
    if before is None or not _events_in(before, settings_path, root):
        return ""
    return _difference(settings_path, before, _without_hooks(before, settings_path, root))


def _difference(shown: str, before: bytes | None, after: bytes | None) -> str:
    old, new = ((text or b"").decode("utf-8", "replace").splitlines() for text in (before, after))
    return "\n".join(difflib.unified_diff(old, new, shown, shown, lineterm=""))


def _by_hand(root: str, interpreter: str, events: Mapping[str, str]) -> str:
    hooks = {
        event: [group_of(event, command(root, interpreter, script))]
        for event, script in events.items()
    }
    return "To add by hand:\n" + json.dumps({"hooks": hooks}, indent=2)


def _with_hooks(
    before: bytes | None, shown: str, root: str, interpreter: str, events: Mapping[str, str]
) -> bytes:
    """Return the settings with our hooks; `before` is the file, None where there is none."""
    text, mark = text_of(before, shown)
    record = Record(root, os.path.realpath(shown))
    for event in _events_in(before, shown, root):
        if event not in events:
            text = remove(text, event, root, (record.made(event), False))
    for event, script in events.items():
        text = add(text, event, command(root, interpreter, script), root, shown)
    return bytes_of(text, mark)


def unregister(settings_path: str, root: str) -> bool:
    """Remove our hooks from the settings; False if there were none. Raises SettingsError."""
    path = os.path.realpath(settings_path)
    if not os.path.exists(path):
        Record(root, path).forget()
        return False
    with _locked(root):
        finish(path)
        for _ in range(TRIES):
            before = read(path)
            if before is None or not _events_in(before, settings_path, root):
                Record(root, path).forget()
                return False
            if swap(path, _without_hooks(before, settings_path, root), before):
                Record(root, path).forget()
                return True
    raise SettingsError(f"{settings_path} changes all the time; {UNTOUCHED}")


def _events_in(data: bytes | None, shown: str, root: str) -> dict[str, str]:
    """Return the events at which hooks of ours are registered, with their scripts."""
    text, _ = text_of(data, shown)
    return {e: script for e, script in EVENTS.items() if next(places_of(text, e, root), None)}


def _without_hooks(before: bytes, shown: str, root: str) -> bytes | None:
    """Return the settings without our hooks: the original file if nobody else has written since."""
    record = Record(root, os.path.realpath(shown))
    if record.is_untouched(before):
        return record.original()
    text, mark = text_of(before, shown)
    for event in {**SCRIPTS, **_events_in(before, shown, root)}:
        text = remove(text, event, root, (record.made(event), record.made("hooks")))
    return bytes_of(text, mark)


@contextmanager
def _locked(root: str) -> Iterator[None]:
    lock = patient_lock(lock_path(root))
    if not lock.acquire(LOCK_SECONDS):
        raise SettingsError(f"another installer is at work; {UNTOUCHED}")
    try:
        yield
    finally:
        lock.release()


def lock_path(root: str) -> str:
    """Name the lock file for changes to settings that concern the bundle at `root`."""
    return f"{os.path.dirname(root)}/.pattern-tracker.lock"


def installing_path(root: str) -> str:
    """Name the lock file for changes to the bundle at `root` itself."""
    return f"{os.path.dirname(root)}/.pattern-tracker.installing"
