"""What a team has sent, as its server keeps it: the work of a year of three people."""

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

from lib.flusher.resend import Resender
from lib.ledger.history import History
from lib.ledger.reasons import told_to_services
from lib.ledger.store import FILE_NAME
from lib.system.settings import Settings
from lib.web.team.stored import Arrived
from tests.support.service_double import ServiceDouble
from tests.support.year import Year

PEOPLE = ("ann", "bob", "cleo")
HOST = "git.example.org/shop"
# When the first of it arrived, in unix seconds before the last.
AGO = 86_400.0 * 100


def story(where: Path, now: float, sessions: int = 12) -> list[Arrived]:
    """Make a year's ledger, send it to a service, and give what arrived there to three people.

    Each project has its name below HOST, each session one of PEOPLE; the last event is of `now`.
    """
    root = where / "code"
    Year(where / "spool", root, sessions).write()
    told = list(_sent(where / "spool"))
    return [
        Arrived(
            PEOPLE[_number(body) % len(PEOPLE)], _place(body, root), body,
            now - AGO * (1 - number / len(told)),
        )
        for number, body in enumerate(told, 1)
    ]  # fmt: skip


def _sent(spool: Path) -> Iterator[dict[str, Any]]:
    """Yield the bodies that a service gets of a spool's ledger, with their prompts."""
    with ServiceDouble(rate_limit=None) as server:
        settings = Settings({"HOME": "/nowhere", "INTELLIGENCE_SERVICE_URL": server.url})
        assert Resender(str(spool), settings).resend(60.0)
        with closing(History(str(spool / FILE_NAME))) as ledger:
            for event in server.events:
                data = event.body["pattern_data"]
                data |= told_to_services(ledger, data["event_id"])
                if "prompt" in data:
                    event.body["reason"] = data["prompt"].partition("\n")[0]
                yield event.body


def _number(body: dict[str, Any]) -> int:
    return int(str(body["pattern_data"].get("session_id") or "0")[:8], 16)


def _place(body: dict[str, Any], root: Path) -> str:
    """Return the project of a body, and tell the body its file's path in it."""
    file = body["file_path"] or ""
    name, _, path = file.removeprefix(f"{root}/").partition("/")
    if not path:
        return ""
    body["pattern_data"]["path"] = path
    return f"{HOST}/{name}"
