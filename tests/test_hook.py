"""The hook scripts as processes: silent, exit 0, an event whole or absent."""

import ast
import inspect
import itertools
import json
import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from lib.capture.event import Content
from lib.flusher import hook_image, seldom
from lib.spool import wake
from lib.system import json_codec
from lib.system import settings as settings_module
from lib.system.defaults import Defaults, defaults_in
from lib.system.settings import Settings
from tests.support.bundle import INTERPRETER, ROOT, Bundle, payload, wait_for, write_payload
from tests.support.copies import bundle_at, rewrite

GARBAGE = {
    "nothing": b"",
    "noise": b"\x00\xff\xfe garbage",
    "half": b'{"tool_name": "Write", "tool_input": {"file_pa',
    "number": b"7",
    "list": b"[]",
    "brackets": b"[" * 100_000,
    "objects": b'{"a":' * 100_000,
    "invalid UTF-8": b'{"tool_name": "\xff"}',
    "not a number": b'{"tool_name": NaN}',
    "unknown tool": b'{"tool_name": "Teleport", "tool_input": {}}',
    "two values": b"{} {}",
    "long number": b'{"tool_name": ' + b"9" * 100_000 + b"}",
}


@pytest.mark.parametrize("stage", ["pre", "post"])
@pytest.mark.parametrize("data", GARBAGE.values(), ids=GARBAGE.keys())
def test_garbage_is_met_with_silence(bundle: Bundle, stage: str, data: bytes) -> None:
    done = bundle.hook(stage, data)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not bundle.pending()


def test_unreadable_input_is_counted(bundle: Bundle) -> None:
    bundle.post(b"{")
    assert bundle.json("status")["skipped"] == {"unreadable": 1}


def test_lone_surrogates_survive(bundle: Bundle) -> None:
    bundle.post(write_payload("/p/\ud800.py", "x = '\ud800'\n", "1"))
    bundle.wait_delivered()
    assert [e["event_type"] for e in bundle.log()] == ["pattern_created"]


def test_pre_commits_nothing(bundle: Bundle) -> None:
    done = bundle.hook("pre", payload("01-write-create-js-marker.pre"))
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert not bundle.spool.exists()


def test_pre_wakes_the_flusher_when_events_wait(bundle: Bundle) -> None:
    bundle.post(payload("01-write-create-js-marker.post"))
    bundle.wait_delivered()
    (bundle.spool / "pending_x.json").write_text("{}")
    bundle.hook("pre", b"{}")
    wait_for(lambda: not bundle.pending())
    assert bundle.json("status")["quarantined"] == 1


def test_the_same_call_through_two_registrations_at_once_is_one_event(bundle: Bundle) -> None:
    data = json.dumps(payload("01-write-create-js-marker.post")).encode()
    script = str(ROOT / "hooks" / "post_tool_use.py")
    pair = [
        subprocess.Popen(
            [INTERPRETER, "-I", "-S", script], env=bundle.environ, stdin=subprocess.PIPE
        )
        for _ in range(8)
    ]
    for process in pair:
        assert process.stdin
        process.stdin.write(data)
    for process in pair:
        assert process.stdin
        process.stdin.close()
        assert process.wait() == 0
    bundle.wait_delivered()
    assert len(bundle.log()) == 1
    status = bundle.json("status")
    again = {**status["dropped"], **status["skipped"]}
    assert (status["delivered"], sum(again.values())) == (1, 7)
    assert set(again) <= {"known", "duplicate"}


def test_six_calls_with_one_tool_use_id_are_six_events(bundle: Bundle) -> None:
    """Some gateways count the calls of each answer from 0."""
    texts = [f"def f():\n    return {number}\n" for number in range(4)]
    calls = [write_payload("/p/a.py", texts[0], "call_0")]
    for before, after in itertools.pairwise(texts):
        calls.append(write_payload("/p/a.py", after, "call_0", before))
    calls += [write_payload(f"/p/{name}.py", texts[0], "call_0") for name in "bc"]
    for call in (*calls, calls[1]):
        bundle.post(call)
    bundle.wait_delivered()
    events = bundle.log()
    assert len({event["event_id"] for event in events}) == len(events) == 6
    status = bundle.json("status")
    again = {**status["dropped"], **status["skipped"]}
    assert (status["delivered"], sum(again.values())) == (6, 1)


