"""Check the health of the traceability service, and share the result between processes.

`asyncio` and `httpx` are loaded for the first request, not for a look at the last result.
"""

import os

from lib.delivery import diagnosis
from lib.delivery.diagnosis import DEAD, HEALTHY, MAX_WORD, UNKNOWN
from lib.system import logger
from lib.system.clock import Clock, seconds, wall_of
from lib.system.settings import Settings
from lib.system.storage import MemoryStorage, Storage, count, text

TYPE_CHECKING = False
if TYPE_CHECKING:
    import asyncio
    from datetime import timedelta
    from typing import Any

    import httpx

    from lib.system.state import State

DEFAULT_URL = "http://localhost:8053"


class Phase4HealthChecker:
    """Checks the service's health, at most once per interval and once at a time.

    Args:
        base_url: the service, without the path.
        check_interval: seconds, or a timedelta, that a result is reused; None:
            HEALTH_CHECK_INTERVAL, else 30.
        timeout: the same for the whole request; None: HEALTH_CHECK_TIMEOUT, else 1.0.
        storage: where the last result lives; None: in memory.
        clock: what time is measured by; `lib.resilience.testing.FakeClock` in tests.
        transport: what httpx sends the request through, `httpx.MockTransport` in tests;
            None: the network, without proxies. Whoever gives one closes it.

    `check_interval` and `timeout` may be changed at any time. Nothing here raises.
    """

    def __init__(
        self,
        base_url: str = DEFAULT_URL,
        check_interval: "float | timedelta | None" = None,
        timeout: "float | timedelta | None" = None,
        *,
        storage: Storage | None = None,
        clock: Clock | None = None,
        transport: "httpx.AsyncBaseTransport | None" = None,
    ) -> None:
        if check_interval is None or timeout is None:
            settings = Settings(os.environ)
            logger.once(settings.warnings)
            if check_interval is None:
                check_interval = settings.health_interval
            if timeout is None:
                timeout = settings.health_timeout
        self.base_url = base_url.rstrip("/")
        self.check_interval: float = seconds(check_interval)
        self.timeout: float = seconds(timeout)
        self.storage_errors = 0
        self._storage = storage or MemoryStorage()
        self._clock = clock or Clock()
        self._transport = transport
        self._last: State = {}
        self._answer: object = None
        self._request: asyncio.Task[bool] | None = None

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, seconds(value))

    async def check_health(self, force: bool = False) -> bool:
        """Check whether the service is healthy, by a result of the last `check_interval` seconds.

        Without such a result, or with `force`, it is asked now; callers at the same time share
        one request. Everything but a good answer in time is False: a degraded service, no
        connection, another status than 200, another answer than the expected JSON, over 64 KiB.
        """
        record = {} if force else self._recent()
        if record:
            return record.get("state") == HEALTHY
        return await self._share_request()

    def get_health_status(self) -> "dict[str, Any]":
        """Return the last result, without asking the service.

        Keys: is_healthy; state ("healthy", "degraded": it answers but not all is well, "dead":
        no usable answer, "unknown"); components (the state of each, as the service words it);
        last_check (seconds since 1970, or None); consecutive_failures and
        consecutive_successes; last_health_data (the answer, None unless this process asked last);
        last_error ("" or why it is dead), base_url, warnings (damaged states met) and
        storage_errors (of this process).
        """
        record = self._stored() or self._last
        state = text(record, "state") or UNKNOWN
        mine = record.get("checked") == self._last.get("checked")
        return {
            "is_healthy": state == HEALTHY,
            "state": state,
            "components": diagnosis.words(record),
            "last_check": wall_of(record.get("checked")),
            "consecutive_failures": count(record, "failures"),
            "consecutive_successes": count(record, "successes"),
            "last_health_data": self._answer if mine else None,
            "last_error": text(record, "error"),
            "base_url": self.base_url,
            "warnings": self._storage.warnings,
            "storage_errors": self.storage_errors,
        }

    def _recent(self) -> "State":
        """Find a recent result, this process's own first; {} if there is none."""
        if self._is_recent(self._last):
            return self._last
        stored = self._stored()
        if not self._is_recent(stored):
            return {}
        self._last, self._answer = stored, None
        return stored

    def _is_recent(self, record: "State") -> bool:
        try:
            return self._clock.since(record.get("checked")) < self.check_interval
        except TypeError:
            return False

    def _stored(self) -> "State":
        try:
            record = self._storage.read()
        except Exception:
            self.storage_errors += 1
            return {}
        return record if record.get("base_url") == self.base_url else {}

    async def _share_request(self) -> bool:
        import asyncio

        loop = asyncio.get_running_loop()
        request = self._request
        if request is None or request.done() or request.get_loop() is not loop:
            request = self._request = loop.create_task(self._ask())
        # One caller that is cancelled must not take the answer from the others.
        return await asyncio.shield(request)

    async def _ask(self) -> bool:
        answer: object = None
        components: dict[str, str] = {}
        try:
            from lib.delivery.asking import health_request
            from lib.delivery.async_http import AsyncService

            url = self.base_url
            async with AsyncService(url, "", self._transport, float(self.timeout)) as service:
                got = await service.fetch(diagnosis.MAX_ANSWER, **health_request(url))
            answer = diagnosis.parse(got.status, bytes(got.body))
            components = diagnosis.read_components(answer)
            state, error = diagnosis.verdict(got.status, answer, components), ""
        except Exception as problem:
            answer, state, error = None, DEAD, repr(problem)[:MAX_WORD]
        self._remember(state, components, error)
        self._answer = answer
        return state == HEALTHY

    def _remember(self, state: str, components: dict[str, str], error: str) -> None:
        before = UNKNOWN

        def change(record: "State") -> None:
            nonlocal before
            if record.get("base_url") != self.base_url:
                record.clear()
            before = text(record, "state")
            well = state == HEALTHY
            record.update(
                base_url=self.base_url,
                state=state,
                components=components,
                error=error,
                checked=self._clock.now(),
                failures=0 if well else count(record, "failures") + 1,
                successes=count(record, "successes") + 1 if well else 0,
            )

        try:
            self._last = self._storage.update(change)
        except Exception as problem:
            self.storage_errors += 1
            logger.warning("the service's health could not be stored: %r", problem)
            self._last = dict(self._last)
            change(self._last)
        if state not in (HEALTHY, before):
            logger.warning("the traceability service is %s: %s", state, error or components)
