"""Tell random strings, which a generator made, from words, names, paths and sequences.

In words nearly all neighbours are pairs that words have, and letters stand by letters; what a
generator made has neither. Each pair of neighbours is evidence for the one or the other.
"""

from functools import cache
from operator import add

# Not by `string`, which compiles an expression that nobody uses here.
_ALPHABET = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
# What follows each letter in words and identifiers: 220 pairs, of which they have 88 in 100
# neighbours, and random letters 32.
_FOLLOWING = {
    pairs[0]: frozenset(pairs[1:])
    for pairs in (
        "aabcdgiklmnprstuy baceilorsu cacehiklortu dadeilorsu eacdefglmnpqrstvwx faefiloru "
        "gaehinrs haeiot iabcdefglmnoprstvz ja kei ladeilostuy maeiopsu nacdefgiknostuv "
        "obcdflmnoprstuvw paeiloprsty qu racdegilmnorstuy sacehilopstuy tacehiloprstuy "
        "uabceilmnprst vaei waei xpt yp ze"
    ).split()
}
# The logarithms of how much more often each is seen in what is random.
_COMMON, _RARE, _DIGIT_BESIDE_LETTER, _INNER_CAPITAL = -1.0, 1.7, 1.5, 0.5
_PER_CHARACTER = 0.22
_LOOKED_AT = 80
_HEX = frozenset("0123456789abcdef")
_SEQUENCES = (
    "012345",
    "123456",
    "abcdef",
    "456789",
    "987654",
    "qwerty",
    "deadbeef",
    "112233",
    "aabbcc",
)
_MIN_KINDS = 6


def is_random(text: str, least: int = 16, times: float = 1.0, *, sequences: bool = False) -> bool:
    """Check whether `text`, of at least `least` characters, looks random.

    `times` multiplies the evidence that is needed; `sequences`: what holds 123456 and the like may
    be random too.
    """
    lowered = text[:_LOOKED_AT].lower()
    if len(text) < least or len(set(lowered)) < _MIN_KINDS:
        return False
    if not sequences and any(sequence in lowered for sequence in _SEQUENCES):
        return False
    if _HEX.issuperset(lowered.replace("-", "")):
        return not lowered.isalpha() and not lowered.replace("-", "").isdigit()
    return _evidence(text[:_LOOKED_AT]) > times * _PER_CHARACTER * len(lowered)


def is_word(text: str) -> bool:
    """Check whether the pairs of letters in `text` are those of words."""
    return _evidence(text) <= 0


def _evidence(text: str) -> float:
    weights = _weights()
    return sum(weights.get(pair, 0.0) for pair in map(add, text, text[1:]))


@cache
def _weights() -> dict[str, float]:
    """Compute the evidence of each pair of letters and digits for randomness."""
    return {a + b: _weight(a, b) for a in _ALPHABET for b in _ALPHABET}


def _weight(left: str, right: str) -> float:
    if left.isdigit() or right.isdigit():
        return 0.0 if left.isdigit() and right.isdigit() else _DIGIT_BESIDE_LETTER
    if left.islower() and right.isupper():
        return _INNER_CAPITAL
    return _COMMON if right.lower() in _FOLLOWING[left.lower()] else _RARE
