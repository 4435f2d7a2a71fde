"""What a team's server keeps, in either database: the same tests over both."""

import os
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lib.web.team import tables
from lib.web.team.sql_storage import open_storage
from lib.web.team.stored import Note, Outcome, Reader, Storage, StorageError, Token
from tests.support.team import arrived, contents, recounted

ALL = Reader()
APP, LIBRARY = "code.example/team/app", "code.example/team/library"
DAY = 86400.0


def ids(relations: Any) -> list[tuple[str, int]]:
    return [(found.pattern_id, found.depth) for found in relations]


def test_each_kind_of_event_tells_what_it_did(team_storage: Storage) -> None:
    found = team_storage.record(
        [
            arrived("1", "created", "a"),
            arrived("2", "created", "a"),
            arrived("3", "modified", "b", ["a"]),
            arrived("4", "modified", "b", ["a"]),
            arrived("5", "forked", "c", ["a"]),
            arrived("6", "merged", "d", ["b", "c"]),
            arrived("7", "applied", "d"),
            arrived("8", "deprecated", "a"),
            arrived("1", "created", "a"),
        ]
    )
    said = "created already_exists modified unchanged forked merged applied deprecated repeated"
    assert found == [Outcome(status) for status in said.split()]
    assert recounted(team_storage) == contents(team_storage)["activity"]


def test_a_child_before_its_parent_waits_for_it(team_storage: Storage) -> None:
    assert team_storage.record([arrived("2", "modified", "b", ["a"])]) == [
        Outcome("modified", ("a",))
    ]
    [relation] = team_storage.ancestry("b", ALL)
    assert (relation.is_told, relation.pattern_name) == (False, "")
    known = team_storage.pattern("a", ALL)
    assert known is not None
    assert not known.is_told
    assert team_storage.record([arrived("1", "created", "a")]) == [Outcome("created")]
    [relation] = team_storage.ancestry("b", ALL)
    assert (relation.is_told, relation.pattern_name) == (True, "name of a")
    assert (relation.child, relation.parent, relation.edge_type) == ("b", "a", "modified_from")


def test_what_is_applied_before_it_is_told_of_is_missing(team_storage: Storage) -> None:
    event = arrived("1", "applied", "a")
    assert team_storage.record([event]) == [Outcome("applied", ("a",))]
    team_storage.record([arrived("2", "created", "a", project=LIBRARY)])
    # That another project has it is nothing that this one may learn.
    assert team_storage.record([event]) == [Outcome("repeated", ("a",))]
    team_storage.record([arrived("3", "created", "a")])
    assert team_storage.record([event]) == [Outcome("repeated")]


def test_the_same_event_of_two_people_is_two(team_storage: Storage) -> None:
    team_storage.record([arrived("1", "applied", "a"), arrived("1", "applied", "a", person="bob")])
    assert team_storage.analytics(ALL).by_person == {"ann": 1, "bob": 1}


def test_a_body_without_an_id_is_the_same_as_its_like(team_storage: Storage) -> None:
    one = arrived(None, "applied", "a")
    other = arrived(None, "applied", "a", data={"captured_at": "2026-01-01T00:00:00Z"})
    assert [found.status for found in team_storage.record([one, one, other])] == [
        "applied",
        "repeated",
        "applied",
    ]


@pytest.mark.parametrize("turned", [False, True])
def test_what_is_told_later_and_more_replaces_what_was(team_storage: Storage, turned: bool) -> None:
    units = [{"pattern_id": "u", "pattern_type": "function", "qualified_name": "f"}]
    bodies = [
        arrived("1", "modified", "b", ["a"]),
        arrived("1", "modified", "b", ["c"], data={"units": units, "code": "f = 1"}, language="go"),
    ]
    for body in reversed(bodies) if turned else bodies:
        team_storage.record([body])
    assert ids(team_storage.ancestry("b", ALL)) == [("c", 1)]
    assert team_storage.rows("SELECT pattern_id, qualified_name FROM units") == [("u", "f")]
    assert team_storage.analytics(ALL).by_language == {"go": 1}
    assert recounted(team_storage) == contents(team_storage)["activity"]


def test_what_a_client_presupposes_is_no_event(team_storage: Storage) -> None:
    presupposed = arrived(
        "1", "forked", "b", ["a"], data={"implied": True}, edge_type="derived_from"
    )
    assert team_storage.record([presupposed])[0].status == "forked"
    assert team_storage.analytics(ALL).events == 0
    assert ids(team_storage.ancestry("b", ALL)) == [("a", 1)]
    # It carries the id of the event that it stands for.
    real = arrived("1", "modified", "b", ["a"], pattern_name="its own", received=2_000_000.0)
    assert team_storage.record([real])[0].status != "repeated"
    assert team_storage.analytics(ALL).events == 1
    [edge] = team_storage.ancestry("b", ALL)
    assert edge.edge_type == "modified_from"
    known = team_storage.pattern("b", ALL)
    assert known is not None
    assert known.pattern_name == "its own"


