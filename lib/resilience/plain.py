"""Anything as something that JSON can say: what callers put into an event is theirs to choose."""

from typing import Any

from lib.system import json_codec

MAX_DEPTH = 40


def plain(value: dict[str, Any]) -> dict[str, Any]:
    """`value` itself if JSON can say it, else a copy with what it cannot say put into words."""
    try:
        json_codec.dumps(value)
        return value
    except (TypeError, ValueError, RecursionError):
        return {str(key): _plain(item, 1) for key, item in value.items()}


def _plain(value: object, depth: int) -> object:
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        return value if abs(value) < float("inf") else None
    if depth < MAX_DEPTH:
        if isinstance(value, dict):
            return {str(key): _plain(item, depth + 1) for key, item in value.items()}
        if isinstance(value, (list, tuple, set, frozenset)):
            return [_plain(item, depth + 1) for item in value]
    return _in_words(value)


def _in_words(value: object) -> str:
    try:
        return str(value)[:1000]
    except Exception:
        return f"<{type(value).__name__}>"
