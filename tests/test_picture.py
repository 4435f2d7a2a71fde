"""The picture in the README is what the commands print."""

import os
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

from tests.support.bundle import ROOT
from tests.support.terminals import open_terminal


def words(picture: Path) -> list[str]:
    """The text of a picture, without numbers, which depend on the day."""
    text = "".join(ElementTree.fromstring(picture.read_text()).itertext())
    return re.findall("[a-z_]{3,}", text.replace("\xa0", " "))


def test_the_picture_shows_what_the_commands_print(tmp_path: Path) -> None:
    for end in open_terminal():  # or the test is skipped
        os.close(end)
    made = tmp_path / "terminal.svg"
    subprocess.run([sys.executable, ROOT / "docs" / "picture.py", made], check=True)
    kept = ROOT / "docs" / "terminal.svg"
    assert {"tracking", "captured", "modified", "retry", "typescript"} <= set(words(made))
    assert words(made) == words(kept)
    # It asks no other host for anything: a comment and a namespace are all that name one.
    assert not re.search(r"@import|@font-face|url\(['\"]?http|href", kept.read_text())
