"""Run the flusher: one process at a time drains the spool into the ledger and to the service.

A hook starts it, detached, so its own speed matters less than its restraint: it stays a moment for
the rest of a burst of edits, so that the burst starts one flusher, and has a deadline.
"""

import os
import signal
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from lib.delivery.approval import Approvals
from lib.delivery.services import Services
from lib.flusher import conversion, hook_image, obstacles
from lib.flusher.drain import Drain
from lib.flusher.following import Following
from lib.flusher.intake import Intake
from lib.flusher.marker_files import write_marker_files
from lib.flusher.passage import Passage
from lib.flusher.sightings import Sightings
from lib.flusher.upkeep import Upkeep
from lib.ledger import salvage
from lib.ledger.store import Ledger
from lib.spool import inbox, outbox, wake
from lib.system import bundle, files, origins, own_directory, packages
from lib.system.aside import PATIENCE_SECONDS, shared
from lib.system.lock import Lock
from lib.system.logs import log
from lib.system.settings import Settings
from lib.system.state import FILE_NAME as STATE_FILE
from lib.system.state import StateFile
from lib.system.timestamps import timestamp

if TYPE_CHECKING:
    from lib.system.lock import AnyLock

DEADLINE_SECONDS = 30
LIFE_SECONDS = DEADLINE_SECONDS + 15  # the deadline that the kernel keeps
LINGER_SECONDS, POLL_SECONDS = 1.5, 0.1
NEVER = float("inf")


def main(directory: str, data: str = "", mend: str = "") -> None:
    """Run as a detached process: drain the spool at `directory`, linger, end.

    `data`: where a plugin keeps its data, "" for an installation. `mend`: not "" where the Python
    that the hooks should run on did not.
    """
    os.umask(0o077)
    os.closerange(3, 256)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.alarm(LIFE_SECONDS)
    root = bundle.root()
    # Other projects' events wait too: what the project of the hook chose is none of theirs.
    origins.forget_project(os.environ, Settings(os.environ).config_dir)
    os.chdir("/")
    settings = Settings(os.environ)
    is_chosen = directory != settings.cache_dir
    if files.refusal(directory) or (is_chosen and own_directory.is_foreign(directory)):
        return
    try:
        flusher = Flusher(directory, settings)
        flusher.run_detached(lambda: hook_image.keep_compiled(root, directory))
        if flusher.has_more():
            wake.wake(directory, root, dict(os.environb), data)
    except (OSError, wake.Stale) as error:
        log(directory, f"{type(error).__name__}: {error}")
    if mend or not packages.are_at_home(root):
        from lib.flusher import mending

        mending.mend(root, data, directory)
    elif data:
        from lib.flusher.plugin_environment import ensure

        ensure(root, data, directory)


