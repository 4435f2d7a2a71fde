"""No secret leaves, ordinary code stays, and no text takes longer than its length."""

import json
import re
import sysconfig
import time
from pathlib import Path
from typing import Any

import pytest

from lib.capture.event import Content, build
from lib.privacy import redaction
from lib.privacy.redaction import redact, redact_event
from lib.privacy.secrets_in_text import candidates, find
from tests.support.canaries import canaries
from tests.support.timing import least_seconds

CANARIES = canaries()
KB = 1024
DASHES = "-" * 5


def test_the_corpus_is_large_and_always_the_same() -> None:
    assert len(CANARIES) >= 200
    assert len({canary.format for canary in CANARIES}) >= 40
    assert canaries() == CANARIES
    assert all(canary.traces(canary.text.encode()) for canary in CANARIES)


@pytest.mark.parametrize("name", sorted({canary.format for canary in CANARIES}))
def test_a_secret_of_each_format_goes_and_the_lines_stay(name: str) -> None:
    for canary in CANARIES:
        if canary.format == name:
            clean, hits = redact(canary.text)
            assert canary.traces(clean.encode()) == []
            assert hits
            assert [f"[REDACTED:{hit}]" in clean for hit in hits] == [True] * len(hits)
            assert clean.count("\n") == canary.text.count("\n")
            assert redact(clean) == (clean, [])


@pytest.mark.parametrize("name", sorted({canary.format for canary in CANARIES}))
def test_it_goes_between_other_characters_too(name: str) -> None:
    canary = next(canary for canary in CANARIES if canary.format == name)
    for text in (f"é \U0001f600 İ\n{canary.text}", canary.text.replace("\n", "\r\n")):
        clean, _ = redact(text)
        assert canary.traces(clean.encode()) == []
        assert clean.splitlines()[0] == text.splitlines()[0] or "[REDACTED" in clean


def test_ordinary_code_stays_as_it_is() -> None:
    library = Path(sysconfig.get_path("stdlib"))
    lines = changed = 0
    for path in [*sorted(library.glob("*.py")), *sorted(library.glob("[a-h]*/*.py"))]:
        if "test" in path.parts[-2] or lines > 100_000:
            continue
        code = path.read_text("utf-8", "replace")
        clean, _ = redact(code)
        before, after = code.split("\n"), clean.split("\n")
        assert len(before) == len(after)
        lines += len(before)
        changed += sum(x != y for x, y in zip(before, after, strict=True))
    assert lines >= 10_000
    assert changed < lines / 1000


@pytest.mark.parametrize(
    "line",
    [
        'password = "your-password-1"',
        'password = "<password>"',
        'password = "${DB_PASSWORD1}"',
        'password = os.environ["DB_PASSWORD1"]',
        "password = get_password(user1)",
        "password: ${{ secrets.DB_PASSWORD_1 }}",
        'token_url = "https://example.com/oauth2/token"',
        'TOKEN_TYPE = "application/vnd.oci.v1+json"',
        "def compass_2(passage1, passed2): ...",
        "tokens = tokenize(text1)",
        'key = "abcdef1234567890"',
        'cache_key = "user:1234567890:profile"',
        'assert sha256 == "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"',
        "commit 356a192b7913b04c54574d18c28d46e6395428ab",
        "url = 'http://user:password@host/'",
        "url = f'http://{user}:{password}@{host}/'",
        f'HEADER = "{DASHES}BEGIN PRIVATE KEY{DASHES}"',
        'integrity="sha384-oqVuAfXRKap7fdgcCY5uykM6+R9GqQ8K/uxy9rx7HNQlGYl1kPzQho1wx4JwY8wC"',
        "sk-button-with-a-long-css-class-name-2",
        "the bearer of a long name is responsible1 for it",
    ],
)
def test_what_only_looks_like_a_secret_stays(line: str) -> None:
    assert redact(f"first\n{line}\nlast\n") == (f"first\n{line}\nlast\n", [])


