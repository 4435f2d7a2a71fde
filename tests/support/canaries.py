"""Secrets that are none: made from pieces at run time, always the same ones, in 60 formats.

    for canary in canaries():
        assert not canary.traces(what_was_stored)

No whole secret stands in this file, so that a scanner of the repository finds none.
"""

import base64
import random
import string
from collections.abc import Callable, Iterator
from dataclasses import dataclass

SEED = 20251124
EACH = 4
# What is left of a secret is a leak from so many of its characters in a row on.
TRACE = 10

LETTERS = string.ascii_letters
DIGITS = string.digits
ALNUM = LETTERS + DIGITS
UPPER = string.ascii_uppercase + DIGITS
LOWER = string.ascii_lowercase + DIGITS
HEX = "0123456789abcdef"
URL64 = ALNUM + "-_"
BASE64 = ALNUM + "+/"
BECH32 = "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L"


@dataclass(frozen=True)
class Canary:
    """A secret of a `format`, the text that it stands in, and its unguessable `parts`."""

    format: str
    text: str
    parts: tuple[str, ...]

    def traces(self, stored: bytes) -> list[str]:
        """The pieces of the secret in `stored`, which should be none."""
        pieces = [
            part[at : at + TRACE]
            for part in self.parts
            for at in range(0, max(1, len(part) - TRACE + 1), 3)
        ]
        return [piece for piece in pieces if piece.encode() in stored]


