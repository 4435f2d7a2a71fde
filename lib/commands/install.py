"""What install.sh does once the bundle and its environment are in place."""

import os
import shutil
import sys

from lib import image
from lib.approval import Approvals, Refused
from lib.commands.common import CommandError, printable
from lib.commands.registration import SCRIPTS, command, register, unregister
from lib.commands.selfcheck import check
from lib.settings import Settings


def main(verb: str, root: str, interpreter: str, service_url: str = "") -> int:
    """Carry out `verb` ("install" or "uninstall") for the bundle at `root`; the exit code.

    `interpreter` is the Python that will run the hooks, `service_url` a service to approve and
    to deliver to, if there is one.
    """
    os.umask(0o077)
    try:
        settings = Settings(os.environ)
        if verb == "install":
            if service_url:
                _trust(service_url)
            _install(settings, root, interpreter)
        else:
            _uninstall(settings, root)
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


def _install(settings: Settings, root: str, interpreter: str) -> None:
    image.ensure(root)
    path = f"{settings.config_dir}/settings.json"
    changed = register(path, root, interpreter)
    print(f"{'Registered both hooks' if changed else 'Both hooks are registered'} in {path}")
    print("Self-check, a sample file written and changed:")
    print(check(command(root, interpreter, SCRIPTS["PostToolUse"])), end="")
    print(f"pattern-tracker is on. Ask it: {root}/bin/pattern-tracker status")


def _uninstall(settings: Settings, root: str) -> None:
    path = f"{settings.config_dir}/settings.json"
    changed = unregister(path, root)
    print(
        f"{'Took both hooks' if changed else 'There were no hooks of ours to take'} out of {path}"
    )
    shutil.rmtree(root, ignore_errors=True)
    lock = f"{os.path.dirname(root)}/.pattern-tracker.lock"
    if os.path.exists(lock):
        os.unlink(lock)
    if os.path.isdir(settings.cache_dir):
        print(f"Your recorded patterns are kept in {settings.cache_dir}; delete it if you wish.")
