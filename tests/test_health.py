import asyncio
import gc
import gzip
import json
import shutil
import ssl
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import certifi
import httpx
import pytest

from lib.resilience import MemoryStorage, Phase4HealthChecker, SharedStorage, Storage
from lib.resilience.testing import FakeClock
from lib.system.state import State
from tests.support.service_listener import nowhere

WELL = {"status": "healthy", "components": {"lineage_tracker": "operational", "database": "ok"}}
ILL = {"status": "healthy", "components": {"lineage_tracker": "database_unavailable", "api": "ok"}}

Reader = asyncio.StreamReader
Writer = asyncio.StreamWriter
Answer = Callable[[Writer], Awaitable[None]]


class Service:
    """A real server on loopback that answers every request by one function."""

    def __init__(self, answer: Answer) -> None:
        self.answer = answer
        self.requests: list[str] = []
        self.arrived = asyncio.Event()
        self.closed = asyncio.Event()
        self.keep_alive = False
        self.handlers: set[asyncio.Task[None] | None] = set()
        self.url = ""

    async def handle(self, reader: Reader, writer: Writer) -> None:
        self.handlers.add(asyncio.current_task())
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            self.requests.append(head.decode())
            self.arrived.set()
            await self.answer(writer)
            if self.keep_alive:
                await reader.read()
                self.closed.set()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def stop(self) -> None:
        """End the handlers: since Python 3.12.1 a server that closes waits for them."""
        for task in self.handlers:
            if task is not None:
                task.cancel()


@asynccontextmanager
async def serving(answer: Answer, context: ssl.SSLContext | None = None) -> AsyncIterator[Service]:
    service = Service(answer)
    server = await asyncio.start_server(service.handle, "127.0.0.1", 0, ssl=context)
    async with server:
        scheme = "https" if context else "http"
        service.url = f"{scheme}://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield service
        finally:
            service.stop()


def response(content: bytes, status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(content)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + content


def saying(answer: object, status: str = "200 OK") -> Answer:
    return sending(response(json.dumps(answer).encode(), status))


def sending(data: bytes) -> Answer:
    async def answer(writer: Writer) -> None:
        writer.write(data)
        await writer.drain()

    return answer


def ask(answer: Answer, **options: Any) -> tuple[bool, dict[str, Any]]:
    """What one forced check of a service that gives `answer` comes to."""

    async def main() -> tuple[bool, dict[str, Any]]:
        async with serving(answer) as service:
            checker = Phase4HealthChecker(service.url, **{"timeout": 10, **options})
            return await checker.check_health(force=True), checker.get_health_status()

    return asyncio.run(main())


def transport(answers: list[httpx.Response]) -> httpx.MockTransport:
    """The transport a user's test would inject: one answer after the other."""
    return httpx.MockTransport(lambda request: answers.pop(0))


def test_health_checker_healthy_api() -> None:
    async def main() -> None:
        async with serving(saying(WELL)) as service:
            clock = FakeClock()
            checker = Phase4HealthChecker(service.url + "/", timeout=10, clock=clock)
            assert checker.get_health_status()["state"] == "unknown"
            assert checker.get_health_status()["is_healthy"] is False
            assert checker.get_health_status()["last_check"] is None
            assert await checker.check_health() is True
            request = service.requests[0]
            assert request.startswith("GET /api/pattern-traceability/health HTTP/1.1")
            assert checker.get_health_status() == {
                "is_healthy": True,
                "state": "healthy",
                "components": WELL["components"],
                "last_check": clock.wall(),
                "consecutive_failures": 0,
                "consecutive_successes": 1,
                "last_health_data": WELL,
                "last_error": "",
                "base_url": service.url,
                "warnings": 0,
                "storage_errors": 0,
            }

    asyncio.run(main())


def test_health_checker_unhealthy_api() -> None:
    async def main() -> None:
        checker = Phase4HealthChecker(nowhere(), timeout=10)
        for failures in (1, 2):
            assert await checker.check_health(force=True) is False
            status = checker.get_health_status()
            assert status["state"] == "dead"
            assert status["consecutive_failures"] == failures
        assert "ConnectError" in status["last_error"]
        assert status["components"] == {}
        assert status["last_health_data"] is None

    asyncio.run(main())


@pytest.mark.parametrize("interval", [30, timedelta(seconds=30)])
def test_health_checker_caching(interval: float | timedelta) -> None:
    async def main() -> None:
        async with serving(saying(WELL)) as service:
            clock = FakeClock()
            checker = Phase4HealthChecker(service.url, interval, timedelta(10), clock=clock)
            for _ in range(5):
                assert await checker.check_health()
            clock.advance(29)
            assert await checker.check_health()
            assert len(service.requests) == 1
            clock.advance(1)
            assert await checker.check_health()
            assert len(service.requests) == 2
            assert await checker.check_health(force=True)
            assert len(service.requests) == 3
            assert checker.get_health_status()["consecutive_successes"] == 3
            service.answer = saying(ILL)
            assert await checker.check_health(force=True) is False
            assert checker.get_health_status()["consecutive_successes"] == 0
            # A bad result is reused like a good one.
            assert await checker.check_health() is False
            assert len(service.requests) == 4

    asyncio.run(main())


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (ILL, "200 OK"),
        ({"status": "degraded", "components": {"api": "ok"}}, "200 OK"),
        ({"status": "healthy", "components": {"database": False}}, "200 OK"),
        ({"status": "healthy", "components": {"db": {"status": "down"}}}, "200 OK"),
        ({"components": {"database": "ok"}}, "200 OK"),
        ({"status": "healthy"}, "201 Created"),
        (WELL, "503 Service Unavailable"),
        ({"status": "starting"}, "503 Service Unavailable"),
    ],
)
def test_a_degraded_service_is_not_dead(answer: dict[str, Any], status: str) -> None:
    healthy, known = ask(saying(answer, status))
    assert healthy is False
    assert known["state"] == "degraded"
    assert known["last_health_data"] == answer
    assert known["last_error"] == ""
    assert known["components"].keys() == answer.get("components", {}).keys()


