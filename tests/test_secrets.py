"""Which secrets go, of many issuers and in many ways to write them, and what stays."""

import itertools
import random
import re
import string
import time
from collections import Counter
from functools import partial

import pytest

from lib.privacy import redaction
from lib.privacy.randomness import is_random
from lib.privacy.redaction import redact
from tests.support import secret_corpus
from tests.support.forms import few
from tests.support.secret_hosts import DIRECT, INDIRECT, LOGINS, NEUTRAL
from tests.support.timing import least_seconds

HEX = "9b1d5e0c7a3f4862b0d9e8f1a2c37465"
MIXED = "q7Zt2LmXw9Rb4KsVc8Hd"
PASSWORD = "Xkcd4821!vq"
BODY = "\n".join(("MIIa9Zk3Qw7" * 6)[at : at + 64] for at in range(4))
DASHES = "-" * 5


def test_the_corpus_is_large_and_always_the_same() -> None:
    kinds = secret_corpus.kinds()
    hosts = {*DIRECT, *INDIRECT, *NEUTRAL, *LOGINS}
    ways = sum(len(t) for table in (DIRECT, INDIRECT, NEUTRAL, LOGINS) for t in table.values())
    assert (len(kinds) > 1237, len(hosts) > 30, ways > 200) == (True, True, True)
    first, again = (list(itertools.islice(secret_corpus.samples(), 500)) for _ in range(2))
    assert first == again
    assert all(sample.left_in(sample.text) for sample in first)


# The share of secrets that may be left, by the way that they are written.
AIMS = {
    secret_corpus.DIRECTLY: 0.01,
    secret_corpus.BY_CONTEXT: 0.03,
    secret_corpus.INDIRECTLY: 0.05,
    secret_corpus.NEUTRALLY: 0.05,
    secret_corpus.INDIRECT_CONTEXT: 0.05,
    secret_corpus.PASSWORDS: 0.05,
}


def test_secrets_of_all_kinds_go() -> None:
    written: Counter[str] = Counter()
    left: Counter[str] = Counter()
    texts = itertools.chain(secret_corpus.samples(hosts=3), secret_corpus.passwords(5))
    for sample in texts:
        clean, _ = redact(sample.text)
        written[sample.way] += 1
        left[sample.way] += bool(sample.left_in(clean))
        assert clean.count("\n") == sample.text.count("\n")
    assert {way: left[way] / written[way] < aim for way, aim in AIMS.items()} == dict.fromkeys(
        AIMS, True
    )


@pytest.mark.parametrize("name", ["SECRET_KEY", "AUTH_KEY", "NONCE_SALT", "DB_PASSWORD"])
def test_what_a_generator_made_is_no_placeholder_for_its_signs(name: str) -> None:
    """Django's keys, WordPress' salts and passwords may have %(, $( and <> in them."""
    source = random.Random(name)
    printable = [chr(code) for code in range(33, 127) if chr(code) not in "'\\"]
    django = string.ascii_lowercase + string.digits + "!@#$%^&*(-_=+)"
    left = 0
    for _ in range(200):
        for alphabet, size in ((django, 50), ([*printable, " "], 64), (printable, 16)):
            value = "".join(source.choices(alphabet, k=size))
            left += value in redact(f"{name} = '{value}'")[0]
    assert left < 6


@pytest.mark.parametrize(
    "value",
    ["a%(b4x$(2c%s9d<e>f", "$mq8Zt2LmXw9Rb4K", "@mq8Zt2LmXw9Rb4K", "%sq8Zt2LmXw9Rb4K",
     "<q8Zt2LmXw9Rb4K>", "q8 Zt2$mXw 9Rb4K#v", "{q8Zt2LmXw9Rb4K}"],
)  # fmt: skip
def test_a_sign_makes_no_placeholder(value: str) -> None:
    assert value not in redact(f'password = "{value}"')[0]


@pytest.mark.parametrize(
    "value",
    ["%(password1)s", "$(get-password 12)", "${DB_PASSWORD_1}", "$DB_PASSWORD1", "<your-key-1>",
     "<password1>", "@PASSWORD1@", "%DB_PASSWORD1%", "{{ password_1 }}", "{password1}", "%s:%d",
     "#{ENV['PASSWORD1']}", "your-password-1", "changeme123", "xxxxxxxx1", "********1",
     "[%key:common::config_flow::data::password%]", "(none)", "prefix-${NAME_1}-password",
     "{$config->password1}", "__PASSWORD_1__"],
)  # fmt: skip
def test_the_shape_of_a_placeholder_makes_one(value: str) -> None:
    line = f'password = "{value}"'
    assert redact(line) == (line, [])


