"""A ledger of a million events with 200,000 functions, for `benchmarks.page`.

What `benchmarks.ledger` wrote has one function a file: its lives are told from the revisions. The
others are recorded and understood as those of users are, 50 in a file, each edited once; some are
copies of others, and one stands in every file.
"""

import random
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from benchmarks import ledger
from benchmarks.lives import Writer
from lib.capture.hook import REUSE
from lib.capture.reuse_hint import TOLD
from lib.ledger.store import FILE_NAME, Ledger
from lib.units import chronicle

UNITS, IN_FILE, PROJECTS, HINTS = 200_000, 50, 40, 2000
STAMP = "2026-03-02T10:00:00.000000+00:00"
# So many of a hundred are copies, and so many of a file change with its edit.
COPIES, CHANGED = 5, 3
LINES = (
    "    {a} = {b}.{c}({n})", "    if {a} > {n} and not {b}.{c}:", "    for {a} in {b}.{c}():",
    "        {a} += {b}.{c} * {n}", "        yield {a}, {b}[{n}]", "    {a}.append({b} or {c})",
    "    while {a}.{b}({c}):", "        {a} = {a}.{b}[{n}:]", "    assert {a} is not {b}, {c}",
)  # fmt: skip
NAMES = "order item basket total rate price retry session report address token queue".split()
# It stands in every file.
COMMON = (
    "def main(arguments, console):\n    options = parsed(arguments, console.width)\n"
    "    for name in options.names:\n        console.show(name, options.form, len(name) * 2)\n"
    "    return options.code\n"
)
_UNITS = (
    "INSERT INTO units SELECT file_id, file_id, 'function', name, name, last, 0, "
    "randomblob(16), randomblob(16) FROM told",
    "INSERT INTO unit_steps SELECT revision_id, r.file_id, revision_id, "
    "iif(parent IS NULL, 'introduced', 'body signature'), name, "
    "replace(pattern_id, '-code-', '-function-'), 0, 1000000, NULL "
    "FROM revisions r JOIN told USING (file_id)",
    "INSERT INTO standing SELECT file_id, last, "
    "json_array(json_array(file_id, 'function', name, 1, 5, 0, 1000000, 1)) FROM told",
    "INSERT INTO units_until SELECT max(revision_id) FROM revisions",
)


def kept() -> Path:
    """Return a spool with the ledger, made anew where it is missing."""
    spool = ledger.KEPT / "page"
    if not (spool / FILE_NAME).exists():
        made = ledger.kept() / FILE_NAME
        spool.mkdir(mode=0o700, exist_ok=True)
        shutil.copy(made, spool / "copy")
        add(spool / "copy")
        give_hints(spool)
        (spool / "copy").rename(spool / FILE_NAME)
    return spool


def add(path: Path) -> None:
    """Let a ledger of `benchmarks.ledger` have UNITS functions."""
    with closing(Ledger(str(path))) as opened:
        db = opened.connection
        db.execute("BEGIN")
        _tell_first(db)
        db.execute("COMMIT")
        (units,) = db.execute("SELECT count(*) FROM units").fetchone()
        writer, files = Writer(opened), -(-(UNITS - units) // IN_FILE)
        edits: list[tuple[str, str, str]] = []
        for place, before, after in _files(files):
            writer.write(place, before)
            edits.append((place, after, before))
        for edit in edits:
            writer.write(*edit)
        left, problems = chronicle.catch_up(db, 7200.0)
        if left or problems:
            raise SystemExit(f"not caught up with: {problems}")


def give_hints(spool: Path) -> None:
    """Let HINTS hints have been given."""
    with (spool / f"{REUSE}{TOLD}").open("w") as file:
        for number in range(HINTS):
            where = f"/home/user/code/project-{number % PROJECTS}/src/wide/part_{number % 3600}.py"
            file.write(f"{STAMP} {where} 1.2.3.4 session-{number} main src/wide/part_0.py\n")


def _tell_first(db: sqlite3.Connection) -> None:
    for table in ("units", "unit_steps", "standing", "units_until"):
        db.execute(f"DELETE FROM {table}")
    db.execute(
        "CREATE TEMP TABLE told AS SELECT file_id, max(revision_id) AS last, "
        "'handle_' || file_id AS name FROM revisions GROUP BY file_id"
    )
    for statement in _UNITS:
        db.execute(statement)


def _files(number: int) -> Iterator[tuple[str, str, str]]:
    """Yield files: path, what it holds first, and after an edit."""
    chance = random.Random(3)
    known: list[str] = [COMMON]
    for file in range(number):
        units = [COMMON]
        for at in range(IN_FILE - 1):
            copied = chance.randrange(100) < COPIES
            units.append(chance.choice(known) if copied else _function(chance, f"{file}_{at}"))
        known += units[1:4]
        edited = units.copy()
        for at in chance.sample(range(1, IN_FILE), CHANGED):
            edited[at] = edited[at].replace("):", f", limit={chance.randrange(99)}):", 1)
        path = f"/home/user/code/project-{file % PROJECTS}/src/wide/part_{file}.py"
        yield path, "\n\n".join(units), "\n\n".join(edited)


def _function(chance: random.Random, name: str) -> str:
    """Return a function like no other, most likely."""
    verb = chance.choice(("load", "save", "find", "check"))
    lines = [f"def {verb}_{name}({chance.choice(NAMES)}, {chance.choice(NAMES)}_2):"]
    for _ in range(chance.randrange(4, 9)):
        a, b, c = chance.sample(NAMES, 3)
        line = chance.choice(LINES).format(a=a, b=b, c=c, n=chance.randrange(99))
        lines.append(f"{line}\n        pass" if line.endswith(":") else f"    {line.strip()}")
    return "\n".join(lines) + "\n"
