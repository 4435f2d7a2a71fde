"""Read the fields of a transcript's record, each of which may be missing or of another type."""

import re
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from lib.ledger.text import storable

# The longest id, name or the like, and the longest path, in characters.
MAX_WORD, MAX_PATH = 512, 4096
# Lines in the place of a prompt that nobody asked anything with.
_NO_PROMPTS = (
    "[Request interrupted by user", "<local-command-", "<bash-stdout>", "<bash-stderr>", "Caveat: ",
    "This session is being continued from a previous conversation",
)  # fmt: skip
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def prompt_text(record: dict[str, object]) -> str | None:
    """Return what a user's line asks, without escape codes; None where it is no prompt."""
    flags = ("isMeta", "isSidechain", "isCompactSummary")
    if any(record.get(flag) is True for flag in flags) or "toolUseResult" in record:
        return None
    message = record.get("message")
    content = message.get("content") if isinstance(message, dict) else None
    if isinstance(content, list):
        found = [block for block in content if isinstance(block, dict)]
        if any(block.get("type") == "tool_result" for block in found):
            return None
        texts = [block["text"] for block in found if isinstance(block.get("text"), str)]
        if not texts and any(block.get("type") == "image" for block in found):
            texts = ["[image]"]
        content = "\n".join(texts)
    text = clean(content).strip()
    if not text or text.startswith(_NO_PROMPTS):
        return None
    return _as_typed(text)


def _as_typed(text: str) -> str:
    """Return a command of the client's as it was typed, and what an agent's end is said with.

    The client writes both in tags.
    """
    if text.startswith("<task-notification>"):
        return _between(text, "summary") or text
    if not text.startswith("<command-"):
        return text
    return f"{_between(text, 'command-name')} {_between(text, 'command-args')}".strip() or text


def _between(text: str, tag: str) -> str:
    return text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0].strip()


def blocks(message: dict[str, Any], kind: str) -> Iterator[dict[str, Any]]:
    """Yield the blocks of this type in a message."""
    content = message.get("content")
    for block in content if isinstance(content, list) else ():
        if isinstance(block, dict) and block.get("type") == kind:
            yield block


def clean(value: object) -> str:
    """Return text without control characters, but for the ends of lines and tabs."""
    return _CONTROL.sub("", storable(value))


def word(record: dict[str, Any], name: str) -> str:
    """Return a short text among a record's fields, "" where there is none."""
    value = record.get(name)
    return clean(value) if isinstance(value, str) and len(value) <= MAX_WORD else ""


def path_of(record: dict[str, object]) -> str:
    """Return the directory in which a line was written, "" where that is not told."""
    value = record.get("cwd")
    return storable(value) if isinstance(value, str) and len(value) <= MAX_PATH else ""


def when(record: dict[str, object]) -> str:
    """Return when a line was written, as the ledger writes it; "" where that is not told."""
    told = word(record, "timestamp")
    try:
        found = datetime.fromisoformat(told.removesuffix("Z") + "+00:00" * told.endswith("Z"))
        return found.astimezone(timezone.utc).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        return ""
