"""Follow the transcripts of sessions whose events wait to be joined with their prompts.

An event waits for none of it: it is recorded, sent and acknowledged. A transcript is read after
that, from where it was left, and what it does not tell yet a later run finds. Nothing of it is
stored that did not go through the redaction, or where the project excludes all of its files.
"""

import time
from collections.abc import Callable
from contextlib import suppress
from functools import cached_property
from typing import TYPE_CHECKING, Any

from lib.flusher.intake import Held, Intake
from lib.ledger.joining import Followed, Found, Joining
from lib.ledger.store import Ledger
from lib.ledger.wanted import CALL
from lib.privacy import user_rules
from lib.system.aside import Away, near, shared
from lib.system.settings import Settings
from lib.transcripts.news import Desk, Left, News

if TYPE_CHECKING:
    from lib.flusher.recovery import Recovery

Recover = Callable[[list[dict[str, Any]], bool], None]
TakeBack = Callable[[list[Any]], None]
# What one pass takes at most, of all transcripts: bytes beyond which no more is begun, seconds.
MOST_BYTES, MOST_SECONDS = 64 * 1024 * 1024, 1.0
# In how many seconds the same session is looked at again for what it took back and asked nothing.
STANDING_SECONDS = 10.0
_DESK = Desk(near)


class Following:
    """The transcripts that a flusher follows. For the holder of its lock."""

    def __init__(self, directory: str, settings: Settings) -> None:
        self._directory, self._settings = directory, settings
        # There was more to read than one pass may.
        self._is_behind = False
        # How those are that did not tell everything yet.
        self._seen: dict[str, tuple[str, int]] = {}
        # When each was looked at for what was taken back in it, and nothing was asked since.
        self._looked: dict[str, float] = {}

    @cached_property
    def _recovery(self) -> "Recovery":
        from lib.flusher.recovery import Recovery

        return Recovery(self._directory, self._settings)

    def join(self, ledger: Ledger, intake: Intake) -> None:
        """Read what is new in the followed transcripts into the ledger. Raises sqlite3.Error."""
        joining = Joining(ledger.connection)
        self._is_behind, self._seen = False, {}
        if intake.trouble:  # what is said there is there later
            return

        def recover(payloads: list[dict[str, Any]], keeps: bool) -> None:
            self._recovery.take(payloads, ledger, keeps)

        def take_back(undone: list[Any]) -> None:
            from lib.transcripts.undone import Undone

            self._recovery.take_back((Undone(*one) for one in undone), ledger, intake.redacted)

        work = _Pass(joining, intake, recover, take_back)
        looked: set[str] = set()
        for one in joining.told():
            self._look(work, joining, one)
        self._seen = {}
        # Again, for what one tells may be wanted of others then.
        while todo := [one for one in joining.followed() if one.path not in looked]:
            for one in todo:
                looked.add(one.path)
                self._look(work, joining, one)
        self._is_behind = work.is_over
        left = {one.path for one in joining.followed()}
        self._seen = {path: state for path, state in self._seen.items() if path in left}

    def _look(self, work: "_Pass", joining: Joining, one: Followed) -> None:
        try:
            self._seen[one.path] = _state(one.path)
            left = work.read(one, self._seen[one.path])
            now = time.monotonic()
            if now - self._looked.get(one.path, -STANDING_SECONDS) >= STANDING_SECONDS:
                self._looked[one.path] = now
                work.look_back(left)
        except FileNotFoundError:
            if not one.is_expected:
                joining.forget(one.path)
        except (OSError, ValueError, Away, Held, user_rules.Unusable):
            pass  # a later run tries again

    def has_news(self) -> bool:
        """Check whether there is more to read of transcripts that did not tell everything."""
        if self._is_behind:
            return True
        for path, seen in self._seen.items():
            with suppress(OSError, ValueError, Away):
                if _state(path) != seen:
                    return True
        return False


class _Pass:
    """One pass over the followed transcripts; `is_over` when it has taken what it may."""

    def __init__(
        self, joining: Joining, intake: Intake, recover: Recover, take_back: TakeBack
    ) -> None:
        self.is_over = False
        self._joining = joining
        self._intake = intake
        self._recover = recover
        self._take_back = take_back
        self._left = MOST_BYTES
        self._until = time.monotonic() + MOST_SECONDS

    def look_back(self, one: Followed) -> None:
        """Find what was taken back after the last prompt of a session. Raises as `read` does."""
        if one.path.endswith(f"/{one.session_id}.jsonl"):
            found = shared.ask(_DESK, "standing", one.path, one.session_id, one.memory)
            if found:
                self._take_back(found)

    def read(self, one: Followed, state: tuple[str, int]) -> Followed:
        """Read a transcript on, to its end or that of the pass; return where it was left.

        Raises OSError, ValueError, Away; Held and Unusable where nothing may be stored yet.
        """
        if state == (one.file, one.offset):
            return one
        more = True
        while more:
            if self._left <= 0 or time.monotonic() >= self._until:
                self.is_over = True
                return one
            news = shared.ask(_DESK, "read", one.path, one.session_id, *one[4:])
            if news is None:
                self._joining.forget(one.path)
                return one
            one, more = self._note(one, news), news["more"]
        self._look_elsewhere(one)
        return one

    def _look_elsewhere(self, one: Followed) -> None:
        """Want the calls that a session's transcript does not tell of those of its agents."""
        calls = [word for word in self._joining.lacks(one.path) if word.startswith(CALL)]
        if calls and one.path.endswith(f"/{one.session_id}.jsonl"):
            for path in shared.ask(_DESK, "agents", one.path):
                self._joining.want(path, one, calls)

    def _note(self, one: Followed, news: News) -> Followed:
        left = Left(*news["left"])
        start = one.offset if left.file == one.file else 0
        self._left -= left.offset - start
        keeps = one.keeps and not any(map(self._intake.excludes_all, news["places"]))
        found = Found.of(news["prompts"], news["calls"], news["session"])
        one = Followed(*one[:3], keeps, *left)
        if news["cancelled"]:
            asked = one.path, one.session_id, start, left.offset
            self._recover(shared.ask(_DESK, "missed", *asked), keeps)
        if news["rewound"]:
            asked = one.path, one.session_id, start, left.offset
            self._take_back(shared.ask(_DESK, "undone", *asked))
        self._joining.note(one, found.cleaned(self._intake.cleaned, keeps))
        return one


def _state(path: str) -> tuple[str, int]:
    file, size = shared.ask(_DESK, "state", path)
    return str(file), int(size)
