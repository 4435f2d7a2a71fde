"""Settings of many shapes, through install, install again, upgrade and uninstall."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from lib.registration import json_text, settings_file
from lib.registration.entries import preview, register, renew, unregister
from lib.registration.hook_command import EVENTS, FAILED, SCRIPTS, command
from lib.registration.hook_groups import MATCHERS, is_ours
from lib.registration.settings_backup import directory
from lib.registration.settings_file import SettingsError
from tests.support.bundle import ROOT

OTHER = {"matcher": "Write", "hooks": [{"type": "command", "command": "echo pattern-tracker"}]}
SAME_MATCHER = {
    "matcher": MATCHERS["PostToolUse"],
    "hooks": [{"type": "command", "command": "prettier --write"}],
}
FORMATTER = {
    "matcher": "Edit|Write",
    "hooks": [
        {"type": "command", "command": "jq -r .tool_input.file_path | xargs black", "timeout": 30},
        {"type": "command", "command": 'python3 "$HOME/.claude/hooks/lint.py" --fix; exit 0'},
    ],
}
PLAIN = {
    "model": "opus",
    "permissions": {"allow": ["Bash(git *)", "Read(~/src/**)"], "deny": [], "ask": ["WebFetch"]},
    "env": {"FOO": "bär", "PATH_LIKE": "C:\\x\\y"},
    "statusLine": {"type": "command", "command": "~/.claude/status.sh"},
}
HOOKED = {**PLAIN, "hooks": {"PostToolUse": [OTHER, FORMATTER], "Stop": []}, "theme": "dark"}
DEEP: Any = {"model": "opus"}
for _ in range(60):
    DEEP = {"a": [DEEP]}


def dumped(value: Any, indent: Any = 2, **options: Any) -> str:
    return json.dumps(value, indent=indent, ensure_ascii=False, **options)


CORPUS: dict[str, str] = {
    "two spaces": dumped(PLAIN) + "\n",
    "four spaces": dumped(PLAIN, 4) + "\n",
    "eight spaces": dumped(PLAIN, 8) + "\n",
    "one space": dumped(PLAIN, 1) + "\n",
    "tabs": dumped(PLAIN, "\t") + "\n",
    "no final newline": dumped(PLAIN),
    "two final newlines": dumped(PLAIN) + "\n\n",
    "leading newlines": "\n\n" + dumped(PLAIN) + "\n",
    "space at line ends": dumped(PLAIN).replace("\n", "  \n") + "\n",
    "CRLF": dumped(PLAIN).replace("\n", "\r\n") + "\r\n",
    "CRLF and tabs": dumped(HOOKED, "\t").replace("\n", "\r\n"),
    "BOM": "\ufeff" + dumped(PLAIN) + "\n",
    "BOM and CRLF": "\ufeff" + dumped(HOOKED).replace("\n", "\r\n"),
    "one line": dumped(PLAIN, None),
    "one line, no spaces": dumped(HOOKED, None, separators=(",", ":")),
    "one line with hooks": dumped(HOOKED, None) + "\n",
    "escapes": json.dumps(PLAIN, indent=2).replace("/", "\\/") + "\n",
    "numbers as they are": '{\n  "model": "opus",\n  "a": 1e5,\n  "b": 1.0,\n  "c": -0\n}\n',
    "key twice": '{\n  "model": "opus",\n  "env": {},\n  "env": {"A": "1"}\n}\n',
    "spaces before colons": '{\n  "model" : "opus",\n  "env" : { "A" : "1" }\n}\n',
    "others' hooks": dumped(HOOKED) + "\n",
    "others' hooks, same matcher": dumped(
        {"hooks": {event: [SAME_MATCHER] for event in SCRIPTS}, "model": "opus"}
    ),
    "hooks of other events": dumped({"model": "opus", "hooks": {"Stop": [OTHER], "Start": []}}),
    "no hooks in hooks": '{\n  "model": "opus",\n  "hooks": {}\n}\n',
    "hooks on lines of its own": '{\n  "model": "opus",\n  "hooks": {\n  }\n}\n',
    "empty list of ours": '{\n  "model": "opus",\n  "hooks": {"PreToolUse": []}\n}\n',
    "empty group": '{\n  "hooks": {"PostToolUse": [{"matcher": "*", "hooks": []}]}\n}\n',
    "a group without hooks": '{\n  "hooks": {"PostToolUse": [{"matcher": "*"}, null, 7]}\n}\n',
    "groups in one line": '{\n "hooks": {\n  "PostToolUse": [' + dumped(OTHER, None) + "]\n }\n}",
    "lists in lines": dumped(HOOKED).replace("[\n", "[").replace("      ", ""),
    "empty object": "{}",
    "empty object and newline": "{}\n",
    "empty object with space": "{ }",
    "empty object on two lines": "{\n}\n",
    "empty file": "",
    "a newline": "\n",
    "deep": dumped(DEEP) + "\n",
    "huge": dumped({**HOOKED, "env": {f"N{n}": "v" * 100 for n in range(10_000)}}) + "\n",
    "surrogates": '{\n  "model": "opus",\n  "x": "\\ud800 \\u0000 \\u2028"\n}\n',
    "looks like ours": dumped({"hooks": {"PostToolUse": [{"hooks": [{"type": "command",
        "command": "cat ~/.claude/hooks/pattern-tracker/hooks/post_tool_use.py"}]}]}}),
}  # fmt: skip


class Place:
    """A configuration directory with settings in it, or none."""

    def __init__(self, directory: Path, text: str | None) -> None:
        self.path = directory / "settings.json"
        self.root = directory / "hooks" / "pattern-tracker"
        self.root.mkdir(parents=True)
        if text is not None:
            self.path.write_bytes(text.encode())

    def register(
        self, python: str = "/usr/bin/python3", events: Mapping[str, str] = SCRIPTS
    ) -> bool:
        return register(str(self.path), str(self.root), python, events)

    def unregister(self) -> bool:
        return unregister(str(self.path), str(self.root))

    def text(self) -> str:
        return self.path.read_bytes().decode()

    def ours(self) -> list[tuple[str, str]]:
        """The commands that are registered, by event."""
        hooks = json.loads(self.text().lstrip("\ufeff"))["hooks"]
        groups = [(event, group) for event in EVENTS for group in hooks.get(event, [])]
        found = [(event, hook) for event, group in groups if isinstance(group, dict)
                 for hook in group.get("hooks", [])]  # fmt: skip
        return [(event, hook["command"]) for event, hook in found if " -I -S " in hook["command"]]


def expected(
    place: Place, python: str = "/usr/bin/python3", events: Mapping[str, str] = SCRIPTS
) -> list[tuple[str, str]]:
    return [(event, command(str(place.root), python, events[event])) for event in events]


@pytest.fixture(params=list(CORPUS.values()), ids=list(CORPUS))
def shape(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_file_comes_back_as_it_was(tmp_path: Path, shape: str) -> None:
    place = Place(tmp_path, shape)
    assert place.register()
    assert place.ours() == expected(place, "/usr/bin/python3")
    installed = place.text()
    assert not place.register()
    assert place.text() == installed
    assert place.register("/opt/new/python3")
    assert place.ours() == expected(place, "/opt/new/python3")
    assert place.unregister()
    assert place.text() == shape
    assert not place.unregister()


def test_the_hook_of_failed_calls_comes_and_goes(tmp_path: Path, shape: str) -> None:
    """As the clients are that PATH names while it is installed."""
    place = Place(tmp_path, shape)
    assert place.register()
    without = place.text()
    assert place.register(events=EVENTS)
    assert place.ours() == expected(place, events=EVENTS)
    assert not place.register(events=EVENTS)
    assert place.register()
    assert place.text() == without
    assert place.register(events=EVENTS)
    assert place.unregister()
    assert place.text() == shape


def test_somebody_s_own_list_for_failed_calls_stays(tmp_path: Path) -> None:
    """Whether it was there first or came when ours was not registered at that event."""
    for number, is_first in enumerate((True, False)):
        text = dumped({"model": "opus", "hooks": {FAILED: []} if is_first else {}})
        place = Place(tmp_path / str(number), text)
        place.register(events=EVENTS if is_first else SCRIPTS)
        if not is_first:
            added = json.loads(place.text())
            added["hooks"][FAILED] = []
            place.path.write_text(dumped(added))
            place.register(events=EVENTS)
        place.path.write_text(place.text().replace("opus", "haiku"))
        place.register()
        assert json.loads(place.text())["hooks"][FAILED] == []
        place.register(events=EVENTS)
        assert place.ours() == expected(place, events=EVENTS)
        place.unregister()
        assert json.loads(place.text()) == {"model": "haiku", "hooks": {FAILED: []}}


def test_lists_of_others_are_known_whichever_came_first(tmp_path: Path) -> None:
    """One before ours, and one after ours was taken out of it."""
    place = Place(tmp_path, dumped({"model": "opus", "hooks": {"PreToolUse": []}}))
    place.register()
    added = json.loads(place.text())
    added["hooks"][FAILED] = []
    place.path.write_text(dumped(added))
    place.register(events=EVENTS)
    assert place.unregister()
    assert json.loads(place.text()) == {"model": "opus", "hooks": {"PreToolUse": [], FAILED: []}}


def test_a_list_for_failed_calls_in_which_ours_never_was_stays(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    place.register()
    added = json.loads(place.text())
    added["hooks"][FAILED] = []
    place.path.write_text(dumped(added))
    place.unregister()
    assert json.loads(place.text()) == {"hooks": {FAILED: []}}


@pytest.mark.parametrize("events", [SCRIPTS, EVENTS], ids=["two", "three"])
def test_what_is_registered_anew_is_what_was(tmp_path: Path, events: Mapping[str, str]) -> None:
    place = Place(tmp_path, "{}")
    place.register(events=events)
    assert renew(str(place.root), "/opt/new/python3") == []
    assert place.ours() == expected(place, "/opt/new/python3", events)
    assert place.unregister()
    assert place.text() == "{}"


def test_what_would_change_is_what_changes(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    given = str(place.path), str(place.root), "/usr/bin/python3"
    assert FAILED not in preview(*given)
    assert f'+    "{FAILED}"' in preview(*given, EVENTS)
    place.register(events=EVENTS)
    assert preview(*given, EVENTS) == ""
    assert f'-    "{FAILED}"' in preview(*given)
    place.path.write_text("{")
    for events in (SCRIPTS, EVENTS):
        with pytest.raises(SettingsError, match="by hand") as told:
            register(*given, events)
        assert (FAILED in str(told.value)) is (FAILED in events)


def test_only_our_lines_are_new(tmp_path: Path, shape: str) -> None:
    """Without ours the parsed settings are as before, and every line of before is still there."""
    place = Place(tmp_path, shape)
    place.register()
    lines = place.text().splitlines()
    if len(shape.splitlines()) > 5:
        gone = [line for line in shape.splitlines() if line not in lines]
        # The line after which ours begin gets a comma; a list in one line gets longer.
        assert len(gone) <= 2
    before = json.loads(shape.lstrip("\ufeff") or "{}") if shape.strip() else {}
    after = json.loads(place.text().lstrip("\ufeff"))
    assert {k: v for k, v in after.items() if k != "hooks"} == {
        k: v for k, v in before.items() if k != "hooks"
    }
    assert [k for k in after if k != "hooks"] == [k for k in before if k != "hooks"]
    if "\r\n" in shape:
        assert "\n" not in place.text().replace("\r\n", "")


@pytest.mark.parametrize("name", [name for name, text in CORPUS.items() if '"opus"' in text])
def test_what_somebody_changed_in_between_stays(tmp_path: Path, name: str) -> None:
    shape = CORPUS[name]
    place = Place(tmp_path, shape)
    place.register()
    place.path.write_bytes(place.text().replace('"opus"', '"haiku", "added": [1,  2]').encode())
    place.register("/opt/new/python3")
    assert place.ours() == expected(place, "/opt/new/python3")
    place.unregister()
    wanted = shape.replace('"opus"', '"haiku", "added": [1,  2]')
    # Of an empty list on several lines only that it is empty is known.
    assert place.text().replace("{\n  }", "{}") == wanted.replace("{\n  }", "{}")


def test_entries_of_ours_that_are_older_or_doubled_become_one(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    script = f"{place.root}/hooks/post_tool_use.py"
    older = [f"python3 {script}", f"/usr/bin/python3.11 '{script}' || true"]
    settings = {"hooks": {"PostToolUse": [
        {"matcher": "Write", "hooks": [{"type": "command", "command": text}]} for text in older
    ] + [OTHER]}}  # fmt: skip
    place.path.write_text(json.dumps(settings, indent=2))
    assert place.register()
    assert sorted(place.ours()) == sorted(expected(place, "/usr/bin/python3"))
    hooks = json.loads(place.text())["hooks"]
    assert OTHER in hooks["PostToolUse"]
    assert len(hooks["PostToolUse"]) == 2


def test_an_older_matcher_is_widened(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    place.register()
    place.path.write_text(place.text().replace('"Write|Edit|MultiEdit|NotebookEdit', '"Write|Edit'))
    assert place.register()
    hooks = json.loads(place.text())["hooks"]
    assert [[group["matcher"] for group in hooks[event]] for event in SCRIPTS] == [
        [MATCHERS[event]] for event in SCRIPTS
    ]


def test_an_entry_that_leads_to_us_by_a_link_is_ours(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    (tmp_path / "link").symlink_to(tmp_path)
    for path in ("link/hooks/pattern-tracker", "./hooks//pattern-tracker"):
        found = {"command": f"python3 {tmp_path}/{path}/hooks/post_tool_use.py"}
        assert is_ours(found, str(place.root))
    for text in ("cat X", "echo X | mail", "vim X", "echo python3 -m x; cat X"):
        command = text.replace("X", f"{place.root}/hooks/post_tool_use.py")
        assert not is_ours({"command": command}, str(place.root))


@pytest.mark.parametrize("is_lost", [False, True])
def test_what_is_put_back_is_never_a_file_with_ours(tmp_path: Path, is_lost: bool) -> None:
    """Where somebody wrote in between, or the record of another machine is not here."""
    place = Place(tmp_path, '{"model": "opus"}')
    place.register()
    if is_lost:
        shutil.rmtree(directory(str(place.root)))
    else:
        place.path.write_text(place.text().replace("opus", "haiku"))
        place.register("/opt/new/python3")
    place.register("/opt/newer/python3")
    assert place.unregister()
    assert json.loads(place.text()) == {"model": "opus" if is_lost else "haiku"}


def test_groups_of_others_beside_ours_stay(tmp_path: Path) -> None:
    place = Place(tmp_path, "{}")
    place.register()
    settings = json.loads(place.text())
    settings["hooks"]["PostToolUse"].append(OTHER)
    place.path.write_text(json.dumps(settings))
    assert place.unregister()
    assert json.loads(place.text()) == {"hooks": {"PostToolUse": [OTHER]}}


def test_a_file_that_was_not_there_goes_again(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    assert place.register()
    assert place.path.stat().st_mode & 0o777 == 0o600
    assert place.unregister()
    assert not place.path.exists()


def test_an_edit_made_while_we_write_is_not_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = Place(tmp_path, '{\n  "model": "opus"\n}\n')
    prepared = settings_file._prepared
    edits = ['{\n  "model": "haiku"\n}\n']

    def edited(path: str, data: bytes) -> str:
        made = prepared(path, data)
        if path == str(place.path) and edits:
            place.path.write_text(edits.pop())
        return str(made)

    monkeypatch.setattr("lib.registration.settings_file._prepared", edited)
    assert place.register()
    assert json.loads(place.text())["model"] == "haiku"
    assert place.ours() == expected(place, "/usr/bin/python3")


def test_installers_at_once_lose_nothing_of_each_other(tmp_path: Path) -> None:
    path = tmp_path / "settings.json"
    path.write_text(CORPUS["others' hooks"])
    script = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r})\n"
        "from lib.registration.entries import register\n"
        "register(sys.argv[1], sys.argv[2], '/usr/bin/python3')"
    )
    roots = [tmp_path / "hooks" / f"bundle-{number}" for number in range(8)]
    for root in roots:
        root.mkdir(parents=True)
    started = [
        subprocess.Popen([sys.executable, "-I", "-c", script, str(path), str(root)])
        for root in roots
    ]
    assert {process.wait() for process in started} == {0}
    text = path.read_text()
    assert all(text.count(f"{root}/hooks/") == 2 for root in roots)
    json.loads(text)


@pytest.mark.parametrize(
    "text",
    [
        "{", "[]", "7", '"x"', "{\n// c\n}", '{\n  /* c */ "model": "opus"\n}', '{"a": 1,}',
        '{"hooks": []}', '{"hooks": {"PostToolUse": {}}}', '{"hooks": null}', "[" * 100_000,
    ],
    ids=lambda text: text[:20],
)  # fmt: skip
def test_what_is_not_understood_is_left_alone(tmp_path: Path, text: str) -> None:
    place = Place(tmp_path, text)
    with pytest.raises(SettingsError, match="nothing was changed"):
        place.register()
    assert place.text() == text


def test_a_file_that_is_not_utf_8_is_left_alone(tmp_path: Path) -> None:
    place = Place(tmp_path, None)
    place.path.write_bytes(b'{"model": "\xff"}')
    with pytest.raises(SettingsError, match="nothing was changed"):
        place.register()
    assert place.path.read_bytes() == b'{"model": "\xff"}'


@pytest.mark.parametrize(
    ("mode", "above"), [(0o444, 0o755), (0o000, 0o755), (0o644, 0o555)],
    ids=["read-only", "unreadable", "read-only directory"],
)  # fmt: skip
def test_what_may_not_be_changed_is_left_alone(mode: int, above: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        place = Place(Path(scratch), CORPUS["tabs"])
        for path in (Path(scratch), place.root.parent, place.root, place.path):
            os.chown(path, NOBODY, -1) if os.getuid() == 0 else None
        place.path.chmod(mode)
        Path(scratch).chmod(above)
        error = as_nobody(place.register)
        Path(scratch).chmod(0o755)
        place.path.chmod(0o644)
        assert place.text() == CORPUS["tabs"]
        assert "SettingsError" in error
        assert "To add by hand" in error
        assert sorted(path.name for path in Path(scratch).iterdir()) == ["hooks", "settings.json"]


NOBODY = 65534


def as_nobody(call: Callable[[], object]) -> str:
    """What `call` raises in a process whose rights are those of the file modes: root's are not."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if os.getuid() == 0:
                os.setuid(NOBODY)
            call()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        finally:
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="utf-8") as file:
        said = file.read()
    os.waitpid(child, 0)
    return said