WRITTEN = {
    "next line": 'API_KEY = \\\n    "{}"',
    "next line, Java": 'String apiKey =\n        "{}";',
    "parentheses": 'API_KEY = (\n    "{}"\n)',
    "triple quotes": 'api_key = """{}"""',
    "triple quotes, own lines": 'api_key = """\n{}\n"""',
    "YAML literal": "api_key: |\n  {}\nother: 1",
    "YAML folded": "api_key: >-\n  {}\nother: 1",
    "or, JavaScript": 'const apiKey = process.env.API_KEY || "{}";',
    "nullish": "const apiKey = process.env.API_KEY ?? '{}';",
    "or, Python": 'api_key = os.getenv("API_KEY") or "{}"',
    "define": '#define API_KEY "{}"',
    "C array": 'static const char api_key[] = "{}";',
    "Rust raw": 'const API_KEY: &str = r#"{}"#;',
    "Kubernetes": "- name: API_KEY\n  value: {}",
    "name and value": '{{"name": "API_KEY", "value": "{}"}}',
    "Terraform": 'variable "api_key" {{\n  type    = string\n  default = "{}"\n}}',
    "argparse": 'parser.add_argument("--api-key", type=str, default="{}")',
    "pydantic": '    api_key: str = Field(default="{}")',
    "docker run": "docker run -e API_KEY={} acme/image",
    "option": "run --api-key {} start",
    "Dockerfile": "ENV API_KEY {}",
    "Dockerfile, several": "ENV A=1 API_KEY={} B=2",
    "ini": "api_key = {}",
    "issuer": 'acme_key = "{}"',
    "issuer, camel": "acmeKey: '{}',",
    "default of a call": 'os.environ.get("API_KEY", default="{}")',
    "header": "Authorization: token {}",
    "header in a table": "headers = {{'Authorization': 'Token {}'}}",
    "shell default": 'API_KEY="${{API_KEY:-{}}}"',
    "appSettings": '<add key="ApiKey" value="{}" />',
    "plist": "<key>ApiKey</key>\n<string>{}</string>",
    "annotation": '@Value("${{api.key:{}}}") String key;',
    "markdown": "| `api_key` | {} |",
    "a column further": "| `api_key` | string | {} | the one |",
    "R": 'api_key <- "{}"',
    "Visual Basic": 'Dim apiKey As String = "{}"',
    "Zig": 'pub const api_key: []const u8 = "{}";',
    "Perl, environment": '$ENV{{API_KEY}} = "{}";',
    "Lisp": '(setq api-key "{}")',
    "Clojure": '(or (System/getenv "API_KEY") "{}")',
    "Erlang": '{{api_key, <<"{}">>}}',
    "Elixir": '@api_key "{}"',
    "Groovy": "apiKey '{}'",
    "fish": "set -gx API_KEY {}",
    "nginx": 'proxy_set_header X-Api-Key "{}";',
    "Apache": "SetEnv API_KEY {}",
    "PowerShell": "Set-Item -Path Env:API_KEY -Value '{}'",
    "SQL option": "CREATE SECRET s (TYPE S3, API_KEY '{}');",
    "SQL column": "INSERT INTO t (api_key, a) VALUES ('{}', 1);",
    "test": "expect(apiKey).toBe('{}')",
    "validation": "apiKey: z.string().default('{}'),",
    "condition": "const apiKey = isLive ? '{}' : '';",
    "two at once": 'api_key, debug = "{}", True',
    "argparse, several lines": 'add(\n    "--api-key",\n    type=str,\n    default="{}",\n)',
    "after a remark": "- name: API_KEY\n  # the live one\n  value: {}",
    "JSON schema": '"api_key": {{\n  "type": "string",\n  "default": "{}"\n}}',
    "form": 'Content-Disposition: form-data; name="api_key"\n\n{}\n',
    "value first": 'request.setValue("{}", forHTTPHeaderField: "X-Api-Key")',
    "value first, piped": 'echo "{}" | gh secret set API_KEY',
    "table with a header": "name,api_key\nme,x\nyou,{}",
    "prose": "Use the api_key {} there",
    "log": "using api_key {} of acme",
    "access token of a person": "ACME_PAT={}",
}


