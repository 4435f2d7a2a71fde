"""A loopback port with a thread for each connection, that can refuse and accept again."""

import socket
import threading
from collections.abc import Callable
from contextlib import suppress

LOOPBACK = "127.0.0.1"


def nowhere() -> str:
    """The address of a service that refuses every connection."""
    with socket.create_server((LOOPBACK, 0)) as server:
        return f"http://{LOOPBACK}:{server.getsockname()[1]}"


class Listener:
    """Runs `serve` in a thread for each accepted connection and closes it afterwards."""

    def __init__(self, port: int, serve: Callable[[socket.socket], None]) -> None:
        self._serve = serve
        self._lock = threading.RLock()
        self._connections: dict[threading.Thread, socket.socket] = {}
        self._acceptor: threading.Thread | None = None
        self._socket = _bound(port)
        self.port: int = self._socket.getsockname()[1]

    def open(self) -> None:
        """Accept connections, if the port does not do so already."""
        with self._lock:
            if self._acceptor is None:
                self._socket.listen(128)
                self._acceptor = threading.Thread(
                    target=self._accept, args=(self._socket,), daemon=True
                )
                self._acceptor.start()

    def refuse(self) -> None:
        """Close the listening socket and every connection but the calling thread's own.

        A bound socket that does not listen keeps the port from being given to anyone else.
        """
        with self._lock:
            if self._acceptor is not None:
                self._close()
                self._socket = _bound(self.port)
                self._cut()

    def stop(self) -> None:
        """Close the port and every connection, and wait for their threads (5 s each)."""
        with self._lock:
            if self._acceptor is not None:
                self._close()
            self._socket.close()
            self._cut()
        for thread in list(self._connections):
            thread.join(5)

    def _close(self) -> None:
        try:
            self._socket.shutdown(socket.SHUT_RDWR)  # Linux: wakes accept(), closing would not
        except OSError:
            self._socket.close()  # macOS: the other way round
        if self._acceptor is not None:
            self._acceptor.join()
            self._acceptor = None
        self._socket.close()

    def _accept(self, listening: socket.socket) -> None:
        # Takes no lock: `_close` waits for this thread while it holds it.
        while True:
            try:
                connection, _ = listening.accept()
            except OSError:
                return
            thread = threading.Thread(target=self._run, args=(connection,), daemon=True)
            self._connections[thread] = connection
            thread.start()

    def _run(self, connection: socket.socket) -> None:
        try:
            self._serve(connection)
        except (OSError, ValueError):
            pass  # the peer left, or sent what is not HTTP
        finally:
            connection.close()
            del self._connections[threading.current_thread()]

    def _cut(self) -> None:
        for thread, connection in list(self._connections.items()):
            if thread is not threading.current_thread():
                with suppress(OSError):
                    connection.shutdown(socket.SHUT_RDWR)


def _bound(port: int) -> socket.socket:
    bound = socket.socket()
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((LOOPBACK, port))
    return bound