def test_components_are_named_with_their_state() -> None:
    components = {
        "database": {"status": "healthy", "latency_ms": 3},
        "cache": True,
        "queue": None,
        "x" * 300: "y" * 300,
    }
    healthy, known = ask(saying({"status": "OK", "components": components}))
    assert healthy is True
    assert known["components"] == {
        "database": "healthy",
        "cache": "up",
        "queue": "unknown",
        "x" * 200: "y" * 200,
    }
    many = {f"c{i}": "ok" for i in range(1000)}
    _, known = ask(saying({"status": "ok", "components": many}))
    assert len(known["components"]) == 50


HUGE = 1 << 30
NOT_AN_ANSWER = {
    "nothing": b"",
    "not HTTP": b"220 smtp ready\r\n",
    "HTML": response(b"<html><body>healthy</body></html>"),
    "an array": response(b'["healthy"]'),
    "a string": response(b'"healthy"'),
    "null": response(b"null"),
    "an empty object": response(b"{}"),
    "status of a wrong type": response(b'{"status": 200}'),
    "components of a wrong type": response(b'{"status": null, "components": ["database"]}'),
    "not a number": response(b'{"status": "healthy", "load": NaN}'),
    "cut short": response(b'{"status": "hea'),
    "too deep": response(b"[" * 60_000),
    "not UTF-8": response(b'{"status": "\xff"}'),
    "a body shorter than said": response(b'{"status": "healthy"}   ')[:-2],
    "a redirect": response(b"", "307 Temporary Redirect", "Location: /elsewhere"),
    "a missing route": response(b'{"detail": "Not Found"}', "404 Not Found"),
    "compressed": response(
        gzip.compress(b'{"status": "healthy"}'), "200 OK", "Content-Encoding: gzip"
    ),
    "too long": response(json.dumps(WELL).encode().ljust(64 * 1024 + 1)),
}


@pytest.mark.parametrize("data", NOT_AN_ANSWER.values(), ids=list(NOT_AN_ANSWER))
def test_no_usable_answer_is_a_dead_service(data: bytes) -> None:
    healthy, known = ask(sending(data))
    assert healthy is False
    assert known["state"] == "dead"
    assert known["last_error"]
    assert len(known["last_error"]) <= 200


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (response(b"<html>", "404 Not Found"), "HTTP 404, no JSON object"),
        (response(b"[]"), "HTTP 200, no JSON object"),
        (response(b'{"detail": "no"}', "503 No"), "HTTP 503, no health in the answer"),
        (response(b" " * 65537), "too long"),
        (response(b"", "200 OK", "Content-Encoding: br"), "compressed"),
    ],
)
def test_why_a_service_is_dead_is_said(data: bytes, why: str) -> None:
    assert why in ask(sending(data))[1]["last_error"]


