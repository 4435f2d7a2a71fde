"""Tell cheaply whether code is so unusual that a grammar might not cope with it."""

import re

# Larger code takes more than 12 MB and 0.1 s.
MOST_USUAL_BYTES = 256 * 1024
MOST_USUAL_LINE = 10_000
# So many brackets may be left where those that enclose nothing were taken away so often.
_ROUNDS, MOST_LEFT = 16, 256
# Generic types in one another, which some grammars try in all ways before they can be interrupted.
_NESTED_TYPES = b"<" * 64
# So many texts that end with a word of theirs: the grammar of Ruby crashes of 200 that are open.
_MOST_HEREDOCS = 20
_HEREDOC = re.compile(rb"<<[-~]?['\"`\\]?\w")
# One control character or byte that was no text in so many.
_ODD_SHARE = 200
_NO_TEXT = "\N{REPLACEMENT CHARACTER}".encode()
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f") | {127})
_BRACKETS, _WITH_TYPES = b"()[]{}", b"()[]{}<>"
_NOT_BRACKETS = bytes(set(range(256)) - set(_BRACKETS))
_NOT_TYPES = bytes(set(range(256)) - set(_WITH_TYPES))
_PAIRS = (b"()", b"[]", b"{}")


def is_suspicious(data: bytes) -> bool:
    """Check whether code in UTF-8 is large, has a long line, is nested deeply, or is no text."""
    if len(data) > MOST_USUAL_BYTES or max(map(len, data.split(b"\n"))) > MOST_USUAL_LINE:
        return True
    odd = len(data) - len(data.translate(None, _CONTROLS)) + data.count(_NO_TEXT)
    return odd * _ODD_SHARE > len(data) or _has_heredocs(data) or _is_deep(data)


def _has_heredocs(data: bytes) -> bool:
    is_few = data.count(b"<<") <= _MOST_HEREDOCS
    return not is_few and len(_HEREDOC.findall(data)) > _MOST_HEREDOCS


def _is_deep(data: bytes) -> bool:
    if _NESTED_TYPES in data.translate(None, _NOT_TYPES):
        return True
    left = data.translate(None, _NOT_BRACKETS)
    for _ in range(_ROUNDS):
        before = len(left)
        if before <= MOST_LEFT:
            return False
        for pair in _PAIRS:
            left = left.replace(pair, b"")
        if len(left) == before:
            break
    return len(left) > MOST_LEFT
