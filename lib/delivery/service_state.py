"""Keep what is known of each service under its URL in the shared state file.

Sections of a service: "delivery" (back-off, budget, last delivery), "breaker" and "health".
Imports builtins only: the status line asks for it.
"""

from lib.system.state import Part, StateFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.system.state import State

GROUP = "services"
# Where earlier versions kept them, for the one service that they knew.
EARLIER = ("delivery", "breaker", "health")


def state_of(file: StateFile, url: str) -> Part:
    """Return the sections of the service at `url`."""
    return Part(file, GROUP, url)


def urls(file: StateFile) -> list[str]:
    """List the services that anything is known of, the one that was asked last at the end."""
    return list(file.section(GROUP))


def migrate(file: StateFile) -> None:
    """Move what an earlier version kept to the service that it was about. Raises OSError."""

    def change(state: "State") -> None:
        found = {name: _dict(state.pop(name, None)) for name in EARLIER}
        url = found["delivery"].pop("url", None) or found["health"].get("base_url")
        if isinstance(url, str):
            services = _dict(state.get(GROUP))
            sections = {name: section for name, section in found.items() if section}
            if sections.get("health", {}).get("base_url", url) != url:
                del sections["health"]
            state[GROUP] = {url: sections, **services}

    # Not for the breaker alone: it may be that of a program that shares the file.
    if any(file.section(name) for name in ("delivery", "health")):
        file.rewrite(change)


def _dict(value: object) -> "State":
    return dict(value) if isinstance(value, dict) else {}