def test_an_answer_just_within_the_limit_is_read() -> None:
    content = json.dumps(WELL).encode()
    assert ask(sending(response(content.ljust(64 * 1024))))[0] is True


def test_an_endless_answer_is_not_read_to_its_end() -> None:
    sent = 0

    async def endless(writer: Writer) -> None:
        nonlocal sent
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % HUGE)
        while sent < HUGE:
            writer.write(b" " * 65536)
            await writer.drain()
            sent += 65536

    healthy, known = ask(endless)
    assert healthy is False
    assert "too long" in known["last_error"]
    assert sent < HUGE / 16


def test_a_service_that_hangs_is_dead_after_the_timeout() -> None:
    async def hang(writer: Writer) -> None:
        await asyncio.Event().wait()

    healthy, known = ask(hang, timeout=0.05)
    assert healthy is False
    assert "Timeout" in known["last_error"]


def test_the_timeout_is_for_the_whole_answer() -> None:
    async def drip(writer: Writer) -> None:
        # Every byte is in time for a limit that counts from byte to byte.
        for byte in response(json.dumps(WELL).encode()):
            writer.write(bytes([byte]))
            await writer.drain()
            await asyncio.sleep(0.01)

    healthy, known = ask(drip, timeout=0.3)
    assert healthy is False
    assert known["last_error"] == "TimeoutError()"


@pytest.mark.parametrize("url", ["", "nonsense", "ftp://127.0.0.1", "http://[", "http://\0", "//"])
def test_a_url_of_no_use_is_a_dead_service(url: str) -> None:
    async def main() -> None:
        checker = Phase4HealthChecker(url, timeout=10)
        assert await checker.check_health() is False
        assert checker.get_health_status()["state"] == "dead"

    asyncio.run(main())


@pytest.mark.skipif(not shutil.which("openssl"), reason="a certificate has to be made")
def test_https_is_verified(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, certificate = str(tmp_path / "key"), str(tmp_path / "certificate")
    subject = "-days 2 -subj /CN=localhost -addext subjectAltName=IP:127.0.0.1"
    curve = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1"
    command = f"openssl req -x509 -nodes {curve} {subject} -keyout {key} -out {certificate}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, key)

    async def main() -> None:
        async with serving(saying(WELL), context) as service:
            checker = Phase4HealthChecker(service.url, timeout=10)
            assert await checker.check_health() is False
            assert "CERTIFICATE_VERIFY_FAILED" in checker.get_health_status()["last_error"]
            # Where httpx finds the authorities that it trusts.
            monkeypatch.setattr(certifi, "where", lambda: certificate)
            assert await checker.check_health(force=True) is True

    asyncio.run(main())


def test_settings_of_no_use_raise_nothing() -> None:
    nonsense: Any = "often"
    checker = Phase4HealthChecker(transport=transport([httpx.Response(200, json=WELL)]))
    checker.check_interval = nonsense
    assert asyncio.run(checker.check_health()) is True
    checker.timeout = nonsense
    assert asyncio.run(checker.check_health()) is False


def test_arguments_win_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HEALTH_CHECK_INTERVAL", "7")
    monkeypatch.setenv("HEALTH_CHECK_TIMEOUT", "2.5")
    checker = Phase4HealthChecker()
    assert (checker.check_interval, checker.timeout) == (7, 2.5)
    assert checker.base_url == "http://localhost:8053"
    checker = Phase4HealthChecker(check_interval=1)
    assert (checker.check_interval, checker.timeout) == (1, 2.5)
    checker = Phase4HealthChecker("http://service", 1, 2)
    assert (checker.check_interval, checker.timeout) == (1, 2)
    checker = Phase4HealthChecker(timeout=3)
    assert (checker.check_interval, checker.timeout) == (7, 3)


def test_proxies_of_the_environment_are_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, nowhere())
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    assert ask(saying(WELL))[0] is True


def test_an_injected_transport_is_used_and_left_open() -> None:
    class Watched(httpx.MockTransport):
        closed = False

        async def aclose(self) -> None:
            self.closed = True

    watched = Watched(lambda request: httpx.Response(200, json=WELL))
    checker = Phase4HealthChecker(transport=watched)
    assert asyncio.run(checker.check_health()) is True
    assert not watched.closed


@pytest.mark.filterwarnings("error")
def test_the_connection_is_closed_when_the_answer_is_read() -> None:
    async def main() -> None:
        async with serving(saying(WELL)) as service:
            service.keep_alive = True
            checker = Phase4HealthChecker(service.url, timeout=10)
            assert await checker.check_health() is True
            await service.closed.wait()

    asyncio.run(main())
    gc.collect()


