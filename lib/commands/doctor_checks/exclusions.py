"""Check that `.patternignore` files and the user's own patterns mean what they were meant to."""

import os
from contextlib import closing

from lib.commands.doctor_checks.finding import OK, SERIOUS, WARNING, Finding, Site
from lib.ledger.history import History
from lib.ledger.store import FILE_NAME
from lib.privacy import user_rules
from lib.privacy.excluded import Judge
from lib.system import bundle
from lib.system.aside import Away, near, shared
from lib.system.places import here

# So many of the newest events tell which files count besides those of this project.
NEWEST = 500
SHOWN = 5


def rules(site: Site) -> Finding:
    """Check that every file can be read, and that git would understand every rule."""
    project = site.environ.get("CLAUDE_PROJECT_DIR") or here()
    judge = Judge(near)
    looked = [f"{project}/x"] if project else []
    problems: dict[str, str] = {}
    faults: list[str] = []
    for path in (*looked, *_recent(site.directory)):
        try:
            told, wrong = shared.ask(judge, "flaws", path, project)
        except (Away, OSError) as error:
            told, wrong = [f"not known for {path}: {error}"], []
        faults += wrong
        problems.update({line.partition(":")[2]: line for line in told})
    shared.close()
    if problems:
        text = "; ".join(list(problems.values())[:SHOWN])
        return Finding(WARNING, text, "correct or remove that file")
    if faults:
        return Finding(WARNING, "; ".join(faults[:SHOWN]), "correct it; other rules count")
    return Finding(OK, "all understood")


def patterns(site: Site) -> Finding:
    """Check that the user's own redaction patterns can be applied."""
    path = bundle.kept(user_rules.SUFFIX, site.bundle)
    try:
        count = len(user_rules.load(path))
    except user_rules.Unusable as unusable:
        fix = f"correct {path}, or remove it: from then on code is kept"
        return Finding(SERIOUS, f"events are kept and sent without their code: {unusable}", fix)
    return Finding(OK, f"{count or 'none'} of your own")


def _recent(directory: str) -> set[str]:
    path = f"{directory}/{FILE_NAME}"
    if not directory or not os.path.exists(path):
        return set()
    with closing(History(path)) as history:
        return {event.file_path for event in history.events(newest=NEWEST) if event.file_path}
