"""Say which events are asked for, in SQL that has an index for each way to ask."""

from typing import NamedTuple

from lib.ledger.text import storable

_HOUR, _RARE = "substr(timestamp, 1, 13)", "event_type != 'pattern_modified'"


class Filter(NamedTuple):
    """A filter of events; "", () and 0 do not restrict it.

    Each of `files` is an absolute path, of a file or of a directory above it, or a path's last
    components; `session` is the beginning of a session's id; `since` and `until` are ISO 8601 in
    UTC, as the ledger's own times.
    """

    files: tuple[str, ...] = ()
    session: str = ""
    event_type: str = ""
    since: str = ""
    until: str = ""
    after_seq: int = 0

    def condition(self) -> tuple[str, list[object]]:
        """Write the filter as an SQL condition with its parameters."""
        terms: list[str] = ["seq > ?"]
        values: list[object] = [self.after_seq]
        if self.files:
            one = "path = ? OR path LIKE ? ESCAPE '!' OR path LIKE ? ESCAPE '!'"
            paths = " OR ".join([one] * len(self.files))
            terms.append(f"file_path IN (SELECT path FROM files WHERE {paths})")
        for file in map(storable, self.files):
            path = escaped(file.rstrip("/"))
            values += [file, f"%/{path.lstrip('/')}", f"{path}/%"]
        if self.session:
            session = storable(self.session)
            terms.append("session_id >= ? AND session_id < ?")
            values += [session, after(session)]
        if self.event_type:
            # The index of the rarer types asks for the second.
            terms.append(f"event_type = ?{f' AND {_RARE}' * self._is_rare()}")
            values.append(self.event_type)
        # The index has the hours, so only rows of the first and the last hour are looked at.
        for sign, time in ((">", self.since), ("<", self.until)):
            if time:
                terms.append(f"{_HOUR} {sign}= ? AND ({_HOUR} {sign} ? OR timestamp {sign}= ?)")
                values += [time[:13], time[:13], time]
        return " AND ".join(terms), values

    def _is_rare(self) -> bool:
        return self.event_type not in ("", "pattern_modified")

    def by_index(self) -> str:
        """Name the index of events that finds the fewest: of a file, a session, a type, a time."""
        for given, index in (
            (self.files, "events_by_file"),
            (self.session, "events_by_session"),
            (self._is_rare(), "events_by_type"),
            (self.since or self.until, "events_by_hour"),
        ):
            if given:
                return f"INDEXED BY {index}"
        return "NOT INDEXED"


ALL = Filter()


def escaped(text: str) -> str:
    """Escape `text` for an SQL LIKE pattern whose escape character is "!"."""
    return text.replace("!", "!!").replace("%", "!%").replace("_", "!_")


def after(prefix: str) -> str | bytes:
    """Return what SQLite orders right after all texts that begin with `prefix`."""
    prefix = prefix.rstrip(chr(0x10FFFF))
    if not prefix:
        return b""  # bytes come after texts
    last = ord(prefix[-1])
    # No surrogate is stored.
    return prefix[:-1] + chr(0xE000 if last == 0xD7FF else last + 1)
