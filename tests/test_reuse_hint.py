"""The hook tells the agent what stands elsewhere in the project already, and nothing else."""

import contextlib
import itertools
import json
import os
import random
import shutil
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lib.capture.reuse_hint import hint
from lib.capture.reuse_index import HEADER
from lib.spool import wake
from lib.units.reuse_table import Entry, table
from tests.support.bundle import Bundle, payload, write_payload

ORIGIN = '''import os


def send_static(directory, name, options):
    """Send a file of a directory."""
    path = os.path.join(directory, name)
    if not os.path.isfile(path):
        raise FileNotFoundError(path)
    size = os.path.getsize(path)
    headers = {"length": size, "name": name}
    for key, value in options.items():
        headers[key] = str(value)
    return path, headers
'''
COPY = ORIGIN.replace("send_static", "send_other").replace("import os\n\n\n", "x = 1\n\n\n")


class Project:
    """A repository whose files are recorded by the hooks."""

    def __init__(self, bundle: Bundle, root: Path, uses: int = 0) -> None:
        self.bundle, self.root, self.uses = bundle, root, uses
        if not uses:
            root.mkdir()
            subprocess.run(["git", "init", "-q"], cwd=root, check=True)

    def write(self, name: str, code: str, session: str = "s-1", **environ: str) -> str:
        """Write a file as the client does; what the hook prints."""
        path = self.root / name
        before = path.read_text() if path.exists() else None
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(code)
        self.uses += 1
        data = write_payload(str(path), code, f"use-{self.uses}", before)
        done = self.bundle.hook("post", {**data, "session_id": session}, **environ)
        assert (done.returncode, done.stderr) == (0, b"")
        printed: str = done.stdout.decode()
        return printed

    def settle(self) -> None:
        self.bundle.command("sync")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Where a project and its home are to be, and what they hold once its origin is recorded."""
    place, kept = (tmp_path_factory.mktemp(name) for name in ("place", "kept"))
    bundle = Bundle(place / "home")
    bundle.spool.mkdir(parents=True)
    with no_flusher(bundle):
        made = Project(bundle, place / "project")
        assert made.write("src/files.py", ORIGIN) == ""
        made.settle()
    shutil.copytree(place, kept, dirs_exist_ok=True)
    return place, kept


@contextlib.contextmanager
def no_flusher(bundle: Bundle) -> Iterator[None]:
    """No hook starts a flusher meanwhile: none is still busy there when the place is made anew."""
    running = wake.say_running(str(bundle.spool))
    yield
    os.close(running)


@pytest.fixture
def project(recorded: tuple[Path, Path], tmp_path: Path) -> Iterator[Project]:
    """The project anew at its place, for a spool tells of places."""
    place, kept = recorded
    place.rename(tmp_path / "before")
    shutil.copytree(kept, place)
    bundle = Bundle(place / "home")
    # What hooks know is what was recorded when a test says so.
    with no_flusher(bundle):
        yield Project(bundle, place / "project", uses=1)


def told(printed: str) -> str:
    (name,) = (given := json.loads(printed))
    assert name == "hookSpecificOutput"
    assert given[name].pop("hookEventName") == "PostToolUse"
    (text,) = given[name].values()
    return str(text)


def test_a_copy_is_told_once_with_where_the_origin_stands(project: Project) -> None:
    printed = project.write("src/other.py", COPY)
    assert told(printed).startswith(
        "pattern-tracker: lines 5-13 are the same as send_static, src/files.py:4 (since 20"
    )
    assert len(told(printed)) <= 300
    assert printed.count("\n") == 1
    assert project.write("src/third.py", COPY) == ""
    assert told(project.write("src/fourth.py", COPY, session="s-2"))


def edit(project: Project, name: str, old: str, new: str, **more: Any) -> str:
    """Change a file as the client's Edit does; what the hook prints."""
    path = project.root / name
    before = path.read_text()
    path.write_text(before.replace(old, new))
    project.uses += 1
    given = {"file_path": str(path), "old_string": old, "new_string": new, **more}
    data = payload(
        "03-edit-py.post", tool_input=given, tool_response={"originalFile": before, **given},
        tool_use_id=f"use-{project.uses}", session_id="s-1",
    )  # fmt: skip
    done = project.bundle.hook("post", data)
    assert (done.returncode, done.stderr) == (0, b"")
    return str(done.stdout.decode())


