"""`consent`: which projects of a team's server are compared with each other."""

import argparse
import json

import pytest

from lib.commands import consent
from lib.commands.common import CommandError
from lib.web.team.stored import Storage


def run(url: str, *arguments: str) -> int:
    """Run the verb over a database."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--json", action="store_true")
    consent.add_arguments(parser)
    return consent.run(parser.parse_args([*arguments, "--database", url]))


def test_consent_is_given_listed_and_withdrawn(
    team_url: str, team_storage: Storage, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(team_url) == 0
    assert "no project consents" in capsys.readouterr().out
    # Said twice, it is one act.
    for _ in range(2):
        assert run(team_url, "git.example.org/a\x1b[2J") == 0
        assert "git.example.org/a\\x1b[2J is compared with others" in capsys.readouterr().out
    assert team_storage.consents() == {"git.example.org/a\x1b[2J"}
    assert run(team_url, "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"consents": ["git.example.org/a\x1b[2J"]}
    assert run(team_url, "git.example.org/a\x1b[2J", "--withdraw") == 0
    assert "is compared with itself alone" in capsys.readouterr().out
    assert team_storage.consents() == frozenset()
    acts = [(note.act, note.about) for note in team_storage.audit()]
    assert [act for act, _ in acts] == ["consent withdrawn", "consent given"]
    with pytest.raises(CommandError):
        run(team_url, "--withdraw")
