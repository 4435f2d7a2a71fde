"""Git, as somebody who has told it a name."""

import subprocess
from pathlib import Path


def git(where: Path, *arguments: str) -> None:
    """Run git in a directory."""
    who = ("-c", "user.name=A", "-c", "user.email=a@example.org")
    subprocess.run(["git", *who, *arguments], cwd=where, check=True, capture_output=True)