def test_an_edit_that_adds_a_copy_is_told_with_its_lines(project: Project) -> None:
    assert project.write("src/other.py", "a = 1\n\n\nb = 2\n") == ""
    printed = edit(project, "src/other.py", "b = 2\n", COPY)
    assert "lines 8-16 are the same as send_static, src/files.py:4 " in told(printed)


def test_most_of_a_unit_is_told_as_most_of_it(project: Project) -> None:
    changed = COPY.replace("os.path.getsize(path)", "os.stat(path).st_size")
    assert " are most of send_static, " in told(project.write("src/other.py", changed))
    less = changed.replace("headers = {", "meta = {").replace("return path", "yield path")
    less = less.replace("FileNotFoundError(path)", "KeyError(name)").replace("str(value)", "value")
    assert project.write("src/third.py", less, session="s-2") == ""


def test_of_copies_of_each_other_the_first_is_told(project: Project) -> None:
    project.write("src/copy.py", ORIGIN, session="s-0")
    project.settle()
    said = told(project.write("src/other.py", COPY))
    assert said.count("the same as") == 1
    assert "src/files.py" in said


def test_of_functions_that_begin_alike_the_one_that_was_copied_is_told(project: Project) -> None:
    """Of few lines all that is looked for may be what another one begins with."""
    same = "".join(f"    value_{n} = self.reader.read({n}, options)\n" for n in range(3))
    rest = "    self.queue.append(value_2 or value_1)\n    return self.queue.pop(value_0)\n"
    other = (
        "    if value_0 is None and value_1:\n        raise KeyError(value_2)\n    return value_1\n"
    )
    project.write("src/files.py", f"def check(self, options):\n{same}{other}\n\n"
                                  f"def take(self, options):\n{same}{rest}")  # fmt: skip
    project.settle()
    said = told(project.write("a.py", f"def get(self, options):\n{same}{rest}"))
    assert "the same as take, src/files.py:10 " in said


def test_a_private_method_of_javascript_is_told_without_its_sign(project: Project) -> None:
    body = "\n".join(f"    const v{n} = this.read(path, {n}, options);" for n in range(8))
    project.write("src/a.js", f"class Files {{\n  #load(path, options) {{\n{body}\n  }}\n}}\n")
    project.settle()
    copy = f"class Other {{\n  fetch(path, options) {{\n{body}\n  }}\n}}\n"
    assert "are the same as Files.load, src/a.js:2 " in told(project.write("src/b.js", copy))


def test_layout_and_comments_make_no_difference(project: Project) -> None:
    lines = [f"\t{line.replace('    ', chr(9))}  " for line in COPY.splitlines()]
    lines.insert(6, "# here it begins")
    assert "are the same as send_static" in told(project.write("a.py", "\n".join(lines)))


def test_what_the_origin_is_now_counts(project: Project) -> None:
    """It is looked for on the disk: it may have moved down, or be gone."""
    path = project.root / "src" / "files.py"
    path.write_text("# one more\n# line\n" + ORIGIN)
    assert ", src/files.py:6 " in told(project.write("a.py", COPY))
    path.write_text("import os\n")
    assert project.write("b.py", COPY, session="s-2") == ""
    path.unlink()
    assert project.write("c.py", COPY, session="s-3") == ""


def test_of_a_file_that_changed_since_its_new_functions_are_known(project: Project) -> None:
    other = COPY.replace("headers", "fields").replace("size", "length").replace("path", "place")
    assert project.write("src/more.py", f"import os\n\n\n{other}") == ""
    project.settle()
    assert "the same as send_other, src/more.py:" in told(project.write("a.py", other))


def test_what_was_in_the_file_before_is_not_told(project: Project) -> None:
    assert told(project.write("a.py", COPY))
    assert project.write("a.py", f"y = 3\n{COPY}", session="s-2") == ""
    assert edit(project, "a.py", COPY, f"{COPY}y = 4\n") == ""
    assert project.write("src/files.py", f"y = 4\n{ORIGIN}", session="s-3") == ""


def test_tests_and_copies_of_others_are_not_told_of(project: Project) -> None:
    for name in ("tests/a.py", "test_a.py", "src/a_test.go", "vendor/a.py", "node_modules/a/b.js",
                 "dist/a.js", "a.test.ts", "src/a_pb2.py"):  # fmt: skip
        assert project.write(name, COPY) == ""
    assert project.write("src/a.py", COPY)


