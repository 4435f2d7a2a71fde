"""Made-up secrets of many issuers, each written into files of many kinds in many ways.

    for sample in samples(each=1):
        left = sample.left_in(what_was_stored)

No secret stands in the sources: each is made from its form and a seed when it is needed.
"""

import random
import re
import string
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from tests.support.secret_hosts import DIRECT, INDIRECT, LOGINS, NEUTRAL, fits, write

SEED = 20251125
# What is left of a secret is a leak from so many of its characters in a row on.
TRACE = 10
_LETTERS, _DIGITS = string.ascii_letters, string.digits
ALPHABETS = {
    "A": _LETTERS + _DIGITS,
    "L": string.ascii_lowercase + _DIGITS,
    "U": string.ascii_uppercase + _DIGITS,
    "D": _DIGITS,
    "H": "0123456789abcdef",
    "X": "0123456789abcdefABCDEF",
    "W": _LETTERS + _DIGITS + "-_",
    "B": _LETTERS + _DIGITS + "+/",
    "l": string.ascii_lowercase,
    "u": string.ascii_uppercase,
    "t": _LETTERS,
}
_FIELD = re.compile(r"\{(\w)(\d+)\}")
# The ways to write a secret down, and for which of them a form of its own is needed.
DIRECTLY, BY_CONTEXT, INDIRECTLY, NEUTRALLY = "directly named", "by context", "indirect", "neutral"
INDIRECT_CONTEXT, PASSWORDS = "indirect, by context", "passwords"
PASSWORD_NAMES = (
    "password db_password smtp_pass admin_passwd root_pwd secret_key nonce_salt".split()
)


@dataclass(frozen=True)
class Kind:
    """An issuer's secret: the `name` it is kept under, its `form`, whether that tells it."""

    name: str
    form: str
    is_told_by_form: bool

    def make(self, source: random.Random) -> str:
        """A secret of this kind."""
        return _FIELD.sub(
            lambda m: "".join(source.choices(ALPHABETS[m[1]], k=int(m[2]))), self.form
        )


@dataclass(frozen=True)
class Sample:
    """A `secret` of a `kind` in a `text`, written in a `way` in a file of `host`."""

    kind: str
    way: str
    host: str
    text: str
    secret: str
    around: str

    def left_in(self, stored: str) -> list[str]:
        """The pieces of the secret that are in `stored`, and were not beside it."""
        size = TRACE if len(self.secret) >= TRACE + 4 else max(6, len(self.secret) - 2)
        stored = _MARKER.sub("", stored)
        pieces = (self.secret[at : at + size] for at in range(len(self.secret) - size + 1))
        return [piece for piece in pieces if piece in stored and piece not in self.around]


_MARKER = re.compile(r"\[REDACTED:[a-z0-9-]+\]")


def kinds() -> list[Kind]:
    """All kinds."""
    lines = (Path(__file__).parent / "secret_kinds.txt").read_text().splitlines()
    parts = [line.split(" ") for line in lines if not line.startswith("#")]
    return [Kind(name.lstrip("~"), form, name[0] != "~") for name, form in parts]


def samples(each: int = 1, hosts: int = 100) -> Iterator[Sample]:
    """`each` secrets of every kind, each once in up to `hosts` hosts for every way."""
    source = random.Random(SEED)
    for kind in kinds():
        own = kind.is_told_by_form
        ways = [(DIRECT, DIRECTLY if own else BY_CONTEXT)]
        ways.append((INDIRECT, INDIRECTLY if own else INDIRECT_CONTEXT))
        if own:
            ways.append((NEUTRAL, NEUTRALLY))
        for _ in range(each):
            secret = kind.make(source)
            for table, way in ways:
                for host in source.sample(sorted(table), min(hosts, len(table))):
                    template = source.choice(table[host])
                    yield from _sample(kind.name, way, host, template, kind.name, secret)


def passwords(each: int = 20) -> Iterator[Sample]:
    """`each` passwords of several kinds, each in every way to write one."""
    source = random.Random(SEED + 1)
    for number in range(each):
        for kind, secret in _passwords(source):
            tables: list[Mapping[str, list[str]]] = [DIRECT, INDIRECT]
            if len(secret) < 40:
                tables.append(LOGINS)
            for table in tables:
                for host, templates in table.items():
                    template = templates[number % len(templates)]
                    name = source.choice(PASSWORD_NAMES[: 5 if kind == "chosen" else None])
                    yield from _sample(kind, PASSWORDS, host, template, name, secret)


def _passwords(source: random.Random) -> list[tuple[str, str]]:
    printable = [chr(code) for code in range(33, 127)]
    signs = string.ascii_lowercase + _DIGITS + "!@#$%^&*(-_=+)"
    word = "".join(source.choices(string.ascii_lowercase, k=7)).capitalize()
    return [
        ("generated", "".join(source.choices(printable, k=16))),
        ("no quotes", "".join(source.choices(_LETTERS + _DIGITS + "!@#$%^&*-_=+", k=16))),
        ("Django", "".join(source.choices(signs, k=50))),
        ("WordPress", "".join(source.choices([c for c in printable if c not in "'\\"], k=64))),
        ("chosen", f"{word}{source.randrange(1000, 9999)}!"),
    ]  # fmt: skip


def _sample(
    kind: str, way: str, host: str, template: str, name: str, secret: str
) -> Iterator[Sample]:
    if fits(template, secret):
        before, after = "first line\n", "\nlast line\n"
        text = before + write(template, name, secret) + after
        yield Sample(kind, way, host, text, secret, before + write(template, name, "") + after)
