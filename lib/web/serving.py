"""Serve the page to this machine's browsers, until the terminal or the user ends it."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from urllib.parse import quote

from uvicorn import Config, Server

from lib.system import files, origins
from lib.system.settings import Settings
from lib.web.asked import Sources
from lib.web.guard import make_key
from lib.web.site import Site

HOST = "127.0.0.1"
# What is left of a browser's address for this program alone to read, in the spool.
DOOR = "open-page.html"
# Who still listens then is cut off.
GRACE_SECONDS = 2
_SHOW = "import sys, webbrowser; webbrowser.open(sys.argv[1])"


class PageServer(Server):
    """A server that lets those go who listen for news, and ends with its terminal."""

    def __init__(self, config: Config, site: Site) -> None:
        super().__init__(config)
        self._site = site

    def handle_exit(self, sig: int, frame: object) -> None:
        """End after the requests that are being answered."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let everybody go."""
        self._site.live.stop()
        await super().shutdown(sockets)


def serve(sources: Sources, port: int, say: Callable[[str], None], is_opened: bool = False) -> None:
    """Serve the page on 127.0.0.1, at `port` or any that is free (0), until a signal.

    `say` gets the address, with the token in it, once it is answered. Raises OSError.
    """
    key = make_key()
    with closing(_listening(port)) as listener:
        address = f"http://{HOST}:{listener.getsockname()[1]}/{key.place}/?token={key.token}"
        site = Site(sources, key)
        server = PageServer(_config(site), site)
        with suppress(ValueError):  # in a thread of a test
            signal.signal(signal.SIGHUP, server.handle_exit)
        door = f"{sources.directory}/{DOOR}" if is_opened else ""
        try:
            say(address)
            if door:
                _open(door, address)
            server.run(sockets=[listener])
        finally:
            with suppress(OSError):
                os.unlink(door)


def _listening(port: int) -> socket.socket:
    # With the protocol's number asyncio knows not to delay the second part of an answer.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        listener.listen(128)
    except OSError:
        listener.close()
        raise
    return listener


def _config(site: Site) -> Config:
    return Config(
        site.app, http="h11", ws="none", loop="asyncio", lifespan="on", log_config=None,
        access_log=False, server_header=False, proxy_headers=False, limit_concurrency=128,
        timeout_graceful_shutdown=GRACE_SECONDS,
    )  # fmt: skip


def _open(door: str, address: str) -> None:
    """Show the address in the user's browser, not in one that a project names.

    By a file that nobody else can read: each user may see what a browser was started with. It stays
    when this ends, which Ctrl-C is not to end either.
    """
    text = f'<!doctype html><meta http-equiv="refresh" content="0;url={address}">'
    files.replace(door, text.encode())
    environ = dict(os.environ)
    origins.forget_project(environ, Settings(environ).config_dir)
    subprocess.Popen(
        [sys.executable, "-I", "-c", _SHOW, f"file://{quote(os.path.abspath(door))}"],
        env=environ, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL, start_new_session=True,
    )  # fmt: skip
