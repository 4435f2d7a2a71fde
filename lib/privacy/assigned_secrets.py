"""Find secrets without a format of their own: values assigned to names such as `db_password`.

The search goes from a word in a name to the end of the name, over what may stand between a name and
its value (an operator, a type, another line, a call, a default), to the value, which decides. All
steps are bounded, so that each word costs a bounded number of them.
"""

import re
from collections.abc import Iterator

from lib.privacy.named_nearby import strings_behind
from lib.privacy.randomness import is_random
from lib.privacy.secret_values import is_code, is_secret_value
from lib.privacy.telling_names import COMMAND, OPTION, STATEMENT, WORDS, kind_of, start_of

_MAX_VALUE = 1000
_MAX_NAME = 100
_PASSWORDS = ("password", "passwd", "passphrase", "passcode", "pass", "pwd")
_REST = re.compile(r"[\w.-]{0,40}")
# From the end of a name to its value, in one step: what is in group 1 tells how sure it is.
_QUOTE = r"\\{0,3}[\"'`]"
_LINK = re.compile(
    rf"""({_QUOTE})?[\])}}]{{0,2}}\*{{0,2}}[ \t]{{0,20}}
        (?: (?:\[\w{{0,20}}\][ \t]{{0,4}}|\*[ \t]?)=(?!=)                       # char x[] =
          | :[ \t]{{0,4}}(?:&'[a-z]{{1,9}}[ ])?[A-Za-z*&\[][\w.|?*&<>\[\] ]{{0,40}}[ \t]=(?![=>])
          | (?:[Aa]s[ ])?[A-Za-z][\w()]{{1,14}}[ \t]{{1,4}}=(?!=)                # x type =
          | \{{[ \t]?get;[^}}]{{0,20}}\}}[ \t]?=                                 # a property
          | ,?\s{{0,80}}-{{0,2}}[ \t]?{_QUOTE}?[A-Za-z]{{0,9}}[vV]alue{_QUOTE}?
            (?:[ \t]{{0,9}}[:=]|[ ])
          | </\w{{1,20}}>\s{{0,40}}(<\w{{1,20}}>)                                # <key>..<string>
          | (?<=["'])(?:[ ][^<>\n]{{0,40}})?(>)(?:<value>)?
          | (>)<!\[CDATA\[
          | \{{\s(?=[^{{}}]{{0,300}}\bdefault)[^{{}}]{{0,300}}?\bdefault[ \t]{{0,9}}=  # Terraform
          | (?i:is|as|by)[ ] | \|[ ]
          | (?:,[ ]\w{{1,20}}=[\w.]{{1,30}}){{0,3}},[ ]default(?:_value)?[ ]?=     # argparse
          | (:=|=>|<-|\|\|=|\?\?=|\?=|->|={{1,3}}|!={{1,2}}|<<<|\|\||\?\?|\?:|:-|:(?!:)|,|\(|\{{|>
             |or[ ]|\.(?:unwrap_or|orElse|getOrElse|or|or_else|valueOr)\(|(?<=[ ])(?=\S))
        )[ \t]{{0,20}}""",
    re.VERBOSE,
)
# What may stand before the value then, any number of times up to a bound.
_WRAP = re.compile(
    r"""[ \t]{1,40}
        | \\?\r?\n[ \t]{0,80}(?:-[ \t])?(?:value:|default:|<value>)?
        | (?:\|[+-]?|>[+-]?)(?=\r?\n)
        | \[\](?:byte|rune)\(
        | <[vV]alue> | <<
        | [(\[{](?![(\[{])
        | !!?\w{1,10}[ ] | &\w{1,20}[ ]
        | (?:new[ ])?[A-Za-z_][\w.:<>]{0,60}!?\(
        | (?:default|default_value|fallback|value|\"value\")[ \t]{0,4}[=:]
        | [\w.$\[\]:]{2,60}[ \t]{0,4}(?:\|\||\?\?|\?:|\bor\b)
        | (?:ConvertTo-SecureString|await|return)[ ]
    """,
    re.VERBOSE,
)
# What may be a secret that nothing but a space joins to its name.
_WORD = re.compile(r"[\w+/=.~@!#%^-]+\Z")
_RESOURCE = re.compile(r"::|:\d{12}:")
_SEPARATORS = re.compile(r"[\W_]+")
# Behind these there is an expression.
_CALLS = ("(", "[", "{", "||", "??", "?:", " or")
# What an argument is rather than a password.
_LABEL = re.compile(r"[a-z]+\d?\Z")
# What ends a bare value in code.
_IN_CODE = tuple(";,).")
_MAX_WRAPS, _MAX_LINES = 8, 3
_PREFIX = re.compile(r"(?:[bBrRfFuULnN@$#]{1,2}#{0,2})?(?=\\{0,3}[\"'`])")
_STRING = {
    quote: re.compile(
        rf"{quote}([^{quote}\\\r\n]{{0,1000}}(?:\\.[^{quote}\\\r\n]{{0,1000}}){{0,40}}){quote}"
    )
    for quote in "\"'`"
}
_TRIPLE = re.compile(r"(\"\"\"|''')\s{0,80}(\S[^\r\n]{0,1000}?)\s{0,80}\1")
_SCHEME = re.compile(r"(?i:(?:bearer|token|basic|apikey|key|bot)[ ](?:token=)?)(?=\S{8})")
_BARE = re.compile(r"[^\s\"'`<>(){}\[\],;&|\\]{6,1000}")
_TO_THE_END = re.compile(r"([^\s\"'`<\\,;]{12,1000})[ \t]*(?:[\r\n]|\Z|[ ]#)")
_IN_TAGS = re.compile(r"[^<\r\n]{6,1000}(?=<|\]\]>)")
_END = re.compile(r"[ \t]*(?:\Z|[\r\n;\"'`&<|,})\]]|\\|#|//|\*/|--)")
_STRING_AHEAD = re.compile(r"[\"'`]?[^\n\"'`]{0,120}[\"'`]")


