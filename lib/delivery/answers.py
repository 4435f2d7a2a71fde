"""Classify the service's answers: what each means for the events that were sent.

A status code does not tell whose fault it was: with its database down the service answers 400,
and an error text that happens to contain "database" turns a 400 into a 500. So the error's type
and text are looked at first, and what cannot be told is taken for the service's fault.
"""

from enum import Enum
from typing import Any, NamedTuple

MAX_REASON = 300
# No proxy's word keeps events waiting for longer, in seconds.
MAX_RETRY_AFTER = 300.0


class Verdict(Enum):
    """What an answer says of an event.

    DELIVERED: it is stored, now or before. MISSING: a parent that it needs is not there. BAD: the
    request is refused. TOO_LARGE: the request is too large. NO_ROUTE: there is no such route.
    NOT_ALLOWED: access is denied. UNWELL: the service's fault. BROKEN: its fault, but perhaps with
    this event only. UNKNOWN: it may have been stored or not.
    """

    DELIVERED = "delivered"
    MISSING = "missing"
    BAD = "bad"
    TOO_LARGE = "too large"
    NO_ROUTE = "no route"
    NOT_ALLOWED = "not allowed"
    UNWELL = "unwell"
    BROKEN = "broken"
    UNKNOWN = "unknown"


# The service's own failures.
FAILURES = (
    Verdict.UNWELL,
    Verdict.BROKEN,
    Verdict.UNKNOWN,
    Verdict.NOT_ALLOWED,
    Verdict.NO_ROUTE,
)
# The request, or the event alone in it, is not taken.
REFUSALS = (Verdict.BAD, Verdict.TOO_LARGE)


class Answer(NamedTuple):
    """A verdict on a whole request or on one event of it.

    `culprit` is the index of the event that a refusal names; `retry_after` is in seconds.
    """

    verdict: Verdict
    reason: str = ""
    retry_after: "float | None" = None
    culprit: "int | None" = None


class Failed(Exception):
    """The service must not be asked again in this run; `answer` says why."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.reason)
        self.answer = answer


_BY_STATUS = {
    401: Verdict.NOT_ALLOWED,
    403: Verdict.NOT_ALLOWED,
    404: Verdict.NO_ROUTE,
    405: Verdict.NO_ROUTE,
    413: Verdict.TOO_LARGE,
    500: Verdict.BROKEN,
    504: Verdict.UNKNOWN,  # who gave up waiting for the answer does not know either
}


def classify(
    status: int, body: object, retry_after: "str | None" = None, now: float = 0.0
) -> Answer:
    """Classify the answer to a request that was not accepted as a whole.

    `body` is the parsed answer, None if it is no JSON; `now`: seconds since 1970.
    """
    error = _error_of(body)
    if error is not None:
        return error
    wait = seconds_to_wait(retry_after, now)
    if status in (400, 422) and isinstance(body, dict) and body.get("detail"):
        return Answer(Verdict.BAD, _said(status, body["detail"]), culprit=_culprit(body["detail"]))
    if 200 <= status < 300:
        return Answer(Verdict.UNKNOWN, f"HTTP {status} with an answer that says nothing")
    verdict = _BY_STATUS.get(status, Verdict.UNWELL)
    return Answer(verdict, _said(status, _detail(body)), wait)


def is_accepted(status: int, body: object) -> bool:
    """Check that the answer to a single event says that it is stored."""
    return status == 200 and isinstance(body, dict) and body.get("success") is True


def of_batch(body: object, size: int) -> "list[Answer] | None":
    """Classify each of the `size` events of a batch; None if `body` is no answer to a batch."""
    if not isinstance(body, dict) or not isinstance(body.get("success"), bool):
        return None
    done, failed = body.get("successful_results"), body.get("failed_results")
    if not isinstance(done, list) and not isinstance(failed, list):
        well = body["success"] and "error" not in body
        return [Answer(Verdict.DELIVERED)] * size if well else None
    answers = [Answer(Verdict.UNKNOWN, "the answer does not mention the event")] * size
    for result in done if isinstance(done, list) else []:
        index = _index(result, size)
        if index is not None:
            answers[index] = Answer(Verdict.DELIVERED)
    for result in failed if isinstance(failed, list) else []:
        index = _index(result, size)
        if index is not None:
            answers[index] = _failure(result)
    return answers


def _index(result: object, size: int) -> "int | None":
    index = result.get("event_index") if isinstance(result, dict) else None
    return index if isinstance(index, int) and 0 <= index < size else None


def _failure(result: dict[str, Any]) -> Answer:
    return _error_of(result) or Answer(Verdict.UNWELL, "failed without a reason")


def _error_of(body: object) -> "Answer | None":
    """Classify an error in the service's own form; None if `body` holds none."""
    error = body.get("error") if isinstance(body, dict) else None
    if not isinstance(body, dict) or not isinstance(error, str):
        return None
    metadata = body.get("metadata")
    kind = metadata.get("error_type") if isinstance(metadata, dict) else None
    text = error.lower()
    if kind == "validation_error" or (not kind and "pattern not found" in text):
        return Answer(Verdict.MISSING, clip(error))
    return Answer(Verdict.UNWELL, clip(f"{kind}: {error}" if kind else error))


def _culprit(detail: object) -> "int | None":
    """Find the event that a schema error names: {"loc": ["body", "events", 3, ...]}."""
    for problem in detail if isinstance(detail, list) else []:
        place = problem.get("loc") if isinstance(problem, dict) else None
        if isinstance(place, list) and place[1:2] == ["events"] and len(place) > 2:
            return place[2] if isinstance(place[2], int) else None
    return None


def _detail(body: object) -> object:
    return (body.get("detail") or "") if isinstance(body, dict) else ""


def _said(status: int, detail: object) -> str:
    return clip(f"HTTP {status}: {detail}" if detail else f"HTTP {status}")


def clip(text: str) -> str:
    """Bound `text` and replace what is not printable: it goes into files and onto terminals."""
    return "".join(c if c.isprintable() else "?" for c in text[:MAX_REASON])


def seconds_to_wait(header: "str | None", now: float) -> "float | None":
    """Parse a Retry-After header to seconds, at most MAX_RETRY_AFTER; None if it is invalid.

    It takes both forms of RFC 9110, section 10.2.3: seconds, or a date.
    """
    text = (header or "").strip()
    if not text or len(text) > 100:
        return None
    if text.isascii() and text.isdigit():
        return min(float(text), MAX_RETRY_AFTER)
    # Loading it takes longer than most runs of the flusher do.
    from email.utils import parsedate_to_datetime

    try:
        asked = parsedate_to_datetime(text).timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(0.0, asked), MAX_RETRY_AFTER)
