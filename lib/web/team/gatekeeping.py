"""Let in who may ask, as often as he may, and say on `request.state` who it is.

`request.state` has `person`, `rights` and `reader` of whoever has shown a good token. The service
itself is open to nobody else, but for its health; the page asks for a token by itself.
"""

import logging
from functools import partial
from http.cookies import CookieError, SimpleCookie
from math import ceil

from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from lib.web.guard import HEADERS
from lib.web.team.bearer import Access, Bearers, token_in
from lib.web.team.rates import Rates, TooMany
from lib.web.team.stored import StorageError

LOG = logging.getLogger("pattern-tracker")
PREFIX = "/api/pattern-traceability"
HEALTH = f"{PREFIX}/health"
LOGIN = "/login"
# Where a browser keeps the token that was given to the page.
COOKIE = "pattern-tracker-team"
# Requests of an address that shows no good token, in a minute.
STRANGERS = 600


class Gate:
    """Answers in the place of `app` whoever may not ask it.

    `rate` is how many requests a token allows in a minute, 0 for any number.
    """

    def __init__(self, app: ASGIApp, bearers: Bearers, rate: int) -> None:
        self._app = app
        self._bearers = bearers
        self._rates = Rates(rate)
        self._strangers = Rates(STRANGERS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        answer: Response | None
        try:
            answer = await self._refusal(Request(scope))
        except TooMany as error:
            headers = {"retry-after": f"{ceil(error.seconds)}"}
            answer = refused(429, "Rate limit exceeded", headers)
        except StorageError as error:
            answer = away(error)
        await (answer or self._app)(scope, receive, partial(_send_secured, send))

    async def _refusal(self, request: Request) -> Response | None:
        """Return what to say instead of an answer, None for who is let in."""
        path, address = request.scope["path"], request.client.host if request.client else ""
        is_page = not f"{path}/".startswith(f"{PREFIX}/")
        token = token_in(request.headers.get("authorization", ""))
        if not token and is_page:
            token = _cookie(request)
        access = await self._access(token, address) if token else None
        if access:
            self._rates.take(access.token_id)
        else:
            self._strangers.take(address)
        if is_page:
            if path == LOGIN and request.method == "POST":
                self._bearers.guess(address)
            if access and "read" not in access.rights:
                return refused(403, "this token does not allow to read")
        elif path != HEALTH:
            right = "read" if request.method in ("GET", "HEAD") else "write"
            if access is None:
                says = "this token is not known" if token else "a token is needed"
                return refused(401, says, {"www-authenticate": 'Bearer realm="pattern-tracker"'})
            if right not in access.rights:
                return refused(403, f"this token does not allow to {right}")
        if access:
            state = request.state
            state.person, state.rights, state.reader = access.person, access.rights, access.reader
        return None

    async def _access(self, token: str, address: str) -> Access | None:
        known = self._bearers.known(token)
        return known or await run_in_threadpool(self._bearers.find, token, address)


def refused(status: int, detail: object, headers: dict[str, str] | None = None) -> Response:
    """Answer with what is wrong about a request."""
    return JSONResponse({"detail": detail}, status, headers)


def away(error: StorageError) -> Response:
    """Answer that the database is away. What it said itself is for this server's log."""
    LOG.warning("%s: %s", error.error_type, error)
    value = {
        "success": False,
        "error": "the database does not answer as it should",
        "metadata": {"error_type": error.error_type},
    }
    return JSONResponse(value, 503, {"retry-after": "5"})


def _cookie(request: Request) -> str:
    try:
        found = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return found.value if found else ""


async def _send_secured(send: Send, message: Message) -> None:
    if message["type"] == "http.response.start":
        headers = MutableHeaders(scope=message)
        for name, value in HEADERS.items():
            headers.setdefault(name, value)
        headers.setdefault("cache-control", "no-store")
    await send(message)
