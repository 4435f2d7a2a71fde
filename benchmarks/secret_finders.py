"""gitleaks and detect-secrets on texts, as yardsticks; each is left out where it is not found.

`GITLEAKS` names the program, `DETECT_SECRETS` a Python that has the package `detect-secrets`.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

_DETECT = """
import json, sys
from detect_secrets.core.scan import scan_file
from detect_secrets.settings import default_settings
found = {}
with default_settings():
    for path in sys.stdin.read().split("\\n"):
        found[path] = [secret.secret_value or "" for secret in scan_file(path)]
json.dump(found, sys.stdout)
"""


def gitleaks(texts: Sequence[tuple[str, str]]) -> list[str] | None:
    """Each of `texts`, which have the extension of a file, less what gitleaks finds in it."""
    program = shutil.which(os.environ.get("GITLEAKS", "gitleaks"))
    if not program:
        return None
    with tempfile.TemporaryDirectory() as directory:
        paths = _written(texts, Path(directory) / "texts")
        report = Path(directory, "report.json")
        command = [program, "dir", "--no-banner", "--exit-code=0", "--log-level=error"]
        command += [f"--report-path={report}", str(paths[0].parent)]
        subprocess.run(command, check=True, capture_output=True)
        found: dict[str, list[str]] = {}
        for finding in json.loads(report.read_text()):
            found.setdefault(finding["File"], []).append(finding["Secret"])
    return _without(texts, [found.get(str(path), []) for path in paths])


def detect_secrets(texts: Sequence[tuple[str, str]]) -> list[str] | None:
    """Each of `texts` less what detect-secrets finds in it with its default plugins."""
    interpreter = os.environ.get("DETECT_SECRETS", "")
    if not interpreter:
        return None
    with tempfile.TemporaryDirectory() as directory:
        paths = _written(texts, Path(directory))
        run = subprocess.run(
            [interpreter, "-c", _DETECT],
            input="\n".join(map(str, paths)),
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(run.stdout)
    return _without(texts, [found[str(path)] for path in paths])


def _written(texts: Sequence[tuple[str, str]], directory: Path) -> list[Path]:
    directory.mkdir(exist_ok=True)
    paths = [directory / f"{number}.{extension}" for number, (extension, _) in enumerate(texts)]
    for path, (_, text) in zip(paths, texts, strict=True):
        path.write_text(text)
    return paths


def _without(texts: Sequence[tuple[str, str]], found: Sequence[list[str]]) -> list[str]:
    left = []
    for (_, text), secrets in zip(texts, found, strict=True):
        rest = text
        for secret in sorted(filter(None, secrets), key=len, reverse=True):
            rest = rest.replace(secret, "")
        left.append(rest)
    return left
