"""Programs that tell whether anybody ran them."""

from pathlib import Path


def program(path: Path, ran: Path) -> Path:
    """Make a program that leaves a line in the file `ran` when it is run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\necho run >>'{ran}'\n")
    path.chmod(0o755)
    return path
