"""Serve the team's server on a network, until it is told to end."""

import resource
import socket
import time
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from typing import Any, NamedTuple

from uvicorn import Config, Server

from lib.web.team.app import Rules, make
from lib.web.team.stored import Storage

# Who still asks when this ends gets so long; a transaction takes 20 seconds at most.
GRACE_SECONDS = 25
KEEP_ALIVE_SECONDS = 20
# A connection that has been waiting for a request, or is at one, for so long is cut off.
IDLE_SECONDS, BUSY_SECONDS = 30.0, 150.0
# Connections at once, those of one address that are at no request, and files that are open.
MOST_CONNECTIONS, MOST_IDLE, MOST_FILES = 4000, 200, 16_384


class Place(NamedTuple):
    """Where to listen: `certificate` and `key` are files, "" for none; `proxies` are trusted."""

    host: str = "127.0.0.1"
    port: int = 0
    certificate: str = ""
    key: str = ""
    proxies: Sequence[str] = ()

    @property
    def is_private(self) -> bool:
        """Check that nobody on the way can read what is sent, or that a proxy sees to that."""
        return bool(self.certificate or self.proxies) or self.host in ("127.0.0.1", "::1")


class TeamServer(Server):
    """A server that lets nobody keep a connection for nothing."""

    def __init__(self, config: Config, proxies: Sequence[str]) -> None:
        super().__init__(config)
        self._proxies = proxies
        # By connection: the request that it is at, None for none, and since when.
        self._seen: dict[Any, tuple[object, float]] = {}

    def handle_exit(self, sig: int, frame: object) -> None:
        """End after the requests that are being answered; the second time, at once."""
        self.force_exit, self.should_exit = self.should_exit, True

    async def on_tick(self, counter: int) -> bool:
        """Look after the connections once in a second."""
        if counter % 10 == 0:
            self._cut_off(time.monotonic())
        return await super().on_tick(counter)

    def _cut_off(self, now: float) -> None:
        seen: dict[Any, tuple[object, float]] = {}
        idle: dict[str, list[Any]] = {}
        connections: list[Any] = list(self.server_state.connections)
        for connection in connections:
            cycle = connection.cycle
            request = None if cycle is None or cycle.response_complete else cycle
            before, since = self._seen.get(connection, (request, now))
            since = since if before is request else now
            if now - since > (IDLE_SECONDS if request is None else BUSY_SECONDS):
                connection.transport.abort()
            seen[connection] = request, since
            if request is None and connection.client:
                idle.setdefault(connection.client[0], []).append(connection)
        for address, waiting in idle.items():
            if len(waiting) > MOST_IDLE and address not in self._proxies:
                waiting.sort(key=lambda connection: seen[connection][1])
                for connection in waiting[:-MOST_IDLE]:
                    connection.transport.abort()
        self._seen = seen


def serve(storage: Storage, rules: Rules, place: Place, say: Callable[[str], None]) -> None:
    """Serve until a signal; `say` gets the address once it is listened at. Raises OSError."""
    server = prepared(storage, rules, place)
    _allow_files()
    with closing(listening(place)) as listener:
        scheme = "https" if place.certificate else "http"
        host = f"[{place.host}]" if ":" in place.host else place.host
        say(f"{scheme}://{host}:{listener.getsockname()[1]}")
        server.run(sockets=[listener])


def prepared(storage: Storage, rules: Rules, place: Place) -> TeamServer:
    """Make a server, to be run with a socket. Raises OSError for a bad certificate."""
    config = Config(
        make(storage, rules), http="h11", ws="none", lifespan="on", log_config=None,
        access_log=False, server_header=False, timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=GRACE_SECONDS, limit_concurrency=MOST_CONNECTIONS,
        proxy_headers=bool(place.proxies), forwarded_allow_ips=list(place.proxies),
        ssl_certfile=place.certificate or None, ssl_keyfile=place.key or None,
    )  # fmt: skip
    # What is wrong with the certificate is told before anybody is let in.
    config.load()
    return TeamServer(config, place.proxies)


def _allow_files() -> None:
    """Let this process open more files than a shell's do: a connection is one."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # a system may have a limit of its own
        most = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def listening(place: Place) -> socket.socket:
    """Listen there. Raises OSError."""
    family = socket.AF_INET6 if ":" in place.host else socket.AF_INET
    # With the protocol's number asyncio knows not to delay the second part of an answer.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((place.host, place.port))
        listener.listen(512)
    except OSError:
        listener.close()
        raise
    return listener
