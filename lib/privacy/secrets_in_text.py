"""Find the secrets in a text by all rules.

One pass over the text finds the long runs of letters, digits, "_" and "-", which nearly all
tokens are or hold, and a few words that the other rules need; only rules that may fit are tried.
Every step is bounded, so the time is linear in the text, whatever it holds.
"""

import itertools
import re
from collections.abc import Iterator

from lib.privacy import assigned_secrets, named_nearby, private_keys
from lib.privacy.phrase_rules import AWS_SECRET, BY_WORD, JWK, LOGINS
from lib.privacy.randomness import is_random, is_word
from lib.privacy.rules_by_parts import (
    BY_CHARACTER_BEFORE,
    BY_CHARACTER_BEHIND,
    BY_CONTENT,
    BY_HEAD,
    BY_NECK,
)
from lib.privacy.secret_rules import BY_BEGINNING, KEY, Rule, reads_random
from lib.privacy.secret_values import is_placeholder
from lib.privacy.telling_names import WORDS

# Where a secret starts and ends, and the name of its rule.
Span = tuple[int, int, str]

MIN_RUN = 16
_IN_RUN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"
_SHAPES = bytes(120 if code in _IN_RUN else 32 for code in range(256))
_LONG = b"x" * MIN_RUN
_LONG_RUNS = re.compile(b"x{%d,}" % MIN_RUN)
# What a token of several parts may have before a run, read backwards.
_PART = re.compile(r"[\w.~:/|!-]+")
_REACH, _BASE64_REACH = 48, 120
_DIGIT = re.compile("[0-9]")
_MAX_RUN = 2000
# Of so many characters is what has one of the contents, and a token without any digit.
_LONG_RUN = 34
# What stands in base64: a token may have begun before it.
_IN_BASE64 = "+/=%"
_BORDER = re.compile("[=/]")
_BASE64 = re.compile(r"[\w+/=%-]+")
# Behind these a token may begin inside a run, as behind an escaped newline.
_SEPARATOR = re.compile("[_-]")
# A token of an issuer that no rule knows: some short words, then what only a generator makes.
_MARKED = re.compile(
    r"((?:[A-Za-z][A-Za-z0-9]{1,14}[_-]){1,4}?)([A-Za-z0-9]{20,120}|[\w-]{24,120})(?![\w-])"
)
_NO_TOKENS = tuple(
    "sha1- sha256- sha384- sha512- md5- toolu_ msg_ req_ file_ run_ batch_ sesn_ uprof_ vcrd_ cus_ "
    "ch_ pi_ price_ prod_ sub_ in_ evt_ acct_".split()
)
_AWS_NEAR = 400
# How far a "kty" may be from a private member of its key.
_JWK_REACH = 4000
_UPPER = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}
_CALLED = frozenset((*BY_WORD, *LOGINS, *WORDS))


def find(text: str) -> list[Span]:
    """Find the secrets in `text`, in no order; some may overlap."""
    lowered = _lower(text)
    spans = list(_tokens(text))
    present = {word for word in _CALLED if word in lowered}
    for word, rules in BY_WORD.items():
        if word in present:
            for rule in rules:
                spans += _matches(rule, text, lowered, word)
    for gate, logins in LOGINS.items():
        if gate in present:
            for word, rule in logins.items():
                spans += _matches(rule, text, lowered, word)
    if "kty" in lowered:
        spans += _key_members(text)
    if "KEY" in text:
        spans += private_keys.find(text)
    for word in WORDS:
        if word in present:
            spans += assigned_secrets.find(text, lowered, word)
    return spans


def candidates(text: str) -> int:
    """Count the places in `text` that rules look at."""
    lowered = _lower(text)
    runs = sum(1 for _ in _LONG_RUNS.finditer(_shape(text)))
    return runs + 2 * sum(lowered.count(word) for word in _CALLED)


def _lower(text: str) -> str:
    """Convert `text` to lower case of the same length."""
    lowered = text.lower()
    return lowered if len(lowered) == len(text) else text.translate(_UPPER)


def _matches(rule: Rule, text: str, lowered: str, word: str) -> Iterator[Span]:
    """Try `rule` at each `word` that is not within an earlier match."""
    at = lowered.find(word)
    while at >= 0:
        match = rule.pattern.match(text, at)
        if match:
            start, end = match.span(match.lastindex or 0)
            if rule.check(text[start:end]) and not is_placeholder(text[start:end]):
                yield start, end, rule.name
        at = lowered.find(word, max(at + 1, match.end() if match else 0))


def _shape(text: str) -> bytes:
    """Replace each character of `text` that can be in a run by an x, others by a space."""
    return text.encode("ascii", "replace").translate(_SHAPES)