class Flusher:
    """Drains one spool, under a lock that one process holds at a time.

    Args:
        directory: the spool.
        settings: what the environment asks for.
        approvals: which services may be used; None: those of this bundle.
        progress: as that of `Drain`.
        make_lock: makes the lock.

    `delivered` counts the events that this object acknowledged; `problem` is what services say.
    """

    def __init__(
        self,
        directory: str,
        settings: Settings,
        approvals: Approvals | None = None,
        progress: Callable[[int, int], None] = lambda done, left: None,
        make_lock: "Callable[[str], AnyLock]" = Lock,
    ) -> None:
        self.directory, self.settings = directory, settings
        self.state = StateFile(f"{directory}/{STATE_FILE}")
        self.delivered, self.problem = 0, ""
        self._approvals, self._progress = approvals or Approvals(), progress
        self._lock = make_lock(f"{directory}/{outbox.LOCK_FILE}")
        self._deadline = time.monotonic() + DEADLINE_SECONDS
        self._failed, self._withheld, self._forced = "", "", False
        self._sightings, self._following = Sightings(directory), Following(directory, settings)
        self._kept: set[str] = set()
        self._resumes_at = NEVER  # when the service takes more of what waited during an outage
        self._upkeep = Upkeep(directory, settings)

    def run_detached(self, upkeep: Callable[[], None]) -> None:
        """Drain until nothing new waits, then call `upkeep`, under the lock. Raises OSError."""

        def work() -> None:
            self._drain_and_linger()
            upkeep()

        while self._hold(0.0, work) and self._is_due():
            pass
        wake.forget_mark(self.directory)

    def run_once(self, timeout: float) -> bool:
        """Drain now, waiting up to `timeout` seconds for another run to end.

        Somebody asked, so the service is asked whatever its state, without a deadline. Returns
        whether nothing is left. Raises OSError; TimeoutError if the other run did not end.
        """
        self._forced, self._deadline = True, NEVER
        if not self._hold(timeout, self._drain_patiently):
            raise TimeoutError("another flusher is at work")
        while self._is_due() and self._hold(0.0, self._drain):
            pass
        return not self._failed and not inbox.has_pending(self.directory)

    def has_more(self) -> bool:
        """Check whether a run that got on was ended by its deadline alone: another may go on."""
        left = self._resumes_at < NEVER or (self._is_late() and self._has_news())
        return (self._upkeep.is_behind or (left and self.delivered > 0)) and not self._failed

    def _hold(self, timeout: float, work: Callable[[], None]) -> bool:
        """Call `work` under the lock; False if it was not to be had within `timeout` seconds."""
        if not self._lock.acquire(timeout):
            return False
        try:
            try:
                running = os.fdopen(wake.say_running(self.directory), "rb", 0)
            finally:  # not earlier: it would look as if nobody were at work
                wake.forget_mark(self.directory)
            with running, obstacles.watched(self.state):
                work()
        finally:
            self._lock.release()
        return True

    def _is_due(self) -> bool:
        """Check whether to run again: a hook that saw this run going has left its event to it."""
        return not self._failed and not self._is_late() and self._has_news()

    def _has_news(self) -> bool:
        """Check whether a file waits that this run has not dealt with, or can deal with now."""
        return shared.has_news() or not self._kept.issuperset(outbox.names(self.directory))

    def _is_late(self) -> bool:
        return time.monotonic() >= self._deadline

    def _drain_and_linger(self) -> None:
        self._drain()
        until = time.monotonic() + LINGER_SECONDS
        while not self._failed and not self._is_late():
            is_over = self._resumes_at >= self._deadline and not shared.is_waiting()
            if time.monotonic() >= until and is_over and not self._upkeep.is_behind:
                break
            time.sleep(POLL_SECONDS)
            self._sightings.look()
            if self._has_news() or time.monotonic() >= self._resumes_at:
                self._drain()
                until = time.monotonic() + LINGER_SECONDS
            elif self._upkeep.is_behind or self._following.has_news():
                self._drain()

    def _drain_patiently(self) -> None:
        self._drain()
        while not self._failed and shared.has_news(PATIENCE_SECONDS):
            self._drain()

    def _drain(self) -> None:
        write_marker_files(self.directory)
        self._failed, before = "", self.delivered
        try:
            for warning in self.settings.warnings:
                log(self.directory, warning)
            began = time.monotonic()

            def work(ledger: Ledger) -> None:
                # An earlier version's ledger was converted first, however long that took.
                self._deadline += time.monotonic() - began
                self._drain_into(ledger)

            progress = conversion.watched(self.directory, LIFE_SECONDS)
            salvage.work_with(self.directory, work, check=self._forced, progress=progress)
        except Exception as error:
            # Whatever it was: a flusher that dies in silence would be missed by nobody.
            self._failed = f"{type(error).__name__}: {error}"
            log(self.directory, self._failed)
            self._upkeep.keep_bounds()
        now = timestamp(time.time_ns())
        finished = {"last_run": now, "last_error": self._failed or self._withheld or None}
        finished |= {"last_delivery": now} if self.delivered > before else {}
        self.state.update("flusher", lambda section: section.update(finished))

    def _drain_into(self, ledger: Ledger) -> None:
        intake = Intake(self.directory, ledger.has_earlier_ids())
        self._sightings.clean = intake.clean
        passage = Passage(self.directory, ledger, intake)
        join = partial(self._following.join, ledger, intake)
        self._deliver_all(passage, join)
        join()
        self._upkeep.tidy(passage.accounts, ledger, self._forced)
        self._sightings.sweep()
        obstacles.note(self.state, intake.obstacles)
        if intake.trouble and not self._withheld:
            self._withheld = f"code is withheld: {intake.trouble}"
            log(self.directory, self._withheld)

    def _deliver_all(self, passage: Passage, join: Callable[[], None]) -> None:
        services = Services(
            self.settings, self.state, passage.ledger, passage.settle, self._forced, self._approvals
        )
        told = self._is_late, self._progress, self._sightings, join
        drain = Drain(self.directory, passage, services, *told)
        whole = False
        try:
            drain.run()
            whole = True
        finally:
            self.delivered += passage.delivered
            self._upkeep.room -= drain.met_bytes
            self._kept = passage.left()
            if services.problem and services.problem != self.problem:
                log(self.directory, f"the service has not got all events: {services.problem}")
            self.problem = services.problem
            wake.hold_off(self.directory, services.close(self._kept, drain.complete, whole))
            self._resumes_at = time.monotonic() + services.resumes_in(drain.complete)