HOSTILE = {
    "one letter": "a",
    "one space": " ",
    "a prefix": "gh" + "p_",
    "a prefix in a run": "sk-ant-1_",
    "a token": "gh" + "p_" + "a1" * 18 + " ",
    "key ids": "AK" + "IA" + "ABCDEFGH23456789 ",
    "jwt heads": "ey" + "J-1",
    "jwt parts": "ey" + "Jabcdefghijk1.ey" + "J",
    "key beginnings": f"{DASHES}BEGIN PRIVATE KEY{DASHES}",
    "key ends": f"{DASHES}END PRIVATE KEY{DASHES}",
    "key lines": f"{DASHES}BEGIN PRIVATE KEY{DASHES}\n{'A' * 64}\n",
    "dashes": "-",
    "names": "password",
    "assignments": 'password="',
    "open strings": "password='\"",
    "escaped": 'password=\\\\\\"',
    "spaces": "password" + " " * 40,
    "types": "secret: a[a] ",
    "urls": "://a:",
    "url users": "://" + "a" * 90 + ":" + "b" * 90,
    "bearers": "bearer abcdefghijklmnop1",
    "bearer and spaces": "bearer    ",
    "basics": "basic abcdefghijklmnopqrstuvwx1",
    "curls": "curl -u a",
    "keys of keys": '"kty": "d": ',
    "members of keys": '"d": "abcdefghijklmnopqrstuvw" ',
    "keys and members": '"kty": "d": "abcdefghijklmnopqrstuvw" ',
    "putty": "putty-user-key\n",
    "dots": "hvs.abcdefghijklmnop1.",
    "colons": "1234567890:AAabcdefghijklmnop1",
    "tildes": "abc8Q~abcdefghijklmnop~",
    "markers": "[REDACTED:token] password='abc123!'",
    "not ASCII": "İpassword='é1é1é1é'",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_time_is_linear_in_hostile_text(name: str) -> None:
    piece = HOSTILE[name]
    redact(piece * 10)  # compiles the rules
    small = least_seconds(lambda: redact(piece * (8 * KB // len(piece))))
    large = least_seconds(lambda: redact(piece * (64 * KB // len(piece))))
    # Eight times the text: linear is 8 and quadratic is 64.
    assert large < 24 * small + 0.005


def test_the_measure_tells_a_quadratic_expression() -> None:
    naive = re.compile(r"(?s)BEGIN.*?END")

    def run(length: int) -> float:
        return least_seconds(lambda: naive.search("BEGIN" * length))

    assert run(6000) > 24 * run(750)


def made(code: str, **changes: Any) -> Any:
    before = Content("x = 1\n" + code, "/p/a.py")
    event: dict[str, Any] = build(
        "pattern_modified", Content(code, "/p/a.py"), path="/p/a.py", session_id="s" * 36,
        tool_use_id="use-1", captured_ns=1, before=before,
    )  # fmt: skip
    event["event_data"].update(changes)
    return event


def test_every_place_of_an_event_is_cleaned_and_its_ids_stay() -> None:
    names = ("github classic", "npm", "jwt", "gitlab", "figma", "pulumi")
    secrets = [next(c for c in CANARIES if c.format == name) for name in names]
    event = made(secrets[0].text, reason=f"for {secrets[1].text}", tool_name=secrets[2].text)
    event["event_data"]["pattern_data"] |= {
        "notes": [{"deep": secrets[3].text}],
        secrets[4].text: 1,
        "password": "Hunter2!x",
    }
    event["cwd"] = secrets[5].text
    clean: Any = redact_event(event)
    text = json.dumps(clean).encode()
    assert [canary.traces(text) for canary in secrets] == [[]] * len(secrets)
    assert b"Hunter2" not in text
    assert clean["event_data"]["pattern_data"]["redacted"] == (
        "figma-token github-token gitlab-token jwt npm-token pulumi-token secret".split()
    )
    for name in ("event_id", "timestamp", "pattern_id", "content_pattern_id"):
        assert clean[name] == event[name]
    assert clean["parents"][0]["pattern_id"] == event["parents"][0]["pattern_id"]
    assert "[REDACTED:github-token]" in clean["parents"][0]["code"]
    assert redact_event(clean) is clean


def test_an_event_without_secrets_is_the_same_object() -> None:
    event = made("def f():\n    return 1\n")
    assert redact_event(event) is event


def test_an_event_too_deep_to_look_at_loses_what_is_deep() -> None:
    deep: Any = CANARIES[0].text
    for _ in range(300):
        deep = [deep]
    event = made("x = 2\n")
    event["event_data"]["pattern_data"]["deep"] = deep
    clean: Any = redact_event(event)
    assert CANARIES[0].traces(json.dumps(clean).encode()) == []
    assert clean["event_data"]["pattern_data"]["redacted"] == ["unchecked"]


def test_patterns_of_the_user_go_too_and_keep_the_lines() -> None:
    pattern = re.compile(r"(?s)begin corp.*?end corp|CORP-\d+|z*")
    clean, hits = redact("a\nbegin corp\nx\nend corp\nCORP-12\n", [pattern])
    assert (clean, hits) == ("a\n[REDACTED:custom]\n\n\n[REDACTED:custom]\n", ["custom"] * 2)


def test_a_text_that_a_pattern_takes_too_long_for_is_withheld() -> None:
    class Slow:
        def finditer(self, text: str) -> Any:
            raise TimeoutError

    assert redact("one\ntwo", [Slow()]) == (
        "[REDACTED:unchecked]\n",
        ["unchecked"],
    )


@pytest.mark.parametrize("piece", ["password", "curl -u a", "putty-user-key\n"])
def test_a_large_text_full_of_words_is_withheld_at_once(piece: str) -> None:
    """A flusher that took longer than its deadline would be ended at it, again and again."""
    text = piece * (8_000_000 // len(piece))
    start = time.process_time()
    clean, hits = redact(text)
    naive = time.process_time()
    find(text[: len(text) // 40])
    least = time.process_time() - naive
    assert naive - start < 10 * least
    assert (clean.strip("\n"), hits) == ("[REDACTED:unchecked]", ["unchecked"])
    assert clean.count("\n") == text.count("\n")


def test_a_large_file_of_code_is_not_withheld() -> None:
    code = Path(redaction.__file__).read_text() * 300
    assert len(code) > redaction.LARGE
    assert candidates(code) / len(code) * 8_000_000 < redaction.MAX_CANDIDATES
    assert "unchecked" not in redact(code)[1]
