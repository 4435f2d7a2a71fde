"""Remember what files lost and gained lately, which may turn up in others."""

from collections.abc import Iterable
from typing import NamedTuple

from lib.units.extraction import Unit
from lib.units.pieces import Piece

# What is remembered: of so many feeds, so many units, and so many bytes of their text.
MOST_FEEDS, MOST_UNITS, MOST_BYTES = 64, 1000, 1024 * 1024


class Kept(NamedTuple):
    """A unit that a file lost or gained in a feed: plain data, to be kept between processes.

    `is_whole`: its file was gone (of a lost one) or new (of a gained one). The texts are those of
    `lib.units.pieces.Piece`.
    """

    feed: int
    is_lost: bool
    is_whole: bool
    path: str
    language: str
    unit: Unit
    before: bytes
    head: bytes
    body: bytes


class Recent:
    """What the files of one project lost and gained in the last feeds, bounded in number and size.

    `feed` is the number of the last one. `follow` counts it on; who wants numbers of their own,
    which must rise, sets it to one less than the next before each call. `added` and `dropped` are
    what the last feed changed, `are_too_many` says that its units were too many to be compared.
    What is kept now makes a `Recent` that goes on where this one is; it is read when it is needed.
    """

    def __init__(self, feed: int = 0, kept: Iterable[Kept] = ()) -> None:
        self.feed = feed
        self.added: list[Kept] = []
        self.dropped: list[Kept] = []
        self.are_too_many = False
        self._unread = kept
        self._kept: dict[Kept, Piece] = {}

    def kept(self) -> list[Kept]:
        """List what is remembered, oldest first."""
        return list(self._read())

    def begin(self) -> None:
        """Begin the next feed."""
        self.feed += 1
        self.added, self.dropped = [], []

    def pieces(self, is_lost: bool) -> list[tuple[Kept, Piece]]:
        """List what was lost, or what was gained, in earlier feeds, newest first."""
        found = [(kept, piece) for kept, piece in self._read().items() if kept.is_lost == is_lost]
        return found[::-1]

    def add(self, piece: Piece, is_lost: bool, is_whole: bool) -> None:
        """Remember a unit of this feed."""
        kept = Kept(
            self.feed, is_lost, is_whole, piece.path, piece.language, piece.unit,
            piece.before, piece.head, piece.body,
        )  # fmt: skip
        self._read()[kept] = piece
        self.added.append(kept)

    def drop(self, kept: Kept) -> None:
        """Forget a unit."""
        if self._read().pop(kept, None) is not None:
            self.dropped.append(kept)

    def end(self) -> None:
        """Forget what is too much, oldest first."""
        if not self.added:
            return
        feeds: set[int] = set()
        size = 0
        for count, kept in enumerate(list(self._read())[::-1]):
            feeds.add(kept.feed)
            size += len(kept.before) + len(kept.head) + len(kept.body)
            if len(feeds) > MOST_FEEDS or count >= MOST_UNITS or size > MOST_BYTES:
                self.drop(kept)
        gone = set(self.dropped)
        self.dropped = [kept for kept in self.dropped if kept.feed < self.feed]
        self.added = [kept for kept in self.added if kept not in gone]

    def _read(self) -> dict[Kept, Piece]:
        for kept in self._unread:
            self._kept[kept] = Piece(
                kept.path, kept.language, kept.unit, kept.before, kept.head, kept.body
            )
        self._unread = ()
        return self._kept
