"""Remember what files lost and gained lately, which may turn up in others."""

from collections.abc import Iterable
from typing import NamedTuple


class Remains(NamedTuple):
    """What a file lost or gained in a feed: plain data, to be kept between processes.

    `text` is the whole file, as it was before (of what was lost) or after the feed (of what was
    gained), and `starts` are the `start` of those of its units that were lost, or gained.
    """

    feed: int
    path: str
    language: str
    is_lost: bool
    text: str
    starts: tuple[int, ...]


class Recent:
    """What files lost and gained in the last feeds, bounded in their number and size.

    `feed` is the number of the last one. `follow` counts it on; who wants numbers of their own,
    which must rise, sets it to one less than the next before each call.
    """

    def __init__(self, feed: int = 0, remains: Iterable[Remains] = ()) -> None:
        self.feed = feed
        self._remains = list(remains)

    def remains(self) -> list[Remains]:
        """List what is remembered, oldest first; a `Recent` made of it goes on where this is."""
        return list(self._remains)
