"""The real client takes files back at its /rewind, of which no hook tells."""

from pathlib import Path

import pytest

from tests.support.bundle import CLIENT, NEWEST_CLIENT, ROOT, Bundle, write_payload
from tests.support.messages_api import Call
from tests.support.talking import configure, talking
from tests.test_import import untimed

pytestmark = [pytest.mark.client, pytest.mark.long, pytest.mark.usefixtures("client")]


@pytest.mark.parametrize("client", [CLIENT, NEWEST_CLIENT], ids=["npm's", "newest"])
def test_what_the_client_takes_back_is_its_own_step(
    installed_home: Path, tmp_path: Path, client: Path
) -> None:
    if not client.exists():
        name = client.relative_to(ROOT).parts[1]
        pytest.skip(f"npm install --prefix .cache/{name} @anthropic-ai/claude-code brings it")
    config, work = tmp_path / "config", tmp_path / "work"
    work.mkdir()
    bundle = Bundle(installed_home, installed_home / ".claude" / "hooks" / "pattern-tracker")
    bundle.spool = tmp_path / "spool"
    bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
    configure(bundle, config, work)
    a, b, c, d, e = (work / f"{name}.py" for name in "abcde")

    def write(file: Path, number: int) -> list[Call]:
        return [("Write", {"file_path": str(file), "content": f"value = {number}\n"})]

    prompts: dict[str, list[list[Call]]] = {
        "plum1": [write(a, 1)],
        "grape2": [write(a, 2), write(b, 4)],
        "apple3": [
            [("Read", {"file_path": str(a)})], write(a, 3), write(c, 5),
            [("Bash", {"command": f"echo 'value = 6' >{d}", "description": "x"})],
        ],
        "kiwis4": [write(e, 7)],
    }  # fmt: skip
    with talking(bundle, client, work, prompts) as talk:
        talk.ask("plum1")
        talk.ask("grape2")
        # The code alone: the command stands among what was typed, and nowhere else.
        talk.take_back(1, lambda: not b.exists())
        talk.ask("apple3")
        # The conversation too: it forks, and that is enough.
        (config / "history.jsonl").unlink()
        talk.take_back(3, lambda: not a.exists(), word="plum1")
        (config / "history.jsonl").unlink(missing_ok=True)
        talk.ask("kiwis4")
        # Nothing is asked after that: another session's event has it looked for.
        talk.take_back(1, lambda: not e.exists())
    bundle.wait_delivered()
    bundle.post(write_payload(str(work / "other.py"), "x = 1\n", "another"))
    bundle.wait_delivered()
    told = {file.stem: bundle.json("lineage", str(file))["steps"][::-1] for file in (a, b, c, d, e)}
    made, changed, gone = ("agent", "created"), ("agent", "modified"), ("undo", "deleted")
    assert {name: [(one["actor"], one["change"][0]) for one in steps]
            for name, steps in told.items()} == {
        "a": [made, changed, ("undo", "modified"), changed, gone], "b": [made, gone],
        "c": [made, gone], "d": [("shell", "created")], "e": [made, gone],
    }  # fmt: skip
    assert len({step["session_id"] for steps in told.values() for step in steps}) == 1
    assert [event["actor"] for event in bundle.log()].count("undo") == 1
    assert bundle.json("status")["steps"]["undo"] == 5
    live = untimed(bundle.spool)
    bundle.json("import")
    assert untimed(bundle.spool) == live
    bundle.spool = tmp_path / "other"
    bundle.environ["PATTERN_CACHE_DIR"] = str(bundle.spool)
    # Of what was typed nothing is left: but for that the transcript tells the same.
    bundle.json("import")
    steps = bundle.json("lineage", str(c))["steps"][::-1]
    assert [(one["actor"], one["change"][0]) for one in steps] == [made, gone]
