"""The page of the team's server: which address is answered by what, and who is let in."""

from starlette.routing import BaseRoute

from lib.web.team.stored import Storage


def routes(storage: Storage) -> list[BaseRoute]:
    """Return the routes of the page over what `storage` has, to be mounted at the root."""
    return []
