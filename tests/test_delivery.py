"""Delivery to a service that misbehaves: nothing lost, nothing thrown away, little sent twice."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.outpost import Outpost
from tests.support.service_app import BATCH
from tests.support.service_double import ServiceDouble


@pytest.fixture
def server() -> Iterator[ServiceDouble]:
    with ServiceDouble(rate_limit=None) as server:
        yield server


@pytest.fixture
def outpost(tmp_path: Path, server: ServiceDouble) -> Outpost:
    return Outpost(tmp_path / "spool", server)


def test_a_story_is_told_in_one_batch(outpost: Outpost, server: ServiceDouble) -> None:
    names = outpost.story()
    assert outpost.flush()
    assert outpost.pending() == []
    assert [request.path.endswith(BATCH) for request in server.requests] == [True]
    assert max(server.commits.values()) == 1
    assert len(server.commits) >= len(names)
    outpost.assert_same_lineage()
