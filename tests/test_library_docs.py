"""Every example in docs/library.md runs and prints what the document says."""

import re
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

from lib.spool import wake
from tests.support.bundle import PAYLOADS, ROOT, Bundle

DOCUMENT = ROOT / "docs" / "library.md"
_BLOCK = re.compile(r"^```(\w+)(?: stdin=(\S+))?\n(.*?)^```$", re.M | re.S)


class Example(NamedTuple):
    """A program in the document, what it reads, and what it is said to print."""

    code: str
    stdin: bytes
    printed: str


def examples() -> dict[str, Example]:
    """The examples by the heading they stand under."""
    text = DOCUMENT.read_text()
    blocks = list(_BLOCK.finditer(text))
    found = {}
    for block, following in zip(blocks, [*blocks[1:], None], strict=True):
        if block[1] != "python":
            continue
        heading = text[: block.start()].rpartition("\n## ")[2].partition("\n")[0]
        data = (PAYLOADS / block[2]).read_bytes() if block[2] else b""
        says = following[3] if following and following[1] == "text" else ""
        assert heading not in found
        found[heading] = Example(block[3], data, says)
    return found


EXAMPLES = examples()


def test_each_section_has_its_example() -> None:
    assert len(EXAMPLES) == DOCUMENT.read_text().count("\n## ") == 10


@pytest.mark.parametrize("example", EXAMPLES.values(), ids=EXAMPLES.keys())
def test_an_example_does_what_it_says(bundle: Bundle, tmp_path: Path, example: Example) -> None:
    script = tmp_path / "example.py"
    script.write_text(example.code)
    done = subprocess.run(
        [sys.executable, str(script)],
        env={**bundle.environ, "PYTHONPATH": str(ROOT)}, cwd=tmp_path,
        input=example.stdin, capture_output=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert done.stdout.decode() == example.printed


def test_the_hook_leaves_an_event(bundle: Bundle, tmp_path: Path) -> None:
    example = EXAMPLES["A hook that never stands in the way"]
    test_an_example_does_what_it_says(bundle, tmp_path, example)
    bundle.command("sync")
    assert [event["pattern_name"] for event in bundle.log()]
    assert not wake.is_running(str(bundle.spool))
