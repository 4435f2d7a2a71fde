"""Read and validate spooled events, redact their secrets, and reject those of excluded files."""

import os

from lib.capture import shell
from lib.capture.identity import is_valid_id
from lib.ledger import earlier_identity
from lib.privacy import user_rules
from lib.privacy.excluded import is_private
from lib.privacy.ignore import Ignores
from lib.privacy.redaction import redact, redact_event
from lib.spool import outbox
from lib.spool.spooled import Event
from lib.system import files, json_codec
from lib.system.logs import log
from lib.system.places import here, real
from lib.system.private_file import Refused, bounded, open_regular
from lib.system.settings import Settings


class Ignored(Exception):
    """The event's file is excluded from tracking."""


class Intake:
    """Reads the spool at `directory`. Raises user_rules.Unusable where nothing may be read.

    A file that held a secret holds none after it was read. `notes_earlier`: the ledger has ids of
    an earlier version, so each event gets those of its contents.
    """

    def __init__(self, directory: str, notes_earlier: bool = False) -> None:
        self._directory = directory
        self._notes_earlier = notes_earlier
        self._rules = user_rules.load()
        self._ignores = Ignores()
        self._config_dir = real(Settings(os.environ).config_dir)
        # Where working directories lead: there are few.
        self._places: dict[str, str] = {}

    def read(self, name: str, recorded: bool = False) -> Event:
        """Read the event in file `name`, and redact it.

        A call of the shell is none yet, and is read as it is.
        Raises as `outbox.read` does, Unusable, and for one that is not yet `recorded` Ignored.
        """
        event = outbox.read(self._directory, name)
        if event["event_type"] == shell.EVENT_TYPE:
            return event
        if not is_valid_id(event.get("pattern_id")):
            raise outbox.Damaged("pattern_id is not a pattern id")
        leads = {} if recorded else _leads(event)
        if self._is_excluded(event, leads):
            raise Ignored(name)
        is_link = _follow(event, leads)
        if self._notes_earlier and not recorded:
            earlier_identity.note(event)
        clean = self.clean(event)
        if clean is not event or is_link:
            self._rewrite(name, clean)
        return clean

    def quarantine(self, name: str, reason: str) -> None:
        """Redact file `name`, and move it into quarantine."""
        try:
            self._clean_damaged(name)
        except OSError as error:
            log(self._directory, f"{name} could not be looked at for secrets: {error}")
        outbox.quarantine(self._directory, name, reason)

    def clean(self, event: Event) -> Event:
        """Redact `event`. Raises Unusable."""
        return redact_event(event, self._rules)

    def is_ignored(self, event: Event) -> bool:
        """Check whether the file of `event` is excluded, by its own name or that of a link to it.

        A .patternignore excludes it, or it is private.
        """
        return self._is_excluded(event, _leads(event))

    def _is_excluded(self, event: Event, leads: dict[str, str]) -> bool:
        cwd = _cwd(event)
        if cwd not in self._places:
            self._places[cwd] = real(cwd)
        seen = [(name, cwd) for name in leads]
        seen += [(place, self._places[cwd]) for place in leads.values()]
        found = any(is_private(*lead, self._config_dir) for lead in leads.items()) or any(
            self._ignores.excludes(*place) for place in dict.fromkeys(seen)
        )
        while self._ignores.problems:
            log(self._directory, self._ignores.problems.pop())
        return found

    def _rewrite(self, name: str, clean: Event) -> None:
        path = f"{self._directory}/{name}"
        try:
            captured_ns = os.lstat(path).st_mtime_ns
            data = json_codec.dumps(clean).encode()
            files.replace(path, data, sync=True, mtime_ns=captured_ns)
        except FileNotFoundError:
            pass
        except OSError as error:
            log(self._directory, f"{name} could not be written without its secrets: {error}")

    def _clean_damaged(self, name: str) -> None:
        """Redact a file that may be anything; most hold what was to be JSON."""
        path = f"{self._directory}/{name}"
        captured_ns = os.lstat(path).st_mtime_ns
        try:
            with open_regular(path) as file:
                text = bounded(file, outbox.MAX_FILE_BYTES).decode("utf-8", "surrogateescape")
        except Refused:
            return
        clean, names = redact(text.replace("\\n", "\n"), self._rules)
        if names:
            data = clean.replace("\n", "\\n").encode("utf-8", "surrogateescape")
            files.replace(path, data, sync=True, mtime_ns=captured_ns)


def _cwd(event: Event) -> str:
    cwd = event.get("cwd")
    return cwd if isinstance(cwd, str) else ""


def _leads(event: Event) -> dict[str, str]:
    """Find where the names of the event's file lead."""
    names = [event["event_data"].get("file_path"), event.get("named")]
    named = [name for name in names if name and isinstance(name, str)]
    return {name: real(os.path.join(here(), _cwd(event), name)) for name in named}


def _follow(event: Event, leads: dict[str, str]) -> bool:
    """Resolve the links in the path of the event's file; return whether that changed it."""
    named = event["event_data"].get("file_path")
    if not isinstance(named, str) or not named.startswith("/") or leads.get(named, named) == named:
        return False
    event["event_data"]["file_path"] = leads[named]
    return True
