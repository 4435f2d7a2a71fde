"""Which client there is, is told by where its files lie, and nobody runs it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.registration import client_version
from tests.support.bundle import brought
from tests.support.client_files import linked, native_client, npm_client
from tests.support.programs import program


def found(monkeypatch: pytest.MonkeyPatch, directory: Path) -> tuple[int, ...]:
    monkeypatch.setenv("PATH", str(directory))
    return client_version.version()


@pytest.mark.parametrize("put", [npm_client, native_client])
@pytest.mark.parametrize(
    ("version", "known", "tells"),
    [
        ("2.0.60", (2, 0, 60), True), ("2.1.0", (2, 1, 0), True), ("10.0.0", (10, 0, 0), True),
        ("2.0.59", (2, 0, 59), False), ("1.0.100", (1, 0, 100), False),
        ("2.1", (), False), ("2.1.0-beta.1", (), False), ("next", (), False),
    ],
)  # fmt: skip
def test_each_layout_tells_the_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, put: Callable[[Path, str], Path],
    version: str, known: tuple[int, ...], tells: bool,
) -> None:  # fmt: skip
    assert found(monkeypatch, put(tmp_path, version)) == known
    assert client_version.tells_of_failures() is tells
    assert not (tmp_path / "ran").exists()


def test_the_real_client_is_known(monkeypatch: pytest.MonkeyPatch, each_client: Path) -> None:
    version = found(monkeypatch, brought(each_client).parent)
    assert version >= (2, 1, 197)
    assert client_version.tells_of_failures()


def test_a_program_of_another_place_is_of_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A version manager's shim, or a script of the user's own."""
    assert found(monkeypatch, tmp_path) == ()
    assert found(monkeypatch, linked(tmp_path, program(tmp_path / "2.1.0", tmp_path / "ran"))) == ()


@pytest.mark.parametrize(
    "make",
    [
        os.unlink,
        lambda path: Path(path).write_text("{"),
        lambda path: Path(path).write_text('{"version": 2}'),
        lambda path: Path(path).write_text("[" * 50_000),
        lambda path: Path(path).write_text(" " * 100_000 + '{"version": "2.1.0"}'),
        lambda path: [make(path) for make in (os.unlink, os.mkfifo)],
    ],
    ids=["none", "torn", "a number", "deep", "long", "a pipe"],
)
def test_a_package_that_cannot_be_read_is_of_no_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, make: Callable[[str], object]
) -> None:
    directory = npm_client(tmp_path, "2.1.0")
    (package,) = tmp_path.rglob("package.json")
    make(str(package))
    assert found(monkeypatch, directory) == ()
