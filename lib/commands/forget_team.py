"""Forget what a team's server has of a person or a project."""

import argparse
import time

from lib.commands import team_database
from lib.commands.common import CommandError, print_json, printable

# A server takes a token for good so long after it was asked for, and a request that it has begun
# with goes on.
SECONDS = 3.0


def run(options: argparse.Namespace) -> int:
    """Delete a person's or a project's events; without --yes only count. Raises CommandError."""
    column = "person" if options.person else "project"
    name = options.person or options.project
    with team_database.opened(options) as storage:
        sql = f"SELECT count(*) FROM events WHERE {column} = ?"
        ((count,),) = storage.rows(sql, (name,))
        tokens = sum(token.person == name for token in storage.tokens()) if options.person else 0
        if not count and not tokens:
            raise CommandError(f"nothing is known of the {column} {printable(name)}")
        if options.yes:
            forget = storage.forget_person if options.person else storage.forget_project
            count = forget(name)
            if tokens:
                time.sleep(SECONDS)
                count += forget(name)
            about = "(forgotten)" if options.person else name
            team_database.note(storage, f"{column} forgotten", about)
    if options.json:
        print_json({"events": count, "tokens": tokens, "done": options.yes})
    else:
        events = f"{count} event{'s' * (count != 1)}"
        also = f" and {tokens} token{'s' * (tokens != 1)}" if tokens else ""
        print(f"forgotten: {events}{also}" if options.yes else f"--yes would forget {events}{also}")
    return 0
