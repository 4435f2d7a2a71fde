"""From the client's payloads to events."""

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.capture import shell
from lib.capture.event import FILE_UNCHANGED
from lib.capture.many_edits import apply
from lib.capture.named_file import Refused
from lib.capture.oversize import capture_oversize
from lib.capture.payload import _replaced, capture
from lib.registration.hook_groups import MATCHERS
from tests.support.bundle import PAYLOADS, ROOT, payload, write_payload

WHEN = 1_800_000_000_000_000_000


def event(name: str, **changes: Any) -> Any:
    return capture(payload(name, **changes), WHEN)


def refusal(name: str, **changes: Any) -> str:
    with pytest.raises(Refused) as refused:
        event(name, **changes)
    return refused.value.cause


def test_a_new_file_is_a_creation() -> None:
    made = event("01-write-create-js-marker.post")
    data = made["event_data"]
    assert made["event_type"] == "pattern_created"
    assert made["pattern_id"] == data["pattern_id"] == "javascript-code-1acd17586a0a039b"
    assert made["timestamp"] == "2027-01-15T08:00:00.000000+00:00"
    assert (made["retry_count"], made["last_retry"]) == (0, None)
    assert data["pattern_name"] == "authenticateJWT"
    assert data["tool_name"] == "Write"
    assert data["pattern_data"]["event_id"] == made["event_id"]
    assert data["parent_pattern_ids"] == []


@pytest.mark.parametrize(
    "name", ["03-edit-py", "05-write-update", "09-edit-crlf", "13-edit", "15-", "16-"]
)
def test_a_change_has_the_content_before_as_its_parent(name: str) -> None:
    made = event(f"{name}*.post" if name.endswith("-") else f"{name}*post")
    (parent,) = made["parents"]
    assert made["event_type"] == "pattern_modified"
    assert made["event_data"]["parent_pattern_ids"] == [parent["pattern_id"]]
    assert made["event_data"]["edge_type"] == "modified_from"


def test_edits_chain_from_one_payload_to_the_next() -> None:
    third, fourth, fifth = (
        event(n)
        for n in ("03-edit-py.post", "04-edit-py-replace-all.post", "05-write-update-py.post")
    )
    assert fourth["parents"][0]["pattern_id"] == third["pattern_id"]
    assert fifth["parents"][0]["pattern_id"] == fourth["pattern_id"]


def test_a_marker_makes_the_file_apply_that_pattern() -> None:
    made = event("02-write-create-py-marker.post")
    assert (made["event_type"], made["pattern_id"]) == (
        "pattern_applied",
        "python-retry-0123456789ab",
    )
    assert made["content_pattern_id"] == "python-code-6be476af27f0779a"


@pytest.mark.parametrize("name", ["05-write-update-py.post", "03-edit-py.post", "15-*.post"])
def test_what_is_held_for_review_is_no_change(name: str) -> None:
    answer = {**payload(name)["tool_response"], "staged": True, "stagedWording": "review"}
    assert refusal(name, tool_response=answer) == "staged"


def test_what_was_written_is_what_the_answer_says() -> None:
    answer = {**payload("05-write-update-py.post")["tool_response"], "content": "\ufeffx = 1\n"}
    made = event("05-write-update-py.post", tool_response=answer)
    assert made["event_data"]["pattern_data"]["code"] == "\ufeffx = 1\n"


@pytest.mark.parametrize("name", ["05-write-update-py.post", "03-edit-py.post"])
def test_what_a_newer_client_tells_besides_changes_nothing(name: str) -> None:
    more = {"staleRecovered": True, "contentNotInModelContext": True, "gitDiff": {"patch": "+x"}}
    answer = {**payload(name)["tool_response"], **more}
    told = {"permission_mode": "auto", "transcript_path": "/nowhere/x.jsonl", "effort": "high"}
    made, plain = event(name, tool_response=answer, **told), event(name)
    assert made == {**plain, "transcript_path": "/nowhere/x.jsonl"}


def test_a_payload_that_is_too_large_is_judged_by_how_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "a.py"
    path.write_text("x = 1\n")
    joins = {"prompt_id": "p", "transcript_path": "/t/s.jsonl", "agent_id": "a"}
    head = json.dumps(
        {"session_id": "s", **joins, "tool_name": "Edit", "tool_input": {"file_path": str(path)}}
    )

    def made(tail: str) -> Any:
        return capture_oversize(head.encode(), tail.encode(), 9_000_000, WHEN)

    found = made('"userModified":true,"replaceAll":false},"tool_use_id":"u"}')
    assert found["event_data"]["pattern_data"]["code"] == "x = 1\n"
    assert (found["event_data"]["reason"], found["before"]) == ("amended", "untold")
    assert (found["tool_use_id"], found["event_data"]["pattern_data"]["session_id"]) == ("u", "s")
    assert {name: found[name] for name in joins} == joins
    with pytest.raises(Refused, match="staged"):
        made('"userModified":false,"staged":true},"tool_use_id":"u"}')


