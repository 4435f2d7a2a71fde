"""Reading the client's transcripts, whatever is in them."""

import json
import os
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.ledger.prompts import Prompt
from lib.system.private_file import Refused
from lib.transcripts import fields, reader
from lib.transcripts.lines import Lines, Told, ToolResult, ToolUse
from lib.transcripts.reader import Reader, open_transcript
from tests.support.bundle import PAYLOADS
from tests.support.transcripts import Writer

SAMPLE = PAYLOADS / "transcript.jsonl"
SESSION = "9e241c00-e5bf-493f-86de-39465a75a8f1"
NOBODY = 65534


def told(path: Path, session_id: str = "s-1", seen: set[int] | None = None) -> list[Told]:
    """Everything that a transcript tells, read at once."""
    lines = Lines(session_id, seen=seen)
    with open_transcript(str(path)) as file:
        return [one for record in Reader(file).records() for one in lines.take(record)]


def texts(found: list[Told]) -> list[str | None]:
    return [one.text for one in found if isinstance(one, Prompt)]


def records(path: Path, offset: int = 0) -> tuple[list[Any], int]:
    with open_transcript(str(path)) as file:
        found = Reader(file, offset)
        return list(found.records()), found.offset


def test_a_real_transcript_tells_prompts_calls_and_results() -> None:
    found = told(SAMPLE, SESSION)
    (prompt,) = (one for one in found if isinstance(one, Prompt))
    assert prompt == Prompt(
        "f0bb5884-3422-40c4-a9d9-4a1e41bc4430", SESSION, "2026-11-25T04:29:25.830000+00:00",
        "please write a function f",
    )  # fmt: skip
    uses = [one for one in found if isinstance(one, ToolUse)]
    assert [(one.tool_name, one.tool_use_id, one.model, one.prompt_id) for one in uses] == [
        (name, f"toolu_00{n}000", "claude-opus-4-8", prompt.prompt_id)
        for n, name in enumerate(("Write", "Edit", "Bash"))
    ]
    results = {one.tool_use_id: one for one in found if isinstance(one, ToolResult)}
    assert [results[one.tool_use_id].asked_by for one in uses] == [one.uuid for one in uses]
    answer: Any = results["toolu_001000"].answer
    assert answer["originalFile"] == uses[0].given["content"]


def test_facts_of_the_session_are_told() -> None:
    lines = Lines(SESSION)
    with open_transcript(str(SAMPLE)) as file:
        for record in Reader(file).records():
            list(lines.take(record))
    assert lines.session[1:] == (None, "/home/dev/project", "master", "2.1.197")
    assert lines.places == {"/home/dev/project"}
    # The client says so outside of a repository.
    record = {"uuid": "u", "sessionId": SESSION, "gitBranch": "HEAD", "version": "2.2"}
    list(lines.take({**record, "type": "user"}))
    assert lines.session[3:] == ("master", "2.2")


@settings(max_examples=60)
@given(st.lists(st.integers(0, SAMPLE.stat().st_size), max_size=4))
def test_reading_goes_on_where_it_was_left(tmp_path: Path, cuts: list[int]) -> None:
    """Wherever the client was when somebody read: the same, each once, in the same order."""
    data, path = SAMPLE.read_bytes(), tmp_path / "cut.jsonl"
    found: list[Told] = []
    offset, memory = 0, ""
    for cut in [*sorted(cuts), len(data)]:
        path.write_bytes(data[:cut])
        lines = Lines(SESSION, memory)
        with open_transcript(str(path)) as file:
            portion = Reader(file, offset)
            for record in portion.records():
                found += lines.take(record)
        offset, memory = portion.offset, lines.memory()
    assert found == told(SAMPLE, SESSION)