@pytest.mark.parametrize("value", [HEX, MIXED])
@pytest.mark.parametrize("way", WRITTEN)
def test_a_key_goes_however_it_is_written(way: str, value: str) -> None:
    clean, hits = redact(WRITTEN[way].format(value))
    assert value not in clean
    assert hits


PASSWORDS_WRITTEN = {
    "Lisp": '(setenv "PASSWORD" "{}")',
    "nginx": 'set $password "{}";',
    "fish": "set -gx PASSWORD {}",
    "Elixir": '@password "{}"',
    "Gradle": "    storePassword '{}'",
    "Make": "PASSWORD := {}",
    "Redis": "requirepass {}\nmaxmemory 1mb",
    "parameter": "aws ssm put-parameter --name /live/password --value {} --type SecureString",
    "htpasswd": "htpasswd -b .htpasswd me {}",
    "environment of a command": "PGPASSWORD={} psql -h db",
    "DSN": "host=a user=b password={} dbname=y",
    "DSN in quotes": 'connect("host=a password={} dbname=y")',
    "IDENTIFIED BY": "CREATE USER a IDENTIFIED BY '{}';",
    "WITH PASSWORD": "CREATE ROLE a WITH LOGIN PASSWORD '{}';",
    "auth": 'requests.get(url, auth=("deploy", "{}"))',
    "login": "smtp.login('me@r.net', '{}')",
    "mysql": "mysql -u root -p{} main",
    "mysql, quoted": "mysqldump -uroot -p'{}' main",
    "sshpass": "sshpass -p {} ssh me@r.net",
    "docker login": "docker login -u me -p {} r.net",
    "redis-cli": "redis-cli -a {} ping",
    "URL": "postgres://app:{}@db:5432/x",
    "netrc": "machine r.net\n  login me\n  password {}",
}


@pytest.mark.parametrize("way", PASSWORDS_WRITTEN)
def test_a_password_goes_however_it_is_written(way: str) -> None:
    assert PASSWORD not in redact(PASSWORDS_WRITTEN[way].format(PASSWORD))[0]


# What stands between is in no list: then it takes a password that a generator made.
FAR_FROM_THEIR_NAMES = {
    "pair": 'mapOf("password" to "{}")',
    "JSON of AWS": '{{"Name":"Password","Type":"String","Value":"{}"}}',
    "default": 'add(\n    "--password",\n    type=str,\n    default="{}",\n)',
    "closure": 'env::var("PASSWORD").unwrap_or_else(|_| "{}".to_string())',
    "condition": "const password = isLive ? '{}' : '';",
}


@pytest.mark.parametrize("way", FAR_FROM_THEIR_NAMES)
def test_a_generated_password_goes_from_any_string_behind_its_name(way: str) -> None:
    password = "W7%kd=Xq+zR2!v:Lt"
    assert password not in redact(FAR_FROM_THEIR_NAMES[way].format(password))[0]


@pytest.mark.parametrize("word", ["Monkey2646@", "Shadow6697!", "Winter7368#", "Drag0n_2014"])
def test_a_password_that_a_person_chose_goes(word: str) -> None:
    for line in (f'password = "{word}"', f"DB_PASSWORD={word}", f"password: '{word}'"):
        assert word not in redact(line)[0]


@pytest.mark.parametrize("value", ["cGFzc3dvcmQxMjM=", "kZ3Qw7a9tP+1" * 3 + "xY8="])
@pytest.mark.parametrize(
    "line", ["data:\n  api-key: {}\n", "PrivateKey = {}", "api_key = {}", 'secret_key="{}"']
)
def test_base64_with_one_sign_at_its_end_goes(line: str, value: str) -> None:
    assert value[:12] not in redact(line.format(value))[0]


@pytest.mark.parametrize("password", ["Ab3/dE5gH7", "p/w0rd12", "/Ab3dE5gH7"])
def test_a_password_with_a_slash_goes_from_a_url(password: str) -> None:
    assert password not in redact(f"postgres://app:{password}@db:5432/x")[0]