def test_several_edits_are_applied_in_turn() -> None:
    edits = [
        {"old_string": "a", "new_string": "b"},
        {"old_string": "b", "new_string": "c", "replace_all": True},
    ]
    made = event(
        "03-edit-py.post",
        tool_name="MultiEdit",
        tool_input={"file_path": "/x.py", "edits": edits},
        tool_response={"originalFile": "a b\n"},
    )
    assert made["event_data"]["pattern_data"]["code"] == "c c\n"


@pytest.mark.parametrize("old", ["x = 1\ny = 2\n", "x = 1\n"])
def test_deleting_the_text_of_a_line_takes_its_newline(old: str) -> None:
    made = event(
        "03-edit-py.post",
        tool_input={"file_path": "/x.py", "old_string": "= 1", "new_string": ""},
        tool_response={"originalFile": old},
    )
    assert made["event_data"]["pattern_data"]["code"] == old.replace("= 1\n", "")


def test_an_edit_of_nothing_makes_a_file() -> None:
    made = event(
        "03-edit-py.post",
        tool_input={"file_path": "/x.py", "old_string": "", "new_string": "x = 1\n"},
        tool_response={"originalFile": "", "oldString": ""},
    )
    assert made["event_type"] == "pattern_created"


def update(before: str) -> dict[str, Any]:
    given = {"file_path": "/x.py", "content": "x = 1\n"}
    return {
        "tool_input": given,
        "tool_response": {"type": "update", "originalFile": before},
    }


@pytest.mark.parametrize("before", ["x = 1\n", "# c\nx = 1"])
def test_the_same_code_is_a_step_of_the_file_and_no_pattern(before: str) -> None:
    assert event("05-write-update-py.post", **update(before))["event_type"] == FILE_UNCHANGED


@pytest.mark.parametrize(
    "path",
    ["/p/.env", "/p/.env.local", "/p/prod.env", "/p/id_rsa",
     "/p/id_ed25519_sk", "/h/.azure/x", "/p/k.age", "/p/KEY.PEM", "/h/.netrc", "/h/.ssh/x",
     "/p/credentials.json", "/p/store.jks"],
)  # fmt: skip
def test_files_named_after_secrets_are_not_captured(path: str) -> None:
    given = {"file_path": path, "content": "hunter2"}
    assert refusal("01-write-create-js-marker.post", tool_input=given) == "secret"


SECRET_NAMES = (
    "id_rsa.bak terraform.tfstate.backup prod.tfvars.json .dev.vars secret.yaml credentials.csv "
    ".docker/config.json .cargo/credentials.toml .bash_history passwords.txt id_ed25519.old "
    "id_rsa~ .id_rsa.swp .netrc.1 db-secrets.yml secrets.prod.yaml server.key.orig .env.bak "
    ".psql_history ConsoleHost_history.txt credentials.json.save .m2/settings.xml "
    "wp-config.php.bak .npmrc.bak terraform.tfstate.1700000000.backup #.pgpass# "
    "service-account-prod.json.old x.keytab vault-password"
).split()
PLAIN_NAMES = (
    "secrets.py credentials.ts token.go passwords.md tokens.css password_reset_email.txt "
    "history.py environment.ts key.rs secretary.txt id_rsa.pub config.json settings.xml a.bak "
    "1.1 keys.txt docs/secrets/index.md hosts.yml"
).split()


@pytest.mark.parametrize("name", SECRET_NAMES)
def test_a_copy_or_another_format_of_such_a_file_is_one_too(name: str) -> None:
    given = {"file_path": "/p/" + name, "content": "hunter2"}
    assert refusal("01-write-create-js-marker.post", tool_input=given) == "secret"


@pytest.mark.parametrize("name", PLAIN_NAMES)
def test_a_file_with_a_name_like_it_is_captured(name: str) -> None:
    assert event("01-write-create-js-marker.post", tool_input={
        "file_path": "/p/" + name, "content": "x = 1\n"})  # fmt: skip


