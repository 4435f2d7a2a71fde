"""Repair an installation after an upgrade of Python: register the hooks and build the environment.

A flusher does this if its hook ran on another Python than the registered one, or if it does not run
in the bundle's own environment; a sound installation never needs it.
"""

import os
import time

from lib.flusher import plugin_environment
from lib.registration import hook_command
from lib.system.lock import Lock
from lib.system.logs import log
from lib.system.pythons import base, defect
from lib.system.state import FILE_NAME, State, StateFile
from lib.system.timestamps import timestamp

SECTION = "interpreter"


def mend(root: str, data: str, directory: str) -> None:
    """Repair what does not work of the bundle at `root`; the spool's state tells how that went.

    `data`: where a plugin keeps its data, "" for an installation; `directory`: the spool. Never
    raises.
    """
    if not os.path.isdir(f"{root}.settings"):
        plugin_environment.ensure(root, data, directory, suspect=True)
        return
    from lib.registration.entries import installing_path

    plugin_environment.limit_time()
    try:
        lock = Lock(installing_path(root))
        if not lock.acquire():
            return
        try:
            if not os.path.isdir(f"{root}.settings"):  # taken out meanwhile
                return
            _register(root, StateFile(f"{directory}/{FILE_NAME}"))
            plugin_environment.ensure(root, root, directory, suspect=True)
        finally:
            lock.release()
    except Exception as error:
        log(directory, f"the hooks could not be registered anew: {type(error).__name__}: {error}")


def _register(root: str, state: StateFile) -> None:
    """Register the hooks with the Python that runs this, by its longest-lived path."""
    from lib.registration.entries import renew

    if not plugin_environment.is_due(state.section(SECTION)):
        return
    was, python = hook_command.marked(root), base()
    fault = defect(was) if was not in ("", python) else ""
    problems = renew(root, python)
    now = time.time()

    def tell(section: State) -> None:
        if fault:
            section.clear()
            section.update({"was": was, "fault": fault, "is": python})
            section["since"] = timestamp(int(now * 1e9))
        section["state"] = plugin_environment.FAILED if problems else plugin_environment.READY
        section.update({"tried": now, "reason": "; ".join(problems)})

    if fault or problems or state.section(SECTION):
        state.update(SECTION, tell)
    # Last: until then hooks take the long way, and what is not finished is begun again.
    if was != python or not hook_command.is_marked(root, python):
        hook_command.mark(root, python)
