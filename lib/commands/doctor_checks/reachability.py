"""Check that events get through: capture, packages, flusher, service, clock."""

import os
import time

from lib.commands import destinations, facts
from lib.commands.doctor_checks import team_server
from lib.commands.doctor_checks.finding import (
    INSTALL,
    OK,
    SERIOUS,
    UNKNOWN,
    WARNING,
    Finding,
    Site,
    probe,
)
from lib.commands.facts import NEVER, NO_SERVICE, Environment
from lib.commands.when import age, since
from lib.delivery.approval import SUFFIX, Approvals, Refused
from lib.delivery.diagnosis import DEGRADED, HEALTHY
from lib.flusher.plugin_environment import FAILED, PREPARING, READY
from lib.spool import outbox, wake
from lib.system import lock
from lib.system.bundle import kept
from lib.system.packages import NAMES

# A flusher ends within 45 seconds; a hook starts one at once.
STUCK_SECONDS = 120.0
STALE_SECONDS = 600.0
LONG_SECONDS = 86_400.0
AHEAD_SECONDS = 60.0
# The worst first.
LEVELS = (SERIOUS, WARNING, UNKNOWN, OK)
SYNC = "pattern-tracker sync"
_MISSING = (
    "import importlib.util as u, sys; "
    "print(' '.join(n for n in sys.argv[1:] if u.find_spec(n) is None))"
)


def capture(site: Site) -> Finding:
    """Check that anything was ever captured."""
    text = facts.counted(site.facts["captured"], site.facts["last_capture"], site.now)
    if text == NEVER:
        return Finding(UNKNOWN, text, "let Claude Code write a file")
    return Finding(OK, text)


def packages(site: Site) -> Finding:
    """Check that the flusher has the packages that it needs to deliver."""
    own, python = f"{site.bundle}/.venv", wake.interpreter(site.bundle)
    level = SERIOUS if _is_wanted(site) else WARNING
    known: Environment = site.status["environment"] if site.status else {"state": READY}
    if known["state"] == PREPARING:
        return Finding(UNKNOWN, facts.environment(known, site.now))
    if known["state"] == FAILED:
        return Finding(level, facts.environment(known, site.now), INSTALL)
    if os.path.lexists(own) and not os.access(f"{own}/bin/python", os.X_OK):
        return Finding(level, f"{own} is broken: its Python is gone", INSTALL)
    code, missing = probe(python, "-I", "-c", _MISSING, *NAMES)
    if code:
        return Finding(level, f"{python} does not start", INSTALL)
    if missing.split():
        return Finding(level, f"{python} lacks {', '.join(missing.split())}", INSTALL)
    return Finding(OK, f"all there, for {python}")


def _is_wanted(site: Site) -> bool:
    """Check whether there is a service, which needs the packages; the ledger does not."""
    status = site.status
    wanted = status and (status["service"]["url"] or destinations.waited_for(status["books"]))
    return bool(site.settings.service_url or wanted)


def flusher(site: Site) -> Finding:
    """Check that the flusher runs, and ends."""
    run, pending = site.facts["flusher"], site.facts["pending"]
    oldest, text = site.facts["oldest_pending"], facts.flusher(run, site.now)
    if run["last_run"] is None and not pending:
        return Finding(UNKNOWN, NEVER)
    idle = since(run["last_run"], site.now) if run["last_run"] else float("inf")
    waited = since(oldest, site.now) if oldest else 0.0
    stuck = _stuck(site.directory, min(idle, waited))
    if stuck:
        return stuck
    if run["last_error"]:
        return Finding(WARNING, text, f"{SYNC}, or see {site.directory}/flusher.log")
    if waited > STALE_SECONDS and idle > STALE_SECONDS:
        known = [site.facts["service"], *site.facts["services"].values()]
        level = WARNING if any(service["problem"] for service in known) else SERIOUS
        return Finding(level, f"{pending} waited for {age(waited)} without a run", SYNC)
    return Finding(OK, f"{text}, {pending} waiting")


def _stuck(directory: str, seconds: float) -> Finding | None:
    path = f"{directory}/{outbox.LOCK_FILE}"
    if seconds < STUCK_SECONDS or not lock.is_held(path):
        return None
    holder = _holder(path)
    who = f"process {holder}" if holder else "a process"
    fix = f"kill {holder}" if holder else f"end it: fuser {path}"
    return Finding(SERIOUS, f"{who} has held it for {age(seconds)} or more", fix)


