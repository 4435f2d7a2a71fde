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
# What would act in a terminal, in a page, in SQL, or turn a line around.
EVIL = "\x1b[2J\x07<script>alert(1)</script>\"'><img src=x onerror=alert(1)>\u202e{{7*7}}'; --%_!"
SHARED = (
    "def retried(call, times):\n    for _ in range(times):\n"
    "        if call():\n            return 1\n"
)


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


def body(pattern_id: str, path: str, code: str, **changes: Any) -> dict[str, Any]:
    """A creation as the wire has it, with its defaults."""
    data = {"event_id": f"e-{pattern_id}-{path}", "code": code, "path": path}
    return {
        "event_type": "pattern_created", "pattern_id": pattern_id, "pattern_name": pattern_id,
        "pattern_type": "code", "pattern_version": "1.0.0", "language": "python",
        "parent_pattern_ids": [], "triggered_by": "claude-code", "tool_name": "Write",
        "file_path": f"/home/x/{path}", "edge_type": None, "transformation_type": None,
        "reason": None, **changes, "pattern_data": {**data, **changes.get("pattern_data", {})},
    }  # fmt: skip


def unit(name: str, end: int = 4) -> dict[str, Any]:
    """A function as a body tells of it; the same name is the same code."""
    last = name.rpartition(".")[2]
    return {"pattern_id": f"python-function-{last}", "pattern_type": "function",
            "qualified_name": name, "start_line": 1, "end_line": end}  # fmt: skip


def hostile(now: float) -> Arrived:
    """An event all of whose texts are EVIL."""
    data = {
        "event_id": EVIL, "session_id": EVIL, "prompt_id": EVIL, "prompt": f"{EVIL}\nmore",
        "model": EVIL, "units": [unit(EVIL)], "captured_at": EVIL, "units_": EVIL,
    }  # fmt: skip
    made = body(EVIL, EVIL, EVIL, reason=EVIL, tool_name=EVIL, triggered_by=EVIL, language=EVIL,
                parent_pattern_ids=[f"parent {EVIL}"], pattern_data=data)  # fmt: skip
    return Arrived(EVIL, EVIL, made, now)


def alike(now: float) -> list[Arrived]:
    """One function in four projects, of which `secret` does not consent to be compared."""
    found = []
    for project in ("left", "right", "secret", "third"):
        data = {"units": [unit(f"{project}.retried")], "session_id": f"session of {project}"}
        made = body(f"python-code-{project}", f"src/{project}.py", SHARED, pattern_data=data)
        found.append(Arrived("dora", project, made, now))
    return found
