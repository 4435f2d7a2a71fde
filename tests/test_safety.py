"""What others on the machine, or a cloned repository, might try with the spool."""

import asyncio
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.capture.event import Content
from lib.resilience import PatternCache
from tests.support.bundle import Bundle, payload, write_payload
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble


def linked(spool: Path) -> None:
    aside = spool.with_name("aside")
    aside.mkdir(mode=0o700)
    spool.symlink_to(aside)


def open_to_all(spool: Path) -> None:
    spool.mkdir(mode=0o700)
    spool.chmod(0o777)


def open_to_the_group(spool: Path) -> None:
    spool.mkdir(mode=0o700)
    spool.chmod(0o770)


def somebody_elses(spool: Path) -> None:
    spool.mkdir(mode=0o700)
    try:
        os.chown(spool, 65534, 65534)
    except PermissionError:
        pytest.skip("only root can give a directory away")


PLACES = [linked, open_to_all, open_to_the_group, somebody_elses]


@pytest.mark.parametrize("make", PLACES)
def test_a_spool_that_others_could_reach_is_not_used(
    bundle: Bundle, make: Callable[[Path], None]
) -> None:
    bundle.spool.parent.mkdir(parents=True)
    make(bundle.spool)
    bundle.post(payload("01-write-create-js-marker.post"))
    assert bundle.hook("pre", b"{}").returncode == 0
    assert list(bundle.spool.iterdir()) == []
    done = bundle.command("status")
    assert (done.returncode, "is not used" in done.stderr) == (1, True)
    cache = PatternCache(bundle.spool)
    event = {"event_type": "pattern_created", "pattern_id": "p", "pattern_data": {"a": 1}}
    assert asyncio.run(cache.cache_pattern_event(event)) == ""


@pytest.mark.parametrize("umask", [0o000, 0o777, 0o077])
def test_modes_do_not_depend_on_the_umask(bundle: Bundle, umask: int) -> None:
    before = os.umask(umask)
    try:
        bundle.post(payload("01-write-create-js-marker.post"))
    finally:
        os.umask(before)
    bundle.wait_delivered()
    bundle.post(payload("12-write-create-26kb.post"))
    modes = {
        stat.S_IMODE(path.stat().st_mode): path for path in (bundle.spool, *bundle.spool.rglob("*"))
    }
    assert set(modes) == {0o700, 0o600}


def test_without_content_ids_and_metadata_are_all_that_is_kept(
    bundle: Bundle, server: ServiceDouble
) -> None:
    bundle.environ |= {
        "PATTERN_TRACKING_CONTENT": "none",
        "INTELLIGENCE_SERVICE_URL": server.url,
    }
    before, after = "def before_it():\n    canary = 1\n", "def after_it():\n    canary = 2\n"
    bundle.post(write_payload("/p/a.py", after, "use-1", before))
    (pending,) = bundle.pending()
    assert b"canary" not in pending.read_bytes()
    bundle.wait_delivered()
    event = bundle.log()[-1]
    content = Content(after, "/p/a.py")
    assert (event["pattern_id"], event["pattern_name"]) == (content.pattern_id, "after_it")
    assert event["parent_pattern_ids"] == [Content(before, "/p/a.py").pattern_id]
    stored = b"".join(path.read_bytes() for path in bundle.spool.iterdir() if path.is_file())
    assert b"canary" not in stored
    assert len(server.commits) == 2
    assert not any(b"canary" in record.request.body for record in server.requests)
    ledger = Outpost(bundle.spool).ledger()
    assert ledger.creation_of(content.pattern_id).get("code") is None
    ledger.close()
