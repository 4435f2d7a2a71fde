"""Join what a feed lost and gained with what earlier ones gained and lost."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from lib.units.ancestry import Origins, carried
from lib.units.homes import Homes
from lib.units.pieces import Piece
from lib.units.recent import Kept, Recent
from lib.units.sources import Known, same, sources_of
from lib.units.strays import join_strays

Files = Sequence[Sequence[Piece]]


class Late:
    """What of earlier feeds continues in this one, or what of this one began in earlier ones."""

    def __init__(self, recent: Recent, olds: list[Piece], news: list[Piece]) -> None:
        self.recent, self.olds, self.news = recent, olds, news
        self.of: dict[Piece, Kept] = {}
        # The feeds in which pieces were told as begun, or ended; and what came with the rest of a
        # file that stands.
        self.feeds: dict[Piece, int] = {}
        self.copies: Origins = {}
        # Those of them that no other unit may prove to be.
        self._settled: Origins = {}
        self._lost: dict[tuple[int, str, int], Piece] = {}
        self.is_wanted = any(one.partner is None for one in (*olds, *news))

    def join(self, homes: Homes, gone: Files, come: Files, known: Known | None) -> None:
        """Join what is left, also within the feed, where what is known of files is of no help."""
        lost = self._earlier(is_lost=True)
        for piece in lost:
            self._once(piece, self.feeds[piece])
        if lost and any(new.partner is None for new in self.news):
            whole = self._whole(lost)
            for file in come:
                self._join_likest(file, whole, homes, known)
            homes.join_files(whole, come)
            homes.join_classes(lost, self._left())
            homes.join_by_name(lost, self._left())
        for file in come:
            unsettled = [new for new in file if new not in self._settled]
            self._join_sources(unsettled, homes, known, is_new=True)
        for file in self._grown(come):
            self._join_sources(file, homes, known, is_new=False)
        join_strays([*self.olds, *lost], self._left(), homes, self.feeds)
        # Those that were small, and lie in what was found now.
        homes.join_by_name(self.olds, self.news)
        self.forget_the_dead()
        gained = self._earlier(is_lost=False)
        if gained and any(old.partner is None for old in self.olds):
            homes.join_files(gone, self._whole(gained))
            homes.join_classes(self.olds, gained)
            homes.join_by_name(self.olds, gained)
            join_strays(self.olds, gained, homes, self.feeds)

    def _join_likest(
        self, file: Sequence[Piece], lost: Files, homes: Homes, known: Known | None
    ) -> None:
        """Let a new file be a copy of one that stands, where no lost one is as much like it."""
        most = max((same(file, one) for one in lost), default=0)
        if not most and not any(one[0].path == file[0].path for one in lost if one):
            return
        for found, feed in sources_of(file, known)[:1]:
            if feed is None and same(file, found) > most:
                self._settled |= carried(found, file, homes.likeness, is_new=True)
                self.copies |= self._settled

    def _left(self) -> list[Piece]:
        return [new for new in self.news if new not in self._settled]

    def _grown(self, come: Files) -> Iterable[list[Piece]]:
        """Yield what files gained that were there: several units of one may be from another."""
        gained = defaultdict(list)
        for new in self.news:
            if new.partner is None and not new.box:
                gained[new.path].append(new)
        new_ones = {file[0].path for file in come if file}
        for path, several in gained.items():
            if len(several) > 1 and path not in new_ones:
                yield several

    def _join_sources(
        self, file: Sequence[Piece], homes: Homes, known: Known | None, is_new: bool
    ) -> None:
        for found, feed in sources_of(file, known):
            if feed is None:
                left = [new for new in file if new not in self.copies]
                self.copies |= carried(found, left, homes.likeness, is_new)
                continue
            lost = [self._once(piece, feed) for piece in found]
            if is_new:
                homes.join_files([lost], [file])
                homes.join_classes(lost, file)
                homes.join_by_name(lost, file)
                continue
            for new, (old, _) in carried(lost, file, homes.likeness, is_new).items():
                homes.join(old, new)

    def _once(self, piece: Piece, feed: int) -> Piece:
        """Return what stands for a unit that was gone in a feed: it is told from several sides."""
        piece = self._lost.setdefault((feed, piece.path, piece.unit.start), piece)
        self.feeds[piece] = feed
        return piece

    def _earlier(self, is_lost: bool) -> list[Piece]:
        found = self.recent.pieces(is_lost)
        self.of.update((piece, kept) for kept, piece in found)
        self.feeds.update((piece, kept.feed) for kept, piece in found)
        return [piece for _, piece in found]

    def _whole(self, found: Iterable[Piece]) -> list[list[Piece]]:
        files = defaultdict(list)
        for piece in found:
            kept = self.of[piece]
            if kept.is_whole:
                files[kept.feed, kept.path].append(piece)
        return list(files.values())

    def forget_the_found(self) -> None:
        """Forget what was lost or gained earlier and is joined now."""
        found = {
            (feed, piece.path, piece.unit.start)
            for piece, feed in self.feeds.items()
            if piece.partner is not None
        }
        for kept in self.of.values() if found else ():
            if (kept.feed, kept.path, kept.unit.start) in found:
                self.recent.drop(kept)

    def forget_the_dead(self) -> None:
        """Forget what was gained at the places of units that are there no longer."""
        left = {
            old.place for old in self.olds if old.partner is None or old.place != old.partner.place
        }
        for kept, _ in self.recent.pieces(is_lost=False):
            if (kept.path, kept.unit.qualified_name) in left:
                self.recent.drop(kept)
