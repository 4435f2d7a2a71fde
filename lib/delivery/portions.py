"""Cut a queue into requests, and a request that failed into smaller ones."""

from collections.abc import Callable, Iterable, Iterator
from typing import Protocol, TypeVar

# The most events that one request holds.
BATCH = 100


class Sized(Protocol):
    """What has a size in bytes."""

    @property
    def size(self) -> int:
        """The size in bytes."""


S = TypeVar("S", bound=Sized)
T = TypeVar("T")


def portions(things: Iterable[S], most: Callable[[], int], size: int) -> Iterator[list[S]]:
    """Yield `things` by at most `most()` and, but for a single one, `size` bytes together."""
    portion: list[S] = []
    total = 0
    for thing in things:
        if portion and (len(portion) >= most() or total + thing.size > size):
            yield portion
            portion, total = [], 0
        portion.append(thing)
        total += thing.size
    if portion:
        yield portion


def split(group: list[T], culprit: int | None = None) -> list[list[T]]:
    """Cut `group` in halves, or before and behind the index of a culprit."""
    if culprit is None or not 0 <= culprit < len(group):
        culprit, behind = len(group) // 2, len(group) // 2
    else:
        behind = culprit + 1
    return [group[:culprit], group[culprit:behind], group[behind:]]