def test_a_payload_over_8_mb_is_the_same_in_whatever_pieces_it_comes(bundle: Bundle) -> None:
    datas = [
        json.dumps(write_payload("/p/big.py", letter * 9_000_000, "1")).encode() for letter in "xy"
    ]
    script = str(ROOT / "hooks" / "post_tool_use.py")
    for data, piece in ((datas[0], 10_000), (datas[0], 1 << 20), (datas[1], 1 << 20)):
        process = subprocess.Popen(
            [INTERPRETER, "-I", "-S", script], env=bundle.environ, stdin=subprocess.PIPE, bufsize=0
        )
        assert process.stdin
        for start in range(0, len(data), piece):
            process.stdin.write(data[start : start + piece])
        process.stdin.close()
        assert process.wait() == 0
    bundle.wait_delivered()
    assert len(bundle.log()) == 2


def test_a_payload_over_8_mb_is_metadata_with_its_size(bundle: Bundle) -> None:
    data = json.dumps(write_payload("/p/big.py", "x" * 9_000_000, "1")).encode()
    bundle.post(data, PATTERN_CACHE_DIR=str(bundle.spool))
    bundle.wait_delivered()
    (event,) = bundle.log()
    assert event["pattern_id"].startswith("python-oversize-")
    assert event["file_path"] == "/p/big.py"
    assert event["reason"] == f"a payload of {len(data)} bytes, too large to capture"


def test_without_a_place_to_write_it_stays_silent(bundle: Bundle) -> None:
    data = payload("01-write-create-js-marker.post")
    blocked = bundle.home / "file"
    blocked.write_text("")
    bundle.post(data, PATTERN_CACHE_DIR=f"{blocked}/spool")
    bundle.post(data, PATTERN_CACHE_DIR="/proc/nowhere")
    bundle.post(data, HOME="/proc/nowhere")
    bundle.post(data, HOME="", PATTERN_CACHE_DIR="relative")
    assert blocked.read_text() == ""


@pytest.mark.parametrize("home", ["", "here", "~"])
def test_a_home_that_is_no_place_is_none(home: str) -> None:
    found = Settings({"HOME": home})
    assert (found.config_dir, found.cache_dir) == ("", "")
    assert Settings({"HOME": home, "PATTERN_CACHE_DIR": "~/spool"}).cache_dir == ""


def test_disabled_means_nothing_happens(bundle: Bundle) -> None:
    bundle.post(payload("01-write-create-js-marker.post"), PATTERN_TRACKING_ENABLED="false")
    assert not bundle.spool.exists()


def test_a_full_disk_leaves_no_torn_file(bundle: Bundle) -> None:
    script = ROOT / "hooks" / "post_tool_use.py"
    limited = f"ulimit -f 1; exec {INTERPRETER} -I -S {script}"
    data = json.dumps(write_payload("/p/a.py", "x = 1\n" * 10_000, "1")).encode()
    done = subprocess.run(
        ["/bin/sh", "-c", limited], input=data, env=bundle.environ, capture_output=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert [p.name for p in bundle.spool.iterdir()] == ["tally"]
    assert bundle.json("status")["skipped"] == {"failed": 1}


MODULES = {
    "gc", "posix", "time", "marshal", "_json", "_sha256", "_sha2", "_signal", "io", "abc", "codecs",
}  # fmt: skip


# For calls of Bash alone.
# What only calls of the shell need, and only hints.
SELDOM = {
    f"lib.capture.{name}" for name in (
        "shell", "shell_words", "shell_reach", "like_lines", "saying", "reuse_hint", "reuse_index",
        "reuse_scope", "found_units",
    )
}  # fmt: skip


@pytest.mark.parametrize("imaged", [True, False])
@pytest.mark.parametrize("stage", ["pre", "post"])
def test_the_hook_imports_nothing_but_builtins_and_itself(
    bundle: Bundle, stage: str, imaged: bool, tmp_path: Path
) -> None:
    copy = _copy_of_bundle(tmp_path, imaged)
    script = copy / "hooks" / f"{stage}_tool_use.py"
    spy = (
        "import sys, posix; before = set(sys.modules)\n"
        "def leave(code): posix.write(2, repr(set(sys.modules) - before).encode()); real(code)\n"
        "real, posix._exit = posix._exit, leave\n"
        f"__file__ = {str(script)!r}\nexec(open(__file__).read())"
    )
    done = subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", spy], env=bundle.environ, capture_output=True, check=False,
        input=json.dumps(payload("12-write-create-26kb.post")).encode(),
    )  # fmt: skip
    loaded = eval(done.stderr) - {"posix"}
    ours = {*hook_image.MODULES, *hook_image.PACKAGES}
    assert ours - SELDOM <= loaded
    assert loaded - ours - {"lib.hook"} <= MODULES
    # Before a tool call nothing is hashed: of the image, that part is not loaded.
    assert loaded.isdisjoint({"_sha256", "_sha2"}) == (imaged and stage == "pre")


