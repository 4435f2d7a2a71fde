"""Match secrets beside a word that announces them: in URLs, headers and commands.

A rule is tried where its word stands. Every repeat is bounded, so a try costs a bounded number of
steps.
"""

import re
from binascii import Error, a2b_base64

from lib.privacy.randomness import is_random
from lib.privacy.secret_rules import Rule, Rules
from lib.privacy.secret_values import is_secret_value


def _is_user_and_password(text: str) -> bool:
    try:
        return b":" in a2b_base64(text + "=" * (-len(text) % 4))
    except Error:
        return False


def _is_password(text: str) -> bool:
    return is_secret_value(text, "password", sure=True)


def _varies(text: str) -> bool:
    return is_random(text, 16, 0.5)


# The last of some arguments, an option's value, a word of a shell.
_LAST_ARGUMENT = (
    r"\w{0,24}[ \t]{0,3}=?[ \t]{0,3}\([^()\n]{0,160}[\w\"'][ \t]{0,3},[ \t]{0,10}"
    r"([\"'])((?:(?!\1)[^\n]){6,100})\1"
    r"(?=[ \t]{0,3}[).])"
)
_WORD = r"[\"']?([^\s\"']{6,100})"
_OPTION = r"[\w-]{{0,12}}[ \t](?:[^\n]{{0,120}}?[ \t])?{}[ =][\"']?([^\s\"']{{6,100}})"
# Near an access key, forty such characters are its secret.
AWS_SECRET = Rule("aws-secret-key", r"(?<![\w/+=])[A-Za-z0-9/+]{40}(?![\w/+=])", whole_run=False)

# Rules by a word somewhere in the text, in lower case.
# Logins by the words that they need, each with what calls it: looking for a word costs time.
_LOGINS = {
    "auth": {"auth": _LAST_ARGUMENT},
    "cred": {"credential": _LAST_ARGUMENT},
    "login": {"login": _LAST_ARGUMENT, "docker login": _OPTION.format("-p")},
    "getconnection": {"getconnection": _LAST_ARGUMENT},
    "pass": {
        "sshpass": _OPTION.format("-p"),
        "htpasswd": r"[ \t][^\n]{0,60}?-\w{0,3}b\w{0,3}[ \t]\S{1,80}[ \t]\S{1,80}[ \t]" + _WORD,
        "-passin": r"[ =]pass:" + _WORD,
        "-passout": r"[ =]pass:" + _WORD,
        "echo ": r"(?:-n )?[\"']([^\"'\n]{6,100})[\"'] \| [^\n]{0,60}--password-stdin",
    },
    "sql": {
        "mysql": r"[\w-]{0,12}[ \t][^\n]{0,120}?(?<=\s)-p" + _WORD,
        "sqlcmd": _OPTION.format("-P"),
    },
    "mariadb": {"mariadb": r"[\w-]{0,12}[ \t][^\n]{0,120}?(?<=\s)-p" + _WORD},
    "mongo": {"mongo": _OPTION.format("-p")},
    "redis-cli": {"redis-cli": _OPTION.format("-a")},
    "ldap": {"ldap": _OPTION.format("-w")},
    "smbclient": {"smbclient": r"[ \t][^\n%]{0,120}?%" + _WORD},
}
LOGINS = {
    gate: {
        word: Rule("login-password", f"(?i:{re.escape(word)}){rest}", check=_is_password)
        for word, rest in rules.items()
    }
    for gate, rules in _LOGINS.items()
}
_QUOTE = r"\\{0,3}[\"']"
BY_WORD: Rules = {
    "://": (
        Rule(
            "slack-webhook",
            r"://hooks\.slack(?:-gov)?\.com/(?:services|workflows|triggers)/([\w/+-]{20,200})",
        ),
        Rule(
            "discord-webhook",
            r"://(?:\w{1,20}\.)?discord(?:app)?\.com/api/(?:v\d{1,2}/)?webhooks/"
            r"(\d{15,22}/[\w-]{40,90})",
        ),
        Rule(
            "teams-webhook",
            r"://[\w.-]{1,80}\.webhook\.office\.com/(webhookb2/[\w@/-]{60,300})",
        ),
        Rule("sentry-dsn", r"://([0-9a-f]{32}(?::[0-9a-f]{32})?)@[\w.-]{1,200}/\d"),
        Rule(
            "url-password",
            r"://[^\s:/@\"'`<>\\\[]{0,100}:([^\s/\"'`<>\\]{1,200})@[\w\[$<{(%*]",
        ),
        Rule(
            "url-password",
            r"://(?!localhost)[\w%+-]{1,60}:(?!\d{1,5}/)(?=[^@\s]{0,80}/)([^\s\"'`<>\\{$]{4,100}[^\s\"'`<>\\{$/])"
            r"@[\w\[]",
        ),
        Rule("url-token", r"://((?=[\w-]{0,80}\d)[\w-]{20,200})(?::(?:x-oauth-basic)?)?@[\w\[]"),
        Rule(
            "url-token",
            r"://[\w.-]{1,60}\.(?:infura\.io|alchemyapi\.io|alchemy\.com|quiknode\.pro)/(?:v\d/)?"
            r"([\w-]{32,64})",
        ),
    ),
    "sess": (
        Rule(
            "session-cookie",
            r"(?i:session|sess_?id|session_?id|sess)=(?=[\w%.-]{0,60}\d)([\w%.-]{20,300})",
            check=is_random,
        ),
    ),
    "sig=": (Rule("azure-sas", r"sig=([A-Za-z0-9%+/]{40,80}(?:=|%3[dD]){0,2})"),),
    "bearer": (
        Rule(
            "bearer-token", r"(?i:bearer)(?:[ \t]|%20|\+){1,4}([\w.~+/=-]{16,4000})", check=_varies
        ),
    ),
    "basic ": (
        Rule(
            "basic-auth",
            r"(?i:basic)[ \t]{1,4}([A-Za-z0-9+/]{12,400}={0,2})(?![\w.])",
            check=_is_user_and_password,
        ),
    ),
    "curl": (
        Rule(
            "curl-user",
            r"(?i:curl)(?:[^\n]|(?<=\\)\n){0,300}?\s(?:-u|--user)[ =]{0,2}[\"']?"
            r"[^\s:\"']{1,80}:([^\s\"']{3,100})",
        ),
    ),
    "putty-user-key": (
        Rule(
            "private-key",
            r"(?i:putty-user-key)[^\n]{0,80}(?:\n[^\n]{0,80}){0,40}?\nPrivate-Lines: \d{1,3}\r?\n"
            r"((?:[A-Za-z0-9+/=]{1,64}\r?\n){1,60})",
        ),
    ),
}
# A private member of a JSON Web Key (RFC 7518), which is one by the "kty" beside it.
JWK = Rule(
    "jwk-private",
    rf"{_QUOTE}(?:d|k|p|q|dp|dq|qi){_QUOTE}\s{{0,4}}:\s{{0,4}}{_QUOTE}([\w-]{{22,800}})",
)
