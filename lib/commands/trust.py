"""Run `pattern-tracker trust`: approve services on other machines, withdraw or list them."""

import argparse
import os

from lib.commands.common import CommandError, print_json, printable
from lib.delivery.approval import Approvals, Refused


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the verb's arguments."""
    parser.add_argument("url", nargs="?", help="https://host[:port]; without it, list them")
    parser.add_argument(
        "--use", action="store_true", help="deliver there unless INTELLIGENCE_SERVICE_URL is set"
    )
    parser.add_argument(
        "--token-file", metavar="FILE", help="a file of mode 0600 that holds a bearer token"
    )
    parser.add_argument(
        "--token-command", metavar="COMMAND", help="a command that prints it instead"
    )
    parser.add_argument("--remove", action="store_true", help="take the approval back")


def run(options: argparse.Namespace) -> int:
    """Approve or withdraw a service, or list them. Raises CommandError."""
    approvals = Approvals()
    try:
        if not options.url:
            return _list(approvals, options.json)
        if options.remove:
            return _remove(approvals, options)
        token_file = os.path.abspath(options.token_file) if options.token_file else ""
        if token_file and options.token_command:
            raise CommandError("the token comes from a file or from a command, not from both")
        origin = approvals.approve(
            options.url, token_file, options.use, options.token_command or ""
        )
    except Refused as refused:
        raise CommandError(f"{printable(options.url or 'the approvals')}: {refused}") from None
    if options.json:
        print_json({"trusted": origin, "used": options.use, "kept_in": approvals.path})
    else:
        used = " and will get the events" if options.use else ""
        print(f"{origin} is trusted{used}; kept in {approvals.path}")
    return 0


def _list(approvals: Approvals, as_json: bool) -> int:
    hosts, used = approvals.listed(), approvals.service_url()
    if as_json:
        print_json({"trusted": sorted(hosts), "service_url": used or None})
        return 0
    for origin in sorted(hosts):
        print(printable(origin))
    print(f"delivering to: {printable(used) or 'the embedded ledger only'}")
    return 0


def _remove(approvals: Approvals, options: argparse.Namespace) -> int:
    removed = approvals.withdraw(options.url)
    if options.json:
        print_json({"removed": removed})
    else:
        print(
            f"{printable(options.url)} {'is trusted no longer' if removed else 'was not trusted'}"
        )
    return 0 if removed else 1
