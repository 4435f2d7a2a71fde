"""Homes of people in one team: a bundle each, a token each, a clone each of the same project."""

import json
import random
import subprocess
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from lib.ledger import ways
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from lib.spool import outbox, wake
from lib.system.digest import hex_digest
from tests.support.bundle import ROOT, Bundle, wait_for, write_payload
from tests.support.copies import bundle_at

REMOTE = "https://somebody:secret@git.example.org/shop/orders.git"
PROJECT = "git.example.org/shop/orders"
PARTS = ("lib", "hooks", "bin")
MARKED = "# pattern-id: team/retry\nimport time\n\n\ndef retry(call):\n    return call()\n"
CODE = "def total_{name}(items):\n    found = {step}\n    return sum(items) + found\n"
Edge = tuple[str, str, str]


class Clock(NamedTuple):
    """A library that sets back or ahead the clock of programs, and by how many seconds."""

    library: Path
    off: int

    def environ(self, home: Path) -> dict[str, str]:
        """The variables of a program to which the files of `home` have times of this clock too."""
        return {
            "LD_PRELOAD": str(self.library), "CLOCK_OFF": str(self.off),
            "CLOCK_OFF_BELOW": f"{home}/.claude/",
        }  # fmt: skip


class Home(Bundle):
    """The home of a person who has their own copy of the bundle and delivers to `url`."""

    def __init__(
        self, place: Path, person: str, url: str, token: str, clock: Clock | None = None
    ) -> None:
        root = place / person / "pattern-tracker"
        bundle_at(root, PARTS)
        super().__init__(root.parent, root)
        self.person = person
        self.work = self.home / "orders"
        self._chance = random.Random(person)
        self._clock = clock.environ(self.home) if clock else {}
        self._uses = 0
        self._written: dict[Path, str] = {}
        self._environment()
        self._approve(url, token)
        self._clone()

    def _environment(self) -> None:
        """Give the bundle a Python of its own, which sees the home's clock."""
        own = self.root / ".venv" / "bin" / "python"
        own.parent.mkdir(parents=True)
        set_ = "".join(f"export {name}={value}\n" for name, value in self._clock.items())
        own.write_text(f'#!/bin/sh\n{set_}exec {ROOT}/.venv/bin/python "$@"\n')
        own.chmod(0o755)

    def _approve(self, url: str, token: str) -> None:
        file = self.home / "token"
        file.write_text(token)
        host = {"token_file": str(file)} if token else {}
        approvals = Path(f"{self.root}.approved.json")
        approvals.write_text(json.dumps({"hosts": {url: host}, "service_url": url}))
        for path in (file, approvals):
            path.chmod(0o600)

    def _clone(self) -> None:
        subprocess.run(["git", "init", "-q", str(self.work)], check=True)
        with (self.work / ".git" / "config").open("a") as config:
            config.write(f'[remote "origin"]\n\turl = {REMOTE}\n')

    def write(self, name: str, code: str) -> None:
        """Let the agent write a file: the file, and then the hook."""
        file = self.work / name
        before = file.read_text() if file.exists() else None
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(code)
        self._uses += 1
        use = f"{self.person}-{self._uses}"
        data = write_payload(str(file), code, use, before)
        data |= {"session_id": f"session-of-{self.person}", "cwd": str(self.work)}
        done = self.hook("post", data, **self._clock)
        said = (done.returncode, done.stdout, done.stderr)
        assert said == (0, b"", b""), f"{self.person}: {said}"

    def edit(self) -> None:
        """Make one step in the day of a person, which chance chooses."""
        kind = self._chance.choice(("own", "own", "own", "common", "outside", "marked"))
        name = f"src/{kind}_{self._chance.randrange(3)}.py"
        if kind == "marked":
            self.write(f"src/marked_{self._uses}.py", f"{MARKED}# {self.person} {self._uses}\n")
        elif kind == "common":
            # The same in each home, and the same steps: one pattern for all.
            step = sum(1 for file in self._written if file.name.startswith("common"))
            self._written[self.work / f"common_{self._uses}"] = ""
            self.write("src/common.py", CODE.format(name="common", step=step))
        else:
            file = self.work / name
            if kind == "outside" and file.exists():
                file.write_text(f"{file.read_text()}# by hand {self._uses}\nhand = {self._uses}\n")
            self.write(name, CODE.format(name=f"{kind}_{self.person}", step=self._uses))

    def deliver(self) -> bool:
        """Let the flusher end that may be at work, deliver the rest; whether nothing is left."""
        wait_for(lambda: not wake.is_running(str(self.spool)))
        if self.pending():
            self.command("sync", "--json")
        return not self.pending()

    def quarantined(self) -> list[str]:
        return outbox.quarantined_names(str(self.spool))

    def told(self) -> "Told":
        """Read what the ledger has for a service."""
        with closing(History(str(self.spool / FILE_NAME))) as ledger:
            events = ledger.rows("SELECT event_id, event_type FROM events WHERE implied = 0", ())
            edges = ledger.rows(f"SELECT parent_id, child_id, edge_type FROM {ways.EDGES}", ())
            patterns = ledger.rows(f"SELECT pattern_id FROM {ways.PATTERNS}", ())
        return Told(dict(events), {tuple(edge) for edge in edges}, {one for (one,) in patterns})


class Told(NamedTuple):
    """Types of events by their ids, edges (parent, child, type) and the ids of patterns."""

    events: dict[str, str]
    edges: set[Edge]
    patterns: set[str]


def wrong_events(told: Told, arrived: Counter[str]) -> list[str]:
    """Name what does not stand exactly once in `arrived`, and what nobody told.

    A file that applies a marked pattern tells of its own content too, by ids that are made of its.
    """
    found = [one for one in told.events if arrived[one] != 1]
    found += [one for one, count in arrived.items() if count > 1]
    applied = [one for one, kind in told.events.items() if kind == "pattern_applied"]
    known = set(told.events) | {
        hex_digest(f"{kind}\0{one}")[:32]
        for one in applied
        for kind in ("pattern_modified", "pattern_forked")
    }
    return found + [one for one in arrived if one not in known]


def union(told: Iterable[Told]) -> tuple[set[Edge], set[str]]:
    """Join what several ledgers know of edges and patterns."""
    several = list(told)
    return set().union(*(one.edges for one in several)), set().union(
        *(one.patterns for one in several)
    )