def test_a_redirect_is_not_followed() -> None:
    async def main() -> None:
        async with serving(saying(WELL)) as service:

            async def redirect(writer: Writer) -> None:
                service.answer = saying(WELL)
                writer.write(response(b"", "307 Temporary Redirect", "Location: /elsewhere"))

            service.answer = redirect
            assert await Phase4HealthChecker(service.url, timeout=10).check_health() is False
            assert len(service.requests) == 1

    asyncio.run(main())


def test_concurrent_callers_share_one_request() -> None:
    async def main() -> None:
        gate = asyncio.Event()

        async def later(writer: Writer) -> None:
            await gate.wait()
            await saying(WELL)(writer)

        async with serving(later) as service:
            checker = Phase4HealthChecker(service.url, timeout=10)
            callers = [asyncio.create_task(checker.check_health(i % 2 == 0)) for i in range(20)]
            await service.arrived.wait()
            callers[0].cancel()
            gate.set()
            results = await asyncio.gather(*callers, return_exceptions=True)
            assert isinstance(results[0], asyncio.CancelledError)
            assert results[1:] == [True] * 19
            assert len(service.requests) == 1

    asyncio.run(main())


def test_one_checker_serves_one_event_loop_after_another() -> None:
    checker = Phase4HealthChecker(
        transport=transport([httpx.Response(200, json=WELL), httpx.Response(503)])
    )
    assert asyncio.run(checker.check_health(force=True)) is True
    assert asyncio.run(checker.check_health(force=True)) is False


def test_a_request_that_a_closed_loop_left_behind_is_not_waited_for() -> None:
    loop = asyncio.new_event_loop()
    hanging = True

    async def answer(request: httpx.Request) -> httpx.Response:
        if hanging:
            await asyncio.Event().wait()
        return httpx.Response(200, json=WELL)

    checker = Phase4HealthChecker(timeout=10, transport=httpx.MockTransport(answer))
    caller = loop.create_task(checker.check_health())
    loop.call_later(0, loop.stop)
    loop.run_forever()
    hanging = False
    assert asyncio.run(checker.check_health()) is True
    caller.cancel()
    for task in asyncio.all_tasks(loop):
        task.cancel()
    loop.run_until_complete(asyncio.gather(caller, return_exceptions=True))
    loop.close()


@pytest.mark.parametrize("error", [asyncio.CancelledError, KeyboardInterrupt, SystemExit])
def test_what_is_no_exception_passes(error: type[BaseException]) -> None:
    def interrupted(request: httpx.Request) -> httpx.Response:
        raise error

    checker = Phase4HealthChecker(transport=httpx.MockTransport(interrupted))
    with pytest.raises(error):
        asyncio.run(checker.check_health())


def test_the_last_result_is_shared_between_processes(tmp_path: Path) -> None:
    path, clock = str(tmp_path / "state.json"), FakeClock()

    def checker(answers: list[httpx.Response], url: str = "http://service") -> Phase4HealthChecker:
        storage = SharedStorage(path, "health")
        return Phase4HealthChecker(
            url, 30, 10, storage=storage, clock=clock, transport=transport(answers)
        )

    first = checker([httpx.Response(200, json=ILL)])
    assert asyncio.run(first.check_health()) is False
    second = checker([httpx.Response(200, json=WELL)])
    # No request: the answers would be gone.
    assert asyncio.run(second.check_health()) is False
    known = second.get_health_status()
    assert known["state"] == "degraded"
    assert known["components"] == ILL["components"]
    assert known["last_health_data"] is None
    clock.advance(30)
    assert asyncio.run(second.check_health()) is True
    assert second.get_health_status()["consecutive_failures"] == 0
    assert first.get_health_status()["is_healthy"] is True
    assert first.get_health_status()["last_health_data"] is None
    other = checker([httpx.Response(503)], "http://another")
    assert other.get_health_status()["state"] == "unknown"
    assert asyncio.run(other.check_health()) is False
    assert other.get_health_status()["consecutive_failures"] == 1
    assert checker([]).get_health_status()["state"] == "unknown"


