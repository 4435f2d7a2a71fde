"""A proxy in front of several servers, as a team has one: it takes who is there, and can be cut."""

import itertools
import socket
import threading
from collections.abc import Sequence
from contextlib import suppress

from tests.support.service_listener import LOOPBACK


class Switch:
    """Passes connections on to the servers at `ports`, one after the other.

    Whoever does not listen is passed over. `cut` ends every connection in the middle of whatever
    it is at; `lose_answers` lets requests through, and ends the connection at the answer.
    """

    def __init__(self, ports: Sequence[int]) -> None:
        self._ports = itertools.cycle(ports)
        self._many = len(ports)
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._losing = 0
        self._lost = threading.Event()
        self._listening = socket.create_server((LOOPBACK, 0), backlog=128)
        self.url = f"http://{LOOPBACK}:{self._listening.getsockname()[1]}"
        self._threads = [threading.Thread(target=self._accept, daemon=True)]
        self._threads[0].start()

    def cut(self) -> int:
        """End all connections; how many there were."""
        with self._lock:
            several = list(self._open)
        for one in several:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        return len(several) // 2

    def lose_answers(self, number: int, seconds: float) -> None:
        """Lose so many answers, unless fewer come within some seconds."""
        with self._lock:
            self._losing = number
            self._lost.clear()
        self._lost.wait(seconds)
        with self._lock:
            self._losing = 0

    def _loses(self) -> bool:
        """Say whether the answer that has begun is to be lost."""
        with self._lock:
            if not self._losing:
                return False
            self._losing -= 1
            if not self._losing:
                self._lost.set()
            return True

    def close(self) -> None:
        """Listen no longer, and wait until nothing is passed on."""
        with suppress(OSError):
            self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()
        self._threads[0].join()
        self.cut()
        for thread in self._threads:
            thread.join()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listening.accept()
            except OSError:
                return
            far = self._reach()
            if far is None:
                near.close()
                continue
            with self._lock:
                self._open |= {near, far}
            ended: list[socket.socket] = []
            for source, target, is_answer in ((near, far, False), (far, near, True)):
                given = (source, target, ended, is_answer)
                thread = threading.Thread(target=self._pass, args=given)
                self._threads.append(thread)
                thread.start()

    def _reach(self) -> socket.socket | None:
        for port in [next(self._ports) for _ in range(self._many)]:
            with suppress(OSError):
                found = socket.create_connection((LOOPBACK, port), timeout=1.0)
                found.settimeout(None)
                return found
        return None

    def _pass(
        self,
        source: socket.socket,
        target: socket.socket,
        ended: list[socket.socket],
        is_answer: bool,
    ) -> None:
        """Pass on what comes until either side ends; the second of both directions closes them."""
        with suppress(OSError):
            while (data := source.recv(65536)) and not (is_answer and self._loses()):
                target.sendall(data)
        for one in (source, target):
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
        ended.append(source)
        if len(ended) == 2:
            with self._lock:
                self._open -= {source, target}
            source.close()
            target.close()
