"""Compute the ids that version 0.1.0 gave, so that an upgrade breaks no lineage.

That version judged each line alone: it ignored a line in a string that looked like a comment, and a
shebang, and did not ignore a byte-order mark.
"""

from lib.capture import identity
from lib.capture.languages import block_comment, comment_openers
from lib.spool.spooled import Event

_WHITE_SPACE = " \t\v\f"


def note(event: Event) -> None:
    """Add to an unredacted `event` the earlier id of each content that had another id then.

    They are kept under "earlier_ids", by the present ids.
    """
    body = event["event_data"]
    details = body.get("pattern_data")
    parents = event.get("parents")
    own = event.get("content_pattern_id") or event["pattern_id"]
    codes = [(own, details.get("code"))] if isinstance(details, dict) else []
    for parent in parents if isinstance(parents, list) else []:
        if isinstance(parent, dict):
            codes.append((parent.get("pattern_id"), parent.get("code")))
    words = str(body.get("language") or ""), str(body.get("pattern_type") or "")
    for pattern_id, code in codes:
        if isinstance(pattern_id, str) and isinstance(code, str):
            earlier = earlier_id(code, *words)
            if earlier != pattern_id:
                event.setdefault("earlier_ids", {})[pattern_id] = earlier


def earlier_id(code: str, language: str, pattern_type: str) -> str:
    """Compute the id of `code` by the rules of version 0.1.0."""
    lines = code.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    openers, block = comment_openers(language), block_comment(language)
    kept = [line.rstrip(_WHITE_SPACE) for line in lines if not _is_comment(line, openers, block)]
    normalised = "\n".join(line for line in kept if line)
    return identity.pattern_id(normalised, language, pattern_type)


def _is_comment(line: str, openers: tuple[str, ...], block: tuple[str, str]) -> bool:
    text = line.strip(_WHITE_SPACE)
    start, end = block
    if text.startswith(openers):
        return True
    closing = text.find(end, len(start)) if start and text.startswith(start) else -1
    return closing >= 0 and closing + len(end) == len(text)
