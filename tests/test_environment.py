"""The environment: made whole, or a line that says why not, and nothing left."""

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from lib.system import environment, packages
from lib.system.environment import BuildError
from lib.units import grammars
from tests.support.bundle import INTERPRETER, ROOT, seed

LOCK = str(ROOT / "requirements.lock")


def test_the_packages_are_those_that_are_asked_for() -> None:
    lines = (ROOT / "requirements.txt").read_text().splitlines()
    asked = [line.partition(">")[0].replace("-", "_") for line in lines]
    assert [name for name in asked if "sitter" not in name] == [*packages.NAMES, *packages.PAGE]
    assert {name for name in asked if "sitter" in name} == {"tree_sitter", *grammars.MODULES}
    assert packages.missing() == []


def python(path: Path, text: str) -> str:
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return str(path)


# As Debian's Python says it where python3-venv is not installed.
DEBIAN = """cat <<'TEXT'
The virtual environment was not created successfully because ensurepip is not
available.  On Debian/Ubuntu systems, you need to install the python3-venv
package using the following command.

    apt install python3.11-venv

Failing command: /nowhere/bin/python3
TEXT
exit 1"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (DEBIAN, "ensurepip is missing .on Debian and Ubuntu: apt install python3-venv."),
        ("echo no space left; exit 1", "-m venv failed: no space left"),
        ("exit 7", "-m venv failed: exit code 7"),
    ],
)
def test_a_python_that_makes_no_environment(tmp_path: Path, text: str, said: str) -> None:
    made = tmp_path / "made"
    with pytest.raises(BuildError, match=said) as error:
        environment.build(str(made), LOCK, python(tmp_path / "python", text))
    assert "\n" not in str(error.value)
    assert not made.exists()


def test_an_environment_is_for_one_python_and_one_lock(tmp_path: Path) -> None:
    seed(tmp_path)
    made, other = str(tmp_path / ".venv"), tmp_path / "other.lock"
    shutil.copy(LOCK, other)
    assert environment.is_complete(made, LOCK)
    assert environment.is_complete(made, str(other))
    other.write_text(other.read_text() + "#\n")
    assert not environment.is_complete(made, str(other))
    mark = tmp_path / ".venv" / environment.MARK
    (pinned,) = mark.read_text().split("\0")[1:]
    mark.unlink()
    mark.write_text(f"3.9\0{pinned}")
    assert not environment.is_complete(made, LOCK)
    assert environment.is_complete(made, LOCK, any_python=True)
    (tmp_path / ".venv" / "bin" / "python").unlink()
    assert not environment.is_complete(made, LOCK, any_python=True)


def test_a_copy_works_and_shares_its_files(tmp_path: Path) -> None:
    seed(tmp_path)
    said: list[str] = []
    made = tmp_path / "made"
    environment.build(str(made), LOCK, INTERPRETER, str(tmp_path / ".venv"), said.append)
    assert said == ["copying the environment"]
    marks = [place / environment.MARK for place in (made, tmp_path / ".venv")]
    assert marks[0].stat().st_mtime_ns == marks[1].stat().st_mtime_ns
    assert environment.works(str(made))
    assert environment.is_complete(str(made), LOCK)


def test_a_copy_is_for_the_python_that_it_is_made_for(tmp_path: Path) -> None:
    """Which may be the next patch version: that uses the same packages."""
    seed(tmp_path)
    earlier, made = tmp_path / ".venv", tmp_path / "made"
    (earlier / environment.MARK).unlink()
    (earlier / environment.MARK).write_text(environment._signature(LOCK).replace("3.", "3.0.", 1))
    before = (earlier / "pyvenv.cfg").read_text(), (earlier / environment.MARK).read_text()
    assert not environment.is_complete(str(earlier), LOCK)
    binary = tmp_path / "usr" / "bin" / os.path.basename(INTERPRETER)
    binary.parent.mkdir(parents=True)
    binary.symlink_to(INTERPRETER)
    said: list[str] = []
    environment.build(str(made), LOCK, str(binary), str(earlier), said.append)
    assert said == ["copying the environment"]
    assert os.readlink(made / "bin" / binary.name) == str(binary)
    assert f"home = {binary.parent}\n" in (made / "pyvenv.cfg").read_text()
    assert environment.is_complete(str(made), LOCK)
    assert environment.works(str(made))
    after = (earlier / "pyvenv.cfg").read_text(), (earlier / environment.MARK).read_text()
    assert before == after


def test_what_does_not_work_is_not_copied(tmp_path: Path) -> None:
    seed(tmp_path)
    shutil.rmtree(next((tmp_path / ".venv" / "lib").glob("python*/site-packages/orjson")))
    made = tmp_path / "made"
    with pytest.raises(BuildError):
        environment.build(str(made), LOCK, python(tmp_path / "python", "exit 1"),
                          str(tmp_path / ".venv"))  # fmt: skip
    assert not made.exists()


def test_no_variable_makes_pip_install_something_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PIP_REQUIREMENT", "/repository/evil.txt")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/repository/pip.conf")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    show = [sys.executable, "-c", "import os; print(*sorted(n for n in os.environ if 'PIP' in n))"]
    naive = subprocess.run(show, capture_output=True, text=True, check=True)
    assert "PIP_REQUIREMENT" in naive.stdout
    lines: list[str] = []
    assert environment._run(show, lines.append) == []
    assert "PIP_INDEX_URL" in lines[0]
    assert "PIP_REQUIREMENT" not in lines[0]
    assert "PIP_CONFIG_FILE" not in lines[0]


def wheels(directory: Path, more: tuple[str, ...] = ()) -> str:
    """Make a wheel of an empty module for each of our packages; the path of a lock of them."""
    lines = []
    for name in (*packages.NAMES, *more):
        path = directory / f"{name}-1.0-py3-none-any.whl"
        with zipfile.ZipFile(path, "w") as wheel:
            files = {
                f"{name}.py": "",
                f"{name}-1.0.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\n"
                "Version: 1.0\n",
                f"{name}-1.0.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\n"
                "Tag: py3-none-any\n",
                f"{name}-1.0.dist-info/RECORD": "",
            }
            for file, text in files.items():
                wheel.writestr(file, text)
        lines.append(f"{name}==1.0 --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n")
    (directory / "lock").write_text("".join(lines))
    return str(directory / "lock")


@pytest.mark.parametrize(
    "section",
    [
        "[install]\ntarget = {}/elsewhere",
        "[global]\nno-binary = :all:\n[install]\nroot = {}/elsewhere\nrequire-virtualenv = 1",
    ],
)
@pytest.mark.long
def test_of_a_configuration_of_pip_only_the_index_counts(
    tmp_path: Path, section: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where to get packages is the user's to say, and where to put them ours."""
    lock = wheels(tmp_path)
    config = tmp_path / "home" / ".config" / "pip" / "pip.conf"
    config.parent.mkdir(parents=True)
    where = f"[global]\nno-index = true\nfind-links = {tmp_path}\n"
    text = section.format(tmp_path)
    head, _, rest = text.partition("\n")
    config.write_text(f"{where}{rest}\n" if head == "[global]" else f"{where}{text}\n")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in [name for name in os.environ if name.startswith(("PIP_", "XDG_"))]:
        monkeypatch.delenv(name)
    made = tmp_path / "made"
    environment.build(str(made), lock, INTERPRETER)
    assert environment.works(str(made))
    assert not (tmp_path / "elsewhere").exists()
    assert not (tmp_path / "home" / ".local").exists()


