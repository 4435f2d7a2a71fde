"""No process of ours leaves a torn .pyc, whatever the disk does."""

import json
import marshal
import os
import resource
import subprocess
import sys
from importlib.util import cache_from_source
from pathlib import Path

import pytest

from lib.system import bytecode
from tests.support.bundle import INTERPRETER, Bundle, payload, wait_for
from tests.support.copies import bundle_at, rewrite
from tests.support.forms import few

SMALL = 2000


def limit() -> None:
    """What a full disk does to a file: so many bytes fit, and no more."""
    import signal

    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (SMALL, SMALL))


@pytest.fixture
def fresh(bundle: Bundle, tmp_path: Path) -> Bundle:
    """A bundle that was never run."""
    bundle.root = bundle_at(tmp_path / "bundle", ("lib", "hooks", "bin"), compiled=False)
    return bundle


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="only 3.10 to 3.13 were looked at")
def test_python_itself_leaves_torn_files(fresh: Bundle) -> None:
    run = f"import sys; sys.path.insert(0, {str(fresh.root)!r}); import lib.capture.payload"
    subprocess.run([INTERPRETER, "-I", "-c", run], preexec_fn=limit, check=False)
    torn = [path for path in fresh.root.rglob("*.pyc") if path.stat().st_size == SMALL]
    done = subprocess.run([INTERPRETER, "-I", "-c", run], capture_output=True, check=False)
    # Where the cut falls, and so what Python says, depends on the length of the path inside.
    assert torn
    assert done.returncode
    assert b"_compile_bytecode" in done.stderr


COMMANDS = {
    "post": [INTERPRETER, "-I", "-S", "{}/hooks/post_tool_use.py"],
    "pre": [INTERPRETER, "-I", "-S", "{}/hooks/pre_tool_use.py"],
    "command line": ["{}/bin/pattern-tracker", "status"],
    "statusline": [INTERPRETER, "-I", "-S", "{}/bin/statusline"],
}


@pytest.mark.parametrize("command", few(COMMANDS, 2))
def test_no_process_of_ours_does(fresh: Bundle, command: list[str]) -> None:
    subprocess.run(
        [word.format(fresh.root) for word in command],
        input=json.dumps(payload("01-write-create-js-marker.post")).encode(),
        env=fresh.environ, preexec_fn=limit, check=False, capture_output=True,
    )  # fmt: skip
    wait_for(fresh.is_at_rest)
    for path in fresh.root.rglob("*.pyc"):
        marshal.loads(path.read_bytes()[16:])
    fresh.post(payload("02-write-create-py-marker.post"))
    fresh.wait_delivered()
    assert fresh.log()


def test_the_first_flusher_compiles_what_is_loaded_from_then_on(fresh: Bundle) -> None:
    assert not list(fresh.root.rglob("*.pyc"))
    fresh.post(payload("01-write-create-js-marker.post"))
    fresh.wait_delivered()
    made = {path.name for path in (fresh.root / "lib").rglob("__pycache__/*")}
    assert Path(bytecode.image_path(str(fresh.root))).name in made
    sources = {path.stem for path in (fresh.root / "lib").rglob("*.py")}
    assert sources <= {name.partition(".")[0] for name in made}


def test_what_we_compile_is_what_python_takes(fresh: Bundle) -> None:
    bytecode.compile_all(str(fresh.root))
    run = (
        f"import sys; sys.path.insert(0, {str(fresh.root)!r}); import lib.commands.cli as c\n"
        "print(c.__cached__)"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-v", "-c", run], capture_output=True, text=True, check=True
    )
    assert f"{done.stdout.strip()} matches" in done.stderr.replace("'", "")
    assert "wrote" not in done.stderr
    before = {path: path.stat().st_ino for path in fresh.root.rglob("*.pyc")}
    bytecode.compile_all(str(fresh.root))
    assert {path: path.stat().st_ino for path in fresh.root.rglob("*.pyc")} == before


def test_what_is_read_meanwhile_is_not_written_over(fresh: Bundle) -> None:
    bytecode.compile_all(str(fresh.root))
    source = fresh.root / "lib" / "capture" / "event.py"
    compiled = Path(cache_from_source(str(source)))
    with compiled.open("rb") as file:
        rewrite(source, source.read_text() + "\nx = 1\n")
        bytecode.compile_all(str(fresh.root))
        assert file.read() != compiled.read_bytes()
        file.seek(0)
        marshal.loads(file.read()[16:])
        assert os.fstat(file.fileno()).st_ino != compiled.stat().st_ino
