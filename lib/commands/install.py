"""What install.sh does once the bundle and its environment are in place."""

import os
import shutil
import sys

from lib import files, image
from lib.approval import Approvals, Refused
from lib.commands.common import CommandError, printable
from lib.commands.registration import SCRIPTS, command, places, register, unregister
from lib.commands.selfcheck import check
from lib.settings import Settings
from lib.spool import PREFIX, TEMPORARY


def main(verb: str, root: str, interpreter: str, settings_path: str, service_url: str = "") -> int:
    """Carry out `verb` ("install", "uninstall" or "purge") for the bundle at `root`; the exit code.

    `interpreter` is the Python that will run the hooks, `settings_path` the file to register them
    in ("": the user's), `service_url` a service to approve and to deliver to, if there is one.
    """
    os.umask(0o077)
    try:
        settings = Settings(os.environ)
        path = settings_path or f"{settings.config_dir}/settings.json"
        if verb == "install":
            if service_url:
                _trust(service_url)
            _install(path, root, interpreter)
        else:
            _uninstall(path, root)
            _purge(settings) if verb == "purge" else _tell_what_stays(settings)
    except (CommandError, OSError) as error:
        print(f"install.sh: {error}", file=sys.stderr)
        return 1
    return 0


def _trust(service_url: str) -> None:
    approvals = Approvals()
    try:
        origin = approvals.approve(service_url, use=True)
    except Refused as refused:
        raise CommandError(
            f"{printable(service_url)}: {refused}; no hooks were registered"
        ) from None
    print(f"{origin} will get the events; kept in {approvals.path}")


def _install(path: str, root: str, interpreter: str) -> None:
    image.ensure(root)
    changed = register(path, root, interpreter)
    print(f"{'Registered both hooks' if changed else 'Both hooks are registered'} in {path}")
    print("Self-check, a sample file written and changed:")
    print(check(command(root, interpreter, SCRIPTS["PostToolUse"])), end="")
    print(f"pattern-tracker is on. Ask it: {root}/bin/pattern-tracker status")


def _uninstall(path: str, root: str) -> None:
    for place in dict.fromkeys([path, *places(root)]):
        if unregister(place, root):
            print(f"Took both hooks out of {place}")
        elif place == path:
            print(f"There were no hooks of ours to take out of {place}")
    shutil.rmtree(root, ignore_errors=True)
    _unlink(f"{os.path.dirname(root)}/.pattern-tracker.lock")


def _tell_what_stays(settings: Settings) -> None:
    kept = [path for path in (settings.cache_dir, Approvals().path) if os.path.exists(path)]
    if kept:
        print(f"Kept: {', '.join(kept)}. To remove that too: install.sh --purge")


def _purge(settings: Settings) -> None:
    """Remove what was recorded, and which services were approved."""
    _unlink(Approvals().path)
    directory = settings.cache_dir
    problem = files.refusal(directory)
    if problem:
        raise CommandError(f"{printable(directory)} was left: {problem}")
    if os.path.isdir(directory) and not _is_spool(directory):
        raise CommandError(f"{printable(directory)} was left: there is more than ours in it")
    shutil.rmtree(directory, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(directory))
    except OSError:  # others have something there
        pass
    print(f"Removed what was recorded in {directory}")


def _is_spool(directory: str) -> bool:
    """Whether all that is in it is of our making: PATTERN_CACHE_DIR may name any directory."""
    ours = ("README", ".gitignore", "CACHEDIR.TAG", "quarantine")
    starts = (PREFIX, TEMPORARY, "ledger.db", "state.", "tally", "flusher.")
    return all(n in ours or n.startswith(starts) for n in os.listdir(directory))


def _unlink(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
