"""Where secrets stand in a text.

One pass over the text finds the long runs of letters, digits, "_" and "-", which nearly all
tokens are or hold, and a few words that the other rules need; only rules that may fit are tried.
Every step is bounded, so the time is linear in the text, whatever it holds.
"""

import re
from collections.abc import Iterator

from lib.privacy import assigned_secrets
from lib.privacy.assigned_secrets import is_placeholder
from lib.privacy.secret_rules import (
    AWS_SECRET,
    BY_BEGINNING,
    BY_CHARACTER_BEFORE,
    BY_CHARACTER_BEHIND,
    BY_CONTENT,
    BY_WORD,
    INNER,
    JWK,
    Rule,
)

# Where a secret starts and ends, and the name of its rule.
Span = tuple[int, int, str]

MIN_RUN = 16
_IN_RUN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_SHAPES = bytes(120 if code in _IN_RUN else 32 for code in range(256))
_LONG = b"x" * MIN_RUN
_DIGIT = re.compile("[0-9]")
# What a token of several parts may have before a run, read backwards.
_PART = re.compile(r"[\w.~:-]+")
_REACH = 24
_AWS_NEAR = 400
_PEM = re.compile(r"-----(BEGIN|END) (?:[A-Z0-9]{1,10} ){0,3}PRIVATE KEY(?: BLOCK)?-----")
# How far a "kty" may be from a private member of its key.
_JWK_REACH = 4000
_MAX_PEM = 64 * 1024
_PEM_LINE = re.compile(r"(?:\\r)?(?:\\n|\r?\n)?[ \t\"'+,\\>*#/|-]{0,40}[A-Za-z0-9+/=]{16,100}")
_PEM_BODY = re.compile(r"[A-Za-z0-9+/=]{24}")
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def find(text: str) -> list[Span]:
    """The secrets in `text`, in no order; some may overlap."""
    lowered = _lower(text)
    spans = list(_tokens(text))
    for word, rules in BY_WORD.items():
        if word in lowered:
            for rule in rules:
                spans += _matches(rule, text, lowered, word)
    if "kty" in lowered:
        spans += _key_members(text)
    if "-----" in text:
        spans += _private_keys(text)
    for word in assigned_secrets.WORDS:
        if word in lowered:
            spans += assigned_secrets.find(text, lowered, word)
    return spans


def candidates(text: str) -> int:
    """How many words there are in `text` that rules look at."""
    lowered = _lower(text)
    return sum(lowered.count(word) for word in (*BY_WORD, *assigned_secrets.WORDS))


def _lower(text: str) -> str:
    """`text` in lower case, of the same length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_UPPER)


def _matches(rule: Rule, text: str, lowered: str, word: str) -> Iterator[Span]:
    """Where `rule` fits, tried at each `word` that does not lie in what was found before."""
    at = lowered.find(word)
    while at >= 0:
        match = rule.pattern.match(text, at)
        if match:
            start, end = match.span(match.lastindex or 0)
            if rule.check(text[start:end]) and not is_placeholder(text[start:end]):
                yield start, end, rule.name
        at = lowered.find(word, max(at + 1, match.end() if match else 0))


def _tokens(text: str) -> Iterator[Span]:
    """The tokens with a format of their own."""
    shape = text.encode("ascii", "replace").translate(_SHAPES) + b" "
    start = shape.find(_LONG)
    done = 0
    while start >= 0:
        end = shape.find(b" ", start)
        for found in _tokens_of_run(text, start, end):
            yield found
            if found[2] == "aws-access-key":
                yield from _aws_secrets(text, max(done, found[0] - _AWS_NEAR), found[1] + _AWS_NEAR)
                done = found[1] + _AWS_NEAR - 40
        start = shape.find(_LONG, end)


def _tokens_of_run(text: str, start: int, end: int) -> Iterator[Span]:
    """The tokens in the run from `start` to `end`, and those that reach over it."""
    found = (
        _beginning(text, start, end) or _reaching(text, start, end) or _holding(text, start, end)
    )
    if found:
        yield found
    elif (_DIGIT.search(text, start, end) and not text[start:end].isalnum()) or _is_escaped(
        text, start
    ):
        for inner in INNER.pattern.finditer(text, start + 1, end):
            found = _beginning(text, inner.start(), end)
            if found:
                yield found
                return


def _is_escaped(text: str, start: int) -> bool:
    return text[start - 1 : start] == "\\"


def _beginning(text: str, start: int, end: int) -> Span | None:
    """A token that starts at `start`, in a run that ends at `end`."""
    for rule in BY_BEGINNING.get(text[start : start + 3], ()):
        match = rule.pattern.match(text, start)
        if match:
            return start, max(match.end(), end) if rule.whole_run else match.end(), rule.name
    return None


def _reaching(text: str, start: int, end: int) -> Span | None:
    """A token of several parts, one of which is the run."""
    rules = BY_CHARACTER_BEFORE.get(text[start - 1 : start])
    if rules and start:
        before = _PART.match(text[max(0, start - _REACH) : start][::-1])
        origin = start - (before.end() if before else 0)
    else:
        rules, origin = BY_CHARACTER_BEHIND.get(text[end : end + 1], ()), start
    for rule in rules:
        match = rule.pattern.match(text, origin)
        if match and match.end() > start:
            return match.start(match.lastindex or 0), max(match.end(), end), rule.name
    return None


def _holding(text: str, start: int, end: int) -> Span | None:
    """A token that is told by something inside it."""
    for part, rule in BY_CONTENT.items():
        if text.find(part, start, end) >= 0:
            match = rule.pattern.search(text, start, end)
            if match:
                return match.start(), end, rule.name
    return None


def _aws_secrets(text: str, start: int, end: int) -> Iterator[Span]:
    for match in AWS_SECRET.pattern.finditer(text, start, end):
        if assigned_secrets.has_entropy(match[0], 3.5):
            yield (*match.span(), AWS_SECRET.name)


def _key_members(text: str) -> Iterator[Span]:
    """The private members of JSON Web Keys: of objects that have a "kty"."""
    for match in JWK.pattern.finditer(text):
        left, right = max(0, match.start() - _JWK_REACH), match.end() + _JWK_REACH
        left = max(left, text.rfind("{", left, match.start()))
        ends = text.find("}", match.end(), right)
        if "kty" in text[left : ends if ends >= 0 else right]:
            yield (*match.span(1), JWK.name)


def _private_keys(text: str) -> Iterator[Span]:
    """What stands between the BEGIN and the END of private keys, and behind a BEGIN without one."""
    begin = -1
    for match in _PEM.finditer(text):
        if begin >= 0:
            yield from _private_key(text, begin, match.start(), match[1] == "END")
        begin = match.end() if match[1] == "BEGIN" else -1
    if begin >= 0:
        yield from _private_key(text, begin, len(text), False)


def _private_key(text: str, begin: int, end: int, closed: bool) -> Iterator[Span]:
    if not closed or end - begin > _MAX_PEM:
        stop = begin
        while line := _PEM_LINE.match(text, stop, end):
            stop = line.end()
        end = stop
    if _PEM_BODY.search(text, begin, end):
        yield begin, end, "private-key"