def test_one_project_sees_nothing_of_another(team_storage: Storage) -> None:
    team_storage.record(
        [
            arrived("1", "created", "a", project=LIBRARY, pattern_name="secret", person="bob"),
            arrived("2", "modified", "b", ["a"]),
            arrived("3", "modified", "a", ["z"], project=LIBRARY, person="bob"),
            arrived("4", "modified", "x", ["b"], project=LIBRARY, person="bob"),
        ]
    )
    reader = Reader(frozenset({APP}))
    [up] = team_storage.ancestry("b", reader)
    assert (up.pattern_id, up.pattern_name, up.is_told) == ("a", "", False)
    assert team_storage.descendants("b", reader) == []
    assert ids(team_storage.descendants("b", ALL)) == [("x", 1)]
    seen = team_storage.pattern("a", reader)
    assert seen is not None
    assert (seen.is_told, seen.projects, seen.people) == (False, (), ())
    assert team_storage.pattern("x", reader) is None
    assert team_storage.evolution("a", reader) == []
    assert team_storage.analytics(reader).by_person == {"ann": 1}
    nobody = Reader(frozenset())
    assert team_storage.ancestry("b", nobody) == []
    assert team_storage.analytics(nobody).events == 0
    assert team_storage.pattern("b", nobody) is None


def test_units_steps_from_outside_and_prompts_can_be_asked_for(team_storage: Storage) -> None:
    data = {
        "units": [
            {"pattern_id": "u", "pattern_type": "method", "qualified_name": "C.f",
             "start_line": 3, "end_line": 9},
            {"pattern_id": "v", "qualified_name": "g", "start_line": "three"},
            {"pattern_id": 1, "qualified_name": "h"}, "none", {"pattern_id": "w"},
        ],
        "prompt_id": "p", "prompt": "Write it", "model": "opus", "code": "pass",
        "session_id": "s", "captured_at": "2026-01-01T00:00:00Z", "path": "src/a.py",
        "tags": ["\u00fc", 1],
    }  # fmt: skip
    team_storage.record(
        [
            arrived("1", "created", "a", data=data, triggered_by="outside"),
            arrived("2", "created", "b", data={**data, "units": None, "code": 7, "prompt": []}),
        ]
    )
    assert team_storage.rows(
        "SELECT pattern_id, pattern_type, qualified_name, start_line, end_line FROM units "
        "ORDER BY place"
    ) == [("u", "method", "C.f", 3, 9), ("v", "code", "g", None, None)]
    columns = "prompt_id, prompt, model, code, session_id, captured_at, path"
    assert team_storage.rows(
        f"SELECT {columns} FROM events WHERE triggered_by = ?", ["outside"]
    ) == [("p", "Write it", "opus", "pass", "s", "2026-01-01T00:00:00Z", "src/a.py")]
    [(rest,)] = team_storage.rows("SELECT data FROM events WHERE pattern_id = 'b'")
    assert '"code": 7' in rest
    assert '"prompt": []' in rest
    assert "\u00fc" in rest


def test_lineage_stops_at_its_bounds(team_storage: Storage) -> None:
    team_storage.record([arrived("0", "created", "n000")])
    line = [arrived(str(n), "modified", f"n{n:03}", [f"n{n - 1:03}"]) for n in range(1, 121)]
    team_storage.record(line)
    assert ids(team_storage.ancestry("n120", ALL, depth=1000)) == [
        (f"n{120 - n:03}", n) for n in range(1, 121)
    ]
    assert len(team_storage.ancestry("n120", ALL, depth=30)) == 30
    assert len(team_storage.ancestry("n120", ALL, limit=7)) == 7
    assert len(team_storage.descendants("n000", ALL, depth=100)) == 100
    assert team_storage.descendants("n000", ALL, depth=0) == []


def test_what_many_came_from_is_cut_the_same_everywhere(team_storage: Storage) -> None:
    fan = [arrived(f"f{n}", "forked", f"child {n:04}", ["a"]) for n in range(1500)]
    team_storage.record(fan)
    found = ids(team_storage.descendants("a", ALL, limit=10))
    assert found == [(f"child {n:04}", 1) for n in range(10)]
    assert len(team_storage.descendants("a", ALL, limit=10**6)) == 1000


