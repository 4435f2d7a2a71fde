"""Run `pattern-tracker consent`: which projects of a team's server are compared with each other."""

import argparse

from lib.commands import team_database
from lib.commands.common import CommandError, print_json, printable, say_nothing


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("project", nargs="?", help="as the page names it; without it, list them")
    parser.add_argument("--withdraw", action="store_true", help="take the consent back")
    team_database.add_argument(parser)


def run(options: argparse.Namespace) -> int:
    """Give or withdraw a project's consent, or list those that gave it. Raises CommandError."""
    project = options.project
    if options.withdraw and not project:
        raise CommandError("name the project whose consent is withdrawn")
    with team_database.opened(options) as storage:
        consents = storage.consents()
        if project and (project in consents) is options.withdraw:
            storage.set_consent(project, not options.withdraw)
            act = "consent withdrawn" if options.withdraw else "consent given"
            team_database.note(storage, act, project)
            consents = storage.consents()
    if options.json:
        print_json({"consents": sorted(consents)})
    elif project:
        is_compared = project in consents
        others = "others that consent" if is_compared else "itself alone"
        print(f"{printable(project)} is compared with {others}")
    elif not consents:
        return say_nothing(False, "no project consents: pattern-tracker consent PROJECT")
    else:
        print("\n".join(printable(one) for one in sorted(consents)))
    return 0