@pytest.mark.parametrize(
    "url",
    ["http://localhost:3000/@vite/client", "https://host:8080/a@b", "https://r.net/a:b/c@d",
     "https://unpkg.com/react@18.2.0/x", "ssh://git@r.net:22/a/b.git"],
)  # fmt: skip
def test_a_url_without_a_password_stays(url: str) -> None:
    assert redact(f'fetch("{url}")') == (f'fetch("{url}")', [])


KEYS = {
    "unclosed": f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\n{BODY}\nnext = 1",
    "short last line": f"{DASHES}BEGIN EC PRIVATE KEY{DASHES}\n{BODY}\nAb3d==\n\nnext = 1",
    "without its dashes": f"{DASHES}BEGIN PRIVATE KEY\n{BODY}\n",
    "with headers": f"{DASHES}BEGIN RSA PRIVATE KEY{DASHES}\nProc-Type: 4,ENCRYPTED\n\n{BODY}",
    "without its beginning": f"next = 1\n{BODY}\n{DASHES}END RSA PRIVATE KEY{DASHES}\n",
    "cut in a string": f"k = '{DASHES}BEGIN PRIVATE KEY{DASHES}\\n{BODY}'".replace("\n", "\\n"),
    "SSH2": f"---- BEGIN SSH2 ENCRYPTED PRIVATE KEY ----\nComment: x\n{BODY}\n"
    "---- END SSH2 ENCRYPTED PRIVATE KEY ----",
}  # fmt: skip


@pytest.mark.parametrize("name", KEYS)
def test_a_private_key_that_is_cut_goes(name: str) -> None:
    clean, hits = redact(KEYS[name])
    assert [line for line in BODY.split("\n") if line[:20] in clean] == []
    assert hits == ["private-key"]
    assert clean.count("\n") == KEYS[name].count("\n")
    assert ("next = 1" in clean) == ("next = 1" in KEYS[name])


@pytest.mark.parametrize(
    "line",
    ["bypass = 'yes1234567'", 'compass_heading = "north1234west"', "TOKEN_KIND = 0x0B96",
     "token: 0x0B96AF31", 'secret_error = "SecretNotFoundError404"',
     'ERR_TOKEN_1 = "ERR_TOKEN_INVALID_1"', "return s.ClientCertificate2HandlerX1(ctx)",
     "x := s.abcdefghijklmnopqrstuv12", "x := s.ThisIsALongGoName2Fields1",
     '"password": "Пароль"', '"password": "Passwort"', '"password": "Mot de passe 2"',
     '"password": "\\u041f\\u0430\\u0440\\u043e\\u043b\\u044c"', "'password' => 'Wachtwoord',",
     '"invalid_auth": "Ugyldig godkjenning"', 'msgstr "Ihr Passwort1 wurde geändert"',
     '"password": "Njuolggadusat"', '"auth.password.hide": "Skjul kodeord"',
     '"exif-credit": "a1/B2c3d4"',
     '"token": "{{doc-apihelp-param|description=any token parameter|paramstart=2|' + "a" * 67,
     '"two-auth-step2": "Krok 2: Zeskanuj kod QR"', "passwordKey: match[1].trim()",
     "PublicKeyToken=b77a5c561934e089",
     'TLS1_PSK_WITH_AES_128_GCM_SHA256 = "TLS_PSK_WITH_AES_128_GCM_SHA256"',
     "#define CKA_NSS_PKCS8_SALT              0xce534355UL", "Keysym2JavaKeycode keycode = x;",
     'FLOW_PASSWORD_REQUIRED_V2 = "FlowPasswordRequiredResultV2"', "secret = keypair[:32]",
     "if password1 and password1 != password2:", 'AccessKey *string `json:"AccessKey,omitempty"`',
     "KeyAlgoSKED25519, KeyAlgoSKECDSA256,", "hasTokens: !!request.attributeTokens?.length,",
     "The 0xA42704B92866382A key can be revoked", 'OauthToken *OAuthToken `json:"oauthToken,omit"`',
     "unsafe fn test_mm256_maskz_cvtne2ps_pbh() {", '"token_type": "x", "id": "a8F3kQ9zLm2Xw7Rt5V"',
     "see https://r.net/token/a8F3kQ9zLm2Xw7Rt5Vb", "sha256 = a8F3kQ9zLm2Xw7Rt5Vb  # of the key",
     'authorSelect: "onSynchronizerAuthorUpdate",',
     '"AWS::IAM::AccessKey": "72c2d9dd90025459",', "deepskyblue: '00bfff',",
     'SecretArn: "arn:aws:secretsmanager:us-west-2:123456789123:secret:proxy1-Abcd1e"',
     "tokens: transferTokens$1,", "return subcontractorsForSelector[selectorKey];",
     "krb5Creds.getSessionKey().getEType(),", "#define PKCS12_key_gen PKCS12_key_gen_utf8",
     "export import TokenCreateParams = V2Namespace2.Core.TokenCreateParams;",
     'REG_KEY = "HKLM:\\System\\CurrentControlSet\\services"',
     "AuthnInstant='2014-08-19T10:53:57Z'",
     'update_password=dict(default="always")', '"id": "toolu_01D7FLrfh4GYq7yT1ULFeyMV"'],
)  # fmt: skip
def test_what_only_looks_like_a_secret_stays(line: str) -> None:
    assert redact(f"first\n{line}\nlast\n") == (f"first\n{line}\nlast\n", [])


