"""The pinned dependencies are those that are asked for, each with its hashes."""

import re

import pytest
from packaging.requirements import Requirement

from tests.support.bundle import ROOT

_PIN = re.compile(
    r"^([\w.-]+)==([\w.]+)(?: ; [^\\\n]*)? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}.*\n)+)", re.M
)


@pytest.mark.parametrize("name", ["requirements", "requirements-team"])
def test_every_dependency_is_pinned_with_hashes(name: str) -> None:
    lock = (ROOT / f"{name}.lock").read_text()
    pins: dict[str, list[str]] = {}
    for package, version, _ in _PIN.findall(lock):
        pins.setdefault(package, []).append(version)
    assert sum(map(len, pins.values())) == len(re.findall(r"^[\w.-]+==", lock, re.M))
    for line in (ROOT / f"{name}.txt").read_text().split():
        wanted = Requirement(line)
        assert pins[wanted.name]
        assert all(version in wanted.specifier for version in pins[wanted.name])