def find(text: str, lowered: str, word: str) -> Iterator[tuple[int, int, str]]:
    """Find the secrets assigned to names that hold `word`: start, end and kind of each.

    `lowered`: `text` in lower case, of the same length.
    """
    at = lowered.find(word)
    while at >= 0:
        found = _assigned(text, lowered, word, at)
        if found:
            yield found
        at = lowered.find(word, max(at + 1, found[1] if found else 0))


def _assigned(text: str, lowered: str, word: str, at: int) -> "tuple[int, int, str] | None":
    stop = _REST.match(lowered, at + len(word)).end()  # type: ignore[union-attr]
    rest = lowered[at + len(word) : stop].rstrip(".-")
    stop = at + len(word) + len(rest)
    link = _LINK.match(text, stop)
    if not link and not _STRING_AHEAD.match(text, stop):
        return None
    kind, sure = kind_of(text, lowered, word, rest, at)
    if not kind:
        return None
    start = start_of(text, at)
    name = text[start:stop]
    # A path that has no value, a type, a resource.
    is_path = text[start - 1 : start] == "/" and name[0].isalnum()
    if (is_path and not (link and "alue" in link[0])) or _RESOURCE.search(name):
        return None
    found = _linked(text, at, name, link, kind, sure) if link else None
    return found or (strings_behind(text, stop, kind) if sure else None)


def _linked(
    text: str, at: int, name: str, link: "re.Match[str]", kind: str, sure: bool
) -> "tuple[int, int, str] | None":
    operator = link[5] if link[5] is not None else link[2] or link[3] or link[4] or "default"
    place = _Place(text, at, name, operator or " ", bool(link[1]))
    return _value(place, link.end(), kind, sure)


class _Place:
    """A place to which a value is assigned: `name` at `at` in `text`, `operator` behind it."""

    def __init__(self, text: str, at: int, name: str, operator: str, quoted: bool) -> None:
        self.text = text
        self.at = at
        self.name = name
        self.operator = operator
        # Whether the name itself is a string.
        self.quoted = quoted
        self.lines = 0

    def is_told_by(self, expression: "re.Pattern[str]") -> bool:
        """Check whether the text before the name matches `expression`."""
        return bool(expression.search(self.text, max(0, self.at - 90), self.at))

    def repeats(self, value: str) -> bool:
        """Check whether `value` only repeats the name."""
        one, other = (_SEPARATORS.sub("", t).lower() for t in (self.name, value[:_MAX_NAME]))
        return one.endswith(other) or other.endswith(one) or other.startswith(one)


