"""Count what was done, by day, person, project, type and language."""

from datetime import datetime, timezone

from lib.web.team.answered import Analytics
from lib.web.team.bodies import SECONDS_A_DAY
from lib.web.team.descent import may_see
from lib.web.team.stored import Reader
from lib.web.team.working import Work

# How many people, projects, languages or days a list names.
MOST = 400
FEW = 20


def analytics(work: Work, reader: Reader, since: float | None) -> Analytics:
    """Count the events that may be seen, of the day of `since` and later."""
    condition, parameters = may_see(reader)
    first = -(2**31) if since is None else int(since // SECONDS_A_DAY)
    where = f"FROM activity WHERE {condition} AND day >= ?"
    asked = [*parameters, first]

    def by(column: str, most: int = MOST) -> dict[str, int]:
        sql = f"SELECT {column}, sum(events) {where} GROUP BY {column} "
        found = work.rows(f"{sql} ORDER BY 2 DESC, 1 LIMIT ?", [*asked, most])
        return {str(name): int(count) for name, count in found}

    sql = (
        f"SELECT coalesce(sum(events), 0), count(DISTINCT person), count(DISTINCT project) {where}"
    )
    events, people, projects = (int(value) for value in work.rows(sql, asked)[0])
    sql = f"SELECT day, sum(events) {where} GROUP BY day ORDER BY day DESC LIMIT ?"
    days = {_date(day): int(count) for day, count in reversed(work.rows(sql, [*asked, MOST]))}
    return Analytics(
        events, people, projects, by("event_type"), by("language"),
        by("person", FEW), by("project", FEW), days,
    )  # fmt: skip


def _date(day: int) -> str:
    return datetime.fromtimestamp(day * SECONDS_A_DAY, timezone.utc).date().isoformat()