def test_what_is_random_is_told_from_words() -> None:
    source = random.Random(7)
    alphabets = (secret_corpus.ALPHABETS[name] for name in "ALUHW")
    made = ["".join(source.choices(alphabet, k=24)) for alphabet in alphabets for _ in range(200)]
    code = redaction.__doc__ or ""
    names = re.findall(r"[a-z_]{16,}", " ".join([*dir(pytest), *dir(redaction), code]))
    assert sum(map(is_random, made)) > 0.97 * len(made)
    assert [name for name in names if is_random(name)] == []


HOSTILE = {
    "values beside names": "api_key aB3dE5gH7jK9mN1pQ3sT5 ",
    "values below each other": "key\n" + "  aB3dE5gH7jK9mN1pQ3sT5\n" * 5,
    "values in a table": "a,b;c\td,api_key,aB3dE5gH7jK9mN1pQ3sT5,",
    "values in quotes": "'token" + "=" * 90 + "aB3dE5gH7jK9mN1pQ3sT5",
    "runs": "some_long_1_name_here ",
    "beginnings": "sk_sk_sk_sk_sk_sk_1 ",
    "dots": ".abcdefghijklmnop1",
    "an issuer nobody knows": "acme_live_aB3dE5gH7jK9mN1pQ3sT5 ",
    "base64": "a/abcdefghijklmnop1=",
    "dashes": "-",
    "calls": "secret = ((((((",
    "lines": "password =" + "\n" * 30,
    "Terraform": 'secret" { aaaaaaaaaaaaaaaaaaaaaaa ',
    "alternatives": "secret = aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa || ",
    "references": 'password="${${${${${${${${${${"\n',
    "brackets": 'password="{{{{[[[[<<<<%(%(%(1"\n',
    "long values": 'password="' + "a1" * 400 + '" ',
    "logins": "auth(a, b, '",
    "commands": "mysql -p -p -p ",
    "addresses": "://aaaa:bbbb/cccc/",
    "tags": '<password a="b" c="d">',
    "ends of keys": f"{BODY}\n{DASHES}END PRIVATE KEY{DASHES}\n",
    "names of keys": "BEGIN A B C PRIVATE KEY ",
}


@pytest.mark.parametrize("name", few(list(HOSTILE), 8))
def test_eight_megabytes_of_hostile_text_take_less_than_two_seconds(name: str) -> None:
    piece = HOSTILE[name]
    redact(piece * 10)  # compiles the rules
    text = piece * (8_000_000 // len(piece))
    start = time.process_time()
    clean, _ = redact(text)
    assert time.process_time() - start < 2
    assert clean.count("\n") == text.count("\n")


@pytest.mark.parametrize("small", few([16_000, 64_000]))
@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_in_it(name: str, small: int) -> None:
    """Below the size from which a text that is full of such places is withheld."""
    piece = HOSTILE[name]
    took = []
    for size in (small, 8 * small):
        text = piece * (size // len(piece))
        redact(text[:1000])
        took.append(least_seconds(partial(redact, text)))
    # Eight times the text: linear is 8 and quadratic is 64.
    assert took[1] < 24 * took[0] + 0.01
