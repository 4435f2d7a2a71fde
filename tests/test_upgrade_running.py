"""A hook of version 0.1.0 that runs while the bundle is replaced finds what it asks for."""

import subprocess
import sys
from pathlib import Path

from lib.flusher import hook_image
from tests.support.bundle import INTERPRETER, ROOT, Bundle

# What the hook script of that version did, from the image on.
BEFORE = """
import marshal, posix, sys
root = {root!r}
image = posix.open(f"{{root}}/lib/__pycache__/hook-{{sys.hexversion:x}}.image", 0)
starter, modules = marshal.loads(posix.read(image, 1 << 20))
exec(starter)
from lib.hook import post_tool_use
post_tool_use(root)
"""


def test_its_hook_commits_through_the_image_of_this_version(bundle: Bundle) -> None:
    hook_image.ensure(str(ROOT))
    event = Path(ROOT / "tests/payloads/01-write-create-js-marker.post.json").read_bytes()
    subprocess.run(
        [INTERPRETER, "-I", "-S", "-c", BEFORE.format(root=str(ROOT))],
        input=event, env=bundle.environ, check=True,
    )  # fmt: skip
    bundle.wait_delivered()
    assert len(bundle.log()) == 1


def test_its_hook_starts_the_flusher_of_this_version(bundle: Bundle) -> None:
    bundle.spool.mkdir(parents=True, mode=0o700)
    start = (
        "import sys;sys.path.insert(0,sys.argv[1]);import lib.flusher as f;f.main(*sys.argv[2:])"
    )
    subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", start, str(ROOT), str(bundle.spool), ""],
        env=bundle.environ, check=True,
    )  # fmt: skip
    assert (bundle.spool / "ledger.db").exists()
