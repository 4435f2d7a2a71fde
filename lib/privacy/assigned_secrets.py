"""Secrets without a format of their own: what is assigned to a name such as `db_password`.

The value decides: a placeholder, a variable, a sentence or an identifier is none. All searches
are bounded, so that each word costs a bounded number of steps.
"""

import re
from collections import Counter
from collections.abc import Iterator
from math import log2

# The words that names hold, each with the kind of secret that it means.
WORDS = {
    "pass": "password",
    "pwd": "password",
    "secret": "secret",
    "token": "token",
    "cred": "credential",
    "auth": "credential",
    "key": "key",
}
_MAX_VALUE = 1000
_MAX_NAME = 100
# What makes a key of some kind a secret one.
_KEY_OF = tuple(
    "api access secret private auth encryption encrypt crypt signing signature account master "
    "service app subscription shared sharedaccess storage hmac jwt session admin license deploy "
    "client consumer rsa aes cipher integration ingest webhook write read project".split()
)
_PASSWORDS = ("word", "wd", "phrase", "code", "")
# The rest of the name, up to where its value begins.
_OPERATOR = re.compile(
    r"""([\w.-]{0,40})                        # the rest of the name
        (\\{0,3}["'`])?\]?[ \t]{0,20}         # its closing quote or bracket
        (?: (:[ \t]{0,4}[A-Za-z&*][\w.|?*&'\[\] ]{0,40}=(?!=))     # : type =
          | ([A-Za-z]{2,10}[ \t]=(?!=))       # type =, as in Go
          | (:=|=>|={1,3}|!={1,2}|:|,|\(|>|[ ])
        )
        [ \t]{0,20}(?:[bBrRfFuULn@$]{1,2}(?=\\{0,3}["'`]))?""",
    re.VERBOSE,
)
_STRING = {
    '"': re.compile(r'"((?:[^"\\\r\n]|\\.){0,1000})"'),
    "'": re.compile(r"'((?:[^'\\\r\n]|\\.){0,1000})'"),
    "`": re.compile(r"`((?:[^`\\\r\n]|\\.){0,1000})`"),
}
_TRIPLE = re.compile(r'"""|\'\'\'')
_BARE = re.compile(r"[^\s\"'`<>(){}\[\],;&|\\]{6,300}")
_AFTER_BARE = re.compile(r"[ \t]*(?:\Z|[\r\n;\"'`&<|]|\\|#|//)")
_NAME_BEFORE = re.compile(r"[\w.-]{0,40}\Z")
_PLACEHOLDER = re.compile(
    r"""your[-_ .]|change[-_ ]?(?:me|it)|place[-_ ]?holder|x{4}|\*{3}|\.{3}|\[REDACTED|\$\{
        |\{\{|<[^>]{0,60}>|%\(|%[sdr]\b|\$\(|^\$\w|^\{[\w.!:\[\]()]{0,60}\}$|^@
        |insert[-_ ]|replace[-_ ]|_here\b
    """,
    re.VERBOSE | re.IGNORECASE,
)
_DULL = frozenset(
    "none null nil true false undefined default empty string secret password passwd pass token "
    "username user root admin test testing foo bar baz foobar example sample dummy fake hidden "
    "required optional disabled enabled basic bearer digest plain plaintext prompt ignore".split()
)
_PARTS = re.compile(r"[-_./: @]+")
_WORD = re.compile(r"[A-Za-z]+\d{0,2}\Z|\d{1,4}\Z")
_DOTTED = re.compile(r"[A-Za-z_$][\w$]*(?:(?:\.|->|::)[A-Za-z_$][\w$]*)*[!?]?\Z")
# Names of what is told about a secret.
_OF_TYPE = re.compile(
    r"\w{0,40}?(?:type|name|url|uri|path|file|field|id|label|hint|regex|pattern|endpoint|length|size"
    r"|count)s?\Z"
)


def find(text: str, lowered: str, word: str) -> "Iterator[tuple[int, int, str]]":
    """The secrets assigned to names with `word`: where each starts and ends, and its kind.

    `lowered`: `text` in lower case, of the same length.
    """
    at = lowered.find(word)
    while at >= 0:
        found = _assigned(text, lowered, word, at)
        if found:
            yield found
        at = lowered.find(word, max(at + 1, found[1] if found else 0))


def _assigned(text: str, lowered: str, word: str, at: int) -> "tuple[int, int, str] | None":
    if word == "key" and not lowered[max(0, at - 14) : at].rstrip("-_ ").endswith(_KEY_OF):
        return None
    match = _OPERATOR.match(text, at + len(word))
    kind = _kind_of(word, match[1].lower()) if match else ""
    if not match or not kind:
        return None
    operator = match[5] or "="
    misread = (operator == " " and not _takes_argument(text, at)) or (
        operator == "," and not match[2]
    )
    return None if misread else _value(text, match.end(), kind, match[1].lower(), operator)


