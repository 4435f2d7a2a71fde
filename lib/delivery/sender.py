"""Send the requests of one service from a thread of its own, so that a slow one holds up nobody."""

import time
from _queue import SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from lib.delivery.answers import Answer, Verdict
from lib.delivery.approval import Destination
from lib.delivery.parcels import Request

if TYPE_CHECKING:
    from lib.delivery.http import Service

# At the end of a run a thread without a request in flight is gone in a moment, in seconds.
END_SECONDS = 1.0
# A request has a deadline of its own, but not while a name is looked up, or a command asked for the
# token. After so many seconds no answer is waited for.
LATE_SECONDS = 24.0
LATE = "no answer came in time"
# What came of a request: an answer for each body, or why there is none.
Found = list[Answer] | Exception


class Sender:
    """Sends one request at a time to `destination`.

    `owner` and what came of a request are put into `results`, for whoever drives the delivery.
    The first request connects: it asks for the token, which may take a command its time.
    """

    def __init__(
        self, destination: Destination, owner: Any, results: "SimpleQueue[tuple[Any, Found]]"
    ) -> None:
        self._destination = destination
        self._owner = owner
        self._results = results
        self._requests: SimpleQueue[Request | None] = SimpleQueue()
        self._service: Service | None = None
        self._asked, self._size = 0.0, 0
        # A daemon: the process does not wait for an answer that nobody will read.
        self._thread = Thread(target=self._work, daemon=True)
        self._thread.start()

    def ask(self, request: Request) -> None:
        """Let `request` be sent."""
        self._asked, self._size = time.monotonic(), len(request.bodies)
        self._requests.put(request)

    def unanswered(self, late: bool) -> list[Answer]:
        """Answer the last request in the place of the service; nothing for one not yet `late`."""
        if late and time.monotonic() - self._asked < LATE_SECONDS:
            return []
        return [Answer(Verdict.UNKNOWN, LATE)] * self._size

    def end(self, wait: bool) -> None:
        """Close the connection, and with `wait` see that it is closed."""
        self._requests.put(None)
        if wait:
            self._thread.join(END_SECONDS)

    def _work(self) -> None:
        while (request := self._requests.get()) is not None:
            self._results.put((self._owner, self._send(request)))
        if self._service is not None:
            self._service.close()

    def _send(self, request: Request) -> Found:
        """Send a request; Refused, ImportError and whatever else was raised is what came of it."""
        try:
            if self._service is None:
                from lib.delivery.http import Service  # its packages take a while to load

                self._service = Service(self._destination.url, self._destination.bearer())
            return self._service.send(*request)
        except Exception as error:
            return error
