"""What is on its way to a service: requests, the bodies and events in them, and what came of it."""

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lib.delivery.answers import Answer
from lib.delivery.wire import Body

if TYPE_CHECKING:
    from lib.ledger.rows import Origin


class Request(NamedTuple):
    """What to send: several bodies on the batch route, or one without `batch`."""

    bodies: list[Body]
    batch: bool


Steps = Generator[Request, list[Answer], None]


class Memory(Protocol):
    """What services were told of, and what patterns come from; `lib.ledger.store.Ledger`."""

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]: ...

    def forget_known(self, service: str, pattern_ids: Iterable[str]) -> None: ...

    def creation_of(self, pattern_id: str) -> "Origin": ...


class Parcel:
    """An event to deliver: a name for it, its bodies in order, its size in bytes.

    `left` counts the bodies that are still to be delivered; `problem` says why the last answer
    left it behind.
    """

    def __init__(self, name: str, bodies: list[Body], size: int = 0) -> None:
        self.name = name
        self.bodies = bodies
        self.size = size
        self.left = len(bodies)
        self.problem = ""


class Item(NamedTuple):
    """One body to send; `parcel` is None for a creation that others presuppose. `heals` counts
    how often it was sent again because the service lacked what it presupposes."""

    body: Body
    parcel: Parcel | None
    size: int = 0
    heals: int = 0


class Outcome(NamedTuple):
    """What came of requests: the names of delivered parcels, those that the service will not
    take with the reason, and the ids of patterns and bodies that it knows now."""

    delivered: list[str]
    refused: dict[str, str]
    told: list[str]


def event_id(body: Body) -> str:
    """Return the id of the event that `body` is of."""
    return str(body["pattern_data"]["event_id"])