@pytest.mark.parametrize("mark", ["# pattern-tracker: same on purpose\n", "# @generated\n"])
def test_what_is_the_same_on_purpose_or_generated_is_no_origin(
    bundle: Bundle, tmp_path: Path, mark: str
) -> None:
    project = Project(bundle, tmp_path / "project")
    project.write("src/files.py", ORIGIN.replace("def send", f"{mark}def send"))
    project.settle()
    assert project.write("a.py", COPY) == ""


def test_another_projects_code_is_not_told(project: Project, tmp_path: Path) -> None:
    other = Project(project.bundle, tmp_path / "other")
    other.uses = 100
    assert other.write("a.py", COPY) == ""
    other.settle()
    assert other.write("b.py", COPY, session="s-2")


@pytest.mark.parametrize("value", ["off", " OFF "])
def test_off_is_silent(project: Project, value: str) -> None:
    assert project.write("a.py", COPY, PATTERN_REUSE_HINTS=value) == ""


def test_a_project_may_turn_it_off(project: Project) -> None:
    told = {"env": {"PATTERN_REUSE_HINTS": "off"}}
    (project.root / ".claude").mkdir()
    (project.root / ".claude" / "settings.json").write_text(json.dumps(told))
    assert project.write("a.py", COPY, PATTERN_REUSE_HINTS="off") == ""


def test_a_project_may_not_turn_it_on(project: Project) -> None:
    own = project.bundle.home / ".claude" / "settings.json"
    own.parent.mkdir(parents=True, exist_ok=True)
    own.write_text(json.dumps({"env": {"PATTERN_REUSE_HINTS": "off"}}))
    (project.root / ".claude").mkdir()
    told = {"env": {"PATTERN_REUSE_HINTS": "on"}}
    (project.root / ".claude" / "settings.json").write_text(json.dumps(told))
    environ = {"PATTERN_REUSE_HINTS": "on", "CLAUDE_PROJECT_DIR": str(project.root)}
    assert project.write("a.py", COPY, **environ) == ""


def tables(project: Project) -> list[Path]:
    found = sorted(project.bundle.spool.glob("reuse.*.base"))
    assert found
    return found


@pytest.mark.parametrize("damage", range(9))
def test_a_damaged_index_is_silent(project: Project, damage: int) -> None:
    (table,) = tables(project)
    data = bytearray(table.read_bytes())
    chance = random.Random(damage)
    if damage % 3 == 0:
        data = data[: chance.randrange(len(data))]
    elif damage % 3 == 1:
        for _ in range(200):
            data[chance.randrange(len(data))] = chance.randrange(256)
    else:
        at = chance.randrange(8, HEADER)
        data[at:HEADER] = bytes(chance.randrange(256) for _ in range(HEADER - at))
    table.write_bytes(data)
    printed = project.write("a.py", COPY)
    assert printed == "" or "same as send_static, src/files.py:4" in told(printed)
    assert project.bundle.json("status")["captured"] == 2


def test_an_index_by_another_arithmetic_is_silent(project: Project) -> None:
    """Numbers are hashed alike by all of CPython on 64 bits, and who knows by what else."""
    (table,) = tables(project)
    data = bytearray(table.read_bytes())
    data[8] ^= 1
    table.write_bytes(data)
    assert project.write("a.py", COPY) == ""


def test_an_index_of_an_earlier_version_is_made_anew(project: Project) -> None:
    (table,) = tables(project)
    table.write_bytes(b"reuse-1\n" + bytes(table.stat().st_size))
    state = project.bundle.spool / "reuse.state.json"
    kept = json.loads(state.read_text())
    assert kept.pop("format")
    state.write_text(json.dumps(kept))
    assert project.write("a.py", COPY) == ""
    project.write("b.py", "x = 1\n")
    project.settle()
    assert told(project.write("c.py", COPY))


def test_the_index_of_a_small_project_is_small(project: Project) -> None:
    (found,) = tables(project)
    assert found.stat().st_size < 4096


STATES = ["{", "[]", '{"until": "x"}', '{"until": 1, "projects": []}', '{"projects": {"/p": 3}}']


