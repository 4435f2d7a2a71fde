"""Files with histories: made at random, laid out in a ledger, and blamed by git."""

import random
import sqlite3
import subprocess
from collections.abc import Sequence
from pathlib import Path

from lib.ledger import revisions, snapshots
from lib.ledger.revisions import AGENT, CREATED, MODIFIED, Revision
from lib.ledger.store import Ledger

TIME = "2026-01-01T00:00:{:02}.000000+00:00"


def history(seed: int, length: int) -> list[str]:
    """The contents of a file that somebody edits: pieces of code that are much alike."""
    chance = random.Random(seed)
    words = [f"name_{n}" for n in range(chance.choice([3, 30, 300]))]
    code = [line for _ in range(chance.choice([1, 20, 60])) for line in _function(chance, words)]
    made: list[str] = []
    while len(made) < length:
        text = "\n".join(code) + "\n" * (chance.random() < 0.9)
        if not made or made[-1] != text:
            made.append(text)
        for _ in range(chance.choice([1, 1, 1, 2, 6])):
            _edit(chance, words, code)
    return made


def _function(chance: random.Random, words: Sequence[str]) -> list[str]:
    body = [_line(chance, words) for _ in range(chance.randrange(1, 12))]
    return [f"def {chance.choice(words)}(self):", *body, *[""] * chance.randrange(3)]


def _line(chance: random.Random, words: Sequence[str]) -> str:
    text = chance.choice(["return", "x = {}", "if {}:", "{}()", "", "}}", "# {}", "\ttab = {}"])
    return "    " * chance.randrange(1, 4) + text.format(chance.choice(words)) if text else ""


def _edit(chance: random.Random, words: Sequence[str], code: list[str]) -> None:
    at, size = chance.randrange(len(code) + 1), chance.choice([0, 1, 1, 2, 5, 20])
    kind = chance.randrange(12)
    if kind < 5:
        code[at : at + size] = [_line(chance, words) for _ in range(chance.choice([0, 1, 2, 4]))]
    elif kind < 7:
        code[at:at] = _function(chance, words)
    elif kind == 7:
        piece, code[at : at + size] = code[at : at + size], []
        to = chance.randrange(len(code) + 1)
        code[to:to] = piece
    elif kind == 8:
        code[at:at] = code[at : at + size]
    elif kind == 9:
        code[at : at + size] = [f"    {line}" if line else "" for line in code[at : at + size]]
    elif kind == 10:
        code[at : at + size] = [line.strip() for line in code[at : at + size]]
    else:
        code[at : at + size] = []


def record(ledger: Path, path: str, contents: Sequence[str], actor: str = AGENT) -> None:
    """Add a revision of `path` for each content."""
    Ledger(str(ledger)).close()
    db = sqlite3.connect(ledger)
    before = None
    for number, text in enumerate(contents):
        head = revisions.head_of(db, path)
        new = Revision(
            f"python-code-{number:016}", snapshots.add(db, text, before), actor,
            MODIFIED if head else CREATED, TIME.format(number % 60),
        )  # fmt: skip
        revisions.add(db, path, head, new)
        before = text
    db.commit()
    db.close()


def add_prompts(ledger: Path, prompts: Sequence[tuple[str, str, str | None]], model: str) -> None:
    """Add prompts, each by its id, session and text, with a call of `model` that has its id."""
    db = sqlite3.connect(ledger)
    for number, (prompt, session, text) in enumerate(prompts):
        values = (prompt, session, TIME.format(number), text)
        db.execute("INSERT OR REPLACE INTO prompts VALUES (?, ?, ?, ?)", values)
        db.execute("INSERT INTO calls VALUES (?, ?, ?, ?)", (session, prompt, prompt, model))
        query = "INSERT OR IGNORE INTO sessions (session_id, title) VALUES (?, ?)"
        db.execute(query, (session, f"About {session}"))
    db.commit()
    db.close()


def blamed_by_git(
    directory: Path, contents: Sequence[str], moved: int = -1
) -> list[tuple[int, int]]:
    """For each line the number of the content that brought it, and its number there (from 1).

    The content number `moved` comes in another file, and the one before it goes.
    """
    directory.mkdir()
    told = b""
    for number, text in enumerate(contents):
        data, name = text.encode(), b"new" if number >= moved >= 0 else b"file"
        told += b"commit refs/heads/main\nmark :%d\n" % (number + 1)
        told += b"committer a <a> %d +0000\ndata 0\n" % (1_700_000_000 + number)
        told += b"D file\n" if number == moved else b""
        told += b"M 644 inline %s\ndata %d\n%s\n" % (name, len(data), data)
    _git(directory, "init", "-q")
    _git(directory, "fast-import", "--quiet", "--export-marks=marks", data=told)
    marks = [line.split() for line in (directory / "marks").read_text().splitlines()]
    number_of = {commit: int(mark[1:]) - 1 for mark, commit in marks}
    lines = _git(directory, "blame", "--line-porcelain", "main", "--", name.decode()).split(b"\n")
    heads = [line.decode().split() for line in lines if line[:40].decode("latin-1") in number_of]
    return [(number_of[words[0]], int(words[1])) for words in heads]


def _git(directory: Path, *arguments: str, data: bytes = b"") -> bytes:
    environ = {"HOME": str(directory), "PATH": "/usr/bin:/bin", "GIT_CONFIG_NOSYSTEM": "1"}
    done = subprocess.run(
        ["git", *arguments], cwd=directory, env=environ, input=data, capture_output=True, check=True
    )
    return done.stdout
