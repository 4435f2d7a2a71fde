"""Keep events on disk until they are delivered, in the spool of the hooks and the flusher."""

import os
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lib.resilience.catching_up import CatchingUp, Tracker
from lib.resilience.plain import plain, wrap
from lib.spool import inbox, outbox, retention, tally
from lib.spool.books import Accounts
from lib.spool.spooled import Event
from lib.system import files, logger
from lib.system.files import make_private_directory
from lib.system.lock import patient_lock
from lib.system.settings import Settings

if TYPE_CHECKING:
    import asyncio

    from lib.system.lock import AnyLock

# How long a sync waits for a flusher that is at work, in seconds.
LOCK_SECONDS = 2.0
# Events that come close together are synced together.
SYNC_SECONDS = 0.02


class PatternCache:
    """Keeps pattern events until they are delivered.

    Args:
        cache_dir: the spool; None: PATTERN_CACHE_DIR, else that of the hooks.
        max_age_days, max_cache_size_mb: what `cleanup_old_events` keeps; None:
            PATTERN_CACHE_MAX_AGE_DAYS and PATTERN_CACHE_MAX_SIZE_MB, else 7 and 50.

    The limits may be changed at any time. Nothing here raises.
    """

    def __init__(
        self,
        cache_dir: "str | os.PathLike[str] | None" = None,
        max_age_days: float | None = None,
        max_cache_size_mb: float | None = None,
    ) -> None:
        settings = Settings(os.environ)
        logger.once(settings.warnings)
        given = settings.cache_dir if cache_dir is None else os.fspath(cache_dir)
        self.cache_dir = os.path.abspath(os.path.expanduser(given)) if given else ""
        self.max_age_days = settings.max_age_days if max_age_days is None else max_age_days
        self.max_cache_size_mb = (
            settings.max_size_mb if max_cache_size_mb is None else max_cache_size_mb
        )
        # The names of files that this process is delivering otherwise; `sync_cached_events` leaves
        # them alone.
        self.under_way: set[str] = set()
        self._unsynced: list[str] = []
        self._loop: object = None
        self._cached = 0
        self._synced = 0
        self._errors = 0

    async def cache_pattern_event(self, event: Mapping[str, Any]) -> str:
        """Store `event` before anything else runs; return its id, "" if it could not be stored.

        From then on it outlives this process. To keep it through a power failure too, a thread
        syncs it SYNC_SECONDS later while the event loop runs; otherwise the system does so in its
        own time. Waiting for the disk would take longer than all else.
        `event` is the body for lineage/track, or an event as the spool keeps it, with that body
        under "event_data". Without an "event_id" it gets one; the same id again is the same event.
        """
        made = self._store(event, sync=False)
        if made is None:
            return ""
        self._sync_later(inbox.name_of(made))
        return str(made["event_id"])

    def store(self, event: Mapping[str, Any]) -> str:
        """Store `event` from code that is not async, and wait for the disk."""
        made = self._store(event, sync=True)
        return str(made["event_id"]) if made else ""

    def _store(self, event: Mapping[str, Any], sync: bool) -> Event | None:
        try:
            if not self.cache_dir:
                raise FileNotFoundError("no home directory: set HOME or PATTERN_CACHE_DIR")
            problem = files.refusal(self.cache_dir)
            if problem:
                raise PermissionError(f"{self.cache_dir} is not used: {problem}")
            made = wrap(event)
            key = self._commit(made, sync)
            if key:
                self._cached += 1
                self._count(key)
            return made
        except Exception as error:
            self._errors += 1
            logger.warning("an event could not be stored: %r", error)
            return None

    def _count(self, key: str) -> None:
        try:
            tally.add(self.cache_dir, "captured", key)
        except OSError:  # the flusher makes up for it
            self._errors += 1

    def _sync_later(self, name: str) -> None:
        import asyncio

        loop = asyncio.get_running_loop()
        if not self._unsynced or self._loop is not loop:
            self._loop = loop
            loop.call_later(SYNC_SECONDS, self._sync_all, loop)
        self._unsynced.append(name)

    def _sync_all(self, loop: "asyncio.AbstractEventLoop") -> None:
        names, self._unsynced = self._unsynced, []
        loop.run_in_executor(None, _sync_files, self.cache_dir, names)

    def _commit(self, made: Event, sync: bool) -> str:
        captured_ns = time.time_ns()
        try:
            return inbox.commit(self.cache_dir, made, captured_ns, sync)
        except (TypeError, ValueError, RecursionError):
            return inbox.commit(self.cache_dir, plain(made), captured_ns, sync)

    async def sync_cached_events(self, api_client: Tracker, max_retries: int = 3) -> dict[str, int]:
        """Deliver what waits through `api_client.track_lineage(**event_data)`, oldest first.

        Returns total_found, synced, failed and skipped. An event that has failed `max_retries`
        times is skipped and stays; so does one that was captured for another service than the
        client's `base_url`, and everything while a flusher is at work, or once the client has
        failed too often in a row.
        """
        run = CatchingUp(self.cache_dir, api_client, max_retries)
        lock = patient_lock(f"{self.cache_dir}/{outbox.LOCK_FILE}")
        try:
            waiting = outbox.pending(self.cache_dir)
            run.counts["total_found"] = len(waiting)
            if waiting and await _acquire(lock):
                await run.deliver(waiting, self.under_way)
            else:
                run.counts["skipped"] = len(waiting)
        except Exception as error:
            self._errors += 1
            logger.warning("cached events could not be synced: %r", error)
        finally:
            self._synced += run.delivered
            lock.release()
        return run.counts

    async def cleanup_old_events(self) -> int:
        """Drop what is older than `max_age_days`, then the oldest beyond `max_cache_size_mb`.

        Returns how many; each is counted by its cause, and `status` shows it.
        """
        lock = patient_lock(f"{self.cache_dir}/{outbox.LOCK_FILE}")
        try:
            make_private_directory(self.cache_dir)
            if not await _acquire(lock):
                return 0
            accounts = Accounts(self.cache_dir)
            dropped, _ = retention.expire(
                self.cache_dir, accounts, self.max_age_days, self.max_cache_size_mb
            )
            return sum(dropped.values())
        except Exception as error:
            self._errors += 1
            logger.warning("the cache could not be cleaned up: %r", error)
            return 0
        finally:
            lock.release()

    def get_stats(self) -> dict[str, Any]:
        """Count what waits, and what this object did.

        Keys: pending_events, pending_bytes, quarantined_events, total_cached and total_synced
        (of this object), errors, cache_dir, max_age_days, max_cache_size_mb.
        """
        try:
            waiting = outbox.pending(self.cache_dir)
            quarantined = outbox.quarantined(self.cache_dir)
        except Exception:
            self._errors += 1
            waiting, quarantined = [], 0
        return {
            "pending_events": len(waiting),
            "pending_bytes": sum(item.size for item in waiting),
            "quarantined_events": quarantined,
            "total_cached": self._cached,
            "total_synced": self._synced,
            "errors": self._errors,
            "cache_dir": self.cache_dir,
            "max_age_days": self.max_age_days,
            "max_cache_size_mb": self.max_cache_size_mb,
        }


def _sync_files(directory: str, names: list[str]) -> None:
    for name in names:
        try:
            fd = os.open(f"{directory}/{name}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except OSError:  # delivered meanwhile
            continue
        try:
            files.sync_data(fd)
        except OSError as error:
            logger.warning("an event could not be synced: %r", error)
        finally:
            os.close(fd)


async def _acquire(lock: "AnyLock") -> bool:
    """Take the flusher's lock without blocking the event loop; False after LOCK_SECONDS."""
    import asyncio

    deadline = time.monotonic() + LOCK_SECONDS
    while not lock.acquire():
        if time.monotonic() >= deadline:
            return False
        await asyncio.sleep(0.05)
    return True
