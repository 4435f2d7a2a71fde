"""The storage over either database, opened by its address."""

from collections.abc import Sequence
from typing import Any

from lib.web.team import counting, descent, granted, removing, taking, telling_of
from lib.web.team.answered import Analytics, Pattern, Relation, Version
from lib.web.team.bodies import Telling
from lib.web.team.sqlite_database import SqliteDatabase
from lib.web.team.stored import (
    MOST_DEPTH,
    MOST_RELATIONS,
    Arrived,
    Note,
    Outcome,
    Reader,
    Row,
    Storage,
    StorageError,
    Token,
)
from lib.web.team.tables import migrate
from lib.web.team.working import Database


class SqlStorage:
    """What `lib.web.team.stored.Storage` says, by portable SQL. Raises StorageError."""

    def __init__(self, database: Database) -> None:
        self._database = database
        try:
            migrate(database)
        except BaseException:
            database.close()
            raise

    def record(self, arrived: Sequence[Arrived]) -> list[Outcome]:
        """Keep bodies, all or none, and tell what became of each, in their order."""
        tellings = [Telling(one) for one in arrived]
        return self._database.write(lambda work: taking.record(work, tellings))

    def ancestry(
        self, pattern_id: str, reader: Reader, depth: int = 100, limit: int = MOST_RELATIONS
    ) -> list[Relation]:
        """List what a pattern came from, nearest first, at most `limit` edges."""
        return self._related(pattern_id, reader, depth, limit, True)

    def descendants(
        self, pattern_id: str, reader: Reader, depth: int = 100, limit: int = MOST_RELATIONS
    ) -> list[Relation]:
        """List what came from a pattern, nearest first, at most `limit` edges."""
        return self._related(pattern_id, reader, depth, limit, False)

    def _related(
        self, pattern_id: str, reader: Reader, depth: int, limit: int, is_up: bool
    ) -> list[Relation]:
        bounds = min(depth, MOST_DEPTH), min(limit, MOST_RELATIONS)
        return self._database.read(
            lambda work: descent.related(work, pattern_id, reader, *bounds, is_up)
        )

    def evolution(self, pattern_id: str, reader: Reader) -> list[Version]:
        """List the versions of a pattern, oldest first by the server's clock."""
        return self._database.read(lambda work: telling_of.evolution(work, pattern_id, reader))

    def pattern(self, pattern_id: str, reader: Reader) -> Pattern | None:
        """Return what is known of a pattern, None where nothing that may be seen names it."""
        return self._database.read(lambda work: telling_of.pattern(work, pattern_id, reader))

    def analytics(self, reader: Reader, since: float | None = None) -> Analytics:
        """Count events, with `since` (unix seconds) those of that day (UTC) and later."""
        return self._database.read(lambda work: counting.analytics(work, reader, since))

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Return the rows of a query that both databases understand, with `?` for parameters."""
        return self._database.read(lambda work: work.rows(sql, parameters))

    def add_token(self, token: Token) -> None:
        """Keep a token; one whose id or digest is kept already stays as it is."""
        self._database.write(lambda work: granted.add_token(work, token))

    def tokens(self) -> list[Token]:
        """List all tokens, revoked ones too, oldest first."""
        return self._database.read(granted.tokens)

    def revoke_token(self, token_id: str, at: float) -> bool:
        """Revoke a token at a time (unix seconds); return whether there is one."""
        return self._database.write(lambda work: granted.revoke(work, token_id, at))

    def find_token(self, digest: str) -> Token | None:
        """Return the good token with this digest, None if there is none."""
        found = self._database.read(lambda work: granted.tokens(work, digest))
        return found[0] if found else None

    def note(self, note: Note) -> None:
        """Write an administrative act into the audit."""
        note_id = granted.new_id()
        self._database.write(lambda work: granted.note(work, note, note_id))

    def audit(self, limit: int = 1000) -> list[Note]:
        """List administrative acts, newest first."""
        return self._database.read(lambda work: granted.audit(work, limit))

    def forget_person(self, person: str) -> int:
        """Delete all that a person sent, their tokens and their name; return how many events."""
        return removing.forget_person(self._database, person)

    def forget_project(self, project: str) -> int:
        """Delete all that was sent of a project; return how many events."""
        return removing.forget_project(self._database, project)

    def retain(self, days: int, now: float, project: str | None = None) -> int:
        """Delete events that arrived more than `days` days (UTC) before `now`; return how many."""
        return removing.retain(self._database, days, now, project)

    def set_consent(self, project: str, is_given: bool) -> None:
        """Note whether a project's code may be shown where it is reused in others."""
        self._database.write(lambda work: granted.set_consent(work, project, is_given))

    def consents(self) -> frozenset[str]:
        """Return the projects that consent to that."""
        found = self._database.read(lambda work: work.rows("SELECT project FROM consents"))
        return frozenset(row[0] for row in found)

    def health(self) -> str:
        """Return the database's kind and version once it has answered."""
        return self._database.version()

    def close(self) -> None:
        """Close all connections."""
        self._database.close()


def open_storage(url: str, seconds: float = 20.0) -> Storage:
    """Open `postgresql://...` or `sqlite:///path`, with the tables made or migrated.

    The database has `seconds` for each answer. Raises StorageError.
    """
    scheme = url.partition(":")[0]
    if scheme == "sqlite":
        return SqlStorage(SqliteDatabase(url.removeprefix("sqlite://"), seconds))
    if scheme in ("postgresql", "postgres"):
        try:
            from lib.web.team.postgres_database import PostgresDatabase
        except ImportError:
            text = "PostgreSQL needs the packages of requirements-team.lock"
            raise StorageError(text, "ImportError", False) from None
        return SqlStorage(PostgresDatabase(url, seconds))
    raise StorageError(f"no database is named by {scheme}:", "ValueError", False)
