"""Run `pattern-tracker quarantine`: list, show, retry or drop what could not be delivered."""

import argparse

from lib.commands.common import CommandError, print_json, printable, say_nothing, spool_directory
from lib.spool import outbox
from lib.system.private_file import Refused, open_regular

SHOWN_BYTES = 4096


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Return what may follow the verb."""
    actions = ("list", "show", "retry", "drop")
    parser.add_argument("action", nargs="?", choices=actions, default="list", help="list if none")
    parser.add_argument("names", nargs="*", metavar="NAME", help="a file's name, or its beginning")
    parser.add_argument("--all", action="store_true", help="every file in quarantine")


def run(options: argparse.Namespace) -> int:
    """List, show, retry or drop. Raises CommandError for a name that is not there."""
    directory = spool_directory()
    nothing_there = not outbox.quarantined_names(directory)
    if nothing_there and (options.action == "list" or options.all):
        json_text = "" if options.action in ("list", "show") else f'{{"{options.action}": []}}'
        return say_nothing(options.json, "nothing is in quarantine", json_text)
    if options.action == "list":
        return _list(directory, options.json)
    names = _chosen(directory, options)
    if options.action == "show":
        for name in names:
            _show(directory, name, options.json)
        return 0
    act = outbox.retry if options.action == "retry" else outbox.drop
    for name in names:
        act(directory, name)
    if options.json:
        print_json({options.action: names})
    elif options.action == "retry":
        print(f"{len(names)} back in the spool; deliver now with: pattern-tracker sync")
    else:
        print(f"{len(names)} dropped")
    return 0


def _chosen(directory: str, options: argparse.Namespace) -> list[str]:
    present = outbox.quarantined_names(directory)
    if options.all:
        return present
    if not options.names:
        raise CommandError(f"quarantine {options.action}: name a file, or say --all")
    chosen: list[str] = []
    for wanted in options.names:
        found = [name for name in present if name.startswith(wanted)]
        if not found:
            raise CommandError(f"{printable(wanted)} is not in quarantine")
        if len(found) > 1 and wanted not in found:
            raise CommandError(f"{printable(wanted)} may be any of {len(found)} files")
        chosen.append(wanted if wanted in found else found[0])
    return list(dict.fromkeys(chosen))


def _list(directory: str, as_json: bool) -> int:
    for name in outbox.quarantined_names(directory):
        reason = outbox.reason_of(directory, name)
        if as_json:
            print_json({"name": name, "reason": reason})
        else:
            print(f"{printable(name)}  {printable(reason)}")
    return 0


def _show(directory: str, name: str, as_json: bool) -> None:
    reason = outbox.reason_of(directory, name)
    path = f"{directory}/{outbox.QUARANTINE}/{name}"
    text = _beginning(path)
    if as_json:
        print_json({"name": name, "reason": reason, "path": path, "content": text})
        return
    print(f"{printable(path)}\n{printable(reason)}\n")
    for line in text.splitlines():
        print(printable(line))


def _beginning(path: str) -> str:
    """Read the first bytes of a regular file as text; say what it is if it is none."""
    try:
        with open_regular(path) as file:
            return file.read(SHOWN_BYTES).decode("utf-8", "backslashreplace")
    except Refused as error:
        return f"({error})"
