"""Whatever one event, ignore file, rule or answer does, all other events arrive.

One bad thing at a time, among the events of three projects: two have a service each, one has none.
"""

import json
import os
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.capture import shell
from lib.delivery import http
from lib.privacy import user_rules
from lib.spool import inbox, outbox
from tests.support.books import balance
from tests.support.bundle import payload
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble
from tests.test_delivery import FAULTS
from tests.test_poison import GOOD, POISONS

PROJECTS = ("first", "second", "third")
EACH = 3


class Ground:
    """A spool, the directories of three projects, and the two services."""

    def __init__(self, top: Path, first: ServiceDouble, second: ServiceDouble) -> None:
        self.top = top
        self.spool = Outpost(top / "spool")
        # What each service gets is counted, on however busy a machine.
        self.spool.seconds = 60.0
        self.spool.directory.mkdir()
        self.servers = {"first": first, "second": second}
        self.good: dict[str, list[str]] = {project: [] for project in PROJECTS}
        for project in PROJECTS:
            (top / project / ".git").mkdir(parents=True)

    def url(self, project: str) -> str:
        return self.servers[project].url if project in self.servers else ""

    def edit(self) -> None:
        """Capture good events of every project."""
        for _ in range(EACH):
            for project in PROJECTS:
                path = f"{self.top}/{project}/src/{len(self.good[project])}.py"
                code = f"def f{len(self.good[project])}():\n    return '{project}'\n"
                name = self.spool.write(path, code, service_url=self.url(project))
                self.good[project].append(name)

    def place(self, project: str, number: int) -> Path:
        """Where the file of one more event of `project` would be."""
        name = inbox.file_name(f"bad-{number}", self.url(project))
        return self.spool.directory / name

    def flush(self) -> None:
        for _ in range(8):
            if self.spool.flush():
                break

    def assert_arrived(self, *projects: str, once: bool = True) -> None:
        """All good events of `projects` are recorded and where they belong, and nowhere else."""
        ledger = self.spool.ledger()
        recorded = {row[0] for row in ledger._db.execute("SELECT file_path FROM events")}
        ledger.close()
        for project in projects:
            wanted = {f"{self.top}/{project}/src/{n}.py" for n in range(len(self.good[project]))}
            assert wanted <= recorded
            assert not set(self.good[project]) & {*self.spool.pending(), *self.spool.quarantined()}
            for name, server in self.servers.items():
                found = [p for p in paths(server) if p in wanted]
                assert set(found) == (wanted if name == project else set())
                if once:
                    assert len(found) == len(set(found))
        balance(self.spool.directory)


def paths(server: ServiceDouble) -> list[str]:
    """The files of the events that the service has stored, once for each time."""
    bodies = {}
    for record in server.requests:
        if isinstance(record.body, dict):
            for body in record.body.get("events", [record.body]):
                bodies[body["pattern_data"]["event_id"]] = body["file_path"]
    return [str(bodies[e]) for e, times in server.commits.items() for _ in range(times)]


@pytest.fixture
def ground(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Ground]:
    monkeypatch.setattr(user_rules, "default_path", lambda: str(tmp_path / "redact.txt"))
    with ServiceDouble(rate_limit=None) as first, ServiceDouble(rate_limit=None) as second:
        yield Ground(tmp_path, first, second)


# What a hook leaves of a call of the shell.
CALL = json.dumps(
    shell.capture(
        payload("22-bash-nodiff.post", cwd="/", tool_input={"command": "sed -i s/a/b/ x.py"}),
        time.time_ns(), "", True,
    )
)  # fmt: skip


def changed(*keys: str, value: Any, text: str = GOOD) -> Callable[[Path], object]:
    """Write an event in which what `keys` lead to is `value`."""
    event = json.loads(text)
    event["event_id"] = event["event_data"].get("pattern_data", {})["event_id"] = "bad"
    inner = event
    for key in keys[:-1]:
        inner = inner[key]
    inner[keys[-1]] = value
    data = json.dumps(event).encode()
    return lambda path: path.write_bytes(data)