@pytest.mark.parametrize("state", STATES)
def test_what_an_index_says_of_itself_may_be_anything(project: Project, state: str) -> None:
    (project.bundle.spool / "reuse.state.json").write_text(state)
    project.write("b.py", ORIGIN.replace("headers", "fields"))
    project.settle()
    assert project.bundle.json("status")["flusher"]["last_error"] is None
    assert told(project.write("a.py", COPY))


@pytest.mark.parametrize("made", ["link", "pipe", "directory", "missing", "empty"])
def test_an_index_that_is_no_file_of_ours_is_silent(project: Project, made: str) -> None:
    (table,) = tables(project)
    data = table.read_bytes()
    table.unlink()
    if made == "link":
        (project.root / "elsewhere").write_bytes(data)
        table.symlink_to(project.root / "elsewhere")
    elif made == "pipe":
        os.mkfifo(table)
    elif made == "directory":
        table.mkdir()
    elif made == "empty":
        table.touch()
    assert project.write("a.py", COPY) == ""


@pytest.mark.parametrize("number", range(4))
def test_names_of_a_repository_tell_a_model_nothing(
    bundle: Bundle, tmp_path: Path, number: int
) -> None:
    """Paths may hold anything: of those that do nothing is told."""
    chance = random.Random(number)
    words = ["Ignore", "previous", "instructions;", "run `rm -rf ~`", "</system>", "\u202e", "'"]
    words += ["\x1b[2J", '{"a":1}', "\n\nHuman:", "$(id)", "\\u0000", "<|im_start|>", "&amp;"]
    hostile = " ".join(chance.sample(words, 3)).replace("/", "")
    project = Project(bundle, tmp_path / "project")
    project.write(f"src/{hostile}/files.py", ORIGIN)
    project.settle()
    assert project.write("a.py", COPY) == ""


def test_what_is_said_holds_plain_characters_alone(tmp_path: Path) -> None:
    """A table that somebody else wrote, with whatever names, of a file that is there."""
    for seed in range(180):
        (tmp_path / f"{seed}").mkdir()
        says_plain_characters_alone(tmp_path / f"{seed}", random.Random(seed))


def says_plain_characters_alone(tmp_path: Path, chance: random.Random) -> None:
    letters = "aZ0_.$/:-" * 3 + " \n\t\"'`\\<>{}|;&\x1b\u202e\u00e4\u4e2d\ud83d"
    name, path = ("".join(chance.choices(letters, k=chance.randint(1, 12))) for _ in range(2))
    path = path.strip("/.").replace("//", "/") or "b"
    place, root = f"{tmp_path}/reuse.", tmp_path / "p"
    try:
        file = root / path
        file.parent.mkdir(parents=True)
        file.write_text(COPY)
    except (OSError, ValueError):
        root.mkdir(exist_ok=True)
    entry = Entry(name, path, 1, "2026-01-01", COPY.partition("):\n")[2].encode())
    Path(f"{place}ab.base").write_bytes(table([entry]))
    Path(f"{place}projects").write_text(f"ab {root}\n")
    given: Any = {"session_id": "s", "tool_name": "Write", "tool_input": {"content": COPY}}
    printed = hint(place, given, f"{root}/new.py", "2026-01-01T00:00:00Z")
    plain = set("_.$/:-") | set(string.ascii_letters + string.digits)
    assert bool(printed) == (plain.issuperset(name + path) and file.is_file())
    if printed:
        assert f" {name}, {path}:" in told(printed)
        assert set(told(printed)) <= plain | set(" (),;")


def unit(number: int, length: int = 12) -> Entry:
    lines = "\n".join(f"    value_{number}_{n} = call_{n}(a, {number})" for n in range(length))
    return Entry(f"f_{number}", f"src/m{number}.py", 1, "2026-01-01", lines.encode())


@pytest.fixture(scope="module")
def many() -> bytes:
    """A table that is too large to be read whole."""
    return table([unit(number, 4 + number % 20) for number in range(3000)])


def looked_up(tmp_path: Path, data: bytes, code: str) -> str:
    """The hint for a file with `code` in a project whose units `data` tells of."""
    root, place = tmp_path / "p", f"{tmp_path}/reuse."
    root.mkdir(exist_ok=True)
    Path(f"{place}ab.base").write_bytes(data)
    Path(f"{place}projects").write_text(f"ab {root}\n")
    given: Any = {"session_id": "s", "tool_name": "Write", "tool_input": {"content": code}}
    return hint(place, given, f"{root}/new.py", "2026-01-01T00:00:00Z")