def test_ways_that_meet_again_and_again_are_gone_once(team_storage: Storage) -> None:
    """Rows of three, each of which came from all of the row before: 3^30 ways."""
    team_storage.record(
        [
            arrived(f"{row}-{n}", "merged", f"{row}-{n}", [f"{row - 1}-{m}" for m in range(3)])
            for row in range(1, 31)
            for n in range(3)
        ]
    )
    found = team_storage.ancestry("30-0", ALL)
    assert len(found) == 3 + 29 * 9
    assert max(relation.depth for relation in found) == 30
    assert len(set(found)) == len(found)


def test_a_cycle_ends(team_storage: Storage) -> None:
    team_storage.record(
        [
            arrived("1", "modified", "a", ["c", "a"]),
            arrived("2", "modified", "b", ["a"]),
            arrived("3", "modified", "c", ["b"]),
        ]
    )
    assert ids(team_storage.ancestry("a", ALL)) == [("c", 1), ("b", 2), ("a", 3)]


def test_versions_come_in_the_order_of_their_first_arrival(team_storage: Storage) -> None:
    for number, version in enumerate(("1.0.0", "0.9", "1.0.0", "2.0.0")):
        when = 1_000_000.0 + number
        # The clock of a client says the contrary.
        data = {"captured_at": f"20{40 - number}-01-01"}
        body = arrived(
            str(number), "created", "a", received=when, data=data, pattern_version=version
        )
        team_storage.record([body])
    team_storage.record([arrived("9", "applied", "a", pattern_version="7")])
    found = team_storage.evolution("a", ALL)
    assert [version.pattern_version for version in found] == ["1.0.0", "0.9", "2.0.0"]
    assert found[0].captured_at == "2040-01-01"


def test_analytics_counts_by_all_that_is_asked(team_storage: Storage) -> None:
    team_storage.record(
        [
            arrived("1", "created", "a", received=DAY),
            arrived("2", "applied", "a", received=2 * DAY, project=LIBRARY, language=None),
            arrived("3", "applied", "a", received=2 * DAY, person="bob", language="go"),
        ]
    )
    found = team_storage.analytics(ALL)
    assert (found.events, found.people, found.projects) == (3, 2, 2)
    assert found.by_type == {"pattern_applied": 2, "pattern_created": 1}
    assert found.by_language == {"": 1, "go": 1, "python": 1}
    assert found.by_day == {"1970-01-02": 1, "1970-01-03": 2}
    assert found.by_project == {APP: 2, LIBRARY: 1}
    assert team_storage.analytics(ALL, since=2.5 * DAY).events == 2


def test_a_person_is_forgotten_and_nobody_else(team_storage: Storage) -> None:
    team_storage.record(
        [
            arrived("1", "created", "a", person="bob", data={"code": "his"}, pattern_name="his"),
            arrived("2", "modified", "b", ["a"]),
            arrived("3", "created", "a", received=2_000_000.0, pattern_name="hers"),
            *(arrived(f"x{n}", "applied", "a", person="bob") for n in range(2500)),
        ]
    )
    team_storage.add_token(Token("t1", "d1", "bob", frozenset({"write"})))
    team_storage.add_token(Token("t2", "d2", "ann", frozenset({"write"})))
    team_storage.note(Note(1.0, "bob", "token create", "ann"))
    assert team_storage.forget_person("bob") == 2501
    assert team_storage.forget_person("bob") == 0
    known = team_storage.pattern("a", ALL)
    assert known is not None
    assert (known.pattern_name, known.code, known.people) == ("hers", None, ("ann",))
    assert team_storage.find_token("d1") is None
    assert team_storage.find_token("d2") is not None
    assert "bob" not in repr([*contents(team_storage).values(), team_storage.audit()])
    assert recounted(team_storage) == contents(team_storage)["activity"]


def test_a_project_is_forgotten_with_its_consent(team_storage: Storage) -> None:
    team_storage.record(
        [arrived("1", "created", "a"), arrived("2", "created", "b", project=LIBRARY)]
    )
    for project in (APP, LIBRARY, APP):
        team_storage.set_consent(project, True)
    team_storage.set_consent(LIBRARY, False)
    assert team_storage.consents() == {APP}
    assert team_storage.forget_project(APP) == 1
    assert team_storage.consents() == frozenset()
    assert team_storage.rows("SELECT DISTINCT project FROM events") == [(LIBRARY,)]


