"""Tell which units are the same but for layout and comments, or but for their names as well."""

import hashlib
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from lib.units.extraction import Unit, parsed, units_of

# A token: where it begins, its text, and whether it is a name, a number or part of a string.
Token = tuple[int, bytes, bool]


class Fingerprint(NamedTuple):
    """A unit by its tokens: how many, how many different ones, and digests of two readings.

    Units with the same `exact` differ in white space and comments at most; those with the same
    `renamed` also in names, numbers and strings, where each is replaced throughout.
    """

    unit: Unit
    tokens: int
    distinct: int
    exact: str
    renamed: str


def fingerprints(code: str, language: str) -> list[Fingerprint]:
    """List the fingerprints of the units in code, where `extraction.extract` finds any."""
    found = parsed(code, language)
    if found is None:
        return []
    tokens = list(_tokens(found.tree.root_node, found.data))
    starts = [start for start, _, _ in tokens]
    return [
        _fingerprint(unit, tokens[bisect_left(starts, unit.start) : bisect_left(starts, unit.end)])
        for unit in units_of(found)
    ]


def _fingerprint(unit: Unit, tokens: Sequence[Token]) -> Fingerprint:
    texts = [text for _, text, _ in tokens]
    numbers: dict[bytes, int] = {}
    renamed = [
        b"%d" % numbers.setdefault(text, len(numbers)) if is_name else text
        for _, text, is_name in tokens
    ]
    return Fingerprint(unit, len(texts), len(set(texts)), _digest(texts), _digest(renamed))


def _digest(texts: Sequence[bytes]) -> str:
    return hashlib.sha256(b"\0".join(texts)).hexdigest()[:32]


def _tokens(root: Any, data: bytes) -> Iterator[Token]:
    """Yield the leaves of a tree in their order, and what text lies between them; no comments."""
    cursor, end = root.walk(), 0
    while True:
        node = cursor.node
        is_comment = "comment" in node.type
        if is_comment or not cursor.goto_first_child():
            if between := data[end : node.start_byte].strip():
                yield end, between, True
            text = data[node.start_byte : node.end_byte].strip()
            if text and not is_comment:
                yield node.start_byte, text, node.is_named
            end = max(end, node.end_byte)
            while not cursor.goto_next_sibling():
                if not cursor.goto_parent():
                    return
