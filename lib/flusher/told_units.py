"""Tell a service which functions, methods and classes the code of an event has."""

import time
from typing import Any, cast

from lib.capture import identity
from lib.capture.languages import language_of
from lib.spool.spooled import Event
from lib.units.grammars import language_at
from lib.units.last_parsed import LastParsed

# What is parsed just now.
LAST_PARSED = "flusher.told"
# So many of one event. So many seconds of a run, or this part of its processor time, may be spent
# on it, unless another part is given: of a long backlog the rest goes without.
MOST = 100
SECONDS, PART = 1.0, 0.2


class ToldUnits:
    """Adds `units` to what events tell of their code, as long as that takes little of a run.

    For the holder of the lock of the spool at `directory`.
    """

    def __init__(self, directory: str, part: float = PART) -> None:
        self._directory = directory
        self._part = part
        self._last: LastParsed | None = None
        self._spent = 0.0

    def close(self) -> None:
        """Note that nothing is parsed any more."""
        if self._last:
            self._last.close()
        self._last = None

    def added(self, event: Event) -> Event:
        """Return `event` with the units of its code, if it has any and there is time."""
        began = time.process_time()
        data = event["event_data"]
        details, path = data.get("pattern_data"), data.get("file_path")
        code = details.get("code") if isinstance(details, dict) else None
        if not isinstance(code, str) or not isinstance(path, str) or not isinstance(details, dict):
            return event
        if not language_at(path) or self._spent > SECONDS + self._part * began:
            return event
        self._last = self._last or LastParsed(f"{self._directory}/{LAST_PARSED}")
        units = _units(code, path, self._last)
        self._spent += time.process_time() - began
        if not units:
            return event
        told = {**event, "event_data": {**data, "pattern_data": {**details, "units": units}}}
        return cast(Event, told)


def _units(code: str, path: str, last: LastParsed) -> list[dict[str, Any]]:
    from lib.units.bounded import read

    data, language = code.encode("utf-8", "surrogatepass"), language_of(path)
    found = []
    # What each contains is not asked for: its id says that.
    for unit, *_ in read(code, language_at(path), _All(), last).units[:MOST]:
        text = data[unit.start : unit.end].decode("utf-8", "surrogatepass")
        normalised = identity.normalise(text, language)
        found.append(
            {
                "pattern_id": identity.pattern_id(normalised, language, unit.kind),
                "pattern_type": unit.kind,
                "qualified_name": unit.qualified_name,
                "start_line": unit.start_line,
                "end_line": unit.end_line,
            }
        )
    return found


class _All(frozenset[str]):
    """Every digest there is."""

    def __contains__(self, digest: object) -> bool:
        return True
