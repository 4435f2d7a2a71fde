"""What the storage answers about patterns and events."""

from typing import NamedTuple


class Relation(NamedTuple):
    """An edge on the way from the pattern asked about, and the pattern at its far end.

    `depth` counts edges from the pattern asked about, the shortest way; `is_told` is false for a
    pattern of which nothing but its id has arrived.
    """

    pattern_id: str
    depth: int
    child: str
    parent: str
    edge_type: str
    pattern_name: str
    pattern_type: str
    language: str | None
    is_told: bool


class Version(NamedTuple):
    """A version of a pattern, as the first event told of it."""

    pattern_version: str
    pattern_name: str
    pattern_type: str
    language: str | None
    event_type: str
    transformation_type: str | None
    reason: str | None
    person: str
    project: str
    received: float
    captured_at: str | None


class Pattern(NamedTuple):
    """A pattern, by what the events that may be seen tell of it.

    `projects` and `people` list those it occurs in, at most 100 each. Where `is_told` is false,
    nothing but its id has arrived.
    """

    pattern_id: str
    is_told: bool
    pattern_name: str = ""
    pattern_type: str = "code"
    language: str | None = None
    file_path: str | None = None
    code: str | None = None
    projects: tuple[str, ...] = ()
    people: tuple[str, ...] = ()
    applied: int = 0
    is_deprecated: bool = False


class Analytics(NamedTuple):
    """Counts of events: all, and by what each is named for; of people and projects the busiest.

    `by_day` goes from ISO dates (UTC), oldest first.
    """

    events: int
    people: int
    projects: int
    by_type: dict[str, int]
    by_language: dict[str, int]
    by_person: dict[str, int]
    by_project: dict[str, int]
    by_day: dict[str, int]
