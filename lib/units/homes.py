"""Find what the classes and files of units became, so that units are looked for in them."""

from collections import defaultdict
from collections.abc import Iterable, Sequence, Set

from lib.units.likeness import Likeness
from lib.units.pieces import Piece

Home = tuple[str, str]  # a file's path, and the names of what a unit lies in

# So much of the members of a class, or units of a file, must be in another of another name, and
# so much where the name is the same.
_SHARED, _SHARED_SAME_NAME = 0.5, 0.3
# Overloads with other parameters are the same if they are so much alike, or this short.
_OVERLOAD, _SHORT = 0.35, 12
# No more of one name are compared with one another.
_MOST_ALIKE = 20
_MOST_OF_A_NAME = 64
# Of a class elsewhere under another name so many members are compared; they are so much alike.
_MOST_MEMBERS, _ALIKE = 8, 0.2
# Here another unit may have the same name; where not, a name says enough.
_OVERLOADING = frozenset({"java", "cpp", "csharp", "kotlin", "swift"})


class Homes:
    """What each home became; one that is not known stayed what it was."""

    def __init__(self, likeness: Likeness) -> None:
        self.likeness = likeness
        self._became: dict[Home, Home] = {}
        self._taken: set[Home] = set()

    def of(self, home: Home) -> Home:
        """Return what a home became, by what it lies in where nothing is known of itself."""
        path, box = home
        names = box.split(".") if box else []
        for count in range(len(names), -1, -1):
            known = self._became.get((path, ".".join(names[:count])))
            if known:
                return known[0], ".".join([known[1], *names[count:]]).lstrip(".")
        return home

    def is_carried(self, old: Piece, new: Piece) -> bool:
        """Check that what a new unit lies in is what the old one's became."""
        return self.of((old.path, old.box)) == (new.path, new.box)

    def learn(self, old: Home, new: Home) -> None:
        """Remember what a home became, if that is not known and nothing else became it."""
        if old not in self._became and new not in self._taken:
            self._became[old] = new
            self._taken.add(new)

    def join(self, old: Piece, new: Piece) -> None:
        """Let a new unit continue an old one, and what lies in it what lies in that."""
        old.partner, new.partner = new, old
        if old.place != new.place:
            self.learn(old.place, new.place)

    def join_by_name(self, olds: Iterable[Piece], news: Iterable[Piece]) -> None:
        """Join units of the same name in the same home."""
        groups: dict[tuple[bool, Home, str], tuple[list[Piece], list[Piece]]]
        groups = defaultdict(lambda: ([], []))
        for new in news:
            if new.partner is None:
                groups[new.is_class, (new.path, new.box), new.plain][1].append(new)
        for old in olds:
            if old.partner is None:
                key = old.is_class, self.of((old.path, old.box)), old.plain
                if key in groups:
                    groups[key][0].append(old)
        for before, after in groups.values():
            if before:
                self._join_namesakes(before, after)

    def _join_namesakes(self, olds: list[Piece], news: list[Piece]) -> None:
        if len(olds) == len(news) == 1 and olds[0].language not in _OVERLOADING:
            self.join(olds[0], news[0])
            return
        for same in (_text, _signature):
            found = defaultdict(list)
            for new in reversed(news):
                found[same(new)].append(new)
            for old in olds:
                if others := found.get(same(old)):
                    self.join(old, others.pop())
            olds = [old for old in olds if old.partner is None]
            news = [new for new in news if new.partner is None]
        pairs = []
        for i, old in enumerate(olds[:_MOST_ALIKE]):
            for j, new in enumerate(news[:_MOST_ALIKE]):
                alike = self.likeness(old, new)
                is_short = len(old.code) <= _SHORT and len(new.code) <= 3 * _SHORT
                if alike >= _OVERLOAD or is_short or old.is_class:
                    pairs.append((-alike, i, j))
        for _, i, j in sorted(pairs):
            if olds[i].partner is None and news[j].partner is None:
                self.join(olds[i], news[j])

    def join_classes(self, olds: Sequence[Piece], news: Sequence[Piece]) -> None:
        """Join the classes among units, by name and by what they have."""
        for _ in range(2):
            classes = [old for old in olds if old.is_class and old.partner is None]
            others = [new for new in news if new.is_class and new.partner is None]
            if not classes or not others:
                return
            self.join_by_name(classes, others)
            self._join_by_members(olds, news)

    def _join_by_members(self, olds: Sequence[Piece], news: Sequence[Piece]) -> None:
        before, after = _members(olds), _members(news)
        classes = [old for old in olds if old.is_class and old.partner is None]
        others = [new for new in news if new.is_class and new.partner is None]
        having = defaultdict(list)
        for j, new in enumerate(others):
            for name in {*after[new.place], f"class {new.name}"}:
                having[name].append(j)
        pairs = []
        for i, old in enumerate(classes):
            own = before[old.place]
            seen = set()
            for name in {*own, f"class {old.name}"}:
                seen.update(having[name][:_MOST_OF_A_NAME])
            for j in seen:
                new = others[j]
                score = self._alike(old, own, new, after[new.place])
                if score:
                    pairs.append((-score, i, j))
        for _, i, j in sorted(pairs):
            if classes[i].partner is None and others[j].partner is None:
                self.join(classes[i], others[j])

    def _alike(
        self, old: Piece, own: dict[str, Piece], new: Piece, others: dict[str, Piece]
    ) -> float:
        is_near = self.of((old.path, "")) == (new.path, "")
        is_same = old.name == new.name
        both = own.keys() & others.keys()
        shared = len(both)
        share = shared / max(1, len(own), len(others))
        of_smaller = shared / max(1, min(len(own), len(others)))
        if is_same:
            is_enough = is_near or share >= _SHARED_SAME_NAME or not (own or others)
        elif is_near:
            is_enough = of_smaller >= _SHARED and shared > 0
        else:
            is_enough = share >= _SHARED and shared > 1 and self._do_the_same(both, own, others)
        return share + 0.5 * is_same + 0.25 * is_near + 0.01 if is_enough else 0.0

    def _do_the_same(
        self, names: Set[str], own: dict[str, Piece], others: dict[str, Piece]
    ) -> bool:
        """Check that members are alike: what only declares them has the same names too."""
        some = sorted(names)[:_MOST_MEMBERS]
        return sum(self.likeness(own[name], others[name]) for name in some) >= _ALIKE * len(some)

    def join_files(self, gone: Iterable[Sequence[Piece]], come: Iterable[Sequence[Piece]]) -> None:
        """Find the files that came in place of others that are gone, by their outermost units."""
        pairs = []
        olds, news = [one for one in gone if one], [one for one in come if one]
        having = defaultdict(list)
        for j, new in enumerate(news):
            for name in _outermost(new):
                having[name].append(j)
        for i, old in enumerate(olds):
            own = _outermost(old)
            seen = {j for name in own for j in having[name][:_MOST_OF_A_NAME]}
            for j in seen:
                others = _outermost(news[j])
                share = len(own & others) / max(len(own), len(others))
                is_same = _base(old[0].path) == _base(news[j][0].path)
                if share >= (_SHARED_SAME_NAME if is_same else _SHARED):
                    pairs.append((-share - 0.5 * is_same, i, j))
        for _, i, j in sorted(pairs):
            self.learn((olds[i][0].path, ""), (news[j][0].path, ""))


def _text(piece: Piece) -> object:
    return piece.head, piece.body


def _signature(piece: Piece) -> object:
    return piece.signature


def _members(units: Iterable[Piece]) -> dict[Home, dict[str, Piece]]:
    found: dict[Home, dict[str, Piece]] = defaultdict(dict)
    for one in units:
        if one.box:
            found[one.path, one.box].setdefault(one.plain, one)
    return found


def _outermost(units: Iterable[Piece]) -> set[str]:
    return {one.name for one in units if not one.box}


def _base(path: str) -> str:
    return path.rpartition("/")[2]
