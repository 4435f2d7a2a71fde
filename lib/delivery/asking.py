"""Ask a service how it is."""

import threading
from typing import Any

from lib.delivery import answers, diagnosis
from lib.delivery.http import HEADERS, TOO_LONG, Service


def health_request(url: str, token: str = "") -> dict[str, Any]:
    """Prepare a health check of the service at `url` as arguments for httpx."""
    headers = {name: HEADERS[name] for name in ("Accept", "Accept-Encoding")}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    return {"method": "GET", "url": url.rstrip("/") + diagnosis.HEALTH_PATH, "headers": headers}


def ask_health(url: str, timeout: float, token: str = "") -> tuple[str, str, dict[str, Any]]:
    """Check the health of the service at `url`, in at most `timeout` seconds.

    Returns one of the states of `lib.delivery.diagnosis`, why it is DEAD, and the answer. Never
    raises.
    """
    found: list[tuple[str, str, dict[str, Any]]] = [(diagnosis.DEAD, TOO_LONG, {})]
    # Nothing but another thread keeps the time while the service's name is looked up.
    asking = threading.Thread(
        target=lambda: found.insert(0, _health(url, timeout, token)), daemon=True
    )
    asking.start()
    asking.join(timeout + 0.5)
    return found[0]


def _health(url: str, timeout: float, token: str) -> tuple[str, str, dict[str, Any]]:
    service = Service(url)
    try:
        got = service.fetch(diagnosis.MAX_ANSWER, timeout, **health_request(url, token))
        return got.health(), "", diagnosis.parse(got.status, bytes(got.body))
    except Exception as error:
        return diagnosis.DEAD, answers.clip(repr(error)), {}
    finally:
        service.close()
