"""Make tokens, and find out what the one that a request brings allows."""

import hashlib
import secrets
import time
from collections.abc import Callable
from typing import NamedTuple

from lib.web.team.rates import Rates, TooMany
from lib.web.team.stored import Reader, Storage

# So that one is recognised where it does not belong.
PREFIX = "pt_"
# In bytes of chance, and in characters of what is looked at.
STRENGTH, LONGEST = 32, 200
# How long a token that was good is taken for good, so that not every request asks the database.
SECONDS = 2.0
# Unknown tokens of one address, in a minute: they cannot be guessed, but each asks the database.
GUESSES = 60


class Access(NamedTuple):
    """What a token allows, and to whom."""

    token_id: str
    person: str
    rights: frozenset[str]
    reader: Reader


def make() -> str:
    """Make a token by chance."""
    return PREFIX + secrets.token_urlsafe(STRENGTH)


def digest_of(token: str) -> str:
    """Return what is kept of a token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()


def token_in(authorization: str) -> str:
    """Return the token of such a header, "" if there is none."""
    kind, _, given = authorization.partition(" ")
    return given.strip() if kind.lower() == "bearer" else ""


class Bearers:
    """Knows what tokens allow, as `storage` has it. `clock` tells seconds.

    A token that is revoked is good for two seconds more. Any thread may call.
    """

    def __init__(self, storage: Storage, clock: Callable[[], float] = time.monotonic) -> None:
        self._storage = storage
        self._clock = clock
        self._known: dict[str, tuple[float, Access]] = {}
        self._guesses = Rates(GUESSES, clock)

    def known(self, token: str) -> Access | None:
        """Return what is known of a token without asking the database."""
        until, access = self._known.get(digest_of(token), (0.0, None))
        return access if self._clock() < until else None

    def guess(self, address: str) -> None:
        """Count an attempt that an address may make with a wrong token. Raises TooMany."""
        self._guesses.take(address)

    def find(self, token: str, address: str) -> Access | None:
        """Ask the database what a token of that address allows, None if there is no such token.

        Raises TooMany, StorageError.
        """
        if len(token) > LONGEST:
            self.guess(address)
            return None
        digest = digest_of(token)
        # Who had a good one is not held up by who guesses behind the same address.
        if digest not in self._known and (seconds := self._guesses.wait(address)):
            raise TooMany(seconds)
        found = self._storage.find_token(digest)
        if found is None:
            self._known.pop(digest, None)
            self.guess(address)
            return None
        access = Access(found.token_id, found.person, found.rights, Reader(found.projects))
        if len(self._known) > 10_000:
            self._known.clear()
        self._known[digest] = self._clock() + SECONDS, access
        return access
