"""What the team's server keeps, and what may be asked of it, whichever database is below.

The tables, which `Storage.rows` may be asked of, are in `lib.web.team.tables`.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

from lib.web.team.answered import Analytics, Pattern, Relation, Version

Row = tuple[Any, ...]
# The most relations of one answer, and the most steps from the pattern that is asked about.
MOST_RELATIONS = 1000
MOST_DEPTH = 1000
# What a token may allow.
RIGHTS = ("read", "write", "admin")


class StorageError(Exception):
    """The database did not do what it was asked for; the message is one line.

    `error_type` names the cause. `is_passing` tells whether the same may work later: false if the
    database cannot hold what it was given.
    """

    def __init__(self, message: str, error_type: str = "StorageError", passing: bool = True):
        super().__init__(" ".join(message.split()))
        self.error_type = error_type
        self.is_passing = passing


class Arrived(NamedTuple):
    """One body of the wire, accepted and with its defaults.

    `person` is who sent it, by the token, "" where the server asks for none; `project` is "" if it
    was not told; `received` is in unix seconds of the server's clock.
    """

    person: str
    project: str
    body: dict[str, Any]
    received: float


class Outcome(NamedTuple):
    """What became of a body.

    `status` is created, already_exists, modified, merged, forked, unchanged, applied, deprecated or
    repeated; `missing` lists the patterns it needs of which nobody has told in its project so far.
    """

    status: str
    missing: tuple[str, ...] = ()


class Reader(NamedTuple):
    """What may be seen: the events of these projects, or of all with None."""

    projects: frozenset[str] | None = None


class Token(NamedTuple):
    """A token as it is kept: never itself, only `digest`, the SHA-256 of it in hex.

    `rights` are of RIGHTS; `projects` those it is for, None for all; times in unix seconds, and
    `revoked` None while it is good.
    """

    token_id: str
    digest: str
    person: str
    rights: frozenset[str]
    projects: frozenset[str] | None = None
    created: float = 0.0
    revoked: float | None = None


class Note(NamedTuple):
    """An administrative act: when (unix seconds), who, what, and what about."""

    at: float
    actor: str
    act: str
    about: str


class Storage(Protocol):
    """The tables of the team's server; each call is one transaction, and raises StorageError.

    Any thread may call, several at once.
    """

    def record(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        """Keep bodies, all or none, and tell what became of each, in their order.

        Bodies may come in any order, and again: the tables are the same in the end.
        """
        ...

    def ancestry(
        self, pattern_id: str, reader: Reader, depth: int = 100, limit: int = MOST_RELATIONS
    ) -> list[Relation]:
        """List what a pattern came from, nearest first, at most `limit` edges."""
        ...

    def descendants(
        self, pattern_id: str, reader: Reader, depth: int = 100, limit: int = MOST_RELATIONS
    ) -> list[Relation]:
        """List what came from a pattern, nearest first, at most `limit` edges."""
        ...

    def evolution(self, pattern_id: str, reader: Reader) -> list[Version]:
        """List the versions of a pattern, oldest first by the server's clock."""
        ...

    def pattern(self, pattern_id: str, reader: Reader) -> Pattern | None:
        """Return what is known of a pattern, None where nothing that may be seen names it."""
        ...

    def analytics(self, reader: Reader, since: float | None = None) -> Analytics:
        """Count events, with `since` (unix seconds) those of that day (UTC) and later."""
        ...

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query that both databases understand, with `?` for parameters.

        It can change nothing.
        """
        ...

    def add_token(self, token: Token) -> None:
        """Keep a token; one whose id or digest is kept already stays as it is."""
        ...

    def tokens(self) -> list[Token]:
        """List all tokens, revoked ones too, oldest first."""
        ...

    def revoke_token(self, token_id: str, at: float) -> bool:
        """Revoke a token at a time (unix seconds); return whether there was one to revoke."""
        ...

    def find_token(self, digest: str) -> Token | None:
        """Return the good token with this digest, None if there is none."""
        ...

    def note(self, note: Note) -> None:
        """Write an administrative act into the audit."""
        ...

    def audit(self, limit: int = 1000) -> list[Note]:
        """List administrative acts, newest first."""
        ...

    def forget_person(self, person: str) -> int:
        """Delete all that a person sent, their tokens and their name; return how many events."""
        ...

    def forget_project(self, project: str) -> int:
        """Delete all that was sent of a project; return how many events."""
        ...

    def retain(self, days: int, now: float, project: str | None = None) -> int:
        """Delete events that arrived more than `days` days (UTC) before `now`; return how many."""
        ...

    def set_consent(self, project: str, is_given: bool) -> None:
        """Note whether a project's code may be shown where it is reused in others."""
        ...

    def consents(self) -> frozenset[str]:
        """Return the projects that consent to that."""
        ...

    def health(self) -> str:
        """Return the database's kind and version once it has answered."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
