"""Install or upgrade the bundle, its environment and its hooks, or uninstall them.

Runs on the Python that will run the hooks, which has no packages.
"""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from lib import __version__
from lib.commands import streams, trust
from lib.commands.common import CommandError, printable
from lib.commands.setup import beforehand, link, staging
from lib.commands.setup.plan import Plan, refuse_long
from lib.commands.setup.progress import Steps
from lib.commands.setup.removal import kept, purge
from lib.commands.setup.selfcheck import check
from lib.commands.terminal import shortened
from lib.delivery.approval import SUFFIX, Approvals, Refused, vet
from lib.flusher import hook_image
from lib.registration import hook_command, settings_backup
from lib.registration.entries import (
    installing_path,
    lock_path,
    preview,
    preview_removal,
    register,
    unregister,
)
from lib.registration.settings_file import SettingsError
from lib.system import environment, files
from lib.system.exchange import put_in_place
from lib.system.lock import patient_lock
from lib.system.pythons import longest_lived
from lib.system.settings import Settings

LOCK_SECONDS = 300.0


def main(source: str, interpreter: str, arguments: list[str]) -> int:
    """Do what `arguments` ask for; return the exit code.

    `source` is the bundle to install, `interpreter` the Python that runs this; the hooks run it by
    its longest-lived path.
    """
    os.umask(0o077)
    streams.secure()
    try:
        plan = Plan(source, longest_lived(interpreter), arguments)
        if plan.options.dry_run:
            _preview(plan)
        elif plan.options.verb == "install":
            _install(plan)
        else:
            _uninstall(plan)
    except (CommandError, SettingsError, environment.BuildError, OSError) as error:
        print(f"install.sh: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("install.sh: stopped", file=sys.stderr)
        return 130
    return 0


def _preview(plan: Plan) -> None:
    if plan.options.verb == "install":
        difference = preview(plan.settings, plan.root, plan.interpreter, plan.events)
        if not _is_installed(plan):
            print(f"{plan.root} would be made from {plan.source}")
    else:
        difference = preview_removal(plan.settings, plan.root)
        print(f"{plan.root} would be removed")
        if plan.options.verb == "purge":
            print(f"{Settings(os.environ).cache_dir} would be removed")
    print(link.preview(plan.root, plan.options.verb != "install"), end="")
    print(difference or f"nothing would change in {plan.settings}")


def _is_installed(plan: Plan) -> bool:
    own, lock = f"{plan.root}/.venv", f"{plan.source}/requirements.lock"
    return (
        staging.is_current(plan.source, plan.root)
        and environment.is_complete(own, lock)
        and environment.works(own)
    )


def _install(plan: Plan) -> None:
    print(f"pattern-tracker {__version__}, into {shortened(plan.root)}")
    url = plan.options.service_url
    if url is not None:
        _vet(url)
    # Whatever cannot be done with spool or settings is said before anything is made.
    refuse_long(Settings(os.environ).cache_dir)
    preview(plan.settings, plan.root, plan.interpreter, plan.events)
    with _alone(plan) as made, Steps() as steps:
        settings_backup.directory(plan.root)
        if _is_installed(plan) and _is_sound(plan, steps):
            changed = register(plan.settings, plan.root, plan.interpreter, plan.events)
        else:
            changed = _replace(plan, steps)
        settings_backup.note_made(plan.root, made)
        steps.begin(
            f"{'registered the hooks' if changed else 'the hooks are registered'}"
            f" in {shortened(plan.settings)}"
        )
        unlinked = link.put(plan.root)
    if url:
        print(trust.use(Approvals(plan.root + SUFFIX), url))
    words = f"It is on. {beforehand.HINTS}\nAsk it any time:\n  {link.typed(plan.root)} status\n"
    print(words + unlinked, end="")
    sys.stdout.flush()
    beforehand.finish(plan)


def _is_sound(plan: Plan, steps: Steps) -> bool:
    """Check that the present installation works."""
    steps.begin("all in place already: checking it")
    try:
        _check(plan, plan.root, steps)
    except (CommandError, OSError):
        return False
    return True


def _vet(url: str) -> None:
    try:
        vet(url)
    except Refused as refused:
        raise CommandError(f"{printable(url)}: {refused}; nothing was installed") from None


def _replace(plan: Plan, steps: Steps) -> bool:
    """Make a bundle aside, check it, and put it in place; return whether the settings changed."""
    stage = staging.aside(plan.root)
    files.make_private_directory(stage, anyhow=True)
    try:
        _check_place(stage)
        lock = f"{plan.source}/requirements.lock"
        try:
            environment.build(
                f"{stage}/.venv", lock, plan.interpreter, f"{plan.root}/.venv", steps.begin
            )
        except environment.NoTool as error:
            if environment.works(f"{plan.root}/.venv"):
                raise
            steps.begin("going on without packages")
            steps.note(
                f"{error};\nit records all the same, and completes itself once that is there"
            )
        staging.copy(plan.source, stage)
        steps.begin("checking it: a sample file written and changed")
        _check(plan, stage, steps)
        was_there = put_in_place(stage, plan.root)
        try:
            return register(plan.settings, plan.root, plan.interpreter, plan.events)
        except BaseException:
            if was_there:
                put_in_place(stage, plan.root)
            else:
                staging.remove(plan.root)
            raise
    finally:
        staging.remove(stage)


def _check_place(directory: str) -> None:
    """Check before anything is built that files there are private and can run."""
    where = shortened(os.path.dirname(directory))
    mode = os.stat(directory).st_mode & 0o777
    if mode & 0o077:
        raise CommandError(f"{where} cannot be private: its file system shows mode {mode:o}")
    probe = f"{directory}/probe"
    files.write_new(probe, b"#!/bin/sh\n", sync=False)
    os.chmod(probe, 0o700)
    # Python's own answer for a file system that is mounted noexec.
    if not os.access(probe, os.X_OK):
        raise CommandError(f"no program may run in {where}: its file system is mounted noexec")
    os.unlink(probe)


def _check(plan: Plan, root: str, steps: Steps) -> None:
    hook_image.ensure(root)
    hook_command.mark(root, plan.interpreter)
    script = hook_command.SCRIPTS["PostToolUse"]
    steps.note(check(root, hook_command.command(root, plan.interpreter, script)))


def _uninstall(plan: Plan) -> None:
    with _alone(plan):
        made = settings_backup.made_directories(plan.root)
        places = dict.fromkeys([plan.settings, *settings_backup.places(plan.root)])
        taken = [place for place in places if unregister(place, plan.root)]
        purges, unlinked = plan.options.verb == "purge", link.remove(plan.root)
        is_there = taken or unlinked or os.path.lexists(plan.root)
        if not is_there and not (purges and kept(plan.root)):
            raise CommandError(f"nothing is installed in {plan.root}")
        for place in taken:
            print(f"Took the hooks out of {place}")
        if not taken:
            print(f"There were no hooks of ours to take out of {plan.settings}")
        print(unlinked, end="")
        staging.remove(plan.root)
        shutil.rmtree(f"{plan.root}.settings", ignore_errors=True)
    if purges:
        purge(plan.root)
    elif kept(plan.root):
        print(f"Kept: {', '.join(kept(plan.root))}. To remove that too: ./install.sh --purge")
        # For who does.
        settings_backup.note_made(plan.root, made)
    _remove_empty(*made, f"{plan.config}/hooks")


@contextmanager
def _alone(plan: Plan) -> Iterator[list[str]]:
    """Lock out other installers, and remove at the end the directories that stayed empty.

    Yields the directories that were missing, those above first.
    """
    hooks, project = os.path.dirname(plan.root), os.path.dirname(plan.settings)
    wanted = dict.fromkeys([plan.config, hooks, project, *link.directories()])
    made = [path for path in wanted if not os.path.isdir(path)]
    if not os.path.isdir(hooks) and plan.options.verb != "install":
        # Nothing to wait for, and nowhere to say so.
        yield []
        return
    files.make_private_directory(hooks, anyhow=True)
    path = installing_path(plan.root)
    lock = patient_lock(path)
    if not lock.acquire(LOCK_SECONDS):
        raise CommandError("another installer is at work; nothing was changed")
    try:
        staging.sweep(plan.root)
        yield made
    finally:
        for name in (path, lock_path(plan.root)):
            if not os.path.isdir(plan.root) and os.path.lexists(name):
                os.unlink(name)
        lock.release()
        _remove_empty(*made)


def _remove_empty(*directories: str) -> None:
    for directory in reversed(directories):
        try:
            os.rmdir(directory)
        except OSError:  # something is in it, or it is gone
            pass
