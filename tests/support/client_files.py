"""Clients of any version, as npm and the native installer leave them: files, not to be run."""

import json
from pathlib import Path

from tests.support.programs import program


def npm_client(place: Path, version: str) -> Path:
    """Put npm's client there; the directory that PATH is to name. `ran` is there once it ran."""
    package = place / "lib" / "node_modules" / "@anthropic-ai" / "claude-code"
    program(package / "cli.js", place / "ran")
    told = {"name": "@anthropic-ai/claude-code", "version": version}
    (package / "package.json").write_text(json.dumps(told))
    return linked(place, package / "cli.js")


def native_client(place: Path, version: str) -> Path:
    """Put the native installer's client there, in the same way."""
    file = place / ".local" / "share" / "claude" / "versions" / version
    return linked(place, program(file, place / "ran"))


def linked(place: Path, file: Path) -> Path:
    """Name a program `claude`, by a link that replaces the one before."""
    (place / "bin").mkdir(exist_ok=True)
    link = place / "bin" / "claude"
    link.unlink(missing_ok=True)
    link.symlink_to(file)
    return link.parent
