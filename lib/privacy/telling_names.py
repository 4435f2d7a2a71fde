"""Recognise names under which secrets are kept: `db_password`, `acmeApiKey`.

A name is judged by a word that it holds and by what stands before and behind that.
"""

import re

# The words that names hold, each with the kind of secret that it means.
WORDS = {
    "pass": "password",
    "pwd": "password",
    "secret": "secret",
    "token": "token",
    "cred": "credential",
    "auth": "credential",
    "key": "key",
    "salt": "secret",
    "psk": "password",
    "jwt": "token",
    "_pat": "token",
    "identified": "password",
}
# What makes a key of some kind a secret one.
_KEY_OF = tuple(
    "api access secret private auth encryption encrypt crypt signing signature account master "
    "service app application subscription shared sharedaccess storage hmac jwt session admin "
    "license deploy client consumer rsa aes cipher integration ingest webhook write read "
    "project server sdk security web in nonce functions user org team site live test "
    "prod".split()
)
_NO_KEYS = frozenset(
    "public pub cache primary foreign sort partition hash row object dict index lookup storage "
    "uniq unique composite group map query search sub entry item config setting translation "
    "i18n message label gpg pgp field column dedup routing shard path file on by hot short turn "
    "mon don left right enter tab arrow any no the a this each every next last first other new "
    "old add get set has find data local type name sig is with without of for to from host "
    "known ec dsa peer".split()
)
# bypass, compass, trespass, overpass, surpass; tokens that are on every page.
_PASSING = ("by", "com", "tres", "over", "sur", "tra")
_HARMLESS = ("csrf", "next", "page")
# Names of what is told about a secret, by what follows the word, and some words that begin alike.
_ABOUT = re.compile(
    r"""[\w.-]{0,40}?(?:type|name|url|uri|path|file|filename|field|label|hint|regex|regexp|pattern|
        endpoint|length|size|count|arn|expiry|expires|expiration|ttl|error|message|title|text|policy|
        provider|manager|handler|callback|params|schema|status|state|version|algorithm|format|index|
        method|mode|enabled|required|placeholder|prompt|prefix|suffix|header|class|request|response|
        reset|strength|rules?|column|table|button|icon|screen|page|view|form|link|mail|email|ref|id|
        dir|directory|folder|root|bin|domain|date|time|instant|at)(?:s|es)?\Z""",
    re.VERBOSE,
)
_OTHERS = {
    "pass": re.compile(r"(?!word|wd|phrase|code|_|-|\d|\.)[a-z]"),  # passed, passive, passage
    "auth": re.compile(r"or(?!iz)|ority|orized|orize\b|ent"),
    "key": re.compile(r"(?:board|down|up|press|word|frame|code|note|stroke|space|pad|ring|hole)"),
    "token": re.compile(r"iz|is"),
    "salt": re.compile(r"[a-z]"),
    "_pat": re.compile(r"[a-z]"),  # _path, _pattern
    "cred": re.compile(r"it|o|ib"),
    "secret": re.compile(r"ar|ion"),
    "identified": re.compile(r"(?! (?:by|with))"),
}
_BACKWARDS = re.compile(r"[\w.:$-]{0,40}")
# Words that others have in them.
_WHOLE = ("psk", "jwt", "salt")
# What stands before a name, so that a value follows it behind nothing but a space.
OPTION = re.compile(r"(?:^|[\s\"'\[(])--?[\w.-]{0,40}\Z")
COMMAND = re.compile(
    r"(?:^|\s)(?:ENV|ARG|setx|SetEnv|set[ ]-g?x|fastcgi_param|#[ ]?define|[Pp]assword|PASSWORD"
    r"|login|machine|BY|by|[(]?(?:setq|setenv|defvar|def|proxy_set_header|RequestHeader set|set))\s"
    r"[\s\w.@$\"-]{0,80}\Z|(?:^|\n)[ \t]{0,8}(?:require|root)\Z"
)
# Before a name that a string follows: the beginning of a line, or a sign.
STATEMENT = re.compile(r"(?:(?:^|\n)[ \t]{0,40}[@:]?|[\s{][@:])[\w.-]{0,40}\Z")


def start_of(text: str, at: int) -> int:
    """Find where the name begins that a telling word at `at` in `text` is a part of."""
    found = _BACKWARDS.match(text[max(0, at - 40) : at][::-1])
    return at - found.end() if found else at


def kind_of(text: str, lowered: str, word: str, rest: str, at: int) -> tuple[str, bool]:
    """Tell the kind of secret under a name that holds `word` at `at` and then `rest`; "" for none.

    The second result is whether that is sure: an `acme_key` is secret only if its value looks so.
    """
    before = lowered[max(0, at - 30) : at]
    if _is_about(text, lowered, word, rest, at):
        return "", False
    if word == "key":
        return _kind_of_key(before)
    if word == "pass" and before.endswith(_PASSING):
        return "", False
    name = before[start_of(before, len(before)) :]
    harmless = "public" in name or name.rstrip("_-").endswith(_HARMLESS)
    return ("", False) if harmless else (WORDS[word], word != "_pat")


def _is_about(text: str, lowered: str, word: str, rest: str, at: int) -> bool:
    """Check whether the name means something else: another word, or a fact about a secret."""
    others = _OTHERS.get(word)
    return bool(
        (others and others.match(lowered, at + len(word)))
        or (rest and _ABOUT.match(rest))
        or (word in _WHOLE and not _is_whole(text, lowered, word, at))
    )


def _is_whole(text: str, lowered: str, word: str, at: int) -> bool:
    """Check whether `word` stands by itself in the name, by separators or capitals."""
    end = at + len(word)
    before = lowered[at - 1 : at].isalpha() and not (text[at].isupper() and text[at - 1].islower())
    return not before and not (lowered[end : end + 1].isalpha() and text[end].islower())


def _kind_of_key(before: str) -> tuple[str, bool]:
    before = before.rstrip("-_. ")
    if before.endswith(_KEY_OF):
        return "key", True
    # Any issuer's: by the word before it.
    start = len(before)
    while start and before[start - 1].isalnum():
        start -= 1
    name = before[start:]
    known = not name or name in _NO_KEYS or name.endswith(("public", "cache"))
    return "" if known else "key", False