@pytest.mark.long
def test_a_grammar_that_has_no_wheel_here_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is built of sources: who installs may have no compiler."""
    lock = Path(wheels(tmp_path, ("tree_sitter_one", "tree_sitter_two")))
    text = lock.read_text().replace("tree_sitter_", "tree-sitter-")
    # A package that is pinned for several versions of Python is one for this one.
    text = text.replace("regex==1.0 ", "regex==1.0 ; python_version >= '3' ")
    text += f"regex==2.0 ; python_version < '3' --hash=sha256:{'0' * 64}\n"
    lock.write_text(text + f"tree-sitter-three==1.0 \\\n    --hash=sha256:{'0' * 64}\n")
    with tarfile.open(tmp_path / "tree_sitter_three-1.0.tar.gz", "w:gz"):
        pass
    monkeypatch.setenv("PIP_NO_INDEX", "true")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    made = tmp_path / "made"
    environment.build(str(made), str(lock), INTERPRETER)
    assert environment.works(str(made))
    there = {path.stem for path in Path(packages.place(str(made))).rglob("tree_sitter_*.py")}
    assert there == {"tree_sitter_one", "tree_sitter_two"}
    assert environment.is_complete(str(made), str(lock))
    assert not list(made.glob("*.lock"))
    (tmp_path / "regex-1.0-py3-none-any.whl").unlink()
    with pytest.raises(BuildError, match="regex"):
        environment.build(str(tmp_path / "other"), str(lock), INTERPRETER)
