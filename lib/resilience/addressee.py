"""Find who gets a client's events: the service it was given, or the one that the user approved."""

import os

from lib.delivery.approval import Approvals, Destination, Refused
from lib.system import logger
from lib.system.settings import Settings


class Addressee:
    """The service at `base_url`; for None the one of the environment, if it is approved.

    Attributes:
        url: its address, "" for the embedded ledger alone.
        is_given: whether the caller named it; the flusher delivers to the other kind as well.
        refusal: why it may not be used, "" if it may.
    """

    def __init__(self, base_url: str | None) -> None:
        self.is_given = bool(base_url)
        self.refusal = ""
        self._token: str | None = None
        self._destination = self._find() if base_url is None else Destination(base_url.rstrip("/"))
        self.url = self._destination.url

    def _find(self) -> Destination:
        url = Settings(os.environ).service_url
        try:
            return Approvals().destination(url) or Destination("")
        except Refused as refused:
            self.refusal = str(refused)
            logger.warning("the service may not be used: %s", refused)
            return Destination(url.rstrip("/"))

    async def bearer(self) -> str:
        """Return the token, asked for once. Raises Refused."""
        if self.refusal:
            raise Refused(self.refusal)
        if self._token is None:
            import asyncio

            found = self._destination
            # A command may take its time, and others of this process go on meanwhile.
            command = found.command is not None
            self._token = await asyncio.to_thread(found.bearer) if command else found.token
        return self._token