@pytest.mark.parametrize(
    "name",
    ["12-write-create-26kb", "13-edit-26kb", "17-write-parallel-1-py"],
)
def test_a_usual_call_loads_no_seldom_function(bundle: Bundle, name: str) -> None:
    hooks = bundle.home / ".claude" / "hooks"
    hooks.mkdir(parents=True)
    # As installed: elsewhere a hook looks for what a project's settings may set.
    copy = _copy_of_bundle(hooks, imaged=True, name="pattern-tracker")
    script = copy / "hooks" / "post_tool_use.py"
    spy = (
        "import posix; reads, real, read = [], posix._exit, posix.pread\n"
        "def leave(code): posix.write(2, b'%d' % len(reads)); real(code)\n"
        "def count(*given): reads.append(given); return read(*given)\n"
        "posix._exit, posix.pread = leave, count\n"
        f"__file__ = {str(script)!r}\nexec(open(__file__).read())"
    )
    bundle.spool.mkdir(0o700, parents=True)
    running = wake.say_running(str(bundle.spool))
    done = subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", spy], env=bundle.environ, capture_output=True, check=False,
        input=json.dumps(payload(f"{name}.post")).encode(),
    )  # fmt: skip
    os.close(running)
    assert len(bundle.pending()) == 1
    # What every hook loads, what makes an event, and what code with comments needs.
    code = str(payload(f"{name}.post")["tool_input"])
    assert int(done.stderr) == 2 + ("//" in code or "#" in code)


VARIABLES = re.findall(
    r'"((?:PATTERN|INTELLIGENCE|CIRCUIT|HEALTH|CLAUDE)_[A-Z_]+)"',
    inspect.getsource(settings_module),
)


def test_where_nobody_set_anything_settings_are_the_defaults() -> None:
    root = "/h/.claude/hooks/pattern-tracker"
    found = defaults_in({b"HOME": b"/h/", b"EDITOR": b"vi"}, root)
    assert found
    all_of_them = Settings({"HOME": "/h/"})
    for name in {*vars(Defaults), *vars(found)}:
        if not name.startswith("__"):
            assert getattr(found, name) == getattr(all_of_them, name), name
    assert not all_of_them.warnings
    for home in (b"/other", b"h", b""):
        assert defaults_in({b"HOME": home}, root) is None
    assert defaults_in({}, root) is None
    assert defaults_in({b"HOME": b"/h"}, "/h/checkout") is None
    assert len(VARIABLES) > 12
    for name in VARIABLES:
        assert defaults_in({b"HOME": b"/h", name.encode(): b""}, root) is None, name


def test_what_is_seldom_is_there() -> None:
    for module, names in seldom.SELDOM.items():
        tree = ast.parse((ROOT / f"{module.replace('.', '/')}.py").read_text())
        there = {one.name for one in tree.body if isinstance(one, ast.FunctionDef)}
        assert set(names.split()) <= there


def _copy_of_bundle(place: Path, imaged: bool, name: str = "bundle") -> Path:
    copy = bundle_at(place / name, ("lib", "hooks"))
    if imaged:
        hook_image.ensure(str(copy))
        assert list(copy.glob("lib/__pycache__/*.image"))
    return copy


@pytest.mark.parametrize("name", ["hook", "payload", "strings"])
def test_a_changed_source_is_never_served_from_the_image(
    bundle: Bundle, tmp_path: Path, name: str
) -> None:
    """Of none of its parts."""
    copy = _copy_of_bundle(tmp_path, imaged=True)
    source = copy / f"lib/capture/{name}.py"
    rewrite(source, source.read_text() + "\nraise SystemExit\n")
    bundle.root = copy
    bundle.post(payload("01-write-create-js-marker.post"))
    assert not bundle.pending()