def test_a_link_is_judged_by_what_it_leads_to(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("hunter2")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("hunter2")
    (tmp_path / "plain.txt").write_text("x = 1\n")
    (tmp_path / "notes.txt").symlink_to(".env")
    (tmp_path / "twice.txt").symlink_to("notes.txt")
    (tmp_path / "here").symlink_to(".ssh")
    (tmp_path / "other.txt").symlink_to("plain.txt")
    for name, cause in (("notes.txt", "secret"), ("twice.txt", "secret"), ("here/config", "secret"),
                        ("here", "unreadable")):  # fmt: skip
        given = {"file_path": str(tmp_path / name), "old_string": "a", "new_string": "b"}
        assert refusal("09-edit-crlf.post", tool_input=given, tool_response={}) == cause
        written = {"file_path": str(tmp_path / name), "content": "hunter2"}
        assert refusal("01-write-create-js-marker.post", tool_input=written) == cause
    given["file_path"] = str(tmp_path / "other.txt")
    assert event("09-edit-crlf.post", tool_input=given, tool_response={})


@pytest.mark.skipif(not os.path.exists("/proc/self/environ"), reason="no /proc")
def test_what_a_kernel_tells_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").symlink_to("/proc/self/environ")
    os.mkfifo(tmp_path / "pipe.txt")
    for path, cause in (
        ("/proc/self/environ", "secret"),
        (f"{tmp_path}/notes.txt", "secret"),
        (f"{tmp_path}/../../proc/../proc/self/environ", "secret"),
        ("/etc/../proc/self/environ", "secret"),
        (f"{tmp_path}/pipe.txt", "unreadable"),
    ):
        given = {"file_path": path, "old_string": "a", "new_string": "b"}
        if os.path.exists(path):
            assert refusal("09-edit-crlf.post", tool_input=given, tool_response={}) == cause


def test_failed_calls_and_other_tools_make_no_event() -> None:
    for tool in ("Write", "Edit", "MultiEdit", "NotebookEdit"):
        assert refusal("21-write-failed.failure", tool_name=tool) == "other"
    assert refusal("01-write-create-js-marker.pre") == "other"
    assert refusal("01-write-create-js-marker.post", tool_name="Bash") == "other"
    assert refusal("01-write-create-js-marker.post", tool_response={"success": False}) == "other"
    assert refusal("15-notebook-edit-replace.post", tool_response={"error": "no"}) == "other"


@pytest.mark.parametrize(
    "name",
    ["PostToolBatch", "FileChanged", "CwdChanged", "WorktreeCreate", "WorktreeRemove",
     "PostCompact"],
)  # fmt: skip
def test_no_other_event_of_the_client_is_a_call_that_ended(name: str) -> None:
    """One may have all fields of a call: a batch tells again what each of its calls told."""
    assert refusal("03-edit-py.post", hook_event_name=name) == "other"
    with pytest.raises(Refused, match="other"):
        shell.capture(payload("22-bash-deleted.post", hook_event_name=name), WHEN, "", True)
    told = next(
        line for line in (ROOT / "docs/architecture.md").read_text().splitlines()
        if line.startswith("|") and f"`{name}`" in line.split("|")[1]
    )  # fmt: skip
    assert (told.split("|")[2].strip() == "yes") is (name in MATCHERS)


def test_older_clients_leave_the_content_before_to_the_ledger() -> None:
    short = {"filePath": "/p/a.js", "success": True}
    made = event("01-write-create-js-marker.post", tool_response=short)
    assert (made["event_type"], made["before"]) == ("pattern_created", "unknown")


def test_the_same_call_has_the_same_event_id_and_another_call_another() -> None:
    name = "01-write-create-js-marker.post"
    first = event(name)["event_id"]
    assert capture(payload(name), WHEN + 1)["event_id"] == first
    assert event(name, tool_use_id="toolu_other")["event_id"] != first
    assert event(name, session_id="other")["event_id"] != first


@pytest.mark.parametrize(
    ("path", "content", "before"),
    [
        ("/p/b.py", "x = 1\n", "y = 1\n"),
        ("/p/a.py", "x = 2\n", "y = 1\n"),
        ("/p/a.py", "x = 1\n", "y = 2\n"),
        # What the id of code does not see tells one call from another all the same.
        ("/p/a.py", "x = 1\n\n", "y = 1\n"),
        ("/p/a.py", "x = 1  \n", "y = 1\n"),
        ("/p/a.py", "# said\nx = 1\n", "y = 1\n"),
        ("/p/a.py", "x = 1\n", "# said\ny = 1\n"),
        ("/p/a.py", "x = 1\n", "\ny = 1\n"),
        ("/p/a.py", "x = 1\n", None),
    ],
)
def test_a_tool_use_id_that_repeats_names_another_call(
    path: str, content: str, before: str | None
) -> None:
    first = capture(write_payload("/p/a.py", "x = 1\n", "call_0", "y = 1\n"), WHEN)["event_id"]
    other = capture(write_payload(path, content, "call_0", before), WHEN)["event_id"]
    again = capture(write_payload(path, content, "call_0", before), WHEN + 1)["event_id"]
    assert other == again != first


def test_several_edits_in_one_call_are_one_event_of_what_came_of_them() -> None:
    def call(*edits: tuple[str, str]) -> Any:
        given = [{"old_string": old, "new_string": new} for old, new in edits]
        return payload(
            "03-edit-py.post",
            tool_name="MultiEdit",
            tool_input={"file_path": "/x.py", "edits": given},
            tool_response={"originalFile": "a = 1\nb = 1\n"},
        )

    first = capture(call(("a", "c"), ("b", "d")), WHEN)["event_id"]
    assert capture(call(("b", "d"), ("a", "c")), WHEN)["event_id"] == first
    assert capture(call(("a", "c"), ("b", "e")), WHEN)["event_id"] != first


def test_without_a_tool_use_id_two_calls_stay_two() -> None:
    data = payload("01-write-create-js-marker.post")
    del data["tool_use_id"]
    assert capture(data, WHEN)["event_id"] != capture(data, WHEN + 1)["event_id"]


def test_a_replacement_that_would_explode_is_refused() -> None:
    given = {
        "file_path": "/x.py",
        "old_string": "a",
        "new_string": "b" * 100_000,
        "replace_all": True,
    }
    answer = {"originalFile": "a" * 1_000_000}
    assert refusal("03-edit-py.post", tool_input=given, tool_response=answer) == "oversize"


def test_edits_that_would_copy_a_large_text_often_are_refused() -> None:
    """Their work grows with the product of both: 5000 edits of 1 MB are 5 GB to copy."""

    def call(edits: int) -> dict[str, Any]:
        given = [{"old_string": "end", "new_string": "end."}] * edits
        return {"tool_name": "MultiEdit", "tool_input": {"file_path": "/x.py", "edits": given},
                "tool_response": {"originalFile": "a" * 1_000_000 + "end"}}  # fmt: skip

    assert refusal("03-edit-py.post", **call(5000)) == "oversize"
    made = event("03-edit-py.post", **call(50))["event_data"]["pattern_data"]["code"]
    assert made == "a" * 1_000_000 + "end" + "." * 50


def multi(before: str, edits: list[tuple[str, str]]) -> Any:
    """What a MultiEdit makes of `before`."""
    given = [{"old_string": old, "new_string": new} for old, new in edits]
    made = event(
        "03-edit-py.post",
        tool_name="MultiEdit",
        tool_input={"file_path": "/x.py", "edits": given},
        tool_response={"originalFile": before},
    )
    return made["event_data"]["pattern_data"]["code"]


@pytest.mark.parametrize("order", ["down", "up", "mixed"])
def test_many_edits_of_a_large_file_are_made_in_any_order(order: str) -> None:
    """Refused until their work no longer grew with the product of both."""
    lines = [f"value_{n:05} = {n}\n" for n in range(60_000)]
    numbers = list(range(0, 60_000, 10))
    if order == "up":
        numbers.reverse()
    if order == "mixed":
        # Ten places, each of which has a run of edits downwards.
        numbers = [n for start in range(10) for n in numbers[start::10]]
    edits = [(lines[n].strip(), f"value_{n:05} = None\nmore = {n}") for n in numbers]
    changed = dict(zip(numbers, edits, strict=True))
    after = "".join(f"{changed[n][1]}\n" if n in changed else line for n, line in enumerate(lines))
    assert multi("".join(lines), edits) == after


EDITS = st.lists(
    st.tuples(st.text("abc\n", max_size=4), st.text("abxy\n", max_size=3), st.booleans()),
    max_size=6,
)


@given(st.text("abc\n", max_size=14), EDITS)
def test_edits_that_are_made_together_are_as_one_after_the_other(
    before: str, edits: list[tuple[str, str, bool]]
) -> None:
    """Of those that the client makes: what is to be replaced is there once, or all of it is."""
    expected, made = before, []
    for old, new, everywhere in edits:
        if old and (expected.count(old) == 1 or everywhere):
            expected = _replaced(expected, old, new, everywhere)
            made.append((old, new, everywhere))
    assert apply(before, made, _replaced) == expected


WRONG: list[Any] = [None, 1, 1.5, True, [], {}, "", [[]], {"a": 1}, "\ud800"]


@pytest.mark.parametrize("name", ["01-write", "03-edit-py.post", "15-"])
def test_a_field_of_the_wrong_type_makes_a_refusal_or_a_whole_event(name: str) -> None:
    (path,) = [p for p in PAYLOADS.glob(f"{name}*") if "post" in p.name]
    good = payload(path.name)
    places: list[tuple[str, ...]] = [(key,) for key in good]
    places += [("tool_input", key) for key in good["tool_input"]]
    places += [("tool_response", key) for key in good["tool_response"]]
    for place in places:
        for wrong in WRONG:
            data = payload(path.name)
            target = data if len(place) == 1 else data[place[0]]
            target[place[-1]] = wrong
            try:
                made: Any = capture(data, WHEN)
            except Refused:
                continue
            assert made["event_data"]["pattern_id"] == made["pattern_id"]
