"""Asks pip-audit whether a pinned dependency has a known weakness; exits 1 if one has.

Where the service that knows cannot be reached, it says so and exits 0: that is no finding.
"""

import json
import subprocess
import sys

COMMAND = [
    sys.executable, "-m", "pip_audit", "--requirement", "requirements.lock",
    "--disable-pip", "--require-hashes", "--progress-spinner", "off", "--format", "json",
]  # fmt: skip


def main() -> int:
    """Run pip-audit, print a line for each dependency that is bad or unknown; the exit code."""
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False)
    try:
        dependencies = json.loads(done.stdout)["dependencies"]
    except (ValueError, KeyError):
        lines = done.stderr.strip().splitlines() or [f"exit code {done.returncode}"]
        print(f"not audited: {lines[-1]}")
        return 0
    unknown = [found["name"] for found in dependencies if "skip_reason" in found]
    weak = [found for found in dependencies if found.get("vulns")]
    for found in weak:
        names = ", ".join(vulnerability["id"] for vulnerability in found["vulns"])
        print(f"{found['name']} {found['version']}: {names}")
    clean = len(dependencies) - len(unknown) - len(weak)
    print(f"{clean} without a known weakness, {len(weak)} with, {len(unknown)} not audited")
    return 1 if weak else 0


if __name__ == "__main__":
    sys.exit(main())
