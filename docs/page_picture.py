"""Takes docs/page.png: a file with its reasons, as the page shows it in a browser.

    .venv/bin/python docs/page_picture.py [FILE]

It needs what `.ci/browser` fetches. The edits go through the code of the hooks and the flusher.
"""

import sys
import tempfile
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from lib.ledger.store import FILE_NAME  # noqa: E402
from tests.support import browser, revised  # noqa: E402
from tests.support.outpost import Outpost  # noqa: E402
from tests.support.served import served  # noqa: E402

SIZE = {"width": 1000, "height": 900}
FIRST = '''"""Send requests again that failed."""

import time

DELAYS = [1,2,4]


def send(request, connect):
    for delay in DELAYS:
        answer = connect(request)
        if answer.ok:
            return answer
        time.sleep(delay)
    raise OSError(answer.reason)
'''
TIDY = FIRST.replace("[1,2,4]", "[1, 2, 4]")
FAULT = TIDY.replace(
    "        time.sleep(delay)\n",
    "        if 400 <= answer.status < 500:\n            break  # it is our fault, and stays so\n"
    "        time.sleep(delay)\n",
)
BY_HAND = FAULT.replace("import time\n", "import time  # TODO: let tests pass a clock\n")
JITTER = BY_HAND.replace("import time ", "import random\nimport time ").replace(
    "time.sleep(delay)", "time.sleep(delay * random.uniform(0.5, 1.5))"
)
PROMPTS = [
    ("p1", "s1", "Send requests again that failed, up to three times, waiting longer each time"),
    ("p2", "s1", "A bad request stays one. Do not send it again"),
    ("p3", "s2", "All our machines retry in the same second: spread them"),
]
STEPS = ((FIRST, None, 0), (FAULT, TIDY, 1), (JITTER, BY_HAND, 2))


def main() -> None:
    """Take the picture."""
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / "docs" / "page.png"
    if browser.missing():
        sys.exit(browser.missing())
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch).resolve()
        path, outpost = f"{home}/app/src/retry.py", Outpost(home / "spool")
        for code, before, number in STEPS:
            prompt, session, _ = PROMPTS[number]
            told = {"prompt_id": prompt, "session_id": session, "tool_use_id": prompt}
            outpost.write(path, code, before, **told)
        outpost.flush()
        revised.add_prompts(outpost.directory / FILE_NAME, PROMPTS, "claude-opus-4-5")
        with served(outpost.directory) as server, browser.browser() as chromium:
            page = chromium.new_page(viewport=SIZE)
            page.goto(server.url)
            page.locator("h1").wait_for()
            page.goto(f"{server.url.partition('?')[0]}file?path={quote(path)}")
            page.locator(".block").first.wait_for()
            page.screenshot(path=str(target))


if __name__ == "__main__":
    main()
