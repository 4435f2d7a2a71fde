"""The shape of a spooled event: what a reader of the spool may rely on, and what may be there."""

from typing import Any, TypedDict


class Checked(TypedDict):
    """What every event in the spool has."""

    event_id: str
    timestamp: str
    event_type: str
    pattern_id: str
    event_data: dict[str, Any]


class Event(Checked, total=False):
    """One change: an `object` may be anything that JSON holds.

    event_data is the body for lineage/track as it was captured; the rest is for the ledger and
    for who delivers it.
    """

    retry_count: object
    last_retry: object
    content_pattern_id: object
    parents: object
    before: object
    cwd: object
    service_url: object
    earlier_ids: dict[str, str]
