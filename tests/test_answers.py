"""Whose fault an answer is."""

import pytest

from lib.delivery import answers
from lib.delivery.answers import MAX_RETRY_AFTER, Verdict
from tests.support.service_faults import DB_ERRORS, HOSTILE_RETRY_AFTER

NOON = 1_800_000_000.0  # Fri, 15 Jan 2027 08:00:00 GMT


def failure(error: str, kind: str | None = None) -> dict[str, object]:
    body: dict[str, object] = {"success": False, "error": error}
    return {**body, "metadata": {"error_type": kind}} if kind else body


@pytest.mark.parametrize(
    ("status", "body", "verdict"),
    [
        (400, failure("Parent pattern not found: x", "validation_error"), Verdict.MISSING),
        (500, failure("Parent pattern not found: async_database", "validation_error"),
         Verdict.MISSING),
        (400, failure("Pattern not found: x"), Verdict.MISSING),
        *[(400, failure("no", kind), Verdict.UNWELL) for kind in DB_ERRORS],
        (500, failure("no", "CannotConnectNowError"), Verdict.UNWELL),
        (400, {"detail": "bad enum"}, Verdict.BAD),
        (422, {"detail": [{"loc": ["body", "language"]}]}, Verdict.BAD),
        (400, None, Verdict.UNWELL),
        (400, {"detail": ""}, Verdict.UNWELL),
        (422, None, Verdict.UNWELL),
        (413, None, Verdict.TOO_LARGE),
        (504, {"detail": "Request timed out"}, Verdict.UNKNOWN),
        (503, {"detail": "no database"}, Verdict.UNWELL),
        (401, {"detail": "no"}, Verdict.NOT_ALLOWED),
        (403, None, Verdict.NOT_ALLOWED),
        (404, {"detail": "Not Found"}, Verdict.NO_ROUTE),
        (405, None, Verdict.NO_ROUTE),
        (500, {"detail": "Internal Server Error"}, Verdict.BROKEN),
        (301, None, Verdict.UNWELL),
        (307, None, Verdict.UNWELL),
        (429, None, Verdict.UNWELL),
        (503, {"detail": "cold"}, Verdict.UNWELL),
        (200, None, Verdict.UNKNOWN),
        (200, ["html"], Verdict.UNKNOWN),
        (204, None, Verdict.UNKNOWN),
    ],
)  # fmt: skip
def test_an_answer_is_sorted_by_whose_fault_it_is(
    status: int, body: object, verdict: Verdict
) -> None:
    assert answers.classify(status, body).verdict is verdict


def test_a_schema_error_names_the_event() -> None:
    place = ["body", "events", 7, "pattern_name"]
    assert answers.classify(422, {"detail": [{"loc": place, "msg": "too long"}]}).culprit == 7
    assert answers.classify(422, {"detail": [{"loc": ["body", "events"]}]}).culprit is None
    assert answers.classify(422, {"detail": "no"}).culprit is None


def test_a_batch_is_answered_event_by_event() -> None:
    body = {
        "success": False,
        "successful_results": [{"event_index": 0}, {"event_index": 9}, "nonsense"],
        "failed_results": [
            {"event_index": 1, "error": "Parent pattern not found: x"},
            {"event_index": 2, "error": "gone", "metadata": {"error_type": "InterfaceError"}},
            {"event_index": -1, "error": "nonsense"},
        ],
    }
    found = answers.of_batch(body, 4)
    assert found is not None
    assert [answer.verdict for answer in found] == [
        Verdict.DELIVERED, Verdict.MISSING, Verdict.UNWELL, Verdict.UNKNOWN,
    ]  # fmt: skip


def test_a_batch_without_lists_is_stored_only_if_it_says_so() -> None:
    found = answers.of_batch({"success": True}, 2)
    assert found is not None
    assert {answer.verdict for answer in found} == {Verdict.DELIVERED}
    assert answers.of_batch({"success": False}, 2) is None
    assert answers.of_batch({"successful_results": []}, 2) is None
    assert answers.of_batch(None, 2) is None


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("7", 7.0),
        (" 7 ", 7.0),
        ("0", 0.0),
        ("Fri, 15 Jan 2027 08:00:30 GMT", 30.0),
        ("Fri, 15 Jan 2027 07:00:00 GMT", 0.0),
        ("86400", MAX_RETRY_AFTER),
        ("Fri, 31 Dec 9999 23:59:59 GMT", MAX_RETRY_AFTER),
        (None, None),
        ("soon", None),
        ("-1", None),
    ],
)
def test_retry_after_is_read_in_both_forms(header: str | None, seconds: float | None) -> None:
    assert answers.seconds_to_wait(header, NOON) == seconds


@pytest.mark.parametrize("header", HOSTILE_RETRY_AFTER)
def test_a_hostile_retry_after_keeps_nobody_waiting(header: str) -> None:
    found = answers.seconds_to_wait(header, NOON)
    assert found is None or 0 <= found <= MAX_RETRY_AFTER


def test_a_reason_cannot_drive_a_terminal() -> None:
    reason = answers.classify(400, {"detail": "\x1b[2Jgone" + "x" * 1000}).reason
    assert reason.isprintable()
    assert len(reason) <= answers.MAX_REASON
