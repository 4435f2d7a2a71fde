"""Read and validate spooled events, redact their secrets, and reject those of excluded files."""

import os
import time
from typing import cast

from lib.capture import shell
from lib.capture.identity import is_valid_id
from lib.flusher.obstacles import Obstacle
from lib.ledger import earlier_identity
from lib.privacy import user_rules
from lib.privacy.excluded import Judge, Verdict
from lib.privacy.redaction import redact, redact_event, withhold
from lib.spool import outbox
from lib.spool.spooled import Event
from lib.system import files, json_codec, mounts
from lib.system.aside import Away, near, shared
from lib.system.logs import log
from lib.system.places import here
from lib.system.private_file import Refused, bounded, open_regular
from lib.system.settings import Settings

# So long an event waits for the mount of its file, unless PATTERN_CACHE_MAX_AGE_DAYS is less than
# twice that: then for half of it.
PATIENCE_DAYS = 3.0
# Names of files that have nothing in common: what excludes them all excludes everything.
_PROBES = ("a file", "other.py", "third.d/of.md")


class Ignored(Exception):
    """The event's file is excluded from tracking; the text is the tally's word for it."""


class Held(Exception):
    """The disk does not tell whether the event's file is excluded; the text says why."""


class Intake:
    """Reads the spool at `directory`.

    A file that held a secret holds none after it was read. `notes_earlier`: the ledger has ids of
    an earlier version, so each event gets those of its contents. `trouble` says why the user's own
    patterns cannot be applied, "" where they can.
    """

    def __init__(self, directory: str, notes_earlier: bool = False) -> None:
        self._directory = directory
        self._notes_earlier = notes_earlier
        self._rules: list[user_rules.UserRule] = []
        self.trouble = ""
        try:
            self._rules = user_rules.load()
        except user_rules.Unusable as unusable:
            self.trouble = str(unusable)
        self._judge = Judge(near)
        settings = Settings(os.environ)
        self._own = settings.config_dir and os.path.realpath(settings.config_dir)
        self.patience_days = min(PATIENCE_DAYS, settings.max_age_days / 2)
        # By the mount or file that events wait for.
        self.obstacles: dict[str, Obstacle] = {}
        mounts.rely_on(os.path.realpath(directory))
        shared.renew()

    def read(self, name: str, recorded: bool = False) -> Event:
        """Read the event in file `name`, and redact it.

        A call of the shell is none yet, and is read as it is.
        Raises as `outbox.read` does; for one that is not yet `recorded` Ignored, Held.
        """
        event = outbox.read(self._directory, name)
        if event["event_type"] == shell.EVENT_TYPE:
            return event
        if not is_valid_id(event.get("pattern_id")):
            raise outbox.Damaged("pattern_id is not a pattern id")
        is_link = not recorded and self._follow(event)
        if self._notes_earlier and not recorded:
            earlier_identity.note(event)
        clean = self.clean(event)
        if is_link or (clean is not event and clean != event):
            self._rewrite(name, clean)
        return clean

    def is_patient(self, captured_ns: int) -> bool:
        """Check whether an event of that time may wait for the disk to answer still."""
        return time.time_ns() - captured_ns < self.patience_days * 86_400e9

    def quarantine(self, name: str, reason: str) -> None:
        """Redact file `name`, and move it into quarantine."""
        try:
            self._clean_damaged(name)
        except OSError as error:
            log(self._directory, f"{name} could not be looked at for secrets: {error}")
        outbox.quarantine(self._directory, name, reason)

    def clean(self, event: Event) -> Event:
        """Redact `event`; withhold its texts where the user's patterns cannot be applied."""
        is_fresh = not any(rule.timeouts for rule in self._rules)
        try:
            return self.redacted(event)
        except user_rules.Unusable as unusable:
            if is_fresh and not self.trouble:  # this event alone makes a pattern so
                log(self._directory, f"the code of {event['event_id']} is withheld: {unusable}")
                for rule in self._rules:
                    rule.timeouts = 0
            else:
                self.trouble = str(unusable)
            return withhold(event)

    def redacted(self, event: Event) -> Event:
        """Redact `event`. Raises Unusable."""
        return redact_event(event, self.patterns())

    def cleaned(self, text: str) -> str:
        """Redact `text`. Raises Unusable."""
        return redact(text, self.patterns())[0]

    def compared(self, text: str) -> str:
        """Redact a `text` that is compared alone, as far as the user's patterns can be applied."""
        timeouts = [rule.timeouts for rule in self._rules]
        try:
            return self.cleaned(text)
        except user_rules.Unusable:
            return redact(text)[0]
        finally:  # how slow they are `clean` finds out
            for rule, number in zip(self._rules, timeouts, strict=True):
                rule.timeouts = number

    def patterns(self) -> list[user_rules.UserRule]:
        """Return the user's own patterns. Raises Unusable."""
        if self.trouble:
            raise user_rules.Unusable(self.trouble)
        return self._rules

    def excludes_all(self, directory: str) -> bool:
        """Check whether the rules for files of a directory exclude whatever there may be.

        Raises Held where that is not to be known now.
        """
        for name in _PROBES:
            path = f"{directory}/{name}"
            probe = {"event_data": {"file_path": path}, "cwd": directory}
            try:
                self.judge(cast(Event, probe))
            except Ignored as ignored:
                if str(ignored) == "unclear":
                    raise Held(f"what {directory} excludes is unclear") from None
            else:
                return False
        return True

    def judge(self, event: Event) -> str:
        """Decide about the file of `event`, by its own name or that of a link to it: see `Judge`.

        Returns its real path, "" for none. Raises Ignored, Held.
        """
        verdict = self._verdict(event)
        if verdict["excluded"]:
            raise Ignored("unclear" if verdict["unclear"] else "ignored")
        return verdict["path"]

    def _follow(self, event: Event) -> bool:
        """Give the event's file its real path; return whether that is another."""
        path = self.judge(event)
        data = event["event_data"]
        named = data.get("file_path")
        if not isinstance(named, str) or named == path:
            return False
        data["file_path"] = path
        return True

    def _verdict(self, event: Event) -> Verdict:
        cwd = event.get("cwd")
        cwd = cwd if isinstance(cwd, str) else ""
        names = [event["event_data"].get("file_path"), event.get("named")]
        named = [name for name in names if isinstance(name, str)]
        try:
            found: Verdict = shared.ask(self._judge, "judge", named, cwd, here(), self._own)
        except Away as away:
            raise self._held(away.mount, away.why, True) from None
        except OSError as error:
            path = str(error.filename)
            mount = mounts.of(path)
            place = path if mounts.is_near(path) else mount
            raise self._held(place, str(error.strerror), place == mount) from None
        for problem in found["problems"]:
            log(self._directory, problem)
        return found

    def _held(self, place: str, why: str, is_mount: bool) -> Held:
        known = self.obstacles.get(place, Obstacle(why, is_mount, 0))
        self.obstacles[place] = known._replace(events=known.events + 1)
        return Held(f"{place} {why}")

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
        lines = text.replace("\\n", "\n")
        try:
            clean, names = redact(lines, self.patterns())
        except user_rules.Unusable:  # it leaves this disk by way of `read` alone
            clean, names = redact(lines)
        if names:
            data = clean.replace("\n", "\\n").encode("utf-8", "surrogateescape")
            files.replace(path, data, sync=True, mtime_ns=captured_ns)
