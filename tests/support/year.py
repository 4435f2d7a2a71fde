"""A year's work in a ledger: `python -m tests.support.year SPOOL [SESSIONS]`.

Projects in several languages, sessions with prompts and subagents, formatters, shells, people who
edit in between, copies and merges, lives of functions, and hints: as real as a seed makes it, and
the same for the same seed.
"""

import random
import sqlite3
import sys
import time
from pathlib import Path
from typing import Any, cast

from lib.capture.hook import REUSE
from lib.capture.payload import Change, event_of
from lib.capture.reuse_hint import TOLD
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME, Ledger
from lib.spool.spooled import Event
from lib.units import chronicle

DAY_NS = 86_400 * 10**9
PROJECTS = {
    "orders-api": ("py", ["src/orders", "src/billing", "tests"]),
    "storefront": ("ts", ["src/cart", "src/search", "src/pages"]),
    "ledger-sync": ("go", ["cmd/sync", "internal/queue"]),
    "notes": ("py", ["notes"]),
}
NOUNS = "order invoice customer price basket retry session report address shipment".split()
VERBS = "load save total check merge send parse render find update".split()
MODELS = ("claude-opus-4-5-20251101", "claude-sonnet-4-5-20250929", "claude-haiku-4-5-20251001")
ASKS = (
    "Let {verb}_{noun} wait and try again where the server says that it is busy",
    "Why is the {noun} wrong after a refund? Find it and add a test.\n\nThe log says:\n"
    "    {noun} {number}: expected 12.50, got 12.49",
    "Rename {verb} to {verb}_{noun} everywhere",
    "Split the module: what knows the {noun} should not know how it is sent",
    "Write {verb}_{noun}, please. It takes a list and gives the sum, rounded to cents.",
    "<b>Make</b> the {noun} page work without JavaScript & with a keyboard",
    "the tests of {noun} are slow. measure first, then make them faster",
)
SHAPES = {
    "py": (
        "def {verb}_{noun}(items, rate={number}):\n    total = 0\n    for item in items:\n"
        "        if item.{noun} > rate and not item.done:\n"
        "            total += item.{noun} * rate\n    return round(total, 2)\n\n\n"
    ),
    "ts": (
        "export function {verb}{Noun}(items: Item[], rate = {number}): number {{\n"
        "  let total = 0;\n"
        "  for (const item of items) {{\n    if (item.{noun} > rate && !item.done) "
        "total += item.{noun} * rate;\n  }}\n  return total;\n}}\n\n"
    ),
    "go": (
        "func {verb}{Noun}(items []Item) float64 {{\n\ttotal := 0.0\n"
        "\tfor _, item := range items {{\n"
        "\t\tif item.{Noun} > {number} && !item.Done {{\n\t\t\ttotal += item.{Noun} * {number}\n"
        "\t\t}}\n\t}}\n\treturn total\n}}\n\n"
    ),
}  # fmt: skip


