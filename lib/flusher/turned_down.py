"""Find what people turned down for sessions whose hooks can no longer say so.

A hook gets the variables of its session. Of a session that is over, or whose hook was over its
time, the settings tell that are there now: the user's own, and those of the project around the
session's directory.
"""

import os

from lib.system import origins
from lib.system.aside import Away, Touch, near, shared
from lib.system.places import Places

ENABLED, CONTENT, PROMPTS = list(origins.DOWN)[:3]
_MOST_KNOWN = 1000


class Choices:
    """Reads settings. Calls `touch` as `Places` does, and raises what it does; or OSError."""

    def __init__(self, touch: Touch) -> None:
        self._disk = Places(touch)

    def turned_down(self, config_dir: str, directory: str) -> list[str]:
        """Return the variables that turn tracking down in `directory`, sorted."""
        files = [f"{config_dir}/settings.json"] if config_dir else []
        above = self._disk.real(directory)
        while above.startswith("/") and "\0" not in above:
            files += [f"{above.rstrip('/')}/{name}" for name in origins.SETTINGS]
            above = os.path.dirname(above) if above != "/" else ""
        return sorted(set().union(*(self._in(path) for path in files)))

    def _in(self, path: str) -> set[str]:
        found = self._disk.real(path)
        return origins.turned_down_in(found) if self._disk.exists(found) else set()


_CHOICES = Choices(near)


class TurnedDown:
    """What is turned down, by the user whose client's directory is `config_dir`, or by projects."""

    def __init__(self, config_dir: str) -> None:
        self._config_dir = config_dir
        self._known: dict[str, frozenset[str]] = {}

    def where(self, directory: object) -> frozenset[str]:
        """Return what is turned down for a session in `directory`: ENABLED, CONTENT, PROMPTS.

        All of them where the disk does not answer: it may be that nothing was to be kept.
        """
        place = directory if isinstance(directory, str) else ""
        if place not in self._known:
            try:
                found = shared.ask(_CHOICES, "turned_down", self._config_dir, place)
            except (OSError, Away):
                return frozenset(origins.DOWN)
            if len(self._known) >= _MOST_KNOWN:
                self._known.clear()
            self._known[place] = frozenset(found)
        return self._known[place]