DATA = ("event_data",)
DETAILS = ("event_data", "pattern_data")
DEEP = json.loads("[" * 400 + "]" * 400)
FIELDS: dict[tuple[str, ...], list[Any]] = {
    ("event_id",): ["", 3, "\0", "x" * 300_000],
    ("event_type",): ["pattern_invented", [], "\ud800"],
    ("pattern_id",): [None, "", "a b", "x" * 300],
    ("timestamp",): ["yesterday", "9999-99-99T00:00:00Z", 5],
    ("service_url",): ["nowhere", "http://10.0.0.1", "https://u:p@x", "http://\ud800", 3],
    ("cwd",): [5, "relative", "/\0"],
    ("before",): ["unknown", {}],
    ("parents",): ["no list", [3], [{"pattern_id": "../x", "code": 5}]],
    ("earlier_ids",): [7, {"a": 3}],
    DATA: [3, [], {}],
    (*DATA, "file_path"): [3, "", "/\0/x.py", "/" + "d/" * 3000, "/\ud800.py"],
    (*DATA, "language"): [3, "l" * 5000],
    (*DATA, "parent_pattern_ids"): [3, [[]], ["nobody-knows-1"], ["p"] * 3000],
    (*DATA, "edge_type"): ["invented", {}],
    (*DATA, "pattern_version"): ["x" * 100_000],
    DETAILS: [3, [], {}],
    (*DETAILS, "code"): [3, "\0\ud800", DEEP, 10**400, "x" * 2_000_000],
    (*DETAILS, "session_id"): [{}, "s" * 100_000],
}
CALLED: dict[tuple[str, ...], list[Any]] = {
    (*DATA, "files"): [3, {}, [3], [{"path": []}], [{"path": "/\0"}], [{"path": "/a", "code": 3}],
                       [{"path": "/a.py", "gone": True, "hunks": 3}],
                       [{"path": "/a.py", "code": "x\n", "hunks": [{"lines": 3}]}],
                       [{"path": "/a.py", "code": "x\n", "hunks": [{"lines": ["+x"]}] * 900}]],
    (*DATA, "ended_ns"): [10**30, -1, "now", None],
    (*DATA, "began_ns"): [10**30, [], 1e308],
    (*DATA, "program"): [[], "\ud800"],
    (*DATA, "keeps_content"): ["no"],
    ("captured",): [3, {"boot": [], "up": 10**30}],
    ("cwd",): ["/\0", "relative", "/" + "d/" * 3000],
}  # fmt: skip
EVENTS: dict[str, Callable[[Path], object]] = {
    **{name: make for name, (make, _) in POISONS.items()},
    **{
        f"{'.'.join(keys)}: {value!r:.30}": changed(*keys, value=value)
        for keys, values in FIELDS.items()
        for value in values
    },
    **{
        f"a call, {'.'.join(keys)}: {value!r:.30}": changed(*keys, value=value, text=CALL)
        for keys, values in CALLED.items()
        for value in values
    },
}
IGNORES = {
    "a range turned round": "[z-a]\n", "a range of signs": "[_-.]*\n", "an open bracket": "[\n",
    "nothing but stars": "**/" * 60 + "x\n", "many stars": "*a" * 200 + "\n", "a class": "[[:x:]\n",
    "a backslash": "x\\\n", "a bare !": "!\n", "a mark": "\ufeff[\n", "NUL": "a\0b\n",
    "too long": "x\n" * 50_000, "many rules": "*.[a-z]x\n" * 6000, "everything": "*\n",
    "a group": "(?P<\n", "braces": "{a,b\n", "a surrogate": "\udc80\n", "U+2028": "\u2028[\n",
}  # fmt: skip
RULES = {
    "names of fields": "event|data|code|pattern\n",
    "nothing": "\n", "the empty match": "x*\n", "a mark": "\ufeffabc\n",
    "groups": "(return)( x)?(y)*\n", "a look ahead": "(?=def)\n", "an end": "$\n",
    "a comment": "# [\n", "letters of any case": "(?i)RETURN\n", "lines": "(?s)def.*\n",
    "a name": "(?P<x>return)\n",
}  # fmt: skip
# Those with which no code may be delivered: what they were to hide is unknown.
UNUSABLE = {
    "no expression": "[z-a]\n", "too slow": "(a+)+b\n", "too long": "x" * 600 + "\n",
    "too many": "x\n" * 101,
}  # fmt: skip


