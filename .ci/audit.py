"""Asks pip-audit whether a pinned dependency has a known weakness; exits 1 if one has.

Where the service that knows cannot be reached, it says so, and whether each pin is the newest
release that requirements.txt allows, and exits 0: that is no finding.
"""

import json
import re
import subprocess
import sys
import tempfile
from pathlib import Path

COMMAND = [
    sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock",
    "--requirement", "requirements-team.lock",
    "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json",
]  # fmt: skip


def main() -> int:
    """Run pip-audit, print a line for each dependency that is bad or unknown; the exit code."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        print(f"not audited: {lines[-1]}; {_newest()}")
        return 0
    unknown = [found["name"] for found in dependencies if "skip_reason" in found]
    weak = [found for found in dependencies if found.get("vulns")]
    for found in weak:
        names = ", ".join(vulnerability["id"] for vulnerability in found["vulns"])
        print(f"{found['name']} {found['version']}: {names}")
    clean = len(dependencies) - len(unknown) - len(weak)
    more = f"; {_newest()}" if unknown else ""
    print(f"{clean} without a known weakness, {len(weak)} with, {len(unknown)} not audited{more}")
    return 1 if weak else 0


def _newest() -> str:
    """Whether there is a newer release of a pinned package, in a few words."""
    with tempfile.TemporaryDirectory() as scratch:
        made = Path(scratch, "lock")
        done = subprocess.run([".ci/lock", "--upgrade", "-o", str(made)], check=False)
        if done.returncode or not made.exists():
            return "what is newest cannot be told"
        older = _pins(Path("requirements.lock")) - _pins(made)
    return f"not the newest: {', '.join(sorted(older))}" if older else "each is the newest allowed"


def _pins(lock: Path) -> set[str]:
    return set(re.findall(r"^([a-z][\w.-]*==[^ ;]+)", lock.read_text(), re.MULTILINE))


if __name__ == "__main__":
    sys.exit(main())