def _tokens(text: str) -> Iterator[Span]:
    """Find the tokens that have a format of their own."""
    shape = _shape(text) + b" "
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
    """Find the tokens in the run from `start` to `end`, and those that reach beyond it."""
    found = (
        _beginning(text, start, end) or _reaching(text, start, end) or _holding(text, start, end)
    )
    if found:
        yield found
        return
    if not _DIGIT.search(text, start, end) and end - start < _LONG_RUN:
        return
    escaped = (start + 1,) if text[start - 1 : start] == "\\" else ()
    separators = _SEPARATOR.finditer(text, start, min(end, start + _MAX_RUN))
    for at in itertools.chain(escaped, (separator.end() for separator in separators)):
        found = _beginning(text, at, end)
        if found:
            yield found
            return
    if text.startswith(_NO_TOKENS, start):
        return
    found = _marked(text, start, end) or named_nearby.find(text, start, end)
    if found:
        yield found


def _marked(text: str, start: int, end: int) -> Span | None:
    match = _MARKED.match(text, start, end)
    if not match or match.end() != end:
        return None
    body = match[2]
    mixed = any(
        len(part) > 7 and not part.isupper() and not part.islower() and _DIGIT.search(part)
        for part in _SEPARATOR.split(body)
    )
    if mixed and reads_random(body) and is_random(body, 20, 1.5) and is_word(match[1]):
        return start, end, "token"
    return None


def _beginning(text: str, start: int, end: int) -> Span | None:
    """Match a token that starts at `start`, in a run that ends at `end`."""
    for rule in BY_BEGINNING.get(text[start : start + KEY], ()):
        match = rule.pattern.match(text, start)
        if match and rule.check(match[match.lastindex or 0]):
            return start, max(match.end(), end) if rule.whole_run else match.end(), rule.name
    return None


def _reaching(text: str, start: int, end: int) -> Span | None:
    """Match a token of several parts, one of which is the run."""
    rules = BY_CHARACTER_BEHIND.get(text[end : end + 1], ())
    escaped = text[start - 1 : start] == "\\"
    found = _first(rules, text, start + escaped, start, end) if rules else None
    if found or not start:
        return found
    if text[start - 1] in _IN_BASE64:
        found = _in_base64(text, start, end)
    if found or text[start - 1] not in BY_CHARACTER_BEFORE:
        return found
    rules = BY_CHARACTER_BEFORE[text[start - 1]]
    before = _PART.match(text[max(0, start - _REACH) : start][::-1])
    origin = start - (before.end() if before else 0)
    origin += text[origin - 1 : origin] == "\\"
    if text[start - 1] == ".":
        origin = max(origin, text.rfind("/", origin, start) + 1)
        head, _, rest = text[origin : start - 1].partition(".")
        head = head.rpartition(":")[2]
        origin = max(origin, text.find(head, origin))
        rules = (
            *BY_HEAD.get(head, ()),
            *BY_NECK.get(rest.rpartition(".")[2], ()),
            *rules,
        )
    return _first(rules, text, origin, start, end)


def _in_base64(text: str, start: int, end: int) -> Span | None:
    """Match a token of base64 that began before the run, which is a part of it."""
    before = _BASE64.match(text[max(0, start - _BASE64_REACH) : start][::-1])
    origin = start - (before.end() if before else 0)
    for at in (origin, *(found.end() for found in _BORDER.finditer(text, origin, start))):
        found = _beginning(text, at, end) if at < start else None
        if found and found[1] > start:
            return found
    return None


def _first(rules: tuple[Rule, ...], text: str, origin: int, start: int, end: int) -> Span | None:
    for rule in rules:
        match = rule.pattern.match(text, origin)
        if match and match.end() > start and rule.check(match[match.lastindex or 0]):
            return match.start(match.lastindex or 0), max(match.end(), end), rule.name
    return None


def _holding(text: str, start: int, end: int) -> Span | None:
    """Match a token by something inside it."""
    if end - start < _LONG_RUN:
        return None
    for part, rule in BY_CONTENT.items():
        if text.find(part, start, end) >= 0:
            match = rule.pattern.search(text, start, end + _REACH)
            if match and match.start() < end:
                return match.start(), max(match.end(), end), rule.name
    return None


def _aws_secrets(text: str, start: int, end: int) -> Iterator[Span]:
    for match in AWS_SECRET.pattern.finditer(text, start, end):
        if is_random(match[0]):
            yield (*match.span(), AWS_SECRET.name)


def _key_members(text: str) -> Iterator[Span]:
    """Find the private members of JSON Web Keys: of objects that have a "kty"."""
    for match in JWK.pattern.finditer(text):
        left, right = max(0, match.start() - _JWK_REACH), match.end() + _JWK_REACH
        left = max(left, text.rfind("{", left, match.start()))
        ends = text.find("}", match.end(), right)
        if "kty" in text[left : ends if ends >= 0 else right]:
            yield (*match.span(1), JWK.name)
