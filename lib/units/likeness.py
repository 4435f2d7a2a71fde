"""Measure how much of what units do is the same."""

from collections import Counter
from itertools import pairwise

from lib.units.pieces import Piece

# Below such a part of the smaller to the larger one nothing is alike.
_LEAST_SHARE = 0.15
_OWN = b"<name>"


class Likeness:
    """Compares pieces, and remembers what it counted of each."""

    def __init__(self) -> None:
        self._counted: dict[Piece, Counter[object]] = {}
        self._sizes: dict[Piece, int] = {}

    def __call__(self, one: Piece, other: Piece) -> float:
        """Return how alike the bodies of two pieces are, from 0 up to 1 (the same tokens).

        It counts the tokens and pairs of neighbours that both have, twice, over those of each.
        """
        if one.code == other.code:
            return 1.0 if one.code or one.signature == other.signature else 0.5
        few, many = self.parts(one), self.parts(other)
        size, other_size = self._sizes[one], self._sizes[other]
        if min(size, other_size) < _LEAST_SHARE * (size + other_size):
            return 0.0
        if len(few) > len(many):
            few, many = many, few
        both = sum(min(times, many[part]) for part, times in few.items() if part in many)
        return 2 * both / (size + other_size)

    def parts(self, piece: Piece) -> Counter[object]:
        """Return how often each token and pair of tokens is in a piece's body."""
        found = self._counted.get(piece)
        if found is None:
            own = piece.name.encode()
            code = [_OWN if token == own else token for token in piece.code]
            found = self._counted[piece] = Counter(code)
            found.update(pairwise(code))
            self._sizes[piece] = max(0, 2 * len(code) - 1)
        return found