def test_a_portion_ends_where_it_may(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("".join(f'{{"n":{n}}}\n' for n in range(100)))
    found: list[Any] = []
    offset = 0
    while offset < path.stat().st_size:
        with open_transcript(str(path)) as file:
            portion = Reader(file, offset)
            some = list(portion.records(20))
        assert 0 < len(some) <= 3
        found, offset = found + some, portion.offset
    assert [one["n"] for one in found] == list(range(100))


def test_without_the_ids_of_prompts_lines_lead_to_theirs(tmp_path: Path) -> None:
    writer = Writer(tmp_path, tells=False)
    first = writer.prompt("one")
    writer.use("u-1")
    writer.result("u-1")
    lines = Lines("s-1")
    for record in records(writer.path)[0]:
        list(lines.take(record))
    # An attachment, and a run that goes on later; and somebody who wrote to another branch of it.
    last = writer.line("attachment", {})
    second = writer.prompt("two")
    writer.line("assistant", {"content": [{"type": "tool_use", "id": "u-2", "name": "Edit",
                                           "input": {}}]}, parentUuid=last["uuid"])  # fmt: skip
    writer.use("u-3")
    later = Lines("s-1", lines.memory())
    found = [one for record in records(writer.path)[0][3:] for one in later.take(record)]
    of = {one.tool_use_id: one.prompt_id for one in found if isinstance(one, ToolUse)}
    assert of["u-2"] == first != second
    writer = Writer(tmp_path, "s-2", tells=False)
    wanted = writer.prompt("three")
    for n in range(3):
        writer.use(f"u-{n}")
        writer.result(f"u-{n}")
    uses = [one for one in told(writer.path, "s-2") if isinstance(one, ToolUse)]
    assert [one.prompt_id for one in uses] == [wanted] * 3


def test_lines_that_nobody_typed_are_no_prompts(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    for flag in ("isMeta", "isSidechain", "isCompactSummary"):
        writer.prompt(f"not {flag}", **{flag: True})
    for text in ("[Request interrupted by user for tool use]", "<local-command-stdout>x", "", " "):
        writer.prompt(text)
    writer.result("u-1")
    writer.line("user", {"content": [{"type": "tool_result"}, {"type": "text", "text": "no"}]})
    writer.prompt([{"type": "text", "text": "see"}, {"type": "image", "source": {"data": "AAAA"}}])
    writer.prompt([{"type": "image"}])
    writer.prompt("<command-message>fix</command-message>\n<command-name>/fix</command-name>\n"
                  "<command-args>all of it</command-args>")  # fmt: skip
    writer.prompt('<task-notification>\n<output-file>/tmp/x</output-file>\n'
                  '<summary>Agent "sub" finished</summary>\n</task-notification>')  # fmt: skip
    assert texts(told(writer.path)) == [
        "see", "[image]", "/fix all of it", 'Agent "sub" finished'
    ]  # fmt: skip


def test_a_line_counts_once_however_often_it_is_there(tmp_path: Path) -> None:
    """After a compaction, and where a session went on in another file."""
    writer = Writer(tmp_path)
    writer.prompt("one")
    writer.use("u-1")
    text = writer.path.read_text()
    writer.add(text)
    other = tmp_path / "s-2.jsonl"
    other.write_text(text)
    seen: set[int] = set()
    found = told(writer.path, seen=seen)
    assert [type(one) for one in found] == [Prompt, ToolUse]
    assert told(other, "s-2", seen) == []


def test_the_best_title_is_taken_and_no_other_sessions(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    leaf = writer.line("assistant", {})["uuid"]
    writer.add({"type": "summary", "summary": "another's", "leafUuid": "elsewhere"})

    def title() -> str | None:
        lines = Lines("s-1")
        for record in records(writer.path)[0]:
            list(lines.take(record))
        return lines.session.title

    assert title() is None
    writer.add({"type": "summary", "summary": "a\n  summary", "leafUuid": leaf})
    assert title() == "a summary"
    writer.title("the client's")
    writer.title("the user's", "custom-title", "customTitle")
    writer.title("the client's again")
    writer.title("")
    writer.add({"type": "ai-title", "aiTitle": "another's", "sessionId": "s-2"})
    assert title() == "the user's"


def test_control_characters_are_left_out(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.prompt("\x1b]0;owned\x07one\r\n\ttwo\x9b31m\x00 \ud800")
    assert texts(told(writer.path)) == ["]0;ownedone\n\ttwo31m \\ud800"]


TIMES = ("2026-11-25T04:29:25.830Z", "9999-99-99T00:00:00Z", "0001-01-01T00:00:00+09:00")
KINDS = ("user", "assistant", "summary", "ai-title")
WORDS = st.sampled_from([*KINDS, *TIMES, "s-1", "", "x" * 600, "\x1b[2J", "\ud800"])
ANY = st.none() | st.booleans() | st.integers() | st.floats() | WORDS
BLOCK = st.dictionaries(
    st.sampled_from("id name input text tool_use_id content is_error".split()),
    ANY | st.just("Write") | st.dictionaries(WORDS, ANY, max_size=2),
).flatmap(
    lambda block: st.sampled_from(["tool_use", "tool_result", "text", "image", 3, []]).map(
        lambda kind: {**block, "type": kind}
    )
)
MESSAGE = st.dictionaries(
    st.sampled_from(["content", "model", "role"]), ANY | st.lists(ANY | BLOCK, max_size=3)
)
FIELDS = (
    "parentUuid promptId sessionId agentId cwd gitBranch version timestamp isMeta isSidechain "
    "toolUseResult sourceToolAssistantUUID summary leafUuid aiTitle customTitle"
)
RECORD = st.fixed_dictionaries(
    {"type": ANY, "uuid": st.uuids().map(str) | ANY, "message": ANY | MESSAGE},
    optional=dict.fromkeys(FIELDS.split(), ANY | st.lists(ANY, max_size=1)),
)


@settings(max_examples=60)
@given(st.lists(RECORD, max_size=6), ANY | st.dictionaries(WORDS, ANY))
def test_whatever_a_record_holds_nothing_fails(found: list[Any], memory: object) -> None:
    lines = Lines("s-1", json.dumps(memory))
    for record in found:
        for one in lines.take(record):
            assert isinstance(one.session_id, str)
            assert isinstance(one.prompt_id, str)
    Lines("s-1", lines.memory())


@pytest.mark.parametrize(
    "line",
    [
        b"[" * 200_000, b'{"a":' * 100_000, b'{"a": NaN}', b'{"a": ' + b"9" * 5000 + b"}", b"{}{}",
        b'"text"', b"null", b"\xff\xfe", b'{"a": "\xff"}', b"\x00" * 1000, b"\x1b[2J", b"",
        b'{"type": "user", "uuid": ["a"], "message": 3}',
    ],
    ids=range(13),
)  # fmt: skip
def test_what_is_no_record_is_skipped(tmp_path: Path, line: bytes) -> None:
    writer = Writer(tmp_path)
    writer.prompt("one")
    with writer.path.open("ab") as file:
        file.write(line + b"\n")
    writer.prompt("two")
    assert texts(told(writer.path)) == ["one", "two"]


def test_a_line_of_100_mb_is_not_held(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    writer.prompt("one")
    with writer.path.open("ab") as file:
        file.write(b'{"type":"user","message":"')
        for _ in range(100):
            file.write(b"x" * 1024 * 1024)
        file.write(b'"}\n')
    writer.prompt("two")
    tracemalloc.start()
    found = texts(told(writer.path))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert found == ["one", "two"]
    assert peak < 4 * reader.MAX_LINE
    # As it is read in portions, some of which end within the line.
    offset, tries = 0, 0
    while offset < writer.path.stat().st_size:
        with open_transcript(str(writer.path)) as file:
            portion = Reader(file, offset)
            list(portion.records(1024 * 1024))
        assert portion.offset > offset
        offset, tries = portion.offset, tries + 1
    assert tries > 5


def test_a_file_that_changes_while_it_is_read_does_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    line = json.dumps({"a": "x" * 1000}) + "\n"
    path.write_text(line * 1000)
    with open_transcript(str(path)) as file:
        found = Reader(file).records()
        next(found)
        os.truncate(path, 500_000)
        number = sum(1 for _ in found)
        assert 400 < number < 600
    with open_transcript(str(path)) as file:
        found = Reader(file).records()
        next(found)
        path.unlink()
        path.write_text("{}\n")
        assert 400 < sum(1 for _ in found) < 600


def test_only_a_file_of_ones_own_is_opened(tmp_path: Path) -> None:
    own = tmp_path / "own.jsonl"
    own.write_text("{}\n")
    link, pipe, directory = (tmp_path / f"{n}.jsonl" for n in ("link", "pipe", "directory"))
    link.symlink_to(own)
    os.mkfifo(pipe)
    directory.mkdir()
    (tmp_path / "own.json").write_text("{}\n")
    open_transcript(str(own)).close()
    for path in (link, pipe, directory, tmp_path / "own.json", Path("/etc/passwd")):
        with pytest.raises(Refused):
            open_transcript(str(path))
    with pytest.raises(Refused):
        open_transcript(f"{own}\0.jsonl")
    with pytest.raises(FileNotFoundError):
        open_transcript(str(tmp_path / "none.jsonl"))


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a file to another user")
def test_another_users_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n")
    os.chown(path, NOBODY, NOBODY)
    with pytest.raises(Refused):
        open_transcript(str(path))


@pytest.mark.parametrize(
    ("told", "wanted"),
    [
        ("2026-11-25T04:29:25.830Z", "2026-11-25T04:29:25.830000+00:00"),
        ("2026-11-25T04:29:25+02:00", "2026-11-25T02:29:25.000000+00:00"),
        ("0001-01-01T00:00:00+09:00", ""), ("yesterday", ""), (3, ""), (None, ""),
    ],
)  # fmt: skip
def test_times_are_told_as_the_ledger_does(told: object, wanted: str) -> None:
    assert fields.when({"timestamp": told}) == wanted
