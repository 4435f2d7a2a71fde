"""Check that the hooks ran in each session: its transcript tells what it edited."""

import time
from contextlib import closing
from datetime import datetime, timezone

from lib.commands.common import printable
from lib.commands.doctor_checks.finding import OK, UNKNOWN, WARNING, Finding, Site
from lib.commands.reading import has_ledger, read_ledger
from lib.flusher.importing import NEW, Chosen, Importer
from lib.ledger.history import History
from lib.ledger.moments import READ
from lib.system.settings import Settings
from lib.transcripts.past import Past, sessions

# How far back is looked, and at how much: the newest sessions, bytes of their transcripts.
DAYS, MOST_SESSIONS, MOST_BYTES = 7, 40, 64 * 1024 * 1024
SHOWN, ID_DIGITS = 3, 8
_FIX = (
    "pattern-tracker import records them; --safe-mode, --bare, --restricted, --setting-sources "
    "and --settings start sessions without these hooks, and one that was killed loses its last edit"
)


def unrecorded(site: Site) -> Finding:
    """Check whether sessions edited files without a hook that captured it."""
    since = _first_capture(site.directory)
    if not since:
        return Finding(UNKNOWN, "never observed: nothing was captured yet")
    if site.facts["pending"]:
        return Finding(UNKNOWN, "events wait to be recorded")
    ago = datetime.fromtimestamp(max(0.0, time.time() - DAYS * 86_400), timezone.utc)
    since = max(since, ago.isoformat(timespec="microseconds"))
    settings = Settings(site.environ)
    found = {one.session_id: _count(site, settings, one, since) for one in _newest(settings, since)}
    odd = {session: count for session, count in found.items() if count}
    if not odd:
        return Finding(OK, "no edit was missed in the transcripts that are there")
    told = [f"{printable(session[:ID_DIGITS])} ({count})" for session, count in odd.items()]
    more = f" and {len(told) - SHOWN} more" if len(told) > SHOWN else ""
    text = f"edits that were not captured, by session: {', '.join(told[:SHOWN])}{more}"
    return Finding(WARNING, text, _FIX)


def _newest(settings: Settings, since: str) -> list[Past]:
    """List the sessions to look at, those that were written to last first."""
    changed = datetime.fromisoformat(since).timestamp()
    past = sessions(settings.config_dir, changed) if settings.config_dir else []
    left, chosen = MOST_BYTES, []
    for one in past[: -MOST_SESSIONS - 1 : -1]:
        left -= one.size
        if left >= 0:
            chosen.append(one)
    return chosen


def _count(site: Site, settings: Settings, past: Past, since: str) -> int:
    """Count the events of a session since then that are not recorded."""
    importer = Importer(site.directory, settings)
    importer.count_past([past], Chosen(since), lambda step, part: None)
    return importer.counts[NEW]


def _first_capture(directory: str) -> str:
    """Return when the first event was captured by a hook, "" for never."""
    if not directory or not has_ledger(directory):
        return ""
    query = (
        "SELECT timestamp FROM events WHERE NOT implied AND boot IS NOT ? AND boot NOT NULL "
        "ORDER BY seq LIMIT 1"
    )
    with closing(read_ledger(History, directory)) as history:
        found = history.rows(query, (READ,))
    return str(found[0][0]) if found else ""
