"""Define what the ledger is given, and the rows that it gives to delivery."""

from typing import NamedTuple, TypedDict

from lib.spool.spooled import Event


class Taken(NamedTuple):
    """A file of the spool, its tally key, its event, and whether that has to wait for a service."""

    name: str
    key: str
    event: Event
    waits: bool


class Resolved(TypedDict):
    """What the ledger made of an event.

    content_id is the id of the code, another one than pattern_id where the file applies a marked
    pattern. outside is the step of somebody else's that was found before it, if there was one.
    """

    event_id: str
    event_type: str
    pattern_id: str
    content_id: str
    parents: list[str]
    edge_type: str | None
    reason: str | None
    outside: "Resolved | None"


class Origin(TypedDict, total=False):
    """The fields of a pattern's creation; event_id and timestamp are always there.

    project is that of its first event, where somebody asked.
    """

    event_id: str
    timestamp: str | None
    pattern_name: str | None
    pattern_type: str | None
    language: str | None
    code: str | None
    parents: list[str]
    project: str | None
