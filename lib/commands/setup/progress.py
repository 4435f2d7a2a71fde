"""Print the installer's progress: a line a step, with the seconds that it took."""

import sys
import time
from types import TracebackType

from lib.commands.common import printable

WIDTH = 60


class Steps:
    """Prints each step at its end; on a terminal also what the present one is doing."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._text = ""
        self._started = 0.0
        self._notes = ""

    def __enter__(self) -> "Steps":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._end(failed=error is not None)

    def begin(self, text: str) -> None:
        """Begin a step; "step: detail" is a detail of the present step if that has this name."""
        step, _, detail = text.partition(": ")
        if self._text and step == self._text.partition(": ")[0]:
            self._show(f"{step}: {printable(detail)}")
            return
        self._end()
        self._text, self._started = text, time.monotonic()
        self._show(text)

    def note(self, text: str) -> None:
        """Set the lines to print below the present step."""
        self._notes = text

    def _show(self, text: str) -> None:
        if self._is_terminal:
            print(f"\r\033[K  {text[:WIDTH]} ...", end="", flush=True)

    def _end(self, failed: bool = False) -> None:
        if not self._text:
            return
        took = f"{time.monotonic() - self._started:.0f} s"
        start = "\r\033[K" if self._is_terminal else ""
        print(f"{start}  {self._text:<{WIDTH}} {'failed' if failed else took}", flush=True)
        for line in self._notes.splitlines():
            print(f"    {line}")
        self._text = self._notes = ""
