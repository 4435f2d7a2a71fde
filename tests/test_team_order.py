"""Whatever the order in which bodies arrive at a team's server, and however often."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.web.team.sql_storage import SqlStorage, open_storage
from lib.web.team.stored import Arrived, Reader, Storage
from tests.support.postgres import PostgresServer
from tests.support.team import TABLES, arrived, contents, recounted

NAMES = ("a", "b", "c", "d")
PROJECTS = ("app", "library")
READERS = (Reader(), Reader(frozenset({"app"})))
CHARACTERS = st.characters(exclude_characters="\0", exclude_categories=["Cs"])


@st.composite
def body(draw: st.DrawFn) -> Arrived:
    verb = draw(st.sampled_from("created modified merged forked applied deprecated".split()))
    data: dict[str, Any] = {"implied": True} if draw(st.booleans()) else {}
    if draw(st.booleans()):
        data |= {
            "code": draw(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
        }
        data |= {"units": [{"pattern_id": draw(st.sampled_from(NAMES)), "qualified_name": "f"}]}
        data |= {"captured_at": draw(st.sampled_from(("2026", "2025")))}
    return arrived(
        draw(st.sampled_from((None, "1", "2"))),
        verb,
        draw(st.sampled_from(NAMES)),
        draw(st.lists(st.sampled_from(NAMES), max_size=3)),
        person=draw(st.sampled_from(("ann", "bob"))),
        project=draw(st.sampled_from(PROJECTS)),
        received=draw(st.sampled_from((86399.5, 86400.0, 200_000.25))),
        data=data,
        edge_type=draw(st.sampled_from((None, "inspired_by", "derived_from"))),
        language=draw(st.sampled_from((None, "go"))),
        pattern_name=draw(st.sampled_from(("", "name", "other name", "\U0001f4a9", "\uffff"))),
        pattern_version=draw(st.sampled_from(("1", "2"))),
    )


@st.composite
def arrivals(draw: st.DrawFn) -> tuple[list[Arrived], list[list[Arrived]]]:
    """Some bodies, and the same in another order, some again, cut into batches."""
    bodies = draw(st.lists(body(), min_size=4, max_size=12))
    again = draw(st.lists(st.sampled_from(bodies), max_size=6))
    turned = draw(st.permutations([*bodies, *again]))
    batches: list[list[Arrived]] = [[]]
    for one in turned:
        if draw(st.booleans()):
            batches.append([])
        batches[-1].append(one)
    return bodies, batches


@pytest.fixture
def both(postgres: PostgresServer, tmp_path: Path) -> Iterator[list[Storage]]:
    opened = [open_storage(f"sqlite://{tmp_path}/team.db"), open_storage(postgres.new_schema())]
    yield opened
    for storage in opened:
        storage.close()


def empty(storage: Storage) -> None:
    assert isinstance(storage, SqlStorage)
    storage._database.write(lambda work: [work.run(f"DELETE FROM {table}") for table in TABLES])


def answers(storage: Storage) -> list[Any]:
    found: list[Any] = [storage.analytics(reader) for reader in READERS]
    for reader in READERS:
        for name in NAMES:
            found += storage.ancestry(name, reader), storage.descendants(name, reader)
            found += storage.evolution(name, reader), storage.pattern(name, reader)
    return found


@settings(max_examples=10)
@given(arrivals())
def test_any_order_and_repetition_gives_equal_tables_and_answers(
    both: list[Storage], given: tuple[list[Arrived], list[list[Arrived]]]
) -> None:
    bodies, batches = given
    seen = []
    for storage in both:
        for way in ([bodies], batches):
            empty(storage)
            for batch in way:
                storage.record(batch)
            seen.append((contents(storage), answers(storage)))
            assert recounted(storage) == contents(storage)["activity"]
    assert all(other == seen[0] for other in seen)


@settings(max_examples=8)
@given(arrivals())
def test_what_was_forgotten_and_what_never_came_are_the_same(
    both: list[Storage], given: tuple[list[Arrived], list[list[Arrived]]]
) -> None:
    bodies, batches = given
    seen = []
    for storage in both:
        empty(storage)
        for batch in batches:
            storage.record(batch)
        storage.forget_person("bob")
        seen.append((contents(storage), answers(storage)))
        empty(storage)
        storage.record([one for one in bodies if one.person != "bob"])
        seen.append((contents(storage), answers(storage)))
    assert all(other == seen[0] for other in seen)
