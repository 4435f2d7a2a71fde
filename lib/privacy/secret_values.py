"""Decide whether a value at a secret's place is a secret.

A placeholder is none, by its shape: `${VAR}`, `<your-key>`, `%(name)s`; nor is a word, a sentence,
a path, a translation. How much evidence the value needs depends on the name and the place.
"""

import re

from lib.privacy.randomness import is_random, is_word

# What a template puts something else in for.
_REFERENCE = re.compile(
    r"""\$\{[^{}]{0,200}\} | \{\$[^{}]{0,200}\} | \#\{[^{}]{0,200}\} | \{\{[^{}]{0,200}\}\}
        | \{%[^{}]{0,200}%\} | \$\([^()]{0,200}\) | %\(\w{1,60}\)[sdr]? | \$\w{1,60}\b
        | %[A-Za-z_]\w{1,60}% | %[-+\#0-9.]{0,5}[sdrvqxfiT@](?![\w%])
        | \{[\w.!:,\[\]() -]{0,80}\} | <[A-Za-z_/][\w\s.,:|/-]{0,80}> | @[A-Za-z_]{2,60}@
        | \[%?[A-Za-z_][\w\s:.,-]{2,80}%?\] | \([A-Za-z_ ]{2,60}\) | __[A-Z_]{3,60}__
        | \\\([\w.]{1,60}\)
    """,
    re.VERBOSE,
)
# One of these is in each.
_REFERRING = re.compile(r"[$%{<@\[(\\]|__")
_STANDS_FOR = re.compile(
    r"""\byour?[-_ .] | change[-_ ]?(?:me|it|this) | place[-_ ]?holder | x{4} | \*{3} | \.{3}
        | \[REDACTED | \b(?:insert|replace|enter|todo|fixme)[-_ ] | [-_ ](?:here|goes)\b
        | \u2026 | \u2022{2}
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DULL = frozenset(
    "x-oauth-basic none null nil true false undefined default empty string secret password "
    "passwd pass token username user root admin test testing foo bar baz foobar example sample "
    "dummy fake hidden required optional disabled enabled basic bearer digest plain plaintext "
    "prompt ignore invalid unknown missing wrong".split()
)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|u\{[0-9a-fA-F]{1,6}\}|x[0-9a-fA-F]{2})")
_NO_WORD = re.compile(r"[^A-Za-z0-9]+")
_NO_SIGNS = re.compile(r"[\w./: \\-]+")
_NUMBERS = re.compile("[0-9]+")
_LETTERS = re.compile("[A-Za-z]{4,}")
_PARTS = re.compile(r"[-_./:@\s]+")
_WORD = re.compile(r"[A-Za-z]+\d{0,4}\Z|\d{1,4}[A-Z]{0,4}\Z")
# An identifier of several words: FlowPasswordRequiredV2.
_CAMEL = re.compile(r"[a-z]*(?:[A-Z]+[a-z0-9]+){3,}\Z")
_DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::|\\)[A-Za-z_$][\w$]*)*\??\Z")
_OPERATORS = re.compile(r"[-+*/%]")
_PATH = re.compile(
    r"(?:[.~@]{0,2}/|--|data:|[\w{}$: -]{1,40}\\{1,2}[\w{}$: -]{2})[\w@.,:/\\*+=?{}$ -]*\Z"
)
_COLOR_OR_NUMBER = re.compile(
    r"(?:#|0[xX])[0-9a-fA-F]{1,16}[uUlL]{0,3}\Z|\d{4}-\d\d-\d\d(?:[T ]|\Z)"
)
_REGEX = re.compile(r"\[\^?[aA0]-[zZ9]|\\[sdwb]|\.\*|\(\?[:=!<]")
_EXPRESSION = re.compile(
    r"""[:=]" | @\{ | \w\(\w*\) | \)\. | -> | \]\. | \w\[[-$]?\w*:?\w*\] | \[\$\w | &&
        | \w\?\.\w | \+\s?["']""",
    re.VERBOSE,
)
# At the ends of a label: "Password:".
_PUNCTUATION = " :?!.,*\u2026"
_EDGES = "-_./: @"
_MIN, _MIN_RANDOM = 6, 12
# A value says by so many characters what it is.
_LOOKED_AT = 100


def is_placeholder(value: str) -> bool:
    """Check whether `value` is a placeholder for a secret."""
    if value.lower() in _DULL or _STANDS_FOR.search(value[:_LOOKED_AT]):
        return True
    if len(value) > _LOOKED_AT:  # without what was cut in two
        head, brace, tail = value[:_LOOKED_AT].rpartition("{")
        value = head.rstrip("{$#") if brace and "}" not in tail else value[:_LOOKED_AT]
        if not value:
            return True
    if not _REFERRING.search(value):
        return False
    if any(is_random(part, _MIN_RANDOM) for part in _NO_WORD.split(value)):
        return False
    rest = _REFERENCE.sub(_without, _REFERENCE.sub(_without, value))
    if rest != value and _PATH.match(rest) and not is_random(rest, 20, 2.0):
        return True
    return rest != value and not (is_random(rest, _MIN) or _is_generated(rest, 3, 8))


def _without(match: "re.Match[str]") -> str:
    """Return "" for a reference, itself for what only begins like one: `$nz9xg`."""
    return match[0] if match[0][1:].isalnum() and not is_word(match[0]) else ""


def is_secret_value(value: str, kind: str, *, sure: bool, word: bool = False) -> bool:
    """Check whether `value` is a secret of that `kind`.

    `sure`: the name and the place leave no doubt, so that a weak password counts as one too;
    `word`: even a password that is a word.
    """
    if len(value) < _MIN or "://" in value or is_placeholder(value):
        return False
    value = _ESCAPE.sub("\u00e9", value[:_LOOKED_AT])
    if _is_other(value) or not (value.isascii() or (sure and _is_typed(value))):
        return False
    digits = any(map(str.isdigit, value))
    if " " not in value and is_random(value, _MIN_RANDOM):
        return digits or not _DOTTED.match(value) or len(value) >= (16 if sure else 20)
    if _is_generated(value):
        return True
    return sure and (
        (digits and is_random(value, 8, 2.0))
        or (digits and " " not in value and is_random(value, 20, 1.5, sequences=True))
        or _holds_random(value)
        or (value.isdigit() and len(value) >= 10 and not _is_sequence(value))
        or (kind == "password" and _is_password(value, word))
    )


def _holds_random(value: str) -> bool:
    """Check whether a part of `value` is random, and has a digit."""
    return any(
        is_random(part, 16) and any(map(str.isdigit, part)) for part in _NO_WORD.split(value)
    )


def _is_other(value: str) -> bool:
    """Check whether `value` is a resource, a color, a number, a date, a path, an expression."""
    if value.startswith(("arn:", "urn:")) or _COLOR_OR_NUMBER.match(value):
        return True
    if _REGEX.search(value) and not _is_generated(value, 10, 40):
        return True
    if _EXPRESSION.search(value) and not _is_generated(value, 3, 50 if " " in value else 12):
        return True
    return bool(_PATH.match(value)) and not (is_random(value, 20, 2.0) or _is_generated(value, 3))


def is_code(value: str, strict: bool, spaced: bool) -> bool:
    """Check whether an unquoted `value` is a variable or an expression.

    `strict`: it stands among code, so it must look very random not to be one; `spaced`: a name
    without dots counts as a variable too.
    """
    if value[:1] in "([{" or _EXPRESSION.search(value):
        return True
    if not all(_DOTTED.match(part) or part.isdigit() for part in _OPERATORS.split(value)):
        return False
    if not spaced and "." not in value:
        return False
    least = 12 if len(_NUMBERS.findall(value)) > 1 else 16
    return not is_random(value, least, 2.0 if strict or not value.isalnum() else 1.0)


def _is_sequence(digits: str) -> bool:
    """Check whether `digits` follow the keyboard's order, or are nearly all the same."""
    return len(set(digits)) < 4 or "12345" in digits or "98765" in digits


def _is_typed(value: str) -> bool:
    """Check whether `value`, which is not all ASCII, is mostly that and one word with digits."""
    plain = sum(c.isascii() and c.isalnum() for c in value)
    digits = any(map(str.isdigit, value))
    return digits and plain >= len(value) / 2 and not re.search(r"[\s$:]", value)


def _is_generated(value: str, least: int = 1, length: int = _MIN_RANDOM) -> bool:
    """Check whether `value` mixes letters, digits and signs as a password generator does.

    `least`: the number of signs, `length`: of characters that it needs.
    """
    if len(value) < length:
        return False
    words = sum(map(len, filter(is_word, _LETTERS.findall(value))))
    signs = len(_NO_SIGNS.sub("", value))
    lower, upper = any(map(str.islower, value)), any(map(str.isupper, value))
    digits = any(map(str.isdigit, value))
    if words >= len(value) / 2 or signs < least or lower + upper + digits < 2:
        return False
    if " " in value:
        dense = signs >= max(4, len(value) / 8) and value.count(" ") <= len(value) / 12
        return digits and (dense or _holds_random(value))
    if signs == 1:
        return digits and is_random(value, length)
    return digits or signs > 2


def _is_password(value: str, word: bool) -> bool:
    bare = value.strip(_PUNCTUATION)
    if " " in value or len(bare) < _MIN - 1 or ("." in value and _DOTTED.match(value)):
        return False
    if bare.isalpha() or not any(c.isdigit() for c in value):
        if bare.replace("_", "").replace("-", "").isalpha():
            # Else it can be the word for a password, in any language.
            mixed = not bare[1:].islower() and not bare.isupper() and is_random(bare, 8, 0.5)
            return bare == value and bare.isalpha() and (mixed or word)
        return value.isascii() and sum(not c.isalnum() for c in bare) > 1 and not _is_words(bare)
    several = _is_words(value) and len(_PARTS.split(value.strip(_EDGES))) > 1
    return not several and not (_CAMEL.match(value) and is_word(value))


def _is_words(value: str) -> bool:
    """Check whether `value` looks like an identifier, a path or a date."""
    return all(_WORD.match(part) for part in _PARTS.split(value.strip(_EDGES)))