def test_a_reused_result_of_another_process_has_no_answer_of_ours() -> None:
    storage, clock = MemoryStorage(), FakeClock()
    answers = [httpx.Response(200, json=WELL), httpx.Response(200, json=ILL)]
    first, second = (
        Phase4HealthChecker(storage=storage, clock=clock, transport=transport(answers))
        for _ in range(2)
    )
    assert asyncio.run(first.check_health()) is True
    clock.advance(30)
    assert asyncio.run(second.check_health()) is False
    assert asyncio.run(first.check_health()) is False
    assert first.get_health_status()["last_health_data"] is None
    assert second.get_health_status()["last_health_data"] == ILL


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        '{"health": 3}',
        '{"health": {"base_url": "http://localhost:8053", "state": 3, "components": [],'
        ' "checked": 0, "failures": "x", "successes": -1, "error": {}}}',
        '{"health": {"base_url": "http://localhost:8053", "components": {"a": 1}}}',
    ],
)
def test_a_damaged_stored_result_is_unknown_health(tmp_path: Path, content: str) -> None:
    path = tmp_path / "state.json"
    path.write_text(content)
    checker = Phase4HealthChecker(
        storage=SharedStorage(str(path), "health"),
        transport=transport([httpx.Response(200, json=WELL)]),
    )
    known = checker.get_health_status()
    assert (known["state"], known["components"], known["last_check"]) == ("unknown", {}, None)
    assert (known["consecutive_failures"], known["consecutive_successes"]) == (0, 0)
    assert asyncio.run(checker.check_health()) is True
    assert checker.get_health_status()["state"] == "healthy"


class Broken(Storage):
    def read(self) -> State:
        raise OSError("unreadable")

    def update(self, change: Callable[[State], None]) -> State:
        raise OSError("disk full")


def test_results_of_different_services_are_not_added_up() -> None:
    storage = MemoryStorage()
    for url in ("http://one", "http://another", "http://one"):
        answers = [httpx.Response(503)]
        checker = Phase4HealthChecker(url, storage=storage, transport=transport(answers))
        assert asyncio.run(checker.check_health()) is False
        assert checker.get_health_status()["consecutive_failures"] == 1


def test_a_storage_that_fails_is_counted_and_done_without(
    caplog: pytest.LogCaptureFixture,
) -> None:
    clock = FakeClock()
    answers = [httpx.Response(503), httpx.Response(503)]
    checker = Phase4HealthChecker(storage=Broken(), clock=clock, transport=transport(answers))
    assert asyncio.run(checker.check_health()) is False
    assert asyncio.run(checker.check_health()) is False
    clock.advance(30)
    assert asyncio.run(checker.check_health()) is False
    known = checker.get_health_status()
    assert known["consecutive_failures"] == 2
    # Two looks for a recent result, two results to store and one look at the status.
    assert known["storage_errors"] == 5
    assert "disk full" in caplog.text


def test_a_result_that_cannot_be_stored_leaves_the_stored_one_alone() -> None:
    class Full(MemoryStorage):
        """Takes one result."""

        def update(self, change: Callable[[State], None]) -> State:
            if self.read():
                raise OSError("disk full")
            return super().update(change)

    storage = Full()
    answers = [httpx.Response(200, json=WELL), httpx.Response(503)]
    checker = Phase4HealthChecker(storage=storage, transport=transport(answers))
    assert asyncio.run(checker.check_health()) is True
    before = dict(storage.read())
    assert asyncio.run(checker.check_health(force=True)) is False
    assert storage.read() == before


def test_a_change_for_the_worse_is_logged_once(caplog: pytest.LogCaptureFixture) -> None:
    well, ill, dead = ((200, WELL), (200, ILL), (503, None))
    story = (well, dead, dead, well, ill, ill, dead)
    answers = [httpx.Response(status, json=answer) for status, answer in story]
    checker = Phase4HealthChecker(timeout=60, transport=transport(answers))
    for _ in story:
        asyncio.run(checker.check_health(force=True))
    lines = [r.getMessage() for r in caplog.records if r.name == "pattern_tracker"]
    prefix = "the traceability service is "
    assert [line.removeprefix(prefix) for line in lines] == [
        "dead: ValueError('HTTP 503, no JSON object')",
        f"degraded: {ILL['components']}",
        "dead: ValueError('HTTP 503, no JSON object')",
    ]


def test_bad_settings_are_told_once(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lib.system.logger._said", set())
    monkeypatch.setenv("HEALTH_CHECK_TIMEOUT", "-1")
    assert [Phase4HealthChecker().timeout for _ in range(2)] == [1.0, 1.0]
    assert len([r for r in caplog.records if "HEALTH_CHECK_TIMEOUT" in r.getMessage()]) == 1
