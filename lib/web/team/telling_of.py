"""Tell of one pattern what is known of it."""

from lib.web.team.answered import Pattern, Version
from lib.web.team.descent import FIRST_TOLD, may_see
from lib.web.team.stored import Reader
from lib.web.team.working import Work

MOST_NAMES = 100
MOST_VERSIONS = 1000


def pattern(work: Work, pattern_id: str, reader: Reader) -> Pattern | None:
    """Return what the reader may know of a pattern, None if that is nothing."""
    work.by_index()
    condition, projects = may_see(reader)
    where, asked = f"FROM events WHERE pattern_id = ? AND {condition}", [pattern_id, *projects]
    columns = "told, pattern_name, pattern_type, language, file_path, code"
    first = work.rows(f"SELECT {columns} {where} {FIRST_TOLD} LIMIT 1", asked)
    if not first:
        sql = f"SELECT 1 FROM edges WHERE parent = ? AND {condition} LIMIT 1"
        return Pattern(pattern_id, False) if work.rows(sql, asked) else None

    def names(column: str) -> tuple[str, ...]:
        sql = f"SELECT DISTINCT {column} {where} ORDER BY 1 LIMIT ?"
        return tuple(row[0] for row in work.rows(sql, [*asked, MOST_NAMES]))

    sql = f"SELECT event_type, count(*) {where} AND told = 2 AND implied = 0 GROUP BY event_type"
    uses: dict[str, int] = {kind: number for kind, number in work.rows(sql, asked)}
    told, name, kind, language, path, code = first[0]
    return Pattern(
        pattern_id, told < 2, name, kind, language, path, code, names("project"), names("person"),
        uses.get("pattern_applied", 0), "pattern_deprecated" in uses,
    )  # fmt: skip


def evolution(work: Work, pattern_id: str, reader: Reader) -> list[Version]:
    """List the versions of a pattern, oldest first."""
    work.by_index()
    condition, projects = may_see(reader)
    columns = ", ".join(Version._fields)
    sql = (
        f"WITH ordered AS (SELECT {columns}, key, coalesce(captured_at, '') AS captured, "
        f"row_number() OVER (PARTITION BY pattern_version {FIRST_TOLD}) AS place FROM events "
        f"WHERE pattern_id = ? AND told < 2 AND {condition}) "
        f"SELECT {columns} FROM ordered WHERE place = 1 "
        "ORDER BY received, captured, key LIMIT ?"
    )
    return [Version(*row) for row in work.rows(sql, [pattern_id, *projects, MOST_VERSIONS])]
