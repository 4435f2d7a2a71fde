"""Who may look at the page: whoever has the token or the cookie that it gave, and nobody else."""

import hmac
from pathlib import Path
from typing import Any

import pytest
from starlette.routing import Mount, Route

from lib.web import guard
from tests.support.outpost import Outpost
from tests.support.page import HOST, Page

SECRET = "a_name_that_only_the_page_tells"


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    outpost = Outpost(tmp_path_factory.mktemp("guard") / "spool")
    outpost.write(f"/p/{SECRET}.py", f"def {SECRET}():\n    pass\n", None)
    assert outpost.flush()
    made = Page(outpost.directory)
    assert SECRET in made.text()
    return made


def cookie(page: Page, value: str = "") -> dict[str, str]:
    return {"cookie": f"{guard.COOKIE}={value or page.key.cookie}"}


def ask(page: Page, path: str, method: str = "GET", **headers: str) -> Any:
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    return page.stranger().request(method, path, headers=told)


def test_the_first_address_gives_a_cookie_that_no_other_page_gets(page: Page) -> None:
    answer = ask(page, f"/{page.key.place}/?token={page.key.token}")
    assert answer.status_code == 200
    given = answer.headers["set-cookie"].split("; ")
    assert given[0] == f"{guard.COOKIE}={page.key.cookie}"
    assert {one.lower() for one in given[1:]} == {
        "httponly", "samesite=strict", f"path=/{page.key.place}/".lower()
    }  # fmt: skip
    # The token is not what counts from then on, nor is it in an address that is left.
    assert page.key.token not in answer.text
    assert len({*page.key}) == len({*guard.make_key(), *page.key}) - 3


KNOWN = ("nothing", "a wrong cookie", "the token as a cookie", "a wrong token",
         "a piece of the token", "another place")  # fmt: skip


@pytest.mark.parametrize("view", ["", "file?path=/p", "static/page.js", "live", "none", "books"])
@pytest.mark.parametrize("known", KNOWN)
def test_who_knows_less_gets_a_line(view: str, known: str, page: Page) -> None:
    path = f"/{page.key.place}/{view}"
    wrong = {
        "nothing": (path, {}),
        "a wrong cookie": (path, cookie(page, page.key.cookie[:-1])),
        "the token as a cookie": (path, cookie(page, page.key.token)),
        "a wrong token": (f"{path}{'&' if '?' in path else '?'}token=%ff\udcff", {}),
        "a piece of the token": (f"/{page.key.place}/?token={page.key.token[:-1]}", {}),
        "another place": (f"/{page.key.place[:-1]}/{view}", cookie(page)),
    }
    path, headers = wrong[known]
    answer = ask(page, path.encode("utf-8", "replace").decode(), **headers)
    assert answer.status_code == 403
    assert answer.text == "open the address that pattern-tracker serve printed\n"
    assert "set-cookie" not in answer.headers


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example:4711"}, 421),
        ({"host": f"{HOST}.evil.example"}, 421),
        ({"host": "127.0.0.1.evil.example:4711"}, 421),
        ({"host": "0.0.0.0:4711"}, 421),
        ({"host": ""}, 421),
        ({"origin": "http://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"sec_fetch_site": "cross-site"}, 403),
        ({"sec_fetch_site": "same-site"}, 403),
        ({"host": "127.0.0.1:"}, 421),
        ({"host": "localhost:4711"}, 200),
        ({"host": "127.0.0.1"}, 200),
        ({"origin": f"http://{HOST}"}, 200),
        ({"sec_fetch_site": "same-origin"}, 200),
        ({"sec_fetch_site": "none"}, 200),
    ],
)
def test_other_sites_and_names_get_nothing(
    headers: dict[str, str], status: int, page: Page
) -> None:
    answer = ask(page, f"/{page.key.place}/", **cookie(page), **headers)
    assert answer.status_code == status
    assert (SECRET in answer.text) == (status == 200)


def test_a_rebound_name_does_not_get_in_with_the_token(page: Page) -> None:
    path = f"/{page.key.place}/?token={page.key.token}"
    for headers in ({"host": "evil.example:4711"}, {"origin": "http://evil.example"}):
        answer = ask(page, path, **headers)
        assert answer.status_code in (403, 421)
        assert "set-cookie" not in answer.headers
    # A browser that a click elsewhere has brought here gets in, and a page elsewhere reads nothing.
    answer = ask(page, path, sec_fetch_site="cross-site")
    assert answer.status_code == 200
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"])
def test_nothing_can_be_changed(method: str, page: Page) -> None:
    for view in ("", "file", "search", "live"):
        answer = ask(page, f"/{page.key.place}/{view}", method, **cookie(page))
        assert (answer.status_code, answer.text) == (405, "nothing can be changed here\n")


def test_each_route_is_read_only(page: Page) -> None:
    app: Any = page.site.app._app
    (mount,) = app.routes
    assert isinstance(mount, Mount)
    assert len(mount.routes) > 10
    for route in mount.routes:
        assert isinstance(route, Route)
        assert route.methods == {"GET", "HEAD"}


@pytest.mark.parametrize("path", ["", "file?path=/no", "static/page.css", "none", "../"])
@pytest.mark.parametrize("is_known", [True, False])
def test_every_answer_has_a_strict_policy(path: str, is_known: bool, page: Page) -> None:
    answer = ask(page, f"/{page.key.place}/{path}", **cookie(page) if is_known else {})
    policy = dict(
        [*one.split(), ""][:2] for one in answer.headers["content-security-policy"].split("; ")
    )
    assert policy["default-src"] == policy["base-uri"] == policy["frame-ancestors"] == "'none'"
    assert {policy[f"{one}-src"] for one in ("script", "style", "img", "connect")} == {"'self'"}
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["referrer-policy"] == "no-referrer"
    if "static" not in path or not is_known:
        assert answer.headers["cache-control"] == "no-store"


def test_secrets_are_compared_in_constant_time(page: Page, monkeypatch: pytest.MonkeyPatch) -> None:
    compared = []

    def compare(given: bytes, wanted: bytes) -> bool:
        compared.append(wanted.decode())
        return hmac.compare_digest(given, wanted)

    monkeypatch.setattr(guard, "compare_digest", compare)
    ask(page, f"/{page.key.place}/?token=x", **cookie(page, "y"))
    assert compared[:2] == [f"/{page.key.place}/", page.key.token]
    assert page.key.cookie in compared


def test_a_web_socket_is_not_accepted(page: Page) -> None:
    with pytest.raises(BaseException), page.client.websocket_connect(page.base):  # noqa: B017, PT011
        pass


def test_no_file_beside_the_static_ones_is_served(page: Page) -> None:
    for name in ("..%2fpage.py", "../page.py", "%2e%2e/guard.py", "page.css/..", "/etc/passwd", ""):
        answer = ask(page, f"/{page.key.place}/static/{name}", **cookie(page))
        assert answer.status_code in (403, 404)
        assert "import" not in answer.text


def test_the_place_is_made_anew_each_time(tmp_path: Path) -> None:
    keys = [guard.make_key() for _ in range(20)]
    assert len({part for key in keys for part in key}) == 60
    assert min(len(key.token) for key in keys) >= 43