class Year:
    """Writes the ledger of `spool`; its projects lie in the directory `root`."""

    def __init__(self, spool: Path, root: Path, sessions: int, seed: int = 1) -> None:
        self._chance = random.Random(seed)
        self._spool = spool
        self._root = root
        self._sessions = sessions
        self._uses = 0
        self._held: dict[str, str] = {}
        self._events: list[Event] = []
        self._rows: dict[str, list[tuple[Any, ...]]] = {"prompts": [], "calls": [], "sessions": []}

    def write(self) -> None:
        """Record all of it."""
        self._spool.mkdir(mode=0o700, parents=True, exist_ok=True)
        for name in PROJECTS:
            (self._root / name / ".git").mkdir(parents=True, exist_ok=True)
        # Up to an hour ago: some of it today.
        now = time.time_ns() - DAY_NS // 24
        for number in range(self._sessions):
            back = int(DAY_NS * 360 * (1 - number / max(1, self._sessions - 1)) ** 1.3)
            self._session(number, now - back)
        ledger = Ledger(str(self._spool / FILE_NAME))
        for start in range(0, len(self._events), 500):
            ledger.record_all(self._events[start : start + 500])
        ledger.count({"delivered": len(self._events), "captured": len(self._events)})
        ledger.close()
        self._join()
        self._tell_units()

    def _tell_units(self) -> None:
        """Go on with functions, as the flusher does, and give some hints of those."""
        ledger = History(str(self._spool / FILE_NAME))
        assert chronicle.catch_up(ledger.connection, 3600.0) == (False, [])
        query = "SELECT name, path, root FROM units JOIN files USING (file_id) JOIN projects ON "
        rows = ledger.rows(f"{query} project_id = project WHERE NOT units.gone", ())
        query = "SELECT timestamp, file_path, '1', session_id FROM events WHERE session_id NOT NULL"
        told, changes = [], ledger.rows(query, ())
        for name, path, root in self._chance.sample(rows, min(9, len(rows))):
            here = [one for one in changes if one[1].startswith(f"{root}/")]
            words = (*self._chance.choice(here), name, path[len(root) + 1 :])
            told.append(" ".join(map(str, words)))
        ledger.close()
        (self._spool / f"{REUSE}{TOLD}").write_text("".join(f"{line}\n" for line in sorted(told)))

    def _join(self) -> None:
        db = sqlite3.connect(self._spool / FILE_NAME)
        for table, rows in self._rows.items():
            marks = ", ".join("?" * len(rows[0]))
            db.executemany(f"INSERT OR REPLACE INTO {table} VALUES ({marks})", rows)
        db.commit()
        db.close()

    def _filled(self, shape: str) -> str:
        noun = self._chance.choice(NOUNS)
        return shape.format(
            verb=self._chance.choice(VERBS), noun=noun, Noun=noun.title(),
            number=self._chance.randrange(2, 90),
        )  # fmt: skip

    def _session(self, number: int, when: int) -> None:
        chance = self._chance
        session = f"{number:08x}-5e55-4000-a000-{chance.randrange(16**12):012x}"
        project = chance.choice(list(PROJECTS))
        model = chance.choice(MODELS)
        asked = self._filled(chance.choice(ASKS))
        title = asked.splitlines()[0][:50] if chance.random() < 0.8 else None
        place = str(self._root / project)
        self._rows["sessions"].append((session, title, place, "main", "2.1.300"))
        for turn in range(chance.randrange(1, 5)):
            prompt = f"{session[:8]}-prompt-{turn}"
            text = None if chance.random() < 0.05 else asked
            when += chance.randrange(60, 900) * 10**9
            self._rows["prompts"].append((prompt, session, _iso(when), text))
            for _ in range(chance.randrange(1, 6)):
                when += chance.randrange(5, 90) * 10**9
                self._change(project, session, prompt, model, when)
            asked = self._filled(chance.choice(ASKS))

    def _change(self, project: str, session: str, prompt: str, model: str, when: int) -> None:
        chance = self._chance
        kind, places = PROJECTS[project]
        path = (
            f"{self._root}/{project}/{chance.choice(places)}/"
            f"{chance.choice(NOUNS)}{'s' * (chance.random() < 0.3)}.{kind}"
        )
        before = self._held.get(path)
        found = before
        if before and chance.random() < 0.12:  # a formatter, or a person
            is_format = chance.random() < 0.6
            found = (
                before.replace("total += ", "total  +=  ") if is_format else f"# or so\n{before}"
            )
        same = [text for other, text in self._held.items() if other.endswith(kind)]
        if not before and same and chance.random() < 0.2:
            after = chance.choice(same)
        else:
            after = self._edited(found or "", SHAPES[kind])
        self._uses += 1
        use = f"use-{self._uses}"
        payload: dict[str, Any] = {
            "tool_name": "Edit" if before else "Write", "session_id": session,
            "tool_use_id": use, "prompt_id": prompt, "cwd": f"{self._root}/{project}",
        }  # fmt: skip
        if chance.random() < 0.15:
            payload |= {"agent_id": f"a{self._uses:07x}", "agent_type": "test-writer"}
        made = event_of(Change(path, after, found), payload, when)
        if chance.random() < 0.15:
            made |= {"actor": "shell", "program": chance.choice(["sed", "python3", "mv"])}
        self._events.append(cast(Event, made))
        self._rows["calls"].append((session, use, prompt, model))
        self._held[path] = after

    def _edited(self, code: str, shape: str) -> str:
        chance = self._chance
        pieces = [piece for piece in code.split("\n\n") if piece.strip()]
        if len(pieces) > 1 and chance.random() < 0.3:
            pieces.pop(chance.randrange(len(pieces)))
        elif pieces and chance.random() < 0.4:
            at = chance.randrange(len(pieces))
            pieces[at] = pieces[at].replace("rate", "factor", 1).replace("done", "paid", 1)
        for _ in range(chance.choice([0, 1, 1, 2])):
            pieces.insert(chance.randrange(len(pieces) + 1), self._filled(shape).rstrip("\n"))
        text = "\n\n\n".join(piece.strip("\n") for piece in pieces) + "\n"
        return text if text != code else f"{code}\n{self._filled(shape)}"


def _iso(nanoseconds: int) -> str:
    from lib.system.timestamps import timestamp

    return timestamp(nanoseconds)


def main() -> None:
    """Write a year into the spool that is named."""
    spool = Path(sys.argv[1]).resolve()
    sessions = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    Year(spool, spool.parent / "code", sessions).write()


if __name__ == "__main__":
    main()