def test_what_is_too_old_goes_with_all_that_hangs_on_it(team_storage: Storage) -> None:
    units = {"units": [{"pattern_id": "u", "qualified_name": "f"}]}
    for day in range(5):
        for project in (APP, LIBRARY):
            event = arrived(
                f"{day}{project}", "modified", "a", ["z"],
                received=day * DAY + 5, project=project, data=units,
            )  # fmt: skip
            team_storage.record([event])
    assert team_storage.retain(1, 4 * DAY, APP) == 3
    assert team_storage.retain(3, 4 * DAY + 60) == 1
    days = team_storage.rows("SELECT day, count(*) FROM events GROUP BY day ORDER BY day")
    assert days == [(1, 1), (2, 1), (3, 2), (4, 2)]
    for table in ("edges", "units"):
        assert team_storage.rows(f"SELECT count(*) FROM {table}") == [(6,)]
    assert recounted(team_storage) == contents(team_storage)["activity"]


def test_tokens_are_found_by_their_digest_until_they_are_revoked(team_storage: Storage) -> None:
    one = Token("t1", "d1", "ann", frozenset({"read", "write"}), frozenset({APP}), 1.0)
    two = Token("t2", "d2", "bob", frozenset({"admin"}), None, 2.0)
    for token in (two, one, one._replace(person="mallory"), two._replace(token_id="t3")):
        team_storage.add_token(token)
    assert team_storage.tokens() == [one, two]
    assert team_storage.find_token("d1") == one
    assert team_storage.find_token("d3") is None
    assert team_storage.revoke_token("t1", 5.0)
    assert team_storage.revoke_token("t1", 6.0)
    assert not team_storage.revoke_token("t9", 6.0)
    assert team_storage.find_token("d1") is None
    assert team_storage.tokens() == [one._replace(revoked=5.0), two]


def test_the_audit_has_the_newest_first(team_storage: Storage) -> None:
    notes = [Note(float(n), "ann", "token create", str(n)) for n in range(4)]
    for note in notes:
        team_storage.note(note)
    assert team_storage.audit() == notes[::-1]
    assert team_storage.audit(2) == notes[:1:-1]


def test_questions_can_change_nothing(team_storage: Storage) -> None:
    team_storage.record([arrived("1", "created", "a")])
    for sql in ("DELETE FROM events", "INSERT INTO consents VALUES ('x')", "DROP TABLE units"):
        with pytest.raises(StorageError):
            team_storage.rows(sql)
    assert team_storage.rows("SELECT count(*) FROM events WHERE pattern_id = ?", ["a"]) == [(1,)]


HOSTILE = [
    "'; DROP TABLE events; --", '"; DELETE FROM tokens; --', "%s %(x)s $1 ? :1", "\\x00", "\\",
    "\u202e\u0000"[:1], "\U0001f4a9" * 255, "' OR 1=1 --", "\x01\x1f", "{}", "null",
]  # fmt: skip


def test_text_is_kept_as_it_came_whatever_it_says(team_storage: Storage) -> None:
    for text in HOSTILE:
        path = text * 10
        data = {name: text for name in ("code", "prompt", "prompt_id", "model", "session_id", text)}
        data["units"] = [{"pattern_id": text, "qualified_name": text, "pattern_type": text}]  # type: ignore[assignment]
        body = arrived(
            text, "modified", text, [f"a{text}"[:255]], person=text, project=text, data=data,
            pattern_name=text, file_path=path, reason=path, tool_name=text, triggered_by=text[:100],
            pattern_type=text[:100], pattern_version=text[:50], language=text[:50],
        )  # fmt: skip
        assert team_storage.record([body])[0].status == "modified"
        assert team_storage.record([body])[0].status == "repeated"
        known = team_storage.pattern(text, Reader(frozenset({text})))
        assert known is not None
        assert (known.pattern_name, known.code, known.people) == (text, text, (text,))
        assert known.file_path == path
        assert len(team_storage.ancestry(text, Reader(frozenset({text})))) == 1
    assert team_storage.analytics(ALL).events == len(HOSTILE)
    assert team_storage.tokens() == []


def test_text_that_no_index_can_hold_is_kept_by_its_digest(team_storage: Storage) -> None:
    long = "\U0001f4a9" * 100_000
    data = {name: long for name in ("prompt_id", "model", "session_id", "captured_at", "path")}
    bodies = [
        arrived(long + end, "modified", "a", [long + end], data=data, project=long + end)
        for end in ("x", "y")
    ]
    assert [found.status for found in team_storage.record(bodies)] == ["modified"] * 2
    assert [found.status for found in team_storage.record(bodies)] == ["repeated"] * 2
    assert len(team_storage.ancestry("a", ALL)) == 2


