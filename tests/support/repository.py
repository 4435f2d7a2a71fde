"""A repository whose file several prompts, a formatter and a person have changed."""

import sqlite3
from pathlib import Path

from tests.support import revised
from tests.support.outpost import Outpost

FIRST = "top = 0\n\n\n"
WRITTEN = FIRST + "def f(a, b):\n    return a+b\n"
FORMATTED = WRITTEN.replace("a+b", "a + b")
CHANGED = FORMATTED.replace("return a + b", "return a + b + 1")
BY_HAND = "# by hand\n" + CHANGED
LAST = BY_HAND + "\n\ndef g():\n    return 2\n"
PROMPTS = [
    ("p1", "session-one", "Write f, please.\nIt adds."),
    ("p2", "session-two", "Let f add \x1b[31mone more"),
    ("p3", "session-two", None),
]


class Repository:
    """`root` has the file `a.py`, which is as it was recorded last; its spool is `spool`."""

    def __init__(self, where: Path) -> None:
        self.root = where / "repository"
        (self.root / ".git").mkdir(parents=True)
        self.path = self.root / "a.py"
        self.outpost = Outpost(where / "spool")
        self.spool = self.outpost.directory
        self.write("a.py", WRITTEN, FIRST, "p1")
        self.write("a.py", CHANGED, FORMATTED, "p2")
        self.write("a.py", LAST, BY_HAND, "p3")
        revised.add_prompts(self.spool / "ledger.db", PROMPTS, "claude-model-1")

    def write(self, name: str, code: str, before: str | None, prompt: str) -> None:
        """Let the agent make `code` of a file that held `before`."""
        session = dict((p, s) for p, s, _ in PROMPTS).get(prompt, "session-two")
        told = {"prompt_id": prompt, "session_id": session, "tool_use_id": prompt}
        self.outpost.write(f"{self.root}/{name}", code, before, **told)
        assert self.outpost.flush()
        (self.root / name).write_text(code)

    def rows(self, query: str) -> list[tuple[object, ...]]:
        """Ask the ledger."""
        db = sqlite3.connect(self.spool / "ledger.db")
        try:
            return db.execute(query).fetchall()
        finally:
            db.commit()
            db.close()
