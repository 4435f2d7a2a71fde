"""Events get the prompt and the model that made them, out of the session's transcript."""

import os
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from lib.capture.payload import capture
from lib.flusher import following
from lib.ledger import joining, prompts, wanted
from lib.ledger.history import History
from lib.privacy import user_rules
from tests.support.canaries import canaries
from tests.support.mounts import Fuse, alone, needs_fuse
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble
from tests.support.transcripts import Writer
from tests.test_intake import on_disk, on_wire, traces

NOBODY = 65534


class Place:
    """A spool, and a session with a transcript."""

    def __init__(self, tmp_path: Path, server: ServiceDouble | None = None) -> None:
        self.work = tmp_path / "work"
        self.work.mkdir()
        self.outpost = Outpost(tmp_path / "spool", server)
        self.writer = Writer(tmp_path / "projects", "s-1")
        self.writer.fields["cwd"] = str(self.work)

    @property
    def ledger(self) -> Path:
        return self.outpost.directory / "ledger.db"

    def event(self, use: str, **changes: Any) -> None:
        """Capture a Write of the session."""
        told = {
            "session_id": self.writer.session_id, "tool_use_id": use, "cwd": str(self.work),
            "prompt_id": self.writer.prompt_id, "transcript_path": str(self.writer.path),
        }  # fmt: skip
        told |= changes
        self.outpost.write(str(self.work / f"{use}.py"), f"name = '{use}'\n", **told)

    def asked(self, text: str, use: str, **changes: Any) -> None:
        """Write a prompt and a call into the transcript, and capture the call's event."""
        self.writer.prompt(text)
        self.writer.use(use)
        self.event(use, **changes)

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with closing(sqlite3.connect(self.ledger)) as db:
            return db.execute(query).fetchall()

    def joined(self) -> dict[str, tuple[str | None, str | None]]:
        """The prompt's text and the model of each event, by its tool use."""
        with closing(History(str(self.ledger))) as history:
            found = {}
            query = "SELECT session_id, tool_use_id, prompt_id FROM revisions"
            for session_id, use, prompt_id in history.rows(query, ()):
                call = prompts.call_of(history, session_id, use, prompt_id)
                prompt = prompts.prompts(history, [call.prompt_id]).get(call.prompt_id)
                found[use] = (prompt and prompt.text, call.model)
            return found

    def followed(self) -> list[tuple[Any, ...]]:
        return self.rows("SELECT path FROM transcripts WHERE wanted NOT IN ('', 'r')")


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


def test_an_event_gets_its_prompt_and_model(place: Place) -> None:
    place.asked("make one", "u-1")
    place.writer.title("One and two")
    place.asked("make two", "u-2")
    assert place.outpost.flush()
    assert place.joined() == {"u-1": ("make one", "m-1"), "u-2": ("make two", "m-1")}
    told = place.rows("SELECT * FROM sessions")
    assert told == [("s-1", "One and two", str(place.work), "main", "2.1.197")]
    assert place.followed() == []


def test_what_is_known_of_a_session_stays(place: Place, tmp_path: Path) -> None:
    """It goes on in another directory and on another branch, without a word of its title."""
    place.writer.title("One and two")
    place.asked("x" * 2 * joining.MAX_TEXT, "u-1")
    place.outpost.flush()
    place.writer.fields |= {"cwd": str(tmp_path), "gitBranch": "other", "version": "2.2"}
    place.asked("make two", "u-2")
    place.outpost.flush()
    told = place.rows("SELECT * FROM sessions")
    assert told == [("s-1", "One and two", str(place.work), "other", "2.2")]
    assert place.rows("SELECT max(length(text)) FROM prompts") == [(joining.MAX_TEXT,)]


def test_what_was_not_there_yet_a_later_run_joins(place: Place) -> None:
    """The client writes when it likes; events do not wait for that."""
    place.writer.prompt_id = "p-1"
    place.event("u-1")
    assert place.outpost.flush()
    assert place.joined() == {"u-1": (None, None)}
    place.writer.prompt("make one", promptId="p-1")
    place.writer.use("u-1")
    text = place.writer.path.read_text()
    place.writer.path.write_text(text[:-20])
    place.outpost.flush()
    assert place.joined() == {"u-1": ("make one", None)}
    place.writer.path.write_text(text)
    place.outpost.flush()
    assert place.joined() == {"u-1": ("make one", "m-1")}


def test_without_ids_of_prompts_the_call_tells_the_prompt(tmp_path: Path) -> None:
    place = Place(tmp_path)
    place.writer = Writer(tmp_path / "projects", "s-1", tells=False)
    place.asked("make one", "u-1", prompt_id=None)
    place.outpost.flush()
    assert place.joined() == {"u-1": ("make one", "m-1")}


