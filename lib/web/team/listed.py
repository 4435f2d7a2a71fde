"""Statements with lists in them, which a database takes up to some length."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, TypeVar

from lib.web.team.stored import Row
from lib.web.team.working import Work

T = TypeVar("T")
# SQLite takes 32,766 parameters in a statement, PostgreSQL 65,535.
MOST_ROWS = 500


def in_parts(items: Iterable[T], most: int = MOST_ROWS) -> Iterator[list[T]]:
    """Cut `items` into lists of at most `most`."""
    left = list(items)
    for start in range(0, len(left), most):
        yield left[start : start + most]


def marks(count: int, rows: int = 0) -> str:
    """Write `count` question marks for a list, or `rows` rows of so many for VALUES."""
    one = ", ".join("?" * count)
    return ", ".join([f"({one})"] * rows) if rows else one


def flat(rows: Iterable[Iterable[Any]]) -> list[Any]:
    """Put the values of rows one after another."""
    return [value for row in rows for value in row]


def insert(
    work: Work, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]], also: str = ""
) -> list[Row]:
    """Insert rows, at most MOST_ROWS; `also` is the end of the statement, which may return rows."""
    sql = f"INSERT INTO {table} ({', '.join(columns)}) VALUES {marks(len(columns), len(rows))}"
    if "RETURNING" in also:
        return work.rows(f"{sql} {also}", flat(rows))
    work.run(f"{sql} {also}", flat(rows))
    return []
