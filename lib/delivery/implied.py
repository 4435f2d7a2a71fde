"""Build what a body presupposes and the service may lack: creations of its parents."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from lib.delivery.wire import Body, safe
from lib.spool.spooled import Event

if TYPE_CHECKING:
    from lib.ledger.rows import Origin, Resolved

# The name and the code of patterns, by their ids. The ledger may have those of another project, and
# they are not for this event's service.
Told = Mapping[str, tuple[str | None, str | None]]


def needs(body: Body) -> list[str]:
    """List the ids that the service must have before `body`."""
    if body["event_type"] in ("pattern_applied", "pattern_deprecated"):
        return [body["pattern_id"], *body["parent_pattern_ids"]]
    return list(body["parent_pattern_ids"])


def told_by(event: Event, resolved: "Resolved") -> Told:
    """Collect what `event` itself tells of the patterns that it needs."""
    given, parents = event["event_data"], event.get("parents")
    details, name = given.get("pattern_data"), given.get("pattern_name")
    code = details.get("code") if isinstance(details, dict) else None
    found: dict[str, tuple[str | None, str | None]] = {}
    for parent in parents if isinstance(parents, list) else ():
        if isinstance(parent, dict):
            found[str(parent.get("pattern_id"))] = parent.get("pattern_name"), parent.get("code")
    return found | dict.fromkeys((resolved["pattern_id"], resolved["content_id"]), (name, code))


def creation(
    pattern_id: str, known: "Origin", told: Told | None = None, project: object = None
) -> Body:
    """Build the creation of a pattern that the service lacks, from the ledger's fields of it.

    With `told` its name and code are those that are told there, if any, as of the `project` of who
    needs it; without, they are as of the project that is `known`.
    """
    if told is not None:
        name, code = told.get(pattern_id, (None, None))
        known = {**known, "pattern_name": name, "code": code}
    data = {"event_id": known["event_id"], "captured_at": known.get("timestamp"), "implied": True}
    if told is None:
        project = known.get("project", project)
    if isinstance(project, str):
        data["project"] = project
    if known.get("code") is not None:
        data["code"] = known["code"]
    parents = known.get("parents") or []
    return safe(
        {
            # A creation with parents would lose them at the service.
            "event_type": "pattern_forked" if parents else "pattern_created",
            "parent_pattern_ids": parents,
            "edge_type": "derived_from" if parents else None,
            "pattern_id": pattern_id,
            "pattern_name": known.get("pattern_name"),
            "pattern_type": known.get("pattern_type"),
            "language": known.get("language"),
            "pattern_data": data,
        }
    )


def without_code(body: Body) -> Body:
    """Strip `body` to ids and names: what is left to try if it was refused."""
    data = body["pattern_data"]
    kept = {name: data.get(name) for name in ("event_id", "captured_at")}
    kept |= {"project": data["project"]} if "project" in data else {}
    return {**body, "pattern_data": {**kept, "implied": True}, "file_path": None, "reason": None}
