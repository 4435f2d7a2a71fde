"""A spool with a service to deliver to: what tests of delivery commit, flush and compare."""

from pathlib import Path
from typing import Any

from lib.capture.payload import capture
from lib.delivery.service_state import EARLIER, state_of, urls
from lib.flusher.process import Flusher
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from lib.ledger.ways import EDGES
from lib.spool import inbox, outbox
from lib.system import state
from lib.system.settings import Settings
from tests.support.bundle import write_payload
from tests.support.service_double import Key, ServiceDouble


class Outpost:
    """A spool in `directory` whose events are for `server`."""

    def __init__(self, directory: Path, server: ServiceDouble | None = None, **environ: str):
        self.directory = directory
        self.server = server
        url = {"INTELLIGENCE_SERVICE_URL": server.url} if server else {}
        self.environ = {"HOME": "/nowhere", **url, **environ}
        self._captured = 0
        # After so many a run leaves what it has begun, and sends it again later.
        self.seconds = 5.0

    def write(
        self,
        path: str,
        code: str,
        before: str | None = None,
        service_url: str | None = None,
        **changes: Any,
    ) -> str:
        """Commit the event of a Write; the name of its file.

        `service_url`: what was decided at its capture; None: nothing, as by earlier versions.
        """
        self._captured += 1
        data = {**write_payload(path, code, f"use-{self._captured}", before), **changes}
        # Later than any test, earlier than the oldest that is dropped.
        import time

        captured_ns = time.time_ns() - 3600 * 10**9 + self._captured * 10**6
        event = capture(data, captured_ns)
        if service_url is not None:
            event["service_url"] = service_url
        assert inbox.commit(str(self.directory), event, captured_ns)
        return inbox.name_of(event)

    def later(self, seconds: int) -> None:
        """Let so much time pass before the next event."""
        self._captured += seconds * 1000

    def story(self, length: int = 6) -> list[str]:
        """Commit a file that is made and changed, and others that apply and mark it."""
        code = ["def f():\n    return 0\n"]
        names = [self.write("/p/a.py", code[0])]
        for step in range(1, length):
            code.append(f"def f():\n    return {step}\n")
            names.append(self.write("/p/a.py", code[-1], code[-2]))
        names.append(self.write("/p/copy.py", code[-1]))
        names.append(self.write("/p/marked.py", "# pattern-id: retry-1\nx = 1\n"))
        names.append(self.write("/p/old.py", "y = 2\n", "y = 1\n"))
        return names

    def flush(self, **environ: str) -> bool:
        """Run the flusher in this process, as `sync` does; whether nothing is left."""
        settings = Settings({**self.environ, **environ})
        return Flusher(str(self.directory), settings).run_once(self.seconds)

    def run(self, **environ: str) -> Flusher:
        """Run the flusher in this process, as a hook's wake does, without its lingering."""
        flusher = Flusher(str(self.directory), Settings({**self.environ, **environ}))
        flusher._hold(5.0, flusher._drain)
        return flusher

    def flush_until_done(self, tries: int = 10) -> int:
        """Flush again and again; how many runs it took until nothing was left."""
        for attempt in range(1, tries + 1):
            if self.flush():
                return attempt
        raise AssertionError(f"still waiting: {self.pending()}, {self.section('delivery')}")

    def pending(self) -> list[str]:
        return [item.name for item in outbox.pending(str(self.directory))]

    def quarantined(self) -> list[str]:
        return outbox.quarantined_names(str(self.directory))

    def section(self, name: str, url: str = "") -> dict[str, Any]:
        """What is kept of the service at `url`, else of the outpost's, else of the only one."""
        file = state.StateFile(f"{self.directory}/{state.FILE_NAME}")
        if name not in EARLIER:
            return file.section(name)
        known = urls(file)
        own = self.server.url if self.server else ""
        found = url or (own if own in known or not known else known[-1])
        return state_of(file, found).section(name)

    def ledger(self) -> History:
        return History(f"{self.directory}/{FILE_NAME}")

    def recorded(self) -> int:
        """How many captured events the ledger holds."""
        ledger = self.ledger()
        query = "SELECT count(*) FROM events WHERE implied = 0"
        (found,) = ledger._db.execute(query).fetchone()
        ledger.close()
        return int(found)

    def edges(self) -> set[tuple[str, str, str]]:
        """What the ledger knows to have come from what: (parent, child, type)."""
        ledger = self.ledger()
        rows = ledger._db.execute(f"SELECT parent_id, child_id, edge_type FROM {EDGES}").fetchall()
        ledger.close()
        return {tuple(row) for row in rows}

    def assert_same_lineage(self) -> None:
        """The service knows the patterns and edges of the ledger, and no others."""
        assert self.server is not None
        found = {(e.parent.pattern_id, e.child.pattern_id, e.edge_type) for e in self.server.edges}
        assert found == self.edges()
        ledger = self.ledger()
        assert {Key(pattern_id, "1.0.0") for pattern_id in ledger.ids_beginning("", -1)} == set(
            self.server.nodes
        )
        ledger.close()
