"""What the storage asks of a database: transactions of portable SQL."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

from lib.web.team.stored import Row

T = TypeVar("T")


class Work(Protocol):
    """An open transaction; `?` stands for a parameter, and never for itself."""

    def rows(self, sql: str, parameters: Sequence[Any] = ()) -> list[Row]:
        """Run a statement and return its rows."""
        ...

    def run(self, sql: str, parameters: Sequence[Any] = ()) -> int:
        """Run a statement and return how many rows it changed."""
        ...

    def lock(self, *names: str) -> None:
        """Keep others that name one of the same from going on, until the transaction ends."""
        ...

    def by_index(self) -> None:
        """Find rows by indexes until the transaction ends: few rows of many are asked for."""
        ...

    def take_time(self) -> None:
        """Let the rest of the transaction take as long as it needs."""
        ...


class Database(Protocol):
    """Connections to a database. Raises StorageError; any thread may call, several at once."""

    def write(self, work: Callable[[Work], T]) -> T:
        """Call `work` with a transaction, and commit it.

        It is called again where the database ended it for a reason that passes at once: so it must
        do the same if it was done before.
        """
        ...

    def read(self, work: Callable[[Work], T]) -> T:
        """Call `work` with a transaction that can change nothing."""
        ...

    def native(self, statement: str) -> str:
        """Translate the types of a statement that makes a table."""
        ...

    def version(self) -> str:
        """Return the database's kind and version once it has answered."""
        ...

    def close(self) -> None:
        """Close all connections."""
        ...
