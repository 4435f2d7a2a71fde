"""Which service may get the events."""

import os
from pathlib import Path

import pytest

from lib.delivery.approval import Approvals, Refused, is_loopback


@pytest.fixture
def approvals(tmp_path: Path) -> Approvals:
    return Approvals(str(tmp_path / "bundle.approved.json"))


def token_file(path: Path, text: str = "s3cr3t-token\n", mode: int = 0o600) -> str:
    path.write_text(text)
    path.chmod(mode)
    return str(path)


@pytest.mark.parametrize(
    "url",
    ["http://localhost:8053", "http://127.0.0.1:1", "https://127.9.9.9", "http://[::1]:8053",
     "HTTP://LOCALHOST:8053/base/"],
)  # fmt: skip
def test_the_environment_may_name_this_machine(approvals: Approvals, url: str) -> None:
    found = approvals.destination(url)
    assert found is not None
    assert (found.url, found.token) == (url.rstrip("/"), "")


@pytest.mark.parametrize(
    "url",
    ["https://example.com", "http://localhost.example.com", "http://127.0.0.1.example.com",
     "http://10.0.0.1", "http://0.0.0.0", "http://127.1", "http://0x7f.0.0.1", "http://2130706433",
     "http://[::ffff:10.0.0.1]", "http://user:pw@localhost", "http://localhost@example.com",
     "http://example.com#@localhost", "http://localhost\\@example.com", "http://localhost:99999",
     "ftp://localhost", "file:///etc/passwd", "localhost:8053", "//localhost", "http://", "http:",
     "http://localhost?x=http://example.com", "http://loc\u0430lhost", "http://local host",
     "http://localhost\n.example.com", "http://[::1"],
)  # fmt: skip
def test_the_environment_may_name_nothing_else(approvals: Approvals, url: str) -> None:
    with pytest.raises(Refused):
        approvals.destination(url)


def test_an_approved_host_may_be_named_over_https(approvals: Approvals) -> None:
    assert approvals.approve("https://Patterns.example.com/x") == "https://patterns.example.com:443"
    assert approvals.destination("https://patterns.example.com/y") is not None
    for other in ("https://patterns.example.com:444", "http://patterns.example.com",
                  "https://evil.example.com"):  # fmt: skip
        with pytest.raises(Refused):
            approvals.destination(other)
    assert approvals.withdraw("https://patterns.example.com")
    assert not approvals.withdraw("https://patterns.example.com")
    with pytest.raises(Refused):
        approvals.destination("https://patterns.example.com")


def test_plain_http_cannot_be_approved(approvals: Approvals) -> None:
    with pytest.raises(Refused, match="not https"):
        approvals.approve("http://patterns.example.com")


def test_the_chosen_service_is_used_where_the_environment_names_none(approvals: Approvals) -> None:
    assert approvals.destination("") is None
    approvals.approve("https://patterns.example.com/base/", use=True)
    found = approvals.destination("")
    assert found is not None
    assert found.url == "https://patterns.example.com/base"
    approvals.withdraw("https://patterns.example.com")
    assert approvals.destination("") is None


def test_the_approvals_are_the_users_own(approvals: Approvals) -> None:
    approvals.approve("https://patterns.example.com")
    assert os.stat(approvals.path).st_mode & 0o777 == 0o600
    os.chmod(approvals.path, 0o644)
    with pytest.raises(Refused, match="chmod 600"):
        approvals.destination("http://localhost")
    os.chmod(approvals.path, 0o600)
    aside = approvals.path + ".aside"
    os.rename(approvals.path, aside)
    os.symlink(aside, approvals.path)
    with pytest.raises(Refused, match="cannot be read"):
        approvals.destination("https://patterns.example.com")


@pytest.mark.parametrize("text", ["", "[]", "{", '{"hosts": 1}', "[" * 10**5, "\xff"])
def test_a_damaged_file_approves_nothing(approvals: Approvals, text: str) -> None:
    Path(approvals.path).write_text(text, encoding="latin-1")
    os.chmod(approvals.path, 0o600)
    with pytest.raises(Refused):
        approvals.destination("https://patterns.example.com")


def test_a_token_goes_to_its_host_alone(approvals: Approvals, tmp_path: Path) -> None:
    # Some editors put a mark before it.
    approvals.approve(
        "https://a.example.com", token_file(tmp_path / "token", "\ufeffs3cr3t-token\r\n")
    )
    approvals.approve("https://b.example.com")
    found = [approvals.destination(f"https://{host}.example.com") for host in "ab"]
    assert [destination and destination.token for destination in found] == ["s3cr3t-token", ""]


@pytest.mark.parametrize(
    ("text", "mode"), [("t0ken", 0o640), ("", 0o600), ("two words", 0o600), ("a\nb", 0o600),
                       ("t\x7f", 0o600), ("\u00e4", 0o600), ("t" * 4097, 0o600)]
)  # fmt: skip
def test_a_token_that_is_open_or_no_token_is_refused_and_not_told(
    approvals: Approvals, tmp_path: Path, text: str, mode: int
) -> None:
    path = token_file(tmp_path / "token", text, mode)
    with pytest.raises(Refused) as refused:
        approvals.approve("https://a.example.com", path)
    assert not text or text not in str(refused.value)


def test_loopback_is_told_by_the_host_alone() -> None:
    assert is_loopback("http://localhost:80/any/path")
    assert not is_loopback("http://example.com/localhost")
