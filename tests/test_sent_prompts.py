"""Prompts go to a service only if its approval said so."""

import json
from pathlib import Path
from typing import Any

import pytest

from lib.commands import cli
from lib.delivery.approval import Approvals
from lib.flusher.process import Flusher
from lib.flusher.resend import Resender
from lib.system import bundle
from lib.system.settings import Settings
from tests.support.service_double import ServiceDouble
from tests.test_joining import Place

SECRET = "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8"
ASKED = f"sort the names\nby length, with {SECRET}"


@pytest.fixture
def place(tmp_path: Path, server: ServiceDouble) -> Place:
    return Place(tmp_path, server)


def approvals(tmp_path: Path, server: ServiceDouble, prompts: bool) -> Approvals:
    made = Approvals(str(tmp_path / "approved.json"))
    made.approve(server.url, prompts=prompts)
    return made


def deliver(place: Place, approved: Approvals, **environ: str) -> None:
    settings = Settings({**place.outpost.environ, **environ})
    assert Flusher(str(place.outpost.directory), settings, approved).run_once(5.0)


def sent(server: ServiceDouble) -> list[dict[str, Any]]:
    return [event.body for event in server.events]


def test_prompts_are_not_sent_without_the_users_word(
    place: Place, server: ServiceDouble, tmp_path: Path
) -> None:
    place.asked(ASKED, "u-1")
    deliver(place, approvals(tmp_path, server, False), PATTERN_TRACKING_SEND_PROMPTS="true")
    assert [b["reason"] for b in sent(server)] == [None]
    assert "sort the names" not in json.dumps(sent(server))


def test_prompts_are_sent_with_the_event_where_the_approval_said_so(
    place: Place, server: ServiceDouble, tmp_path: Path
) -> None:
    place.asked(ASKED, "u-1")
    deliver(place, approvals(tmp_path, server, True))
    (body,) = sent(server)
    told = body["pattern_data"]
    assert (body["reason"], told["model"]) == ("sort the names", "m-1")
    assert told["prompt_id"] == place.writer.prompt_id
    assert told["prompt"].startswith("sort the names\nby length, with ")
    assert SECRET not in json.dumps(body)


def test_an_event_does_not_wait_for_its_prompt(
    place: Place, server: ServiceDouble, tmp_path: Path
) -> None:
    place.event("u-1", prompt_id="p-1")
    deliver(place, approvals(tmp_path, server, True))
    (body,) = sent(server)
    assert "prompt" not in body["pattern_data"]


def test_prompts_that_may_not_be_kept_are_not_sent(
    place: Place, server: ServiceDouble, tmp_path: Path
) -> None:
    place.asked(ASKED, "u-1")
    event = next(place.outpost.directory.glob("pending_*"))
    event.write_text(json.dumps({**json.loads(event.read_text()), "prompts": False}))
    deliver(place, approvals(tmp_path, server, True))
    (body,) = sent(server)
    assert "prompt" not in body["pattern_data"]
    assert body["pattern_data"]["model"] == "m-1"


@pytest.mark.parametrize("keeps", ["full", "none"])
def test_what_is_sent_again_has_its_prompt_too(
    place: Place, server: ServiceDouble, tmp_path: Path, keeps: str
) -> None:
    place.asked(ASKED, "u-1")
    del place.outpost.environ["INTELLIGENCE_SERVICE_URL"]
    assert place.outpost.flush()
    environ = {"INTELLIGENCE_SERVICE_URL": server.url, "PATTERN_TRACKING_PROMPTS": keeps}
    settings = Settings({**place.outpost.environ, **environ})
    approved = approvals(tmp_path, server, True)
    assert Resender(str(place.outpost.directory), settings, approved).resend(5.0)
    (body,) = sent(server)
    assert ("prompt" in body["pattern_data"]) == (keeps == "full")


def test_the_variable_counts_at_the_approval_and_not_from_a_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    project, url = tmp_path / "project", "https://patterns.example.com"
    monkeypatch.setattr(bundle, "kept", lambda suffix: str(tmp_path / f"kept{suffix}"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PATTERN_TRACKING_SEND_PROMPTS", "true")

    def trust(*words: str) -> str:
        assert cli.main(["trust", *words]) == 0
        return capsys.readouterr().out

    assert "the events and their prompts" in trust(url, "--use")
    assert f"{url}:443, with prompts\n" in trust()
    (project / ".claude").mkdir(parents=True)
    told = {"env": {"PATTERN_TRACKING_SEND_PROMPTS": "true"}}
    (project / ".claude" / "settings.json").write_text(json.dumps(told))
    monkeypatch.chdir(project)
    assert "prompts" not in trust(url, "--use")
    assert f"{url}:443\n" in trust()