class Maker:
    """Makes random parts, and remembers those of the secret that is being made."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.parts: list[str] = []

    def __call__(self, alphabet: str, length: int) -> str:
        part = "".join(self._random.choices(alphabet, k=length - 2))
        # A token without any digit or letter is too rare to be typical.
        part = part[:3] + next((c for c in "7a" if c in alphabet), alphabet[0]) + part[3:] + "9"
        if "9" not in alphabet:
            part = part[:-1] + alphabet[1]
        self.parts.append(part)
        return part

    def password(self) -> str:
        """Such as people choose: a word, digits, a sign."""
        word = "".join(self._random.choices(string.ascii_lowercase, k=7)).capitalize()
        number = f"{self._random.randrange(1000, 9999)}"
        self.parts.append(word + number + "!")
        return self.parts[-1]

    def lines(self, number: int) -> list[str]:
        """Lines of a PEM body."""
        return [self(BASE64, 64) for _ in range(number)]


def _pem(m: Maker, kind: str, newline: str = "\n") -> str:
    dashes = "-" * 5
    body = newline.join(m.lines(6))
    return f"{dashes}BEGIN {kind}{dashes}{newline}{body}{newline}{dashes}END {kind}{dashes}"


def _jwt(m: Maker) -> str:
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","typ":"JWT"}').rstrip(b"=").decode()
    return f"{head}.ey{'J'}{m(URL64, 60)}.{m(URL64, 43)}"


def _java_key(m: Maker) -> str:
    dashes = "-" * 5
    lines = [f"{dashes}BEGIN PRIVATE KEY{dashes}", *m.lines(4), f"{dashes}END PRIVATE KEY{dashes}"]
    return "String k = " + " +\n    ".join(f'"{line}\\n"' for line in lines) + ";"


def _basic(m: Maker) -> str:
    text = base64.b64encode(f"service:{m.password()}".encode()).decode()
    m.parts[:] = [text]
    return text


def _aws_pair(m: Maker) -> str:
    return f'client("s3", "AK{"IA"}{m(UPPER, 16)}", "{m(BASE64, 40)}")'


# The format, and the text that holds a secret of it: without quotes, to stand in any language.
TOKENS: dict[str, Callable[[Maker], str]] = {
    "aws access key": lambda m: "AK" + "IA" + m(UPPER, 16),
    "aws session key": lambda m: "AS" + "IA" + m(UPPER, 16),
    "gcp api key": lambda m: "AI" + "za" + m(URL64, 35),
    "gcp oauth secret": lambda m: "GOC" + "SPX-" + m(URL64, 28),
    "azure client secret": lambda m: m(ALNUM, 3)[:3] + "8Q~" + m(ALNUM, 34),
    "github classic": lambda m: "gh" + "p_" + m(ALNUM, 36),
    "github oauth": lambda m: "gh" + "o_" + m(ALNUM, 36),
    "github fine-grained": lambda m: "github" + "_pat_" + m(ALNUM, 22) + "_" + m(ALNUM, 59),
    "gitlab": lambda m: "gl" + "pat-" + m(URL64, 20),
    "slack bot": lambda m: "xo" + "xb-" + m(DIGITS, 12) + "-" + m(DIGITS, 12) + "-" + m(ALNUM, 24),
    "slack app": lambda m: "xa" + "pp-1-A" + m(UPPER, 10) + "-" + m(DIGITS, 13) + "-" + m(HEX, 64),
    "stripe": lambda m: "sk" + "_live_" + m(ALNUM, 24),
    "stripe restricted": lambda m: "rk" + "_live_" + m(ALNUM, 99),
    "twilio": lambda m: "S" + "K" + m(HEX, 32),
    "sendgrid": lambda m: "S" + "G." + m(URL64, 22) + "." + m(URL64, 43),
    "npm": lambda m: "np" + "m_" + m(ALNUM, 36),
    "pypi": lambda m: "py" + "pi-AgEIcHlwaS5vcmc" + m(URL64, 120),
    "rubygems": lambda m: "ruby" + "gems_" + m(HEX, 48),
    "docker": lambda m: "dckr" + "_pat_" + m(URL64, 27),
    "openai": lambda m: "sk" + "-" + m(ALNUM, 48),
    "openai project": lambda m: "sk" + "-proj-" + m(URL64, 120),
    "anthropic": lambda m: "sk" + "-ant-api03-" + m(URL64, 93) + "AA",
    "huggingface": lambda m: "h" + "f_" + m(LETTERS, 34),
    "digitalocean": lambda m: "do" + "p_v1_" + m(HEX, 64),
    "shopify": lambda m: "shp" + "at_" + m(HEX, 32),
    "square": lambda m: "sq0" + "csp-" + m(URL64, 43),
    "mailgun": lambda m: "ke" + "y-" + m(HEX, 32),
    "mailchimp": lambda m: m(HEX, 32) + "-us" + "14",
    "telegram": lambda m: m(DIGITS, 10) + ":A" + "A" + m(URL64, 33),
    "discord": lambda m: "M" + m(ALNUM, 23) + "." + m(URL64, 6)[:6] + "." + m(URL64, 38),
    "new relic": lambda m: "NR" + "AK-" + m(UPPER, 27),
    "sentry token": lambda m: "sn" + "trys_" + m(ALNUM, 80),
    "atlassian": lambda m: "ATA" + "TT3" + m(URL64, 180),
    "linear": lambda m: "lin" + "_api_" + m(ALNUM, 40),
    "notion": lambda m: "nt" + "n_" + m(ALNUM, 46),
    "figma": lambda m: "fi" + "gd_" + m(URL64, 40),
    "vault": lambda m: "hv" + "s.CAESI" + m(URL64, 90),
    "terraform cloud": lambda m: m(ALNUM, 14) + ".atlas" + "v1." + m(ALNUM, 67),
    "databricks": lambda m: "da" + "pi" + m(HEX, 32),
    "doppler": lambda m: "dp" + ".pt." + m(ALNUM, 43),
    "age": lambda m: "AGE-SECRET" + "-KEY-1" + m(BECH32, 58),
    "grafana": lambda m: "gl" + "sa_" + m(ALNUM, 32) + "_" + m(HEX, 8),
    "pulumi": lambda m: "pu" + "l-" + m(HEX, 40),
    "postman": lambda m: "PM" + "AK-" + m(HEX, 24) + "-" + m(HEX, 34),
    "jwt": _jwt,
    "slack webhook": lambda m: (
        "https://hooks.sl" + "ack.com/services/T" + m(UPPER, 9) + "/B" + m(UPPER, 9)
        + "/" + m(ALNUM, 24)
    ),
    "discord webhook": lambda m: (
        "https://dis" + "cord.com/api/webhooks/" + m(DIGITS, 18) + "/" + m(URL64, 68)
    ),
    "sentry dsn": lambda m: "https://" + m(HEX, 32) + "@o12345.ingest.sentry.io/678",
    "url password": lambda m: "https://deploy:" + m.password() + "@git.internal.net/a.git",
    "postgres": lambda m: "postgresql://app:" + m.password() + "@db.internal:5432/main",
    "mongodb": lambda m: "mongodb+srv://app:" + m(ALNUM, 16) + "@cluster0.ab1cd.mongodb.net/main",
    "redis": lambda m: "redis://:" + m(ALNUM, 24) + "@cache.internal:6379/0",
    "azure storage": lambda m: (
        "DefaultEndpointsProtocol=https;AccountName=acme;AccountKey=" + m(BASE64, 86) + "=="
    ),
    "ado connection": lambda m: "Server=db;User Id=sa;Password=" + m.password() + ";Encrypt=yes",
    "azure sas": lambda m: "https://acme.blob.core.windows.net/x?sig=" + m(ALNUM, 43) + "%3D",
    "bearer": lambda m: "Authorization: Bearer " + m(URL64, 40),
    "basic auth": lambda m: "Authorization: Basic " + _basic(m),
}  # fmt: skip

# The format, and a whole line or several of code in the language of that file extension.
LINES: dict[str, tuple[str, Callable[[Maker], str]]] = {
    "rsa key": ("py", lambda m: f'KEY = """{_pem(m, "RSA PRIVATE " + "KEY")}"""'),
    "openssh key": ("sh", lambda m: f"cat <<EOF\n{_pem(m, 'OPENSSH PRIVATE ' + 'KEY')}\nEOF"),
    "ec key escaped": ("js", lambda m: (
        f'const k = "{_pem(m, "EC PRIVATE " + "KEY", chr(92) + "n")}"'
    )),
    "pkcs8 key": ("yaml", lambda m: "key: |\n  " + _pem(m, "PRIVATE " + "KEY", "\n  ")),
    "encrypted key": ("py", lambda m: (
        f"K = '''{_pem(m, 'ENCRYPTED PRIVATE ' + 'KEY')}'''"
    )),
    "pgp key": ("txt.py", lambda m: f'G = """{_pem(m, "PGP PRIVATE " + "KEY BLOCK")}"""'),
    "key in pieces": ("java", _java_key),
    "aws pair": ("py", lambda m: f"session = boto3.{_aws_pair(m)}"),
    "aws secret": ("ini", lambda m: f"aws_secret_access_key = {m(BASE64, 40)}"),
    "python password": ("py", lambda m: f'    db_password = "{m.password()}"'),
    "keyword argument": ("py", lambda m: f"connect(user='app', password='{m.password()}', port=1)"),
    "json password": ("json", lambda m: f'  "adminPassword": "{m.password()}",'),
    "yaml password": ("yaml", lambda m: f"  password: {m.password()}"),
    "shell export": ("sh", lambda m: f"export DB_PASSWORD={m.password()}"),
    "heroku key": ("sh", lambda m: (
        f"HEROKU_API_KEY={m(HEX, 8)}-{m(HEX, 4)[:4]}-{m(HEX, 4)[:4]}-{m(HEX, 4)[:4]}-{m(HEX, 12)}"
    )),
    "datadog key": ("ts", lambda m: f'const DD_API_KEY: string = "{m(HEX, 32)}";'),
    "typescript secret": ("ts", lambda m: f'  clientSecret: "{m(ALNUM, 32)}",'),
    "go token": ("go", lambda m: f'const authToken string = "{m(ALNUM, 40)}"'),
    "rust key": ("rs", lambda m: f'static ENCRYPTION_KEY: &str = "{m(HEX, 64)}";'),
    "java password": ("java", lambda m: f'config.setPassword("{m.password()}");'),
    "php define": ("php", lambda m: f"define('DB_PASSWORD', '{m.password()}');"),
    "xml password": ("xml", lambda m: f"<password>{m.password()}</password>"),
    "environment default": ("py", lambda m: f'os.environ.get("API_SECRET", "{m(ALNUM, 30)}")'),
    "npmrc line": ("sh", lambda m: f"echo '//r.net/:_authToken={m(ALNUM, 36)}' >> ~/.npmrc"),
    "curl user": ("sh", lambda m: f"curl -s -u deploy:{m.password()} https://r.net/x"),
    "curl header": ("sh", lambda m: f'curl -H "X-Auth-Token: {m(HEX, 40)}" https://r.net'),
    "command option": ("sh", lambda m: f"mysql --user root --password {m.password()}"),
    "comparison": ("js", lambda m: f'if (password === "{m.password()}") {{'),
    "jwk": ("json", lambda m: f'{{"kty": "EC", "crv": "P-256", "d": "{m(URL64, 43)}"}}'),
    "jwk prime": ("json", lambda m: f'{{"qi": "{m(URL64, 86)}", "e": "AQAB", "kty": "RSA"}}'),
}  # fmt: skip


# How a token stands in code, by the extension of the file.
_PLACES = {
    "py": 'def connect():\n    client = Client("{}", retries=3)\n    return client\n',
    "js": "// where it is sent\nexport const target = '{}';\nconst other = target + 1;\n",
    "go": 'package main\n\nfunc main() {{\n\tserve("{}")\n}}\n',
    "yaml": "service:\n  replicas: 2\n  value: {}\n  other: true\n",
    "sh": '#!/bin/sh\nset -eu\nrun --target "{}" --quiet\n',
    "rb": "class Deploy\n  # tried with {} last week\n  def run; end\nend\n",
    "rs": 'fn main() {{\n    let target = "{}";\n    serve(target);\n}}\n',
    "json": '{{\n  "name": "service",\n  "value": "{}"\n}}\n',
}


def canaries(each: int = EACH) -> list[Canary]:
    """All canaries, `each` of every format."""
    return list(_made(each))


def _made(each: int) -> Iterator[Canary]:
    for number, (name, make) in enumerate(TOKENS.items()):
        for turn in range(each):
            maker = Maker(SEED + 1000 * number + turn)
            place = list(_PLACES.values())[(number + turn) % len(_PLACES)]
            text = place.format(make(maker))
            yield Canary(name, text, _telling(maker.parts))
    for number, (name, (_, line)) in enumerate(LINES.items()):
        for turn in range(each):
            maker = Maker(SEED + 1_000_000 + 1000 * number + turn)
            text = f"# settings\n{line(maker)}\nthe_rest = 1\n"
            yield Canary(name, text, _telling(maker.parts))


def _telling(parts: list[str]) -> tuple[str, ...]:
    return tuple(part for part in parts if len(part) >= TRACE)


def extension(canary: Canary) -> str:
    """The extension of a file that `canary` may stand in."""
    if canary.format in LINES:
        return LINES[canary.format][0]
    for name, place in _PLACES.items():
        if canary.text.startswith(place.partition("{}")[0].format()):
            return name
    raise LookupError(canary.format)
