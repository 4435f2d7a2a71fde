"""Define the type of a spooled event: the fields that it has, and those that it may have."""

from typing import Any, TypedDict


class Checked(TypedDict):
    """The fields that every event in the spool has."""

    event_id: str
    timestamp: str
    event_type: str
    pattern_id: str
    event_data: dict[str, Any]


class Event(Checked, total=False):
    """One change: an `object` may be anything that JSON holds.

    event_data is the body for lineage/track as it was captured; the rest is for the ledger and
    for who delivers it. `service_url` is what was decided at capture (see
    `lib.spool.destination`), `prompts` is False where the session may not have its prompts kept.
    """

    captured: object
    retry_count: object
    last_retry: object
    content_pattern_id: object
    parents: object
    before: object
    cwd: object
    transcript_path: object
    service_url: object
    prompts: object
    actor: object
    program: object
    prompt_id: object
    tool_use_id: object
    agent_id: object
    earlier_ids: dict[str, str]
