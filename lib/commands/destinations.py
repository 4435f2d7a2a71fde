"""Gather the state of each service, and the books of a spool by destination."""

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import TypedDict, cast

from lib.commands.when import since
from lib.delivery.approval import Approvals, Refused
from lib.delivery.backoff import RECOVERING, SECTION, Backoff
from lib.delivery.breaker import shared_breaker
from lib.delivery.service_state import state_of, urls
from lib.spool import destination, outbox
from lib.spool.outbox import Waiting
from lib.system.settings import Settings
from lib.system.state import StateFile
from lib.system.timestamps import timestamp

# The names of what are no services, in the books.
LEDGER, UNDECIDED = "ledger", "undecided"


class Service(TypedDict):
    """A service; `problem` is None while there is none, `next_attempt_in` is in seconds.

    `backlog` says why events wait though there is no problem, None if none do.
    """

    url: str | None
    last_delivery: str | None
    problem: str | None
    next_attempt_in: float
    backlog: str | None


class Circuit(TypedDict):
    """The circuit to a service, what is told of it; `available_in` is in seconds."""

    state: str
    available_in: float


class Known(Service):
    """A service with the states of its circuit and health; `recovering`: from an outage."""

    recovering: bool
    circuit_breaker: Circuit
    health: dict[str, object]


class Book(TypedDict):
    """The events that were captured for one destination, and what became of them."""

    captured: int
    delivered: int
    pending: int
    quarantined: int
    dropped: dict[str, int]


def known(state: StateFile, settings: Settings, url: str) -> Known:
    """Return what is known of the service at `url`, which may be nothing yet."""
    part = state_of(state, url)
    kept = part.section(SECTION)
    verdict = kept.get("verdict")
    return {
        "url": url or None,
        "last_delivery": kept.get("last_delivery"),
        "problem": f"{verdict}: {kept.get('reason')}" if verdict else None,
        "next_attempt_in": round(Backoff(kept).wait(), 1),
        "backlog": None,
        "recovering": Backoff(kept).phase == RECOVERING,
        "circuit_breaker": cast(Circuit, shared_breaker(settings, part).get_state()),
        "health": part.section("health"),
    }


def services(state: StateFile, settings: Settings) -> dict[str, Known]:
    """Return what is known of every service, by its URL, the one that was asked last at the end."""
    return {url: known(state, settings, url) for url in urls(state)}


def tell_backlogs(
    main: Known, services: Iterable[Known], waiting: list[Waiting], last_run: object
) -> None:
    """Set the `backlog` of each service; what earlier versions captured waits for `main`."""
    oldest: dict[str, int] = {}
    for item in waiting:
        oldest.setdefault(destination.mark_in(item.name), item.captured_ns)
    for one in (main, *services):
        marks = (destination.mark(one["url"]), *([""] if one is main else []))
        mine = [oldest[mark] for mark in marks if mark in oldest]
        if one["url"] and mine and not one["problem"]:
            one["backlog"] = _backlog(one["recovering"], since(timestamp(min(mine))), last_run)


def _backlog(is_recovering: bool, waited: float, last_run: object) -> str | None:
    if is_recovering:
        return "it works again after an outage, and what waited is sent in growing steps"
    if since(last_run) < waited:
        return "the last run left them, mostly for lack of time; the next one goes on"
    return None


def own(settings: Settings) -> str:
    """Return the service that new events of this environment are for, "" for the ledger only."""
    try:
        return settings.service_url.rstrip("/") or Approvals().service_url()
    except Refused:
        return ""


def books(
    directory: str,
    waiting: list[Waiting],
    counters: Mapping[str, int],
    dropped: Iterable[str],
    services: Iterable[str],
) -> dict[str, Book]:
    """Return the books by destination: the URL of a service, LEDGER or UNDECIDED.

    Args:
        directory: the spool.
        waiting: its files.
        counters: what `lib.spool.books.totals` counted.
        dropped: the causes of drops.
        services: the URLs of all services that may be met.

    UNDECIDED are events of earlier versions, for which the settings of the flusher decide.
    """
    pending = Counter(destination.mark_in(item.name) for item in waiting)
    aside = Counter(map(destination.mark_in, outbox.quarantined_names(directory)))
    marked = {name.partition("@")[2] for name in counters if "@" in name}
    names = _names(directory, waiting, services)
    found: dict[str, Book] = {}
    for mark in sorted({*marked, *pending, *aside, ""}):
        counts = {
            name.partition("@")[0]: count
            for name, count in counters.items()
            if mark and name.endswith(f"@{mark}")
        } or _unmarked(counters, mark)
        book: Book = {
            "captured": counts.get("captured", 0),
            "delivered": counts.get("delivered", 0),
            "pending": pending[mark],
            "quarantined": aside[mark],
            "dropped": {cause: counts[cause] for cause in dropped if counts.get(cause)},
        }
        if any(book.values()):
            found[names.get(mark, mark)] = book
    return found


def _unmarked(counters: Mapping[str, int], mark: str) -> dict[str, int]:
    """Return the counts of events without a mark: what is left of the totals."""
    if mark:
        return {}
    left = Counter({name: count for name, count in counters.items() if "@" not in name})
    for name, count in counters.items():
        if "@" in name:
            left[name.partition("@")[0]] -= count
    return dict(left)


def _names(directory: str, waiting: list[Waiting], services: Iterable[str]) -> dict[str, str]:
    """Name each mark; that of a service which no flusher has met, by one of its files."""
    names = {destination.mark(url): url for url in services}
    names |= {destination.mark(""): LEDGER, "": UNDECIDED}
    for item in waiting:
        mark = destination.mark_in(item.name)
        if mark not in names:
            try:
                names[mark] = destination.of_event(outbox.read(directory, item.name)) or mark
            except (OSError, outbox.Damaged, outbox.Busy):
                continue
    return names


def main(own: str, services: dict[str, Known], books: dict[str, Book]) -> str:
    """Choose the service that is told of where there is room for one."""
    undecided = UNDECIDED in books and books[UNDECIDED]["pending"]
    waited = [url for url in services if undecided or (url in books and books[url]["pending"])]
    return own or (waited[-1] if waited else "")


def pending(books: Mapping[str, Book], url: str, is_main: bool) -> int:
    """Count the events that wait for the service at `url`, with the undecided for the main one."""
    names = (url, UNDECIDED) if is_main else (url,)
    return sum(books[name]["pending"] for name in names if name in books)


def waited_for(books: Mapping[str, Book]) -> list[str]:
    """Return the services for which events wait."""
    none = (LEDGER, UNDECIDED)
    return [url for url, book in books.items() if book["pending"] and url not in none]
