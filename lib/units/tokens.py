"""Take code apart into tokens, without white space and comments."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

from lib.units.grammars import grammar
from lib.units.parsing import Parsed

_SIGN = re.compile(r"[!%&*+./:<=>?@^|~-]{2,}")
_PATTERN = rb"[%s\x80-\xff][\w%s\x80-\xff]*|\d\w*(?:\.\d\w*)*|%s|[^\s\\]|\\(?!\r?\n)"
# The token of a string's text begins with that, so that it is none of a name or sign.
_QUOTE = b'"'
_NAME = re.compile(rb"[\w$\x80-\xff]|\".", re.DOTALL)


class _Lexicon(NamedTuple):
    """How code of a language is taken apart; `words` are those that are no names."""

    pattern: "re.Pattern[bytes]"
    words: frozenset[bytes]


class Tokenizer:
    """Takes stretches of parsed code apart.

    Its `texts` are the tokens of all of them, of which so many are `before` a byte.
    """

    def __init__(self, found: Parsed, language: str) -> None:
        self.texts: list[bytes] = []
        self.before: dict[int, int] = {}
        self._data = found.data
        self._lexicon = _lexicon(language)
        # Comments and texts: where they begin and end.
        self._special = sorted(
            (node.start_byte, node.end_byte, role == "text")
            for role in ("text", "none")
            for node in found.captured.get(role, ())
        )

    def take(self, stops: Sequence[int]) -> None:
        """Add the tokens from the first of some bytes in order to the last, and count at each."""
        data, find, texts = self._data, self._lexicon.pattern.findall, self.texts
        at, last = stops[0], stops[-1]
        place = bisect_left(self._special, (at,))
        for stop in stops:
            while at < stop:
                start, end, is_text = last, last, False
                if place < len(self._special):
                    start, end, is_text = self._special[place]
                if start >= stop:
                    texts += find(data, at, stop)
                    at = stop
                    break
                place += 1
                if start >= at:
                    texts += find(data, at, start)
                    if is_text:
                        texts.append(_QUOTE + data[start:end])
                    at = end
            self.before[stop] = len(texts)

    def names(self) -> set[bytes]:
        """Tell which of the tokens are names, numbers or texts of strings."""
        words = self._lexicon.words
        return {text for text in set(self.texts) if _NAME.match(text) and text not in words}


@cache
def _lexicon(language: str) -> _Lexicon:
    known = grammar(language)
    assert known
    of = known.language
    fixed = {
        of.node_kind_for_id(number) or ""
        for number in filter(of.node_kind_is_visible, range(of.node_kind_count))
        if not of.node_kind_is_named(number)
    }
    signs = sorted(filter(_SIGN.fullmatch, fixed), key=len, reverse=True)
    more = b"_a-zA-Z" if "$" in fixed else b"_a-zA-Z$"
    pattern = _PATTERN % (more, more, b"|".join(re.escape(sign).encode() for sign in signs))
    words = frozenset(kind.encode() for kind in fixed if kind.isidentifier())
    return _Lexicon(re.compile(pattern), words)