def _value(place: _Place, start: int, kind: str, sure: bool) -> "tuple[int, int, str] | None":
    """Find the secret at `start`, or behind what may stand before a value."""
    text = place.text
    called = place.operator in (",", "(", "{") or place.operator[0] == "."
    for _ in range(_MAX_WRAPS):
        wrap = _WRAP.match(text, start)
        if not wrap or place.lines > _MAX_LINES:
            break
        start = wrap.end()
        place.lines += "\n" in wrap[0]
        called = called or wrap[0].rstrip().endswith(_CALLS)
    scheme = _SCHEME.match(text, start)
    start = scheme.end() if scheme else start
    prefix = _PREFIX.match(text, start)
    if prefix:
        return _quoted(place, prefix.end(), kind, sure, called)
    return None if called else _bare(place, start, kind, sure)


def _quoted(
    place: _Place, start: int, kind: str, sure: bool, called: bool
) -> "tuple[int, int, str] | None":
    """Find the secret in the string literal at `start`; `called`: it is an argument."""
    span = _literal(place.text, start)
    if not span:
        return None
    told = place.name == "PASSWORD" or any(map(place.is_told_by, (COMMAND, STATEMENT)))
    spaced = place.operator == " " and not told
    scheme = _SCHEME.match(place.text, *span)
    begin = scheme.end() if scheme else span[0]
    value = place.text[begin : span[1]]
    if spaced and not (is_random(value, 12) and _WORD.match(value)):
        return None
    # A word is a password only where it is assigned to nothing else.
    if place.operator == "," and _LABEL.match(value):
        return None
    word = place.operator[-1] == "=" and not (called or place.quoted) and value.islower()
    word = word and place.name.lower().endswith(_PASSWORDS)
    if place.repeats(value) or not is_secret_value(value, kind, sure=sure, word=word):
        return None
    return begin, span[1], kind


def _literal(text: str, start: int) -> "tuple[int, int] | None":
    """Find the start and end of the text within the string literal at `start`."""
    quote = text[start : start + 1]
    if quote in _STRING and quote:
        if text[start : start + 3] == quote * 3:
            match = _TRIPLE.match(text, start)
            return match.span(2) if match else None
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


def _bare(place: _Place, start: int, kind: str, sure: bool) -> "tuple[int, int, str] | None":
    """Find an unquoted secret, as in YAML, .ini files, shells and connection strings."""
    text, operator = place.text, place.operator
    command = operator == " " and (place.is_told_by(OPTION) or place.is_told_by(COMMAND))
    if operator == " " and not command:
        return None
    tight = command or text[start - 1] not in " \t"
    for expression in (_IN_TAGS,) if operator[-1] == ">" else (_TO_THE_END, _BARE):
        match = expression.match(text, start)
        if not match:
            continue
        value = match[match.lastindex or 0].rstrip(",;:")
        if expression is _BARE and not tight and not _END.match(text, match.end()):
            continue
        # Beside an operator with spaces, or among code, it is a variable rather than a word.
        behind = text[match.end() : match.end() + 1]
        strict = behind in _IN_CODE and not (tight and operator == "=" and behind == ";")
        spaced = strict or not (tight or operator == ":")
        code = expression is not _IN_TAGS and is_code(
            value, strict=strict, spaced=spaced or command
        )
        if code or place.repeats(value):
            continue
        weak = any(c.isdigit() for c in value) or any(c in "!@#$%^&*+" for c in value[1:])
        if (not value.isdigit() or len(value) > 14) and is_secret_value(
            value, kind, sure=sure and weak
        ):
            return start, start + len(value), kind
    return None


def is_secret(name: str, value: str) -> bool:
    """Check whether `value`, assigned to `name`, is a secret by that name."""
    if len(name) > _MAX_NAME or not 0 < len(value) < _MAX_VALUE or '"' in value:
        return False
    line, lowered = f'{name}="{value}"', name.lower()
    if len(lowered) != len(name):
        return False
    lowered += line[len(name) :]
    return any(word in lowered and any(find(line, lowered, word)) for word in WORDS)
