"""Define what goes to a service: requests, the events and bodies in them, and the outcome."""

from collections.abc import Generator, Iterable
from typing import TYPE_CHECKING, NamedTuple, Protocol

from lib.delivery.answers import Answer
from lib.delivery.implied import Told
from lib.delivery.wire import Body

if TYPE_CHECKING:
    from lib.ledger.rows import Origin


class Request(NamedTuple):
    """A request to send: several bodies on the batch route, or one without `batch`."""

    bodies: list[Body]
    batch: bool


Steps = Generator[Request, list[Answer], None]


class Memory(Protocol):
    """What services are known to have, and where patterns come from: the ledger."""

    def known_at(self, service: str, pattern_ids: Iterable[str]) -> set[str]:
        """Choose those of `pattern_ids` that the service has."""

    def forget_known(self, service: str, pattern_ids: Iterable[str]) -> None:
        """Note that the service does not have these patterns after all."""

    def creation_of(self, pattern_id: str) -> "Origin":
        """Collect the fields of a pattern's creation."""


class Parcel:
    """An event to deliver: a name for it, its bodies in order, its size in bytes.

    `told`: what may be told of patterns that the service lacks; None: all that the ledger has.
    `left` counts the bodies that are still to be delivered; `problem` says why the last answer
    left it behind.
    """

    def __init__(
        self, name: str, bodies: list[Body], size: int = 0, told: Told | None = None
    ) -> None:
        self.name = name
        self.bodies = bodies
        self.size = size
        self.told = told
        self.left = len(bodies)
        self.problem = ""


class Item(NamedTuple):
    """One body to send; `parcel` is None for the creation of a parent of others.

    `heals` counts how often it was sent again because the service lacked a parent; `told` is that
    of its parcel, or of the one that it goes before.
    """

    body: Body
    parcel: Parcel | None
    size: int = 0
    heals: int = 0
    told: Told | None = None


class Outcome(NamedTuple):
    """The outcome of requests: the names of delivered parcels, the refused ones with the reason.

    `told` holds the ids of patterns and bodies that the service has now.
    """

    delivered: list[str]
    refused: dict[str, str]
    told: list[str]


def event_id(body: Body) -> str:
    """Return the id of the event of `body`."""
    return str(body["pattern_data"]["event_id"])
