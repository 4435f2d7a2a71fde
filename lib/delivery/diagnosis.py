"""Classify the service's answer to a health check."""

from lib.system import json_codec

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from lib.system.state import State

HEALTH_PATH = "/api/pattern-traceability/health"
MAX_ANSWER = 64 * 1024
# What a team's server of ours calls itself.
TEAM = "pattern-tracker team"
HEALTHY = "healthy"
DEGRADED = "degraded"
DEAD = "dead"
UNKNOWN = "unknown"
MAX_COMPONENTS = 50
MAX_WORD = 200
GOOD_WORDS = ("healthy", "ok", "up", "operational", "pass")
# The service may say "healthy" above a component that is not; these occur in such a one's state.
BAD_WORDS = ("unhealthy", "unavailable", "degraded", "down", "error", "fail", "disconnected")


def parse(status: int, body: bytes) -> "dict[str, Any]":
    """Parse the JSON object in `body`. Raises ValueError, with the HTTP status, for other text."""
    try:
        answer = json_codec.loads(body.decode())
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise ValueError(f"HTTP {status}, no JSON object")
    return answer


def verdict(status: int, answer: "dict[str, Any]", components: dict[str, str]) -> str:
    """Judge HEALTHY or DEGRADED. Raises ValueError if the answer says nothing about health."""
    word = answer.get("status")
    if not isinstance(word, str) and not components:
        raise ValueError(f"HTTP {status}, no health in the answer")
    well = status == 200 and isinstance(word, str) and word.lower() in GOOD_WORDS
    return HEALTHY if well and not any(map(_is_bad, components.values())) else DEGRADED


def read_components(answer: "dict[str, Any]") -> dict[str, str]:
    """Read the state of each component as a bounded word, for the shared file."""
    found = answer.get("components")
    items = list(found.items()) if isinstance(found, dict) else []
    return {name[:MAX_WORD]: _word(value) for name, value in items[:MAX_COMPONENTS]}


def words(record: "State") -> dict[str, str]:
    """Read the components of a stored result."""
    found = record.get("components")
    items = found.items() if isinstance(found, dict) else ()
    return {name: word for name, word in items if isinstance(word, str)}


def _word(value: object) -> str:
    if isinstance(value, dict):
        value = value.get("status")
    if isinstance(value, bool):
        value = "up" if value else "down"
    return value[:MAX_WORD] if isinstance(value, str) else UNKNOWN


def _is_bad(word: str) -> bool:
    return any(mark in word.lower() for mark in BAD_WORDS)
