"""One event for the track route after another, and how every service of the wire answers it."""

import gzip
import json
from typing import Any

from tests.support.service_client import event

# Of each: what is sent, and the status and some of the text of its answer. "a" is there.
NEW = event("created", "n")
GZIPPED = gzip.compress(json.dumps(NEW).encode(), mtime=0)
NULLABLE = "tool_name file_path language edge_type transformation_type reason".split()
NOT_NULLABLE = (
    "event_type pattern_id pattern_name pattern_type pattern_version pattern_data "
    "parent_pattern_ids triggered_by".split()
)
LIMITS = {"pattern_version": 50, "language": 50, "pattern_type": 100, "triggered_by": 100}
LIMITS |= dict.fromkeys(("pattern_id", "pattern_name", "tool_name"), 255)
WRONG = {"pattern_id": 7, "pattern_data": [], "parent_pattern_ids": [7], "reason": {}}
UNSTORABLE = [b'"a\\u0000b"', b'"\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"NaN", b"Infinity"]
NEEDS = [event("modified", "n"), event("forked", "n"), event("merged", "n", "a")]
ANSWERS: list[tuple[Any, int, str]] = [
    *(({k: v for k, v in NEW.items() if k != field}, 422, f'"loc":["body","{field}"]')
      for field in ("event_type", "pattern_id")),
    *((NEW | {field: None}, 200, '"status":"created"') for field in NULLABLE),
    *((NEW | {field: None}, 422, field) for field in NOT_NULLABLE),
    # In characters.
    *((NEW | {field: "é" * limit}, 200, "") for field, limit in LIMITS.items()),
    *((NEW | {field: "é" * (limit + 1)}, 422, field) for field, limit in LIMITS.items()),
    *((NEW | {field: value}, 422, field) for field, value in WRONG.items()),
    *((NEW | {field: "database"}, 400, f'{{"detail":"Invalid {field}')
      for field in ("event_type", "edge_type", "transformation_type")),
    *((raw, 422, "detail") for raw in (b"", b"{", b"[1]", b'"text"', b'{"a": "\x00"}', b"null")),
    *((json.dumps(NEW).encode().replace(b'"x"', value), 400, '{"detail":"')
      for value in (*UNSTORABLE, b"[" * 9999)),
    (GZIPPED, 400, '{"detail":"'),
    (event("created", "n", pattern_data={}), 400, '{"detail":"pattern_data'),
    *((body, 400, "parent_pattern_ids") for body in NEEDS),
    # Only the first parent of a modification must be there.
    (event("modified", "n", "a", "gone"), 200, '"status":"modified"'),
    (event("deprecated", "a"), 200, '"status":"deprecated"'),
]  # fmt: skip
# What a batch holds beside good events, and how all of it is answered.
BAD_IN_BATCH: list[tuple[Any, int]] = [
    ({"event_type": "pattern_created"}, 422),
    ("text", 422),
    (event("created", "z", language="l" * 51), 422),
    (event("created", "z", edge_type="odd"), 400),
    (event("created", "z", pattern_data={}), 400),
    (event("merged", "z", "g"), 400),
    (event("created", "z", pattern_data={"k": "\0"}), 400),
]