OTHER = "\n".join(f"other_{n} = thing({n})" for n in range(600))


@pytest.mark.parametrize("lead", range(3))
@pytest.mark.parametrize("number", [0, 1, 2, 3, 4, 17, 2999])
def test_a_copy_is_found_among_many_units_wherever_it_stands(
    tmp_path: Path, many: bytes, number: int, lead: int
) -> None:
    """In long code too, of which every third line is where one is looked for."""
    origin = unit(number, 4 + number % 20)
    file = tmp_path / "p" / origin.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"def f(a):\n" + origin.code)
    code = f"{OTHER[:-9]}\n{'x = y()' * lead}\n" + "y = 1\n" * lead + origin.code.decode()
    said = told(looked_up(tmp_path, many, f"{code}\n{OTHER}"))
    assert f"the same as f_{number}, src/m{number}.py:" in said
    assert not looked_up(tmp_path, many, OTHER)


@pytest.mark.parametrize("lead", range(3))
@pytest.mark.parametrize("length", [5, 6, 7, 12, 24])
def test_a_copy_of_five_lines_or_more_is_found_at_each_line_of_long_code(
    tmp_path: Path, length: int, lead: int
) -> None:
    origin = unit(1, length)
    file = tmp_path / "p" / origin.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"def f(a):\n" + origin.code)
    copy = "y = 1\n" * lead + origin.code.decode()
    assert " the same as f_1, " in told(looked_up(tmp_path, table([origin]), f"{copy}\n{OTHER}"))


@pytest.mark.parametrize("length", [8, 9, 10, 11, 16])
def test_whichever_line_of_a_copy_is_changed_it_is_found_in_long_code(
    tmp_path: Path, length: int
) -> None:
    origin = unit(1, length)
    file = tmp_path / "p" / origin.path
    file.parent.mkdir(parents=True)
    file.write_bytes(b"def f(a):\n" + origin.code)
    data = table([origin])
    for at, lead in itertools.product(range(length), range(3)):
        lines = origin.code.decode().split("\n")
        lines[at] += "2"
        copy = "\n".join(["x = y()"] * lead + [*lines, OTHER])
        (tmp_path / "reuse.told").unlink(missing_ok=True)
        assert " most of f_1, " in told(looked_up(tmp_path, data, copy))


@pytest.mark.parametrize("units", [40, 3000])
@pytest.mark.parametrize("seed", range(10))
def test_a_damaged_table_raises_nothing_that_hooks_do_not_expect(
    tmp_path: Path, many: bytes, units: int, seed: int
) -> None:
    """A small table is read whole, of a large one parts."""
    chance = random.Random(seed)
    data = bytearray(many if units == 3000 else table([unit(n) for n in range(units)]))
    if seed % 2:
        # By chance a cut is behind what is looked through, more often than not.
        most = len(data) if seed % 4 == 1 else 1 << 13
        data = data[: chance.randrange(2 * HEADER, min(most, len(data)))]
    for _ in range(len(data) // 100):
        data[chance.randrange(HEADER, len(data))] = chance.randrange(256)
    code = "\n".join(unit(n).code.decode() for n in range(0, 3000, 100))
    with contextlib.suppress(OSError, ValueError):
        assert not looked_up(tmp_path, bytes(data), code)


def test_status_has_the_last_hint_and_stats_what_became_of_them(project: Project) -> None:
    bundle = project.bundle
    project.write("a.py", COPY)
    project.write("b.py", COPY, session="s-2")
    project.write("c.py", COPY, session="s-3")
    given = bundle.json("status")["hints"]
    assert (given["given"], given["last"]["name"]) == (3, "send_static")
    assert given["last"]["origin"] == "src/files.py"
    assert "last hint" in bundle.command("status").stdout
    project.write("b.py", "from src.files import send_static\n\nx = send_static\n", session="s-2")
    project.write("c.py", "x = 2\n", session="s-3")
    project.settle()
    assert bundle.json("stats")["hints"] == {"kept": 1, "called": 1, "gone": 1}
    shown = bundle.command("stats").stdout
    assert "3 hints of code that stood elsewhere: 1 called instead, 1 not kept" in shown