def _holder(path: str) -> str:
    """Find the process that holds the lock on `path`, "" where the system does not tell."""
    try:
        inode = os.stat(path).st_ino
        with open("/proc/locks", encoding="ascii") as file:
            rows = [line.split() for line in file]
    except OSError:
        return ""
    # "1: FLOCK ADVISORY WRITE <pid> <major>:<minor>:<inode> ..."
    held = [r[4] for r in rows if r[1:2] == ["FLOCK"] and r[5].endswith(f":{inode}")]
    return held[0] if held and held[0].isdecimal() and held[0] != "0" else ""


def service(site: Site) -> Finding:
    """Check that each service that events wait for, or are for, is approved, answers and accepts.

    Tells of all that are not well, the worst first.
    """
    own = site.settings.service_url.rstrip("/")
    waited = destinations.waited_for(site.status["books"]) if site.status else []
    told = [_service(site, url) for url in dict.fromkeys([own, *waited])]
    told.sort(key=lambda finding: LEVELS.index(finding.level))
    level = told[0].level
    bad = [one for one in told if one.level in (SERIOUS, WARNING)]
    shown = bad or [one for one in told if one.level == level]
    fixes = dict.fromkeys(one.fix for one in shown if one.fix)
    return Finding(level, "; ".join(one.text for one in shown), "; ".join(fixes))


def _service(site: Site, url: str) -> Finding:
    try:
        destination = Approvals(kept(SUFFIX, site.bundle)).destination(url)
        token = destination.bearer() if destination else ""
    except Refused as refused:
        fix = str(refused).rpartition(": ")[2] if "pattern-tracker" in str(refused) else ""
        return Finding(SERIOUS, str(refused), fix or "name another, or correct it")
    if destination is None:
        return Finding(OK, NO_SERVICE)
    services = site.status["services"] if site.status else {}
    problem = (destination.url in services and services[destination.url]["problem"]) or ""
    if "not allowed" in problem:
        fix = f"pattern-tracker trust {destination.url} --token-file FILE"
        return Finding(SERIOUS, f"{destination.url} does not let us in: {problem}", fix)
    return _asked(site, destination.url, token, problem)


def _asked(site: Site, url: str, token: str, problem: str) -> Finding:
    """Ask the service for its health, and consider the problem of the last run."""
    try:
        from lib.delivery.asking import ask_health
    except ImportError:
        return Finding(UNKNOWN, f"{url} cannot be asked: the packages are missing")
    state, error, answer = ask_health(url, site.settings.health_timeout, token)
    if state not in (HEALTHY, DEGRADED):
        return _unreachable(site, url, error)
    if state == DEGRADED:
        fix = "ask who looks after it; events wait meanwhile"
        return Finding(WARNING, f"{url} says that it is degraded", fix)
    if found := team_server.amiss(url, answer, bool(token), time.time()):
        return found
    if problem:
        return Finding(WARNING, f"{url} answers, but: {problem}", SYNC)
    return _waiting(site.status, url) if site.status else Finding(OK, f"{url} is well")


def _waiting(status: facts.Facts, url: str) -> Finding:
    """Tell whether events wait for a service that is well."""
    told = status["service"]
    is_main = told["url"] == url
    known = told if is_main else status["services"].get(url)
    backlog = known and known["backlog"]
    if not backlog:
        return Finding(OK, f"{url} is well")
    count = destinations.pending(status["books"], url, is_main)
    text = f"{url} is well, and {count} event{'s' * (count != 1)} wait{'s' * (count == 1)}"
    running = status["flusher"]["running"]
    fix = "" if running else f"{SYNC} sends them now"
    return Finding(OK if running else WARNING, f"{text}: {backlog}", fix)


def _unreachable(site: Site, url: str, error: str) -> Finding:
    """Word that the service is away: serious only if events have waited for long."""
    oldest = site.status and site.status["oldest_pending"]
    long = bool(oldest) and since(oldest, site.now) > LONG_SECONDS
    text = f"{url} is not there: {error}"
    fix = "start it, or correct INTELLIGENCE_SERVICE_URL; events wait meanwhile"
    return Finding(SERIOUS if long else WARNING, text, fix)


def clock(site: Site) -> Finding:
    """Check that the clock was not set back."""
    fix = "set the clock; events keep, only their times are wrong"
    if time.gmtime(site.now).tm_year < 2024:
        return Finding(WARNING, f"it says {time.ctime(site.now)}", fix)
    limit = (site.now + AHEAD_SECONDS) * 1e9
    ahead = sum(item.captured_ns > limit for item in outbox.pending(site.directory))
    if ahead:
        return Finding(WARNING, f"{ahead} waiting events are from the future", fix)
    if site.status:
        run, last = site.status["flusher"]["last_run"], site.status["last_capture"]
        for what, when in (("the last run", run), ("the last event", last)):
            if since(when, site.now) < -AHEAD_SECONDS:
                return Finding(WARNING, f"{what} is from the future: {when}", fix)
    return Finding(OK, "no sign that it was set back")
