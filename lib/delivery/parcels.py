"""What is on its way to the service: bodies, and the events that they are of."""

from lib.delivery.wire import Body


class Parcel:
    """An event on its way: the name of its file, and how many bodies are still to be delivered."""

    __slots__ = ("left", "name", "several")

    def __init__(self, name: str, left: int, several: bool) -> None:
        self.name = name
        self.left = left
        self.several = several


class Item:
    """One body to send; `parcel` is None for a creation that others presuppose. `healed`: it was
    sent again already because the service lacked what it presupposes."""

    __slots__ = ("body", "healed", "parcel")

    def __init__(self, body: Body, parcel: Parcel | None) -> None:
        self.body = body
        self.parcel = parcel
        self.healed = False


def event_id(body: Body) -> str:
    """Tell the id of the event that `body` is of."""
    return str(body["pattern_data"]["event_id"])


def halves(group: list[Item]) -> list[list[Item]]:
    """Cut a refused batch in two."""
    middle = len(group) // 2
    return [group[:middle], group[middle:]]


def parts(group: list[Item], culprit: int | None) -> list[list[Item]]:
    """What is to be sent of a refused batch: halves, or what is before, at and behind the event
    that the refusal names."""
    if culprit is None or not 0 <= culprit < len(group):
        return halves(group)
    parts = [group[:culprit], group[culprit : culprit + 1], group[culprit + 1 :]]
    return [part for part in parts if part]
