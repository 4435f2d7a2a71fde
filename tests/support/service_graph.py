"""What the traceability service stores: nodes, edges and every event that it accepted."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.support.service_rules import Event

EDGE_OF = {"pattern_modified": "modified_from", "pattern_merged": "merged_from"}


class Key(NamedTuple):
    """What makes a node one node."""

    pattern_id: str
    pattern_version: str


class Edge(NamedTuple):
    """`child` came from `parent`."""

    parent: Key
    child: Key
    edge_type: str


class StoredEvent(NamedTuple):
    """An accepted event; `status` says what it did, `body` holds its fields with defaults."""

    event_id: str | None
    event_type: str
    pattern_id: str
    status: str
    body: Event


class Lineage(NamedTuple):
    """Pattern ids upstream and downstream; the pattern's own id is in them only on a cycle."""

    ancestors: set[str]
    descendants: set[str]


@dataclass
class Node:
    """One pattern version as its first event left it."""

    body: Event
    applied: int = 0
    deprecated: bool = False


class Failure(Exception):
    """An event that failed while running."""

    def __init__(self, error: str, error_type: str = "validation_error") -> None:
        super().__init__(error)
        self.error_type = error_type


class Graph:
    """The tables of the service; not thread-safe."""

    def __init__(self) -> None:
        self.nodes: dict[Key, Node] = {}
        self.edges: set[Edge] = set()
        self.events: list[StoredEvent] = []
        self.commits: Counter[str] = Counter()
        self._versions: dict[str, list[Key]] = defaultdict(list)
        self._parents: dict[str, set[str]] = defaultdict(set)
        self._children: dict[str, set[str]] = defaultdict(set)

    def apply(self, event: Event) -> str:
        """Run one checked event and return what it did; raises Failure and then stores nothing."""
        event_type = event["event_type"]
        if event_type == "pattern_created":
            status = self._create(event)
        elif event_type == "pattern_applied":
            status = self._apply_pattern(event)
        elif event_type == "pattern_deprecated":
            status = self._deprecate(event)
        else:
            status = self._derive(event)
        self._remember(event, status)
        return status

    def versions(self, pattern_id: str) -> list[Key]:
        """The nodes of one pattern, oldest first."""
        return list(self._versions.get(pattern_id, ()))

    def lineage(self, pattern_id: str) -> Lineage:
        return Lineage(_reach(self._parents, pattern_id), _reach(self._children, pattern_id))

    def _remember(self, event: Event, status: str) -> None:
        event_id = event["pattern_data"].get("event_id")
        event_id = event_id if isinstance(event_id, str) else None
        self.events.append(
            StoredEvent(event_id, event["event_type"], event["pattern_id"], status, event)
        )
        if event_id is not None:
            self.commits[event_id] += 1

    def _create(self, event: Event) -> str:
        if _key(event) in self.nodes:
            return "already_exists"
        self._grow({**event, "parent_pattern_ids": []})  # those of a creation are ignored
        return "created"

    def _apply_pattern(self, event: Event) -> str:
        self._node_of(event["pattern_id"]).applied += 1
        return "applied"

    def _deprecate(self, event: Event) -> str:
        self._node_of(event["pattern_id"]).deprecated = True
        return "deprecated"

    def _derive(self, event: Event) -> str:
        parents = event["parent_pattern_ids"]
        must_exist = parents if event["event_type"] == "pattern_merged" else parents[:1]
        for parent in must_exist:
            if parent not in self._versions:
                raise Failure(f"Parent pattern not found: {parent}")
        known = _key(event) in self.nodes
        self._grow(event)
        return "unchanged" if known else event["event_type"].removeprefix("pattern_")

    def _grow(self, event: Event) -> None:
        """Add the node if it is new, and an edge from the newest version of each known parent.

        A repeated event still adds edges. A pattern that names itself as parent therefore gets
        version 1 -> 2 at first and a cycle 2 -> 2 on the retry, as in the service.
        """
        key = _key(event)
        parents = event["parent_pattern_ids"]
        sources = [self._versions[name][-1] for name in parents if name in self._versions]
        if key not in self.nodes:
            self.nodes[key] = Node(event)
            self._versions[key.pattern_id].append(key)
        edge_type = event["edge_type"] or EDGE_OF.get(event["event_type"], "derived_from")
        for source in sources:
            self._connect(Edge(source, key, edge_type))

    def _connect(self, edge: Edge) -> None:
        self.edges.add(edge)
        self._parents[edge.child.pattern_id].add(edge.parent.pattern_id)
        self._children[edge.parent.pattern_id].add(edge.child.pattern_id)

    def _node_of(self, pattern_id: str) -> Node:
        if pattern_id not in self._versions:
            raise Failure(f"Pattern not found: {pattern_id}")
        return self.nodes[self._versions[pattern_id][-1]]


def _key(event: Event) -> Key:
    return Key(event["pattern_id"], event["pattern_version"])


def _reach(neighbours: Mapping[str, set[str]], start: str) -> set[str]:
    found: set[str] = set()
    frontier: list[Any] = [start]
    while frontier:
        fresh = neighbours.get(frontier.pop(), set()) - found
        found |= fresh
        frontier += fresh
    return found
