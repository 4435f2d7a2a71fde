"""Check that events wait for no mount, and for no file that cannot be read."""

from lib.commands.doctor_checks.finding import OK, WARNING, Finding, Site
from lib.commands.facts import obstacles
from lib.flusher.intake import PATIENCE_DAYS


def mounts(site: Site) -> Finding:
    """Check that whether a file is excluded could be told for each event."""
    found = obstacles(site.facts["mounts"], site.now)
    if not found:
        return Finding(OK, "all answer")
    fix = "mount it again, or let it be read: then they are recorded; "
    return Finding(WARNING, "; ".join(found), f"{fix}{PATIENCE_DAYS:g} days later, quarantined")
