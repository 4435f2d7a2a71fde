"""A real browser, as `.ci/browser` brings it, driven by Playwright."""

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from tests.support.bundle import ROOT

PLACE = ROOT / ".cache" / "browser"
PACKAGES = PLACE / "python-{}.{}".format(*sys.version_info)
AXE = PLACE / "axe" / "node_modules" / "axe-core" / "axe.min.js"
OWN = PLACE / "root" / "usr"
NAMES = ("chromium", "chromium-browser", "google-chrome")


def missing() -> str:
    """Name what is not there, "" if all is."""
    for name, place in (("playwright", PACKAGES / "playwright"), ("axe-core", AXE)):
        if not place.exists():
            return f"{name} is not there: .ci/browser fetches it"
    return "" if _program() else "there is no Chromium: .ci/browser fetches it"


def _program() -> str:
    own = OWN / "lib" / "chromium" / "chromium"
    return str(own) if own.exists() else next(filter(None, map(shutil.which, NAMES)), "")


@contextmanager
def browser() -> Iterator[Any]:
    """A browser without a window; it ends with the block."""
    sys.path.append(str(PACKAGES))
    libraries = [str(path) for path in OWN.glob("lib/*-linux-gnu")]
    libraries += [f"{path}/pulseaudio" for path in libraries]
    environ = {**os.environ, "LD_LIBRARY_PATH": ":".join(libraries)} if libraries else os.environ
    try:
        with import_module("playwright.sync_api").sync_playwright() as driver:
            made = driver.chromium.launch(
                executable_path=_program(), args=["--no-sandbox"], env=dict(environ)
            )
            yield made
            made.close()
    finally:
        sys.path.remove(str(PACKAGES))


def complaints(page: Any) -> list[str]:
    """What axe-core finds serious or critical on a page."""
    page.evaluate(AXE.read_text())
    found = page.evaluate("axe.run()")["violations"]
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
