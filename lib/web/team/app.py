"""Put the team's server together: the gate, the service, the page, and what goes on beside them."""

import logging
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import anyio
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.types import ASGIApp

from lib.web.team import pages
from lib.web.team.accepting import Unfit
from lib.web.team.bearer import Bearers
from lib.web.team.gatekeeping import Gate
from lib.web.team.grouping import Grouping
from lib.web.team.routes import Service, answer_away, answer_unfit
from lib.web.team.stored import Storage, StorageError

LOG = logging.getLogger("pattern-tracker")
# So many questions are asked of the database at once, beside what is recorded.
READERS = 6
RETAIN_SECONDS = 3600.0


class Rules(NamedTuple):
    """How the server is run.

    `rate`: requests of a token in a minute, 0 for any number. `writers`: transactions that record
    at once. `keep_days`: how long events are kept, None for ever; `keep_days_of` by project.
    """

    rate: int = 6000
    writers: int = 1
    keep_days: int | None = None
    keep_days_of: Mapping[str, int] = {}


def make(storage: Storage, rules: Rules) -> ASGIApp:
    """Make what a server calls. It leaves the storage open."""
    grouping = Grouping(storage.record, rules.writers)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        anyio.to_thread.current_default_thread_limiter().total_tokens = READERS
        async with anyio.create_task_group() as beside:
            beside.start_soon(_retain, storage, rules)
            try:
                yield
            finally:
                beside.cancel_scope.cancel()
                await grouping.stop()

    service = Service(storage, grouping)
    inner = Starlette(
        routes=[*service.routes(), *pages.routes(storage)],
        lifespan=lifespan,
        exception_handlers={Unfit: answer_unfit, StorageError: answer_away},
    )
    return Gate(inner, Bearers(storage), rules.rate)


async def _retain(storage: Storage, rules: Rules) -> None:
    """Delete what is too old, now and then."""
    ages = [(days, project) for project, days in rules.keep_days_of.items()]
    while rules.keep_days is not None or ages:
        try:
            for days, project in ages:
                await run_in_threadpool(storage.retain, days, time.time(), project)
            if rules.keep_days is not None:
                await run_in_threadpool(storage.retain, rules.keep_days, time.time())
        except Exception as error:  # it is tried again, and the rest goes on
            LOG.warning("what is too old was not deleted: %s", error)
        await anyio.sleep(RETAIN_SECONDS)
