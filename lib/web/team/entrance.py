"""Ask who looks at the page for a token, once: a cookie holds it from then on."""

from collections.abc import Callable, Coroutine
from typing import Any
from urllib.parse import parse_qs

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from lib.web.page import rendered
from lib.web.team.bearer import digest_of
from lib.web.team.gatekeeping import COOKIE
from lib.web.team.stored import Storage, StorageError

COOKIE_SECONDS = 30 * 86_400
# In bytes: the form holds a token and no more.
MOST_BYTES = 4096
# What a browser says of who sends a form: this page, or a person.
_OWN_SITES = ("same-origin", "none")


def ask(request: Request) -> Response:
    """Show the form."""
    return _form()


def closed() -> Response:
    """Answer who has shown no good token: with the form."""
    return _form(status=401)


def enter(storage: Storage) -> Callable[[Request], Coroutine[Any, Any, Response]]:
    """Return what takes a token from the form and leads to the page with a cookie."""

    async def answer(request: Request) -> Response:
        token = await _given(request)
        if not token:
            return _form("no token came from this page's form", 400)
        try:
            found = await run_in_threadpool(storage.find_token, digest_of(token))
        except StorageError as error:
            return _form(f"{error}", 503)
        if found is None or "read" not in found.rights:
            return _form("this token opens nothing here", 403)
        made = RedirectResponse("./", 303)
        made.set_cookie(
            COOKIE, token, COOKIE_SECONDS, httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip
        return made

    return answer


def leave(request: Request) -> Response:
    """Let the browser forget the token."""
    made = RedirectResponse("login", 303)
    made.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return made


def _form(problem: str = "", status: int = 200) -> Response:
    return rendered("team/login.html", {"problem": problem}, status)


async def _given(request: Request) -> str:
    """Read the token of the form, "" where another site sends it or it is no token."""
    if request.headers.get("sec-fetch-site", "none") not in _OWN_SITES:
        return ""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MOST_BYTES:
            return ""
    found = parse_qs(body.decode("latin-1"), max_num_fields=4).get("token", [""])[0].strip()
    return found if found.isascii() and found.isprintable() and " " not in found else ""