def test_an_agents_calls_are_in_its_own_transcript(place: Place, tmp_path: Path) -> None:
    agents = tmp_path / "projects" / "s-1" / "subagents"
    for number, directory in enumerate([agents, agents / "workflows" / "w", agents.parents[1]]):
        agent = Writer(directory, f"agent-a{number}")
        agent.session_id = "s-1"
        agent.fields = {"isSidechain": True, "agentId": f"a{number}"}
        prompt_id = place.writer.prompt(f"delegate {number}")
        agent.prompt("do it", promptId=prompt_id)
        agent.use(f"u-{number}", model=f"m-{number}")
        place.event(f"u-{number}", agent_id=f"a{number}", agent_type="general-purpose")
    place.outpost.flush()
    assert place.joined() == {f"u-{n}": (f"delegate {n}", f"m-{n}") for n in range(3)}


@pytest.mark.parametrize("beside", [False, True])
def test_earlier_clients_do_not_tell_which_agent_made_a_call(tmp_path: Path, beside: bool) -> None:
    """Nor do their agents' transcripts the prompt: it is the session's last one before."""
    place = Place(tmp_path)
    projects = tmp_path / "projects"
    place.writer = Writer(projects, "s-1", tells=False)
    place.writer.prompt("delegate", timestamp="2026-11-25T04:29:20.000Z")
    place.writer.use("u-0", "Task")
    for number in range(3):
        agent = Writer(projects if beside else projects / "s-1" / "subagents", f"agent-a{number}",
                       tells=False)  # fmt: skip
        agent.session_id = "s-1"
        agent.fields = {"isSidechain": True, "agentId": f"a{number}"}
        agent.prompt("do it")
        agent.use(f"u-{number}", model=f"m-{number}")
        if number:
            place.event(f"u-{number}", prompt_id=None)
    place.writer.prompt("later", timestamp="2026-11-25T04:39:20.000Z")
    place.outpost.flush()
    assert place.joined() == {f"u-{n}": ("delegate", f"m-{n}") for n in (1, 2)}
    assert place.followed() == []


def test_of_the_earliest_clients_the_prompts_are_known_at_least(tmp_path: Path) -> None:
    """They tell no ids at all in what a hook gets."""
    place = Place(tmp_path)
    place.writer = Writer(tmp_path / "projects", "s-1", tells=False)
    place.asked("make one", "u-1", prompt_id=None, tool_use_id=None)
    place.outpost.flush()
    assert place.rows("SELECT text FROM prompts") == [("make one",)]
    assert place.followed() == []


def test_ids_that_a_gateway_repeats_are_told_apart_by_the_prompt(place: Place) -> None:
    place.writer.prompt("one")
    place.writer.use("call_0", model="m-1")
    place.event("call_0")
    place.outpost.flush()
    place.writer.prompt("two")
    place.writer.use("call_0", model="m-2")
    place.outpost.write("/p/b.py", "b = 1\n", session_id="s-1", tool_use_id="call_0",
                        prompt_id=place.writer.prompt_id,
                        transcript_path=str(place.writer.path))  # fmt: skip
    place.outpost.flush()
    models = place.rows("SELECT model FROM calls ORDER BY model")
    assert models == [("m-1",), ("m-2",)]


def test_a_transcript_that_vanished_is_forgotten_and_its_prompts_stay(place: Place) -> None:
    place.asked("make one", "u-1")
    place.outpost.flush()
    place.asked("make two", "u-2")
    place.writer.path.unlink()
    place.outpost.flush()
    assert place.rows("SELECT * FROM transcripts") == []
    place.outpost.flush()
    assert place.joined() == {"u-1": ("make one", "m-1"), "u-2": (None, None)}


def test_a_replaced_transcript_is_read_anew(place: Place, tmp_path: Path) -> None:
    place.asked("make one", "u-1")
    place.writer.add("x" * 10_000 + "\n")
    place.outpost.flush()
    place.writer.path.rename(tmp_path / "kept")
    place.asked("make two", "u-2")
    place.outpost.flush()
    # The same file, written anew: shorter than it was, and longer.
    for number in (3, 4):
        place.writer.path.write_text("{}\n" * (number == 4))
        place.asked(f"make {'x' * 2000 * (number == 4)}", f"u-{number}")
        place.outpost.flush()
    assert None not in [text for text, _ in place.joined().values()]


