"""Find patterns, functions, files, people and prompts by their words, and functions by name."""

from typing import Any

from lib.web.page import Absent, words
from lib.web.team.deeds import PROJECTS, Deed, Question
from lib.web.team.team_lineage import known

SHOWN, MOST_TEXT, AMONG = 40, 300, 5000
# Comes after every text that begins with what stands before it.
_LAST = "\U0010ffff"
_NAMES = (
    "SELECT pattern_id, pattern_type, qualified_name, project, count(*), max(seq) FROM (SELECT * "
    "FROM units WHERE qualified_name >= ? AND qualified_name < ? AND {seen} "
    "ORDER BY qualified_name LIMIT ?) AS first GROUP BY pattern_id, pattern_type, qualified_name, "
    "project ORDER BY qualified_name, 5 DESC LIMIT ?"
)


def search(asked: Question) -> dict[str, Any]:
    """Tell what is called so, or has the words in its prompt, of what may be seen."""
    text = asked.text("q")[:MOST_TEXT].strip()
    if not text:
        return {"q": "", "names": [], "people": [], "found": [], "looked": AMONG, "exact": False}
    return {
        "q": text,
        "exact": known(asked, text) is not None,
        "names": names(asked, text),
        "people": _people(asked, text),
        "found": _deeds(asked, text),
        "looked": AMONG,
    }


def units(asked: Question) -> dict[str, Any]:
    """List functions, methods and classes by how their names begin, in one project or all."""
    project, text = asked.text("project"), asked.text("q")[:MOST_TEXT].strip()
    if project and not asked.may_see(project):
        raise Absent("no project of that name is known")
    found = names(asked, text, project) if text else []
    return {"project": project, "begins": text, "found": found}


def names(asked: Question, begins: str, project: str = "") -> list[tuple[Any, ...]]:
    """List functions: pattern_id, kind, name, project, in how many events, the newest of them."""
    seen, projects = ("project = ?", [project]) if project else asked.among()
    query = _NAMES.format(seen=seen)
    return asked.rows(query, (begins, begins + _LAST, *projects, AMONG, SHOWN))


def _people(asked: Question, text: str) -> list[str]:
    seen, projects = asked.among()
    query = (
        f"SELECT DISTINCT person FROM activity WHERE lower(person) LIKE ? ESCAPE '!' AND {seen} "
        "ORDER BY person LIMIT ?"
    )
    return [name for (name,) in asked.rows(query, (_like(text), *projects, SHOWN))]


def _deeds(asked: Question, text: str) -> list[tuple[Deed, str]]:
    """List events with all words in names, files, reasons or prompts, and the line that has them.

    Of the projects that were active last, among so many of the newest events.
    """
    names = [name for name, *_ in asked.projects()[:PROJECTS]]
    patterns = [_like(word) for word in text.split()[:8]]
    each = (
        "(lower(coalesce(pattern_name, '') || ' ' || coalesce(path, '') || ' ' || "
        "coalesce(reason, '') || ' ' || coalesce(prompt, '')) LIKE ? ESCAPE '!')"
    )
    of_one = (
        "SELECT * FROM (SELECT seq, pattern_name, path, reason, prompt FROM events "
        "WHERE project = ? AND implied = 0 ORDER BY received DESC LIMIT ?) AS one"
    )
    newest = " UNION ALL ".join([of_one] * len(names))
    if not names:
        return []
    share = max(1, AMONG // len(names))
    query = (
        f"SELECT seq FROM ({newest}) AS newest WHERE {' AND '.join([each] * len(patterns))} "
        "ORDER BY seq DESC LIMIT ?"
    )
    given = [value for name in names for value in (name, share)]
    seqs = [seq for (seq,) in asked.rows(query, (*given, *patterns, SHOWN))]
    if not seqs:
        return []
    deeds = asked.deeds(f"seq IN ({', '.join('?' * len(seqs))})", seqs, SHOWN)
    return [(one, words(one.reason or one.name)) for one in deeds]


def _like(text: str) -> str:
    """Return a pattern for LIKE that finds a text, whatever signs are in it."""
    for sign in ("!", "%", "_"):
        text = text.replace(sign, f"!{sign}")
    return f"%{text.lower()}%"
