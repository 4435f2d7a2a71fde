"""What the PostToolUse hook does, written with the imports that come to mind first.

The comparison in `benchmarks.hook`: it parses, hashes and writes durably, and starts nothing.
"""

import hashlib
import json
import logging
import os
import re
import subprocess  # noqa: F401 - to start a flusher with
import sys
import tempfile
import uuid
from datetime import datetime, timezone
from pathlib import Path

logging.basicConfig(stream=sys.stderr, level=logging.ERROR)


def main() -> None:
    """Capture the payload on standard input."""
    payload = json.load(sys.stdin)
    given = payload["tool_input"]
    code = given["content"] if "content" in given else given["new_string"]
    lines = [line.rstrip() for line in code.splitlines()]
    kept = [line for line in lines if line and not re.match(r"\s*#", line)]
    digest = hashlib.sha256("\n".join(kept).encode()).hexdigest()[:16]
    event = {
        "event_id": str(uuid.uuid4()),
        "timestamp": datetime.now(timezone.utc).isoformat(),
        "pattern_id": f"python-code-{digest}",
        "event_data": {"code": code, "file_path": given["file_path"]},
    }
    spool = Path(os.environ["PATTERN_CACHE_DIR"])
    spool.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile("w", dir=spool, delete=False) as file:
        json.dump(event, file)
        file.flush()
        os.fsync(file.fileno())
    Path(file.name).rename(spool / f"usual_{event['event_id']}.json")


main()