def test_a_source_that_was_changed_in_its_place_is_compiled_anew(
    bundle: Bundle, tmp_path: Path
) -> None:
    """In a checkout by the next hook, elsewhere by the next flusher."""
    installed, checkout = (_copy_of_bundle(tmp_path, imaged=True, name=n) for n in "ab")
    (checkout / ".git").mkdir()
    hook_image.ensure(str(checkout))
    bundle.spool.mkdir(0o700, parents=True)
    running = wake.say_running(str(bundle.spool))
    for number, copy in enumerate((checkout, installed)):
        source = copy / "lib" / "capture" / "hook.py"
        rewrite(source, source.read_text())
        hook_image.ensure(str(copy))
        dated = source.parent.stat()
        with source.open("a") as file:
            file.write("\nraise SystemExit\n")
        assert source.parent.stat() == dated
        bundle.root = copy
        bundle.post(payload("01-write-create-js-marker.post"))
        assert len(bundle.pending()) == number
        assert hook_image.ensure(str(copy))
        assert not hook_image.ensure(str(copy))
        bundle.post(payload("12-write-create-26kb.post"))
        assert len(bundle.pending()) == number
    os.close(running)
    plugin = checkout / "plugin"
    plugin.mkdir()
    for part in ("lib", "hooks"):
        (plugin / part).symlink_to(f"../{part}")
    # It has the same image, which neither makes anew for the other.
    assert not hook_image.ensure(str(plugin))


@pytest.mark.parametrize(
    "victim",
    ["lib", "hooks", "lib/spool/inbox.py", "lib/capture/hook.py", "lib/system/json_codec.py"],
)
def test_half_a_bundle_is_silent(bundle: Bundle, tmp_path: Path, victim: str) -> None:
    copy = _copy_of_bundle(tmp_path, imaged=True)
    subprocess.run(["rm", "-rf", str(copy / victim)], check=True)
    from lib.registration.hook_command import command

    # Without a PATH not even `cat` is there.
    for stage, path in itertools.product(("pre", "post"), (os.environ["PATH"], "")):
        text = command(str(copy), INTERPRETER, f"{stage}_tool_use.py")
        done = subprocess.run(
            ["/bin/sh", "-c", text], env={**bundle.environ, "PATH": path},
            capture_output=True, check=False, input=os.urandom(200_000),
        )  # fmt: skip
        assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")


WRITTEN = "def f(x):\n    return 'caf\u00e9 \\u0041 \\\\\"' + x\n" * 100


@pytest.mark.parametrize(
    "call",
    [
        {"tool_input": {"content": WRITTEN}, "tool_response": {"content": WRITTEN}},
        {"tool_input": {"content": WRITTEN, "file_path": "/p"}, "tool_response": {}},
        {"tool_input": {"content": WRITTEN}, "tool_response": {"content": WRITTEN + "\n"}},
        {"tool_input": {"content": WRITTEN}, "tool_response": {"originalFile": WRITTEN}},
        {"tool_input": {"x": {"content": WRITTEN}}, "tool_response": {"content": WRITTEN}},
        {"tool_input": {"content": [WRITTEN]}, "tool_response": {"content": [WRITTEN]}},
        {"tool_input": {"content": WRITTEN}, "tool_response": [{"content": WRITTEN}]},
        {"tool_response": {"content": WRITTEN}, "tool_input": {"content": WRITTEN}},
        {"tool_input": {"content": '"tool_response":"content":' * 99}, "tool_response": {}},
        {"tool_input": {"content": ""}, "x": {"content": WRITTEN}, "tool_response": {}},
    ],
)
@pytest.mark.parametrize("more", [{}, {"indent": 1}, {"ensure_ascii": False}])
def test_a_call_whose_content_is_read_once_is_what_it_was(
    call: dict[str, Any], more: dict[str, Any]
) -> None:
    text = json.dumps(call, **more)
    found, raw = json_codec.loads_call(text)
    assert found == call
    assert not raw or json.loads(raw) == call["tool_input"]["content"]
    both = [call.get(name) for name in ("tool_input", "tool_response")]
    is_twice = all(isinstance(half, dict) and half.get("content") == WRITTEN for half in both)
    assert bool(raw) == (is_twice and next(iter(call)) == "tool_input")


def test_code_is_spooled_as_it_was_given(bundle: Bundle) -> None:
    """Whatever the client's JSON of it looks like, and where its parent has none."""
    bundle.spool.mkdir(0o700, parents=True)
    running = wake.say_running(str(bundle.spool))
    for number, before in enumerate((None, "", WRITTEN[:-1])):
        data = write_payload(f"/p/{number}.py", WRITTEN, str(number), before)
        data["tool_response"]["content"] = WRITTEN
        bundle.hook("post", json.dumps(data, ensure_ascii=number == 1).encode())
        (path,) = (p for p in bundle.pending() if f"/p/{number}.py" in p.read_text())
        event = json.loads(path.read_text())
        assert event["event_data"]["pattern_data"]["code"] == WRITTEN
        assert [parent["code"] for parent in event["parents"]] == [before] * (before is not None)
        expected = Content(WRITTEN, "/p/a.py").pattern_id
        assert event["content_pattern_id"] == expected
    os.close(running)
