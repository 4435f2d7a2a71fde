"""Run `pattern-tracker token`: who may send to a team's server, and ask it."""

import argparse
import time
from typing import TYPE_CHECKING

from lib.commands import team_database
from lib.commands.common import CommandError, print_json, printable, say_nothing
from lib.commands.terminal import Cell, print_rows
from lib.system.timestamps import timestamp

if TYPE_CHECKING:
    from lib.web.team.stored import Storage, Token

# In characters.
LONGEST = 255


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("action", choices=("create", "list", "revoke"))
    parser.add_argument("name", nargs="?", help="the person, or the id of a token to revoke")
    team_database.add_argument(parser)
    rights = parser.add_mutually_exclusive_group()
    rights.add_argument("--read", action="store_true", help="it may ask, and send nothing")
    rights.add_argument("--write", action="store_true", help="it may send, and ask nothing")
    rights.add_argument("--admin", action="store_true", help="it may see the audit too")
    text = "only events of this project (may be given again; default: all projects)"
    parser.add_argument("--project", action="append", metavar="NAME", help=text)


def run(options: argparse.Namespace) -> int:
    """Create, list or revoke tokens. Raises CommandError."""
    if (options.action == "list") is bool(options.name):
        raise CommandError("token create PERSON, token revoke ID, or token list")
    act = {"create": _create, "list": _list, "revoke": _revoke}[options.action]
    with team_database.opened(options) as storage:
        return act(storage, options)


def _create(storage: "Storage", options: argparse.Namespace) -> int:
    from lib.web.team import bearer
    from lib.web.team.stored import Token

    person, projects = options.name.strip(), options.project
    if not person or not person.isprintable() or len(person) > LONGEST:
        raise CommandError("a person is named by printable characters, 255 at most")
    rights = {"read"} if options.read else {"write"} if options.write else {"read", "write"}
    rights |= {"admin"} if options.admin else set()
    secret = bearer.make()
    digest = bearer.digest_of(secret)
    allowed = None if projects is None else frozenset(projects)
    made = Token(digest[:12], digest, person, frozenset(rights), allowed, time.time())
    storage.add_token(made)
    team_database.note(storage, f"token created: {made.token_id}", person)
    if options.json:
        print_json({"token": secret, **_told(made)})
    else:
        print(f"{secret}\nIts id is {made.token_id}. It is shown this once, and kept nowhere.")
    return 0


def _list(storage: "Storage", options: argparse.Namespace) -> int:
    found = storage.tokens()
    if options.json:
        print_json([_told(token) for token in found])
    elif not found:
        return say_nothing(False, "there is no token: pattern-tracker token create PERSON")
    else:
        print_rows([_row(token) for token in found])
    return 0


def _row(token: "Token") -> list[Cell]:
    projects = "all projects" if token.projects is None else ", ".join(sorted(token.projects))
    until = f"revoked {_time(token.revoked)}" if token.revoked else "good"
    words = (token.token_id, token.person, ", ".join(sorted(token.rights)), until, projects)
    return [(word, "") for word in words]


def _told(token: "Token") -> dict[str, object]:
    return {
        "id": token.token_id,
        "person": token.person,
        "rights": sorted(token.rights),
        "projects": None if token.projects is None else sorted(token.projects),
        "created": _time(token.created),
        "revoked": _time(token.revoked) if token.revoked else None,
    }


def _time(seconds: float) -> str:
    return timestamp(int(seconds * 1e9))


def _revoke(storage: "Storage", options: argparse.Namespace) -> int:
    found = [token for token in storage.tokens() if token.token_id == options.name]
    if not found or not storage.revoke_token(options.name, time.time()):
        raise CommandError(f"there is no token {printable(options.name)}")
    team_database.note(storage, f"token revoked: {options.name}", found[0].person)
    if options.json:
        print_json({"revoked": options.name, "person": found[0].person})
    else:
        print(f"{options.name} of {printable(found[0].person)} is good no longer")
    return 0
