"""Check that a team's server takes what this machine's token sends, and has the same time."""

from typing import Any

from lib.commands.doctor_checks.finding import SERIOUS, WARNING, Finding
from lib.delivery.diagnosis import TEAM

# Clocks that are set by the network differ by less.
SKEW_SECONDS = 60.0


def amiss(url: str, answer: dict[str, Any], has_token: bool, now: float) -> Finding | None:
    """Return what is wrong with the service's `answer` about its health, None if nothing is.

    That is only told by a team's server of ours. `now`: seconds since 1970.
    """
    if answer.get("server") != TEAM:
        return None
    token, theirs = answer.get("token"), answer.get("time")
    fix = f"pattern-tracker trust {url} --token-file FILE, with one that its operator creates"
    if not isinstance(token, dict):
        text = "does not know this token" if has_token else "asks for a token"
        return Finding(SERIOUS, f"{url} {text}; events wait", fix)
    rights = token.get("rights")
    if not isinstance(rights, list) or "write" not in rights:
        return Finding(SERIOUS, f"{url} takes no events with this token, which may not write", fix)
    if isinstance(theirs, (int, float)) and abs(theirs - now) > SKEW_SECONDS:
        ahead = "ahead of" if theirs > now else "behind"
        text = f"the clock of {url} is {abs(theirs - now):.0f} seconds {ahead} this machine's"
        return Finding(WARNING, text, "set the one that is wrong; events keep, times differ")
    return None
