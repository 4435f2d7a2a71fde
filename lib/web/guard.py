"""Let in who has the token: by the first address, then by a cookie. Everybody else gets a line.

Whoever knows neither may be another user of this machine, or a page in the same browser: one from
elsewhere that guesses the port, one whose name was rebound to 127.0.0.1, one on another port.
"""

import secrets
from hmac import compare_digest
from typing import NamedTuple

from starlette.datastructures import MutableHeaders
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "pattern-tracker"
HOSTS = ("127.0.0.1", "localhost")
# What a browser says of who asks: this page, or a person.
_OWN_SITES = ("same-origin", "none")
HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
# A browser sends a strict cookie along where a page of ours leads, but not where a redirection does
# that began elsewhere, as at a click in a terminal that is a page itself.
_LANDING = (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>pattern-tracker</title>'
    '<link rel="icon" href="static/icon.svg">'
    '<meta http-equiv="refresh" content="0;url=./"><p><a href="./">Go on</a>'
)
_CLOSED = "open the address that pattern-tracker serve printed\n"


class Key(NamedTuple):
    """What opens the page: a token, the cookie that stands for it, and where all of it lies.

    A browser sends a cookie to each port of a host, but only below its path: nobody else's server
    on another port knows that.
    """

    token: str
    cookie: str
    place: str


def make_key() -> Key:
    """Make a key by chance."""
    return Key(secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(9))


class Guard:
    """Answers in the place of `app` whoever may not ask it."""

    def __init__(self, app: ASGIApp, key: Key) -> None:
        self._app = app
        self._key = key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def secured(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(HEADERS)
                headers.setdefault("cache-control", "no-store")
            await send(message)

        answer = self._answer(Request(scope))
        await (answer or self._app)(scope, receive, secured)

    def _answer(self, request: Request) -> Response | None:
        """Return what to say instead of the page, None where the page may be told."""
        headers = request.headers
        host = headers.get("host", "")
        if request.method not in ("GET", "HEAD"):
            return PlainTextResponse("nothing can be changed here\n", 405, {"allow": "GET, HEAD"})
        name, _, port = host.partition(":")
        is_named = name in HOSTS and (port.isdecimal() or name == host)
        if not is_named or len(headers.getlist("host")) != 1:
            return PlainTextResponse("this is not the page's address\n", 421)
        if headers.get("origin", f"http://{host}") != f"http://{host}":
            return PlainTextResponse("another site asks\n", 403)
        place = f"/{self._key.place}/"
        is_first = _is_same(request.url.path, place) and "token" in request.query_params
        if is_first and _is_same(request.query_params["token"], self._key.token):
            return self._welcome()
        if headers.get("sec-fetch-site", "none") not in _OWN_SITES:
            return PlainTextResponse("another site asks\n", 403)
        is_known = _is_same(request.cookies.get(COOKIE, ""), self._key.cookie)
        is_inside = _is_same(request.url.path[: len(place)], place)
        return None if is_known and is_inside else PlainTextResponse(_CLOSED, 403)

    def _welcome(self) -> Response:
        answer = HTMLResponse(_LANDING)
        answer.set_cookie(
            COOKIE, self._key.cookie, path=f"/{self._key.place}/", httponly=True, samesite="strict"
        )
        return answer


def _is_same(given: str, wanted: str) -> bool:
    """Compare in a time that does not tell how much is right."""
    return compare_digest(given.encode("utf-8", "surrogatepass"), wanted.encode())