def test_all_of_a_batch_is_kept_or_none(team_storage: Storage) -> None:
    bad = arrived("2", "created", "b", data={"code": "\udc80"})
    with pytest.raises(StorageError) as caught:
        team_storage.record([arrived("1", "created", "a"), bad])
    assert not caught.value.is_passing
    assert team_storage.analytics(ALL).events == 0
    assert team_storage.record([arrived("1", "created", "a")]) == [Outcome("created")]


def test_a_batch_may_be_large_or_empty(team_storage: Storage) -> None:
    assert team_storage.record([]) == []
    many = [arrived(str(n), "modified", f"p{n}", [f"q{n}"]) for n in range(1203)]
    assert len(team_storage.record(many)) == 1203
    assert {found.status for found in team_storage.record(many)} == {"repeated"}
    assert team_storage.analytics(ALL).events == 1203


@pytest.fixture
def together(team_url: str) -> Iterator[list[Storage]]:
    """Four servers that start on one empty database at once."""
    gate = threading.Barrier(4)

    def start(_: int) -> Storage:
        gate.wait()
        return open_storage(team_url)

    with ThreadPoolExecutor(4) as threads:
        opened = list(threads.map(start, range(4)))
    yield opened
    for storage in opened:
        storage.close()


def test_servers_beside_each_other_make_the_tables_once_and_each_event_once(
    together: list[Storage],
) -> None:
    people = ("ann", "bob", "")
    bodies = [
        arrived(str(n % 40), "modified", f"p{n % 40}", [f"p{n % 40 - 1}"], person=people[n % 3])
        for n in range(240)
    ]
    gate = threading.Barrier(4)

    def send(number: int) -> list[Outcome]:
        gate.wait()
        found: list[Outcome] = []
        mine = bodies[number * 40 :] + bodies[: number * 40]
        for start in range(0, len(mine), 30):
            found += together[number].record(mine[start : start + 30])
        return found

    with ThreadPoolExecutor(4) as threads:
        statuses = [found.status for part in threads.map(send, range(4)) for found in part]
    assert together[0].rows("SELECT version FROM migrations ORDER BY 1") == [
        (number,) for number in range(1, len(tables.MIGRATIONS) + 1)
    ]
    assert together[1].rows("SELECT count(*), count(DISTINCT key) FROM events") == [(120, 120)]
    # Each was new to one of the servers alone.
    assert len(statuses) - statuses.count("repeated") == 120
    assert recounted(together[2]) == contents(together[3])["activity"]


def test_the_tables_of_a_newer_version_are_left_alone(
    team_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    newer = (*tables.MIGRATIONS, ("CREATE TABLE later (a TEXT)",))
    with monkeypatch.context() as patched:
        patched.setattr(tables, "MIGRATIONS", newer)
        storage = open_storage(team_url)
        assert storage.rows("SELECT * FROM later") == []
        storage.close()
    with pytest.raises(StorageError, match="newer version"):
        open_storage(team_url)


def test_a_migration_that_fails_leaves_the_tables_as_they_were(
    team_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_storage(team_url).close()
    bad = ("CREATE TABLE later (a TEXT)", "CREATE TABLE later (a TEXT)")
    with monkeypatch.context() as patched:
        patched.setattr(tables, "MIGRATIONS", (*tables.MIGRATIONS, bad))
        with pytest.raises(StorageError):
            open_storage(team_url)
    storage = open_storage(team_url)
    with pytest.raises(StorageError):
        storage.rows("SELECT * FROM later")
    storage.close()


@pytest.mark.parametrize(
    "url", ["mysql://x", "", "sqlite:///nowhere/there/is/team.db", "postgresql://127.0.0.1:1/x"]
)
def test_what_cannot_be_opened_is_told_in_a_line(url: str) -> None:
    with pytest.raises(StorageError) as caught:
        open_storage(url, seconds=2)
    assert str(caught.value)
    assert "\n" not in str(caught.value)


def test_what_refuses_to_connect_is_told_without_the_password() -> None:
    with pytest.raises(StorageError, match="refused") as caught:
        open_storage("postgresql://ann:hunter2@127.0.0.1:1/x")
    assert "hunter2" not in str(caught.value)


def test_a_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    storage = open_storage(f"sqlite://{tmp_path}/team.db")
    os.umask(before)
    storage.record([arrived("1", "created", "a")])
    assert {path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {0o600}
    storage.close()


def test_an_sqlite_that_is_too_old_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sqlite3.sqlite_version_info", (3, 34, 1))
    with pytest.raises(StorageError, match="newer is needed"):
        open_storage(f"sqlite://{tmp_path}/team.db")


def test_health_names_the_database(team_storage: Storage) -> None:
    assert team_storage.health().startswith(("SQLite 3.", "PostgreSQL "))
