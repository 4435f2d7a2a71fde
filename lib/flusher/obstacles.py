"""Remember from run to run which mounts do not answer, and how many events wait for each."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from lib.system.aside import shared
from lib.system.state import State, StateFile
from lib.system.timestamps import timestamp

SECTION = "mounts"


class Obstacle(NamedTuple):
    """Why events wait: for a mount, or at a file that cannot be read; and how many."""

    why: str
    is_mount: bool
    events: int


@contextmanager
def watched(state: StateFile) -> Iterator[None]:
    """Know what hung in earlier runs; in the end, leave behind what hangs."""
    if known := state.section(SECTION):
        shared.recall(known)
    try:
        yield
    finally:
        shared.close()


def note(state: StateFile, met: dict[str, Obstacle]) -> None:
    """Store what this run `met`, by the mount or file. Raises OSError."""
    earlier = state.section(SECTION)
    found: dict[str, Any] = shared.notes()
    for place, obstacle in met.items():
        found[place] = {**found.get(place, {}), **obstacle._asdict()}
    for place, told in found.items():
        before = earlier.get(place)
        before = before if isinstance(before, dict) else {}
        told["since"] = before.get("since") or timestamp(time.time_ns())

    def change(section: State) -> None:
        section.clear()
        section.update(found)

    if found != earlier:
        state.update(SECTION, change)
