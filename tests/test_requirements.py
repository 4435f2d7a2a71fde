"""The pinned dependencies are those that are asked for, each with its hashes."""

import re

from packaging.requirements import Requirement

from tests.support.bundle import ROOT

_PIN = re.compile(
    r"^([\w.-]+)==([\w.]+)(?: ; [^\\\n]*)? \\\n((?: {4}--hash=sha256:[0-9a-f]{64}.*\n)+)", re.M
)


def test_every_dependency_is_pinned_with_hashes() -> None:
    lock = (ROOT / "requirements.lock").read_text()
    pins: dict[str, list[str]] = {}
    for name, version, _ in _PIN.findall(lock):
        pins.setdefault(name, []).append(version)
    assert sum(map(len, pins.values())) == lock.count("==") - lock.count("_version ==")
    for line in (ROOT / "requirements.txt").read_text().split():
        wanted = Requirement(line)
        assert pins[wanted.name]
        assert all(version in wanted.specifier for version in pins[wanted.name])
