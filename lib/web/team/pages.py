"""The page of the team's server: which address is answered by what, and who is let in."""

from collections.abc import Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Mount, Route
from starlette.staticfiles import StaticFiles

from lib.system import packages
from lib.web.page import HERE, Absent, rendered
from lib.web.team import entrance, people, reused, seeking, team_lineage, told_files
from lib.web.team.deeds import Question, iso
from lib.web.team.stored import Reader, Storage, StorageError

VIEWS: dict[str, Callable[[Question], dict[str, Any]]] = {
    "": people.home,
    "project": people.project,
    "files": people.files,
    "person": people.person,
    "file": told_files.file,
    "step": told_files.step,
    "session": told_files.session,
    "pattern": team_lineage.pattern,
    "units": seeking.units,
    "search": seeking.search,
    "reuse": reused.reuse,
}
# Acts that are listed.
NOTES = 500


def routes(storage: Storage) -> list[BaseRoute]:
    """Return the routes of the page over what `storage` has, to be mounted at the root.

    `lib.web.team.gatekeeping` says on `request.state` who asks; others are asked for a token.
    """
    return [
        *(Route(f"/{name}", _endpoint(name, storage)) for name in VIEWS),
        Route("/audit", _audit(storage)),
        Route("/login", entrance.ask, methods=["GET"]),
        Route("/login", entrance.enter(storage), methods=["POST"]),
        Route("/logout", entrance.leave, methods=["POST"]),
        Mount("/static", StaticFiles(directory=f"{HERE}/static")),
    ]


def _endpoint(name: str, storage: Storage) -> Callable[[Request], Response]:
    view = VIEWS[name]

    def tell(request: Request, reader: Reader) -> Mapping[str, Any]:
        return view(Question(storage, reader, request.query_params))

    return _told(f"team/{name or 'home'}.html", tell)


def _audit(storage: Storage) -> Callable[[Request], Response]:
    def tell(request: Request, reader: Reader) -> Mapping[str, Any]:
        if "admin" not in request.state.rights:
            raise Absent("it is for those whose token has the right `admin`")
        notes = [(iso(one.at), one.actor, one.act, one.about) for one in storage.audit(NOTES)]
        return {"notes": notes, "most": NOTES}

    return _told("team/audit.html", tell)


def _told(
    template: str, tell: Callable[[Request, Reader], Mapping[str, Any]]
) -> Callable[[Request], Response]:
    def answer(request: Request) -> Response:
        reader = getattr(request.state, "reader", None)
        if reader is None:
            return entrance.closed()
        return _answer(template, tell, request, reader)

    return answer


def _answer(
    template: str,
    tell: Callable[[Request, Reader], Mapping[str, Any]],
    request: Request,
    reader: Reader,
) -> Response:
    known = {"me": request.state.person, "is_admin": "admin" in request.state.rights}
    try:
        return rendered(template, {**known, **tell(request, reader)})
    except Absent as error:
        return _problem(known, "Not known", f"{error}", 404)
    except (StorageError, packages.Missing) as error:
        return _problem(known, "The database cannot be read now", f"{error}", 503)
    except Exception as error:  # one bad row takes one view away
        return _problem(known, "This cannot be shown", f"{type(error).__name__}: {error}", 500)


def _problem(known: Mapping[str, Any], title: str, text: str, status: int) -> Response:
    return rendered("team/problem.html", {**known, "title": title, "text": text}, status)
