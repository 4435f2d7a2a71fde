"""Remove what was recorded (`--purge`)."""

import os
import shutil

from lib.commands.common import CommandError, printable
from lib.delivery.approval import SUFFIX, Approvals
from lib.privacy.user_rules import SUFFIX as RULES
from lib.system import files, own_directory
from lib.system.settings import Settings


def kept(root: str) -> list[str]:
    """List what an uninstallation leaves: what was recorded, and what was approved."""
    places = [Settings(os.environ).cache_dir, Approvals(root + SUFFIX).path]
    return [path for path in places if os.path.lexists(path)]


def purge(root: str) -> None:
    """Remove the spool that the environment names, and the approvals of the bundle at `root`.

    Raises CommandError where the spool holds more than ours, OSError.
    """
    _unlink(Approvals(root + SUFFIX).path)
    directory = Settings(os.environ).cache_dir
    problem = files.refusal(directory)
    if problem:
        raise CommandError(f"{printable(directory)} was left: {problem}")
    if not os.path.isdir(directory):
        return
    if not own_directory.holds_only_ours(os.listdir(directory)):
        raise CommandError(f"{printable(directory)} was left: there is more than ours in it")
    shutil.rmtree(directory, ignore_errors=True)
    try:
        os.rmdir(os.path.dirname(directory))
    except OSError:  # others have something there
        pass
    print(f"Removed what was recorded in {directory}")
    if os.path.lexists(root + RULES):
        print(f"Left: {root}{RULES}, which you wrote")


def _unlink(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)
