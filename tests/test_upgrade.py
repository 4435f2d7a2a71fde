"""What an upgrade finds: ids that an earlier version gave by other rules."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from lib.capture.event import Content
from lib.ledger import earlier_identity, store
from tests.support.outpost import Outpost
from tests.support.service_double import ServiceDouble

FIRST = '#!/bin/python\n"""Say.\n\n# a\n"""\nx = 1\n'
SECOND = FIRST.replace("x = 1", "x = 2")
THIRD = SECOND.replace("# a", "# b")


def earlier(code: str) -> str:
    content = Content(code, "a.py")
    return earlier_identity.earlier_id(code, content.language, content.pattern_type)


def as_before(outpost: Outpost, monkeypatch: pytest.MonkeyPatch) -> None:
    """Record FIRST and SECOND as version 0.1.0 did, with its ledger's layout."""
    with monkeypatch.context() as patch:
        patch.setattr(Content, "__init__", _by_earlier_rules)
        outpost.write("/p/a.py", FIRST)
        outpost.write("/p/a.py", SECOND, FIRST)
    assert outpost.flush()
    db = sqlite3.connect(outpost.directory / store.FILE_NAME)
    db.execute("DROP TABLE facts")
    db.execute("PRAGMA user_version = 3")
    db.close()


def _by_earlier_rules(self: Any, code: str, path: str, *words: str) -> None:
    self.code, self.language, self.pattern_type = code, "python", "code"
    self.pattern_id = earlier_identity.earlier_id(code, "python", "code")
    self.pattern_name, self.marked_id, self._is_normal = "a", "", False


def test_the_earlier_rules_are_those_that_were() -> None:
    # As version 0.1.0 itself said.
    assert earlier("import os\n\n# a comment\ndef load(path):  \n    return os.stat(path)\n") == (
        "python-code-8adcf4e1a272fe05"
    )
    assert earlier(SECOND) == earlier(THIRD)
    assert earlier("\ufeffx = 1\n") != earlier("x = 1\n")


def test_an_upgrade_cuts_no_lineage(
    outpost: Outpost, server: ServiceDouble, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(outpost, monkeypatch)
    old = [earlier(FIRST), earlier(SECOND)]
    ledger = outpost.ledger()
    assert ledger.head("/p/a.py") == old[1]
    ledger.close()
    outpost.write("/p/a.py", THIRD, SECOND)
    assert outpost.flush()
    ledger = outpost.ledger()
    now = Content(THIRD, "a.py").pattern_id
    assert now not in old
    assert ledger.ancestors(now) == [Content(SECOND, "a.py").pattern_id, old[1], old[0]]
    ledger.close()
    outpost.assert_same_lineage()
    assert {key.pattern_id for key in server.nodes} >= {now, *old}


def test_a_file_that_did_not_change_is_found_by_its_name(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    as_before(outpost, monkeypatch)
    ledger = outpost.ledger()
    assert ledger.head("/p/a.py") == earlier(SECOND)
    assert ledger.ancestors(earlier(SECOND)) == [earlier(FIRST)]
    ledger.close()


def test_a_secret_does_not_cut_it_either(outpost: Outpost, monkeypatch: pytest.MonkeyPatch) -> None:
    """The ids are those of the original, which the ledger does not hold."""
    secret = 'password = "hunter2-Aa1!xYz-9182"\n'
    with monkeypatch.context() as patch:
        patch.setattr(Content, "__init__", _by_earlier_rules)
        outpost.write("/p/a.py", FIRST + secret)
    assert outpost.flush()
    db = sqlite3.connect(outpost.directory / store.FILE_NAME)
    db.execute("PRAGMA user_version = 3")
    db.close()
    outpost.write("/p/a.py", SECOND + secret, FIRST + secret)
    assert outpost.flush()
    ledger = outpost.ledger()
    assert earlier(FIRST + secret) in ledger.ancestors(Content(SECOND + secret, "a.py").pattern_id)
    ledger.close()


def test_a_new_ledger_looks_for_no_earlier_ids(tmp_path: Path) -> None:
    outpost = Outpost(tmp_path / "spool")
    outpost.write("/p/a.py", FIRST)
    assert outpost.flush()
    ledger = outpost.ledger()
    assert not ledger.has_earlier_ids()
    ledger.close()