def some_of(names: Iterable[str]) -> list[Any]:
    """Every fourth for the quick form; all of them in the long one."""
    return [
        name if number % 4 == 0 else pytest.param(name, marks=pytest.mark.long)
        for number, name in enumerate(names)
    ]


@pytest.mark.parametrize("project", ["first", "third"])
@pytest.mark.parametrize("name", some_of(EVENTS))
def test_a_bad_event(ground: Ground, name: str, project: str) -> None:
    ground.edit()
    path = ground.place(project, 0)
    EVENTS[name](path)
    if path.is_file() and not path.is_symlink():
        os.utime(path, ns=(time.time_ns(), time.time_ns() - 3600 * 10**9 + 10 * 10**6))
    ground.edit()
    ground.flush()
    ground.assert_arrived(*PROJECTS)


@pytest.mark.parametrize("name", some_of(IGNORES))
def test_a_bad_ignore_file(ground: Ground, name: str) -> None:
    text = IGNORES[name].encode("utf-8", "surrogateescape")
    (ground.top / "second" / ".patternignore").write_bytes(text)
    ground.edit()
    ground.flush()
    ground.assert_arrived("first", "third")


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: os.symlink(path, path)])
def test_an_ignore_file_that_is_none(ground: Ground, make: Callable[[Path], None]) -> None:
    make(ground.top / "first" / ".patternignore")
    ground.edit()
    ground.flush()
    ground.assert_arrived("second", "third")


@pytest.mark.parametrize("name", some_of(RULES))
def test_a_strange_rule(ground: Ground, name: str) -> None:
    (ground.top / "redact.txt").write_text(RULES[name])
    ground.edit()
    ground.flush()
    ground.assert_arrived(*PROJECTS)


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_rule_that_cannot_be_applied(ground: Ground, name: str) -> None:
    (ground.top / "redact.txt").write_text(UNUSABLE[name])
    ground.edit()
    ground.flush()
    ground.assert_arrived(*PROJECTS)
    for server in ground.servers.values():
        assert not any(b"return" in record.request.body for record in server.requests)


def test_an_event_that_a_rule_is_slow_on_wherever_it_looks(ground: Ground) -> None:
    (ground.top / "redact.txt").write_text("([a-z]+ ?)+!#\n")
    ground.edit()
    path = ground.place("first", 0)
    slow = [f"{'a' * 2000}?!#{number}" for number in range(user_rules.MAX_TIMEOUTS + 1)]
    changed(*DETAILS, "notes", value=slow)(path)
    ground.edit()
    ground.flush()
    ground.assert_arrived(*PROJECTS)
    found = (ground.spool.directory / "flusher.log").read_text()
    assert "the code of bad is withheld: the pattern in line 1 is too slow" in found
    withheld = [b"unchecked" in r.request.body for r in ground.servers["first"].requests]
    assert not all(withheld)


@pytest.mark.parametrize("fault", some_of(FAULTS))
def test_a_bad_answer(ground: Ground, fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # Here alone: what a well service gets is counted, and on a busy machine it takes its time.
    monkeypatch.setattr(http, "READ", 1.0)
    monkeypatch.setattr(http, "TOTAL", 2.0)
    kind, options = FAULTS[fault]
    ground.edit()
    with ground.servers["first"].faults.during(kind, **options):
        ground.spool.run()
        ground.assert_arrived("second", "third")
    ground.edit()
    ground.flush()
    ground.assert_arrived("second", "third")
    # What a service refuses for good is in quarantine, with its reason, until a person decides.
    for name in ground.spool.quarantined():
        outbox.retry(str(ground.spool.directory), name)
    ground.flush()
    ground.assert_arrived("first", once=False)