def _value(
    text: str, start: int, kind: str, rest: str, operator: str
) -> "tuple[int, int, str] | None":
    """The secret that begins at `start`, behind `operator`."""
    is_argument = operator in (",", "(")
    span = _literal(text, start)
    if span:
        # Letters alone are no password among arguments.
        named = operator if is_argument else rest
        return (*span, kind) if _is_secret(kind, text[span[0] : span[1]], named) else None
    if is_argument or _TRIPLE.match(text, start):
        return None
    return _bare(text, start, kind, text[start - 1] in " \t" and operator not in ": ")


def _kind_of(word: str, rest: str) -> str:
    """What a name is that holds `word` and then `rest`; "" for none that keeps a secret."""
    kind = WORDS[word]
    if word == "pass":
        for ending in _PASSWORDS:
            if rest.startswith(ending):
                rest = rest[len(ending) :]
                break
        # "passed", "passive", "passage"
        if rest[:1].isalpha():
            return ""
    if word == "auth" and rest[:5] in ("or", "ors", "ority", "orize"):
        return ""
    return "" if _OF_TYPE.match(rest) else kind


def _takes_argument(text: str, at: int) -> bool:
    """Whether the name at `at` is an option (`--password x`) or a word of a .netrc."""
    line = text[max(0, at - 120) : at].rpartition("\n")[2]
    name = _NAME_BEFORE.search(line)
    option = bool(name) and name[0].startswith("--") if name else False
    return option or (" login " in f" {line}" or "machine " in line)


def _literal(text: str, start: int) -> "tuple[int, int] | None":
    """Where the text of the string literal that begins at `start` begins and ends."""
    quote = text[start : start + 1]
    if quote in _STRING and text[start : start + 3] != quote * 3:
        match = _STRING[quote].match(text, start)
        return match.span(1) if match else None
    if quote == "\\":  # code inside a JSON string
        bare = text[start : start + 4].lstrip("\\")[:1]
        opener = text[start : text.find(bare, start) + 1] if bare and bare in _STRING else ""
        begin = start + len(opener)
        end = text.find(opener, begin, begin + _MAX_VALUE) if opener else -1
        if end >= 0 and "\n" not in text[begin:end]:
            return begin, end
    return None


def _bare(text: str, start: int, kind: str, spaced: bool) -> "tuple[int, int, str] | None":
    """An unquoted value, as in YAML, .ini files, shells and connection strings."""
    match = _BARE.match(text, start)
    if not match or not _AFTER_BARE.match(text, match.end()):
        return None
    value = match[0]
    if not any(c.isdigit() for c in value) and not any(c in "!@#$%^&*+" for c in value[1:]):
        return None
    # Beside an operator with spaces it is a variable rather than a word.
    is_variable = bool(_DOTTED.match(value)) and (spaced or "." in value)
    if is_variable and not (len(value) >= 32 and has_entropy(value, 4.0)):
        return None
    secret = _is_secret(kind, value, "") and (kind == "password" or _entropy(value) >= 3.0)
    return (*match.span(), kind) if secret else None


def _is_secret(kind: str, value: str, rest: str) -> bool:
    lowered = value.lower()
    if len(value) < 6 or " " in value or lowered in _DULL or _PLACEHOLDER.search(value):
        return False
    if "://" in value or value.startswith(("/", "./", "../", "~/", "--", "#")):
        return False
    if kind == "password":
        return _is_password(value, lowered, rest)
    if len(value) < 12 or not any(c.isdigit() for c in value):
        return len(value) >= 20 and _is_mixed(value) and _entropy(value) >= 3.8
    return not _is_words(value) and _entropy(value) >= 2.8


def _is_password(value: str, lowered: str, rest: str) -> bool:
    if any(c.isdigit() for c in value) or not value.replace("_", "").replace("-", "").isalpha():
        return not (_is_words(value) and len(_PARTS.split(value)) > 1)
    # Letters only: a weak password, if the name is just that, or the name of something.
    return rest in _PASSWORDS and value.isalpha() and "pass" not in lowered and "pwd" not in lowered


def _is_words(value: str) -> bool:
    """Whether `value` reads as an identifier, a path or a date."""
    return all(_WORD.match(part) for part in _PARTS.split(value.strip("-_./: @")))


def _is_mixed(value: str) -> bool:
    return value.isalnum() and not value.islower() and not value.isupper()


def _entropy(text: str) -> float:
    """Bits a character, by how often each occurs."""
    size = len(text)
    return -sum(n / size * log2(n / size) for n in Counter(text).values())


def is_secret(name: str, value: str) -> bool:
    """Whether `value`, kept under `name` in a table, is a secret by that name."""
    if len(name) > _MAX_NAME or not 0 < len(value) < _MAX_VALUE or '"' in value:
        return False
    line, lowered = f'{name}="{value}"', name.lower()
    if len(lowered) != len(name):
        return False
    lowered += line[len(name) :]
    return any(word in lowered and any(find(line, lowered, word)) for word in WORDS)


def is_placeholder(value: str) -> bool:
    """Whether `value` only stands for a secret."""
    return value.lower() in _DULL or bool(_PLACEHOLDER.search(value))


def has_entropy(text: str, bits: float) -> bool:
    """Whether `text` has at least `bits` a character, and is of upper and lower case and digits."""
    mixed = any(c.isdigit() for c in text) and not text.isupper() and not text.islower()
    return mixed and _entropy(text) >= bits