@pytest.mark.parametrize("mode", [0o600, 0o644, 0o640])
def test_mode_and_link_stay(tmp_path: Path, mode: int) -> None:
    place = Place(tmp_path, None)
    target = tmp_path / "dotfiles.json"
    target.write_text(CORPUS["tabs"])
    target.chmod(mode)
    place.path.symlink_to("dotfiles.json")
    place.register()
    assert place.ours()
    place.unregister()
    assert place.path.is_symlink()
    assert target.read_text() == CORPUS["tabs"]
    assert target.stat().st_mode & 0o777 == mode


def test_the_scanner_sees_what_json_sees() -> None:
    for text in CORPUS.values():
        if text.strip():
            bare = text.lstrip("\ufeff")
            assert rebuilt(bare, json_text.parse(bare)) == json.loads(bare)


def rebuilt(text: str, node: json_text.Node) -> Any:
    if text[node.start] == "{":
        return {key: rebuilt(text, child) for key, child in node.children}
    if text[node.start] == "[":
        return [rebuilt(text, child) for _, child in node.children]
    return json.loads(text[node.start : node.end])


@pytest.mark.parametrize("name", ["a$HOME b", "$USER", "${HOME}", "~", "$(id)", "`id`", "a'b$1"])
def test_a_directory_may_be_called_what_a_shell_would_read(
    tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("USER", "somebody")
    root = tmp_path / name / "hooks" / "pattern-tracker"
    root.mkdir(parents=True)
    path = tmp_path / "settings.json"
    assert register(str(path), str(root), sys.executable)
    assert not register(str(path), str(root), sys.executable)
    assert register(str(path), str(root), "/usr/bin/python3")
    assert [len(groups) for groups in json.loads(path.read_text())["hooks"].values()] == [1, 1]
    assert unregister(str(path), str(root))
    assert not path.exists()