def test_a_long_transcript_takes_several_passes(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(following, "MOST_BYTES", 1)
    place.writer.add(("x" * 1000 + "\n") * 9000)
    place.asked("make one", "u-1")
    flusher = place.outpost.run()
    assert place.joined() == {"u-1": (None, None)}
    assert flusher._following.has_news()
    flusher = place.outpost.run()
    assert place.joined() == {"u-1": ("make one", "m-1")}
    assert not flusher._following.has_news()


def test_a_transcript_that_is_never_made_is_expected_for_a_minute(place: Place) -> None:
    """Clients may be told to keep none."""
    place.writer.prompt_id = "p-1"
    place.event("u-1")
    place.outpost.flush()
    assert place.followed() == [(str(place.writer.path),)]
    with closing(sqlite3.connect(place.ledger)) as db, db:
        db.execute("UPDATE transcripts SET since = since - ?", (wanted.EXPECTED_SECONDS + 1,))
    place.outpost.flush()
    assert place.followed() == []


def test_no_transcript_is_followed_for_ever(place: Place) -> None:
    place.writer.line("assistant", {})
    place.writer.prompt_id = "p-1"
    place.event("u-1")
    place.outpost.flush()
    assert place.followed() == [(str(place.writer.path),)]
    age = {}
    for seconds in (wanted.FOLLOWED_SECONDS, wanted.KNOWN_SECONDS):
        with closing(sqlite3.connect(place.ledger)) as db, db:
            db.execute("UPDATE transcripts SET since = ?", (int(time.time()) - seconds - 1,))
        place.writer.prompt("late", promptId="p-1")
        place.writer.use("u-1")
        place.outpost.flush()
        age[seconds] = place.joined()["u-1"]
    assert set(age.values()) == {(None, None)}
    # Those that were left long ago are forgotten when there is another.
    place.writer = Writer(place.writer.path.parent, "s-2")
    place.asked("another", "u-2")
    place.outpost.flush()
    assert place.rows("SELECT session_id FROM transcripts") == [("s-2",)]


@pytest.mark.parametrize("kind", ["passwd", "other", "link", "pipe", "directory", "foreign", "nul",
                                  "long", "relative", "another's", "number"])  # fmt: skip
def test_a_path_that_is_no_transcript_of_the_session_tells_nothing(
    place: Place, tmp_path: Path, kind: str
) -> None:
    if kind == "foreign" and os.getuid() != 0:
        pytest.skip("only root can give a file to another user")
    place.writer.prompt("the secret of another")
    place.writer.use("u-1")
    own, elsewhere = place.writer.path, tmp_path / "elsewhere"
    elsewhere.mkdir()
    path: Any = elsewhere / own.name
    if kind == "foreign":
        path.write_bytes(own.read_bytes())
        os.chown(path, NOBODY, NOBODY)
    elif kind == "link":
        path.symlink_to(own)
    elif kind == "pipe":
        os.mkfifo(path)
    elif kind == "directory":
        path.mkdir()
    elif kind == "another's":  # named after this session, and all lines are of another
        path.write_text(own.read_text().replace('"s-1"', '"s-2"'))
    else:
        path = {
            "passwd": "/etc/passwd", "other": str(own.rename(elsewhere / "s-2.jsonl")), "number": 3,
            "nul": f"{elsewhere}/\0/{own.name}", "long": f"/{'x/' * 3000}{own.name}",
            "relative": f"projects/{own.name}",
        }[kind]  # fmt: skip
    place.event("u-1", transcript_path=str(path) if isinstance(path, Path) else path)
    assert place.outpost.flush()
    assert place.joined() == {"u-1": (None, None)}
    assert place.rows("SELECT * FROM prompts") == place.rows("SELECT * FROM calls") == []
    assert place.rows("SELECT * FROM sessions") == []


def test_where_prompts_are_not_to_be_kept_none_is(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = "tests.support.outpost.capture"
    monkeypatch.setattr(name, lambda *given: {**capture(*given), "prompts": False})
    place.writer.title("about the gazelle")
    place.asked("make the gazelle", "u-1")
    # For good: what the session was asked while nothing was recorded is nobody's to keep either.
    monkeypatch.setattr(name, capture)
    place.asked("wash the gazelle", "u-3")
    place.outpost.flush()
    place.asked("feed the gazelle", "u-2")
    place.outpost.flush()
    assert place.joined() == {"u-1": (None, "m-1"), "u-2": (None, "m-1"),
                              "u-3": (None, "m-1")}  # fmt: skip
    assert place.rows("SELECT title, branch FROM sessions") == [(None, "main")]
    assert place.followed() == []
    stored = b"".join(path.read_bytes() for path in place.outpost.directory.iterdir())
    assert b"the gazelle" not in stored


def test_a_prompt_that_was_read_before_its_event_is_not_kept_either(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.writer.prompt("make the gazelle")
    place.writer.use("u-1")
    place.writer.use("u-2")
    place.event("u-1")
    place.outpost.flush()
    monkeypatch.setattr(
        "tests.support.outpost.capture", lambda *given: {**capture(*given), "prompts": False}
    )
    place.event("u-2")
    place.outpost.flush()
    assert place.joined() == {"u-1": (None, "m-1"), "u-2": (None, "m-1")}


@pytest.mark.parametrize("rules", ["*\n", "**\n!keep.py\n", "*.py\n"])
def test_an_excluded_projects_prompts_are_not_kept(
    place: Place, tmp_path: Path, rules: str
) -> None:
    """What the session changed elsewhere is recorded, and joined with its call."""
    (place.work / ".patternignore").write_text(rules)
    place.writer.title("about the gazelle")
    place.writer.prompt("make the gazelle")
    place.writer.use("u-1")
    place.work = tmp_path / "elsewhere"
    place.work.mkdir()
    place.event("u-1")
    place.outpost.flush()
    kept = "make the gazelle" if rules == "*.py\n" else None
    assert place.joined() == {"u-1": (kept, "m-1")}
    stored = b"".join(path.read_bytes() for path in place.outpost.directory.iterdir())
    assert (b"the gazelle" in stored) == bool(kept)
    # For good, wherever the session goes on.
    place.writer.fields["cwd"] = str(place.work)
    place.asked("feed it", "u-2")
    place.outpost.flush()
    assert place.joined()["u-2"] == (kept and "feed it", "m-1")


def test_while_what_is_excluded_is_unclear_nothing_is_stored(place: Place, tmp_path: Path) -> None:
    (place.work / ".patternignore").mkdir()
    place.writer.prompt("make the gazelle")
    place.writer.use("u-1")
    place.work, unclear = tmp_path / "elsewhere", place.work
    place.work.mkdir()
    place.event("u-1")
    place.outpost.flush()
    assert place.rows("SELECT * FROM prompts") == place.rows("SELECT * FROM calls") == []
    (unclear / ".patternignore").rmdir()
    place.outpost.flush()
    assert place.joined() == {"u-1": ("make the gazelle", "m-1")}


def test_while_a_pattern_of_ones_own_cannot_be_applied_prompts_wait(
    place: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = tmp_path / "redact.txt"
    monkeypatch.setattr(user_rules, "default_path", lambda: str(rules))
    rules.write_text("gazelle\n(\n")
    place.asked("make the gazelle", "u-1")
    assert place.outpost.flush()
    assert place.rows("SELECT * FROM prompts") == []
    rules.write_text("gazelle\n")
    assert place.outpost.flush()
    assert place.joined() == {"u-1": ("make the [REDACTED:custom]", "m-1")}


def test_prompts_and_titles_hold_no_secrets(tmp_path: Path, server: ServiceDouble) -> None:
    place = Place(tmp_path, server)
    text = "\n".join(canary.text for canary in canaries())
    place.writer.title(canaries()[0].text)
    place.asked(f"gazelle\n{text}", "u-1")
    place.writer.title(canaries()[1].text, "custom-title", "customTitle")
    place.asked("and now", "u-2")
    assert place.outpost.flush()
    assert place.joined()["u-1"] != (None, None)
    assert traces(on_disk(place.outpost.directory)) == []
    assert b"gazelle" in on_disk(place.outpost.directory)
    sent = on_wire(server)
    assert b"u-1.py" in sent
    for word in (b"gazelle", b"and now", place.writer.path.name.encode(), b"transcript"):
        assert word not in sent


@needs_fuse()
@alone
def test_a_transcript_on_another_mount_is_read_and_one_that_hangs_holds_up_nothing(
    place: Place, tmp_path: Path
) -> None:
    far = Fuse(tmp_path / "far.source", tmp_path / "far")
    try:
        place.writer = Writer(tmp_path / "far" / "projects", "s-2")
        place.asked("from afar", "u-1")
        place.outpost.flush()
        assert place.joined() == {"u-1": ("from afar", "m-1")}
        place.asked("and again", "u-2")
        far.say("hang")
        place.writer = Writer(tmp_path / "projects", "s-3")
        place.asked("from here", "u-3")
        began = time.monotonic()
        place.outpost.flush()
        assert time.monotonic() - began < 15
        assert place.joined()["u-3"] == ("from here", "m-1")
        assert place.joined()["u-2"] == (None, None)
        far.say("well")
        place.outpost.flush()
        assert place.joined()["u-2"] == ("and again", "m-1")
    finally:
        far.end()


def test_what_is_wanted_of_a_session_is_bounded(place: Place) -> None:
    place.writer.prompt_id = "p-1"
    for number in range(600):
        place.event(f"u-{number}")
    place.outpost.flush()
    ((ids,),) = place.rows("SELECT wanted FROM transcripts")
    assert ids.split()[-1] == "c:u-599"
    assert len(ids.split()) <= 500
