"""The page as its users have it: served by a process of its own."""

import http.client
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from tests.support.bundle import ROOT

START = "import sys; sys.path.insert(0, sys.argv.pop(1)); from lib.commands.cli import main; main()"


class Served:
    """A running `pattern-tracker serve` over a spool; `url` is the first line that it prints."""

    def __init__(
        self, spool: Path, *options: str, command: list[str] | None = None, **environ: str
    ) -> None:
        own = [sys.executable, "-I", "-c", START, str(ROOT)]
        self.process = subprocess.Popen(
            [*(command or own), "serve", *options],
            env={
                "HOME": str(spool.parent), "PATH": os.environ["PATH"],
                "PATTERN_CACHE_DIR": str(spool), **environ,
            },
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.place = urlsplit(self.url)

    def connect(self) -> http.client.HTTPConnection:
        return http.client.HTTPConnection(self.place.netloc, timeout=20)

    def cookie(self) -> dict[str, str]:
        with closing(self.connect()) as connection:
            connection.request("GET", f"{self.place.path}?{self.place.query}")
            answer = connection.getresponse()
            assert answer.status == 200
            return {"Cookie": (answer.headers["set-cookie"] or "").partition(";")[0]}

    def get(self, view: str, cookie: dict[str, str]) -> tuple[int, str]:
        with closing(self.connect()) as connection:
            connection.request("GET", f"{self.place.path}{view}", headers=cookie)
            answer = connection.getresponse()
            return answer.status, answer.read().decode()


@contextmanager
def served(
    spool: Path, *options: str, command: list[str] | None = None, **environ: str
) -> Iterator[Served]:
    made = Served(spool, *options, command=command, **environ)
    try:
        yield made
    finally:
        made.process.terminate()
        made.process.communicate(timeout=20)
