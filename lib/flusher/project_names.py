"""Tell a service which project the file of an event is in, and where in it."""

import os
from collections.abc import Callable, Mapping

from lib.ledger.projects import checkout_of
from lib.ledger.prompts import session as session_of
from lib.ledger.store import Ledger
from lib.privacy.user_rules import Unusable
from lib.spool.spooled import Event
from lib.system import remotes

# In characters.
MOST = 255


class ProjectNames:
    """Names the projects of recorded files; asks the disk once for each repository.

    Args:
        ledger: where the files were recorded.
        clean: takes secrets out of a text, and may raise Unusable.

    Methods may raise sqlite3.Error.
    """

    def __init__(self, ledger: Ledger, clean: Callable[[str], str]) -> None:
        self._ledger = ledger
        self._clean = clean
        self._names: dict[str, str] = {}

    def told(self, event: Event) -> Mapping[str, str]:
        """Return `project` and `path` of the event's file; nothing of what is in no project.

        Outside of any repository the project is the directory that the session is in.
        """
        path = event["event_data"].get("file_path")
        if not isinstance(path, str) or not path:
            return {}
        found = checkout_of(self._ledger.connection, path)
        if found is None:
            return {}
        if found.root:
            return self._worded(found.repository, found.root, path)
        cwd = self._directory(event)
        return self._worded("", cwd, path) if cwd else {}

    def _worded(self, repository: str, root: str, path: str) -> Mapping[str, str]:
        place = repository or root
        name = self._names.get(place)
        if name is None:
            found = remotes.project_of(repository) if repository else os.path.basename(root)
            if found is None:  # its disk may answer for the next event
                return {}
            name = self._names[place] = self._cleaned(found)
        inside = path.startswith(f"{root}/")
        return {"project": name, "path": path[len(root) + 1 :]} if name and inside else {}

    def _cleaned(self, name: str) -> str:
        try:
            return self._clean(name)[:MOST]
        except Unusable:
            return ""

    def _directory(self, event: Event) -> str:
        """Return the directory of the event's session, "" where nobody told it."""
        cwd = event.get("cwd")
        if isinstance(cwd, str):
            return cwd.rstrip("/")
        details = event["event_data"].get("pattern_data")
        session = details.get("session_id") if isinstance(details, dict) else ""
        known = session_of(self._ledger, session) if isinstance(session, str) else None
        return (known.cwd or "").rstrip("/") if known else ""
