"""Run `pattern-tracker trust`: approve services on other machines, withdraw or list them."""

import argparse
import os

from lib.commands.common import CommandError, print_json, printable
from lib.delivery.approval import PROMPTS, Approvals, Refused
from lib.system.settings import Settings


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
        prompts = Settings(os.environ).send_prompts
        credential = token_file, options.use, options.token_command or ""
        origin = approvals.approve(options.url, *credential, prompts)
    except Refused as refused:
        raise CommandError(f"{printable(options.url or 'the approvals')}: {refused}") from None
    if options.json:
        told = {"trusted": origin, "used": options.use, "kept_in": approvals.path}
        print_json({**told, "prompts": prompts})
    else:
        used = f" and {_receives(prompts)}" if options.use else ""
        print(f"{origin} is trusted{used}; kept in {approvals.path}")
    return 0


def use(approvals: Approvals, url: str) -> str:
    """Approve a service that gets the events from now on; return a line that says so.

    Raises Refused, OSError.
    """
    prompts = Settings(os.environ).send_prompts
    origin = approvals.approve(url, use=True, prompts=prompts)
    return f"{origin} {_receives(prompts)}; kept in {approvals.path}"


def _receives(prompts: bool) -> str:
    return "will get the events and their prompts" if prompts else "will get the events"


def _list(approvals: Approvals, as_json: bool) -> int:
    hosts, used = approvals.listed(), approvals.service_url()
    if as_json:
        print_json({"trusted": sorted(hosts), "service_url": used or None})
        return 0
    for origin in sorted(hosts):
        print(printable(origin) + (", with prompts" if PROMPTS in hosts[origin] else ""))
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
