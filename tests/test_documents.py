"""What the documents say of the repository is so."""

import re
from pathlib import Path

import pytest

from tests.support.bundle import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]
LONGEST_README = 6 * 1024


def test_the_readme_is_read_in_two_minutes() -> None:
    assert len((ROOT / "README.md").read_bytes()) <= LONGEST_README


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_somewhere(document: Path) -> None:
    links = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_files_that_are_named_exist(document: Path) -> None:
    named = re.findall(
        r"`((?:lib|tests|docs|benchmarks|bin|hooks|\.ci)/[\w./-]+)`", document.read_text()
    )
    assert [name for name in named if not (ROOT / name).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_that_are_named_exist(document: Path) -> None:
    sources = {path.name: path.read_text() for path in ROOT.glob("tests/test_*.py")}
    named = re.findall(r"(test_\w+\.py)(?:::(test_\w+))?", document.read_text())
    missing = [f"{file}::{test}" for file, test in named if test not in sources.get(file, "")]
    assert missing == []
