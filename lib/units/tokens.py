"""Take code apart into tokens, without white space and comments."""

import re
from bisect import bisect_left
from collections.abc import Sequence
from functools import cache
from typing import Any, NamedTuple

from lib.system import packages
from lib.units.grammars import grammar
from lib.units.parsing import Parsed

# Kinds of nodes: the text of a string, which is one token; what is no token.
_TEXT = re.compile(
    r"\w*string(_literal)?_(content|fragment)|heredoc_content|(line|multi_line)_str_text|"
    r"(raw|verbatim|nowdoc|ansi_c|system_lib)_(string|lib_string)(_literal)?|"
    r"char(acter)?(_literal)?|rune_literal|regex_(pattern|literal)"
)
_NO_TOKEN = re.compile(r"\w*comment|line_continuation|shebang\w*|hash_bang_line")
_SIGN = re.compile(r"[!%&*+./:<=>?@^|~-]{2,}")
_PATTERN = rb"[%s\x80-\xff][\w%s\x80-\xff]*|\d\w*(?:\.\d\w*)*|%s|[^\s\\]|\\(?!\r?\n)"
# The token of a string's text begins with that, so that it is none of a name or sign.
_QUOTE = b'"'
_NAME = re.compile(rb"[\w$\x80-\xff]|\".", re.DOTALL)


class _Lexicon(NamedTuple):
    """How code of a language is taken apart: a query for texts and comments, and a pattern.

    `words` are those that are no names.
    """

    query: Any
    pattern: "re.Pattern[bytes]"
    words: frozenset[bytes]


class Tokenizer:
    """Takes stretches of parsed code apart.

    Its `texts` are the tokens of all of them, of which so many are `before` a byte.
    """

    def __init__(self, found: Parsed, language: str, start: int, end: int) -> None:
        self.texts: list[bytes] = []
        self.before: dict[int, int] = {}
        self._data = found.data
        self._lexicon = _lexicon(language)
        cursor = packages.load("tree_sitter").QueryCursor(self._lexicon.query)
        cursor.set_byte_range(start, end)
        # Comments and texts: where they begin and end.
        self._special: list[tuple[int, int, bool]] = []
        for role, nodes in cursor.captures(found.tree.root_node).items():
            is_text = role == "text"
            self._special += [(node.start_byte, node.end_byte, is_text) for node in nodes]
        self._special.sort()

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
    kinds = [
        (of.node_kind_for_id(number) or "", of.node_kind_is_named(number))
        for number in range(of.node_kind_count)
        if of.node_kind_is_visible(number)
    ]
    parts = {f"({kind}) @text" for kind, is_named in kinds if is_named and _TEXT.fullmatch(kind)}
    parts |= {
        f"({kind}) @none" for kind, is_named in kinds if is_named and _NO_TOKEN.fullmatch(kind)
    }
    fixed = {kind for kind, is_named in kinds if not is_named}
    signs = sorted(filter(_SIGN.fullmatch, fixed), key=len, reverse=True)
    more = b"_a-zA-Z" if "$" in fixed else b"_a-zA-Z$"
    pattern = _PATTERN % (more, more, b"|".join(re.escape(sign).encode() for sign in signs))
    words = frozenset(kind.encode() for kind in fixed if kind.isidentifier())
    return _Lexicon(
        packages.load("tree_sitter").Query(of, "\n".join(sorted(parts))), re.compile(pattern), words
    )
