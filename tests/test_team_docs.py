"""What docs/team.md and the files beside it say of commands is understood by them."""

import json
import re
import shlex

import pytest

from lib.commands.cli import VERBS, parser
from tests.support.bundle import ROOT

PLACE = ROOT / "docs" / "team"
COMMAND = re.compile(r"(?:^|[ /\"'`])pattern-tracker ((?:\w+) [^\n`|>&;)\"]*)")


def commands() -> list[str]:
    """List the command lines of the page, of the unit and of the container file."""
    page = COMMAND.findall((ROOT / "docs" / "team.md").read_text())
    # What follows some spaces is said of the command.
    found = [re.split(r"  +", line)[0] for line in page]
    unit = (PLACE / "pattern-tracker-team.service").read_text().replace("\\\n", " ")
    found += COMMAND.findall(unit)
    container = (PLACE / "Containerfile").read_text()
    parts = [json.loads(part) for part in re.findall(r"^(?:ENTRYPOINT|CMD) (.*)$", container, re.M)]
    found.append(shlex.join([word for part in parts for word in part][1:]))
    return [line.strip() for line in found if line.partition(" ")[0] in VERBS]


def test_commands_are_found() -> None:
    verbs = [line.partition(" ")[0] for line in commands()]
    assert verbs.count("serve") >= 3
    assert {"token", "trust", "sync", "consent", "forget"} <= set(verbs)


@pytest.mark.parametrize("line", commands())
def test_a_command_is_understood(line: str) -> None:
    parser(VERBS).parse_args(shlex.split(line))
