"""Writers and flushers killed at random, against a service that comes and goes."""

import json
import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from lib.spool import outbox, wake
from tests.support.books import assert_whole, balance, sweep_and_flush
from tests.support.bundle import INTERPRETER, ROOT, wait_for, write_payload
from tests.support.outpost import Outpost
from tests.support.processes import flushers
from tests.support.service_double import ServiceDouble
from tests.support.service_faults import Fault

HOOK = [INTERPRETER, "-I", "-S", str(ROOT / "hooks" / "post_tool_use.py")]
WRITERS, FLUSHERS = 3, 2


class Soak:
    """What writers and flushers share. `exited` holds the contents of hooks that exited with 0
    and `killed` those of hooks that did not, by path; `planted` counts damaged files."""

    def __init__(self, outpost: Outpost, seed: int, cycles: int) -> None:
        self.outpost = outpost
        self.seed = seed
        self.cycles = cycles
        self.exited: dict[str, str] = {}
        self.killed: dict[str, str] = {}
        self.planted = 0
        self.environ = {**outpost.environ, "PATTERN_CACHE_DIR": str(outpost.directory)}
        self.writing = threading.Event()
        self.problems: list[BaseException] = []

    def run(self) -> None:
        self.writing.set()
        writers = [self._start(self._write, n) for n in range(WRITERS)]
        others = [self._start(self._flush, n) for n in range(FLUSHERS)]
        others.append(self._start(self._trouble, 0))
        for thread in writers:
            thread.join()
        self.writing.clear()
        for thread in others:
            thread.join()
        assert self.problems == []

    def _start(self, work: Callable[[random.Random, int], None], number: int) -> threading.Thread:
        def guarded() -> None:
            try:
                work(random.Random(f"{self.seed} {work.__name__} {number}"), number)
            except BaseException as problem:
                self.problems.append(problem)

        thread = threading.Thread(target=guarded)
        thread.start()
        return thread

    def _write(self, dice: random.Random, number: int) -> None:
        for cycle in range(self.cycles):
            path = f"/p/{number}-{cycle}.py"
            code = f"def f_{number}_{cycle}():\n    return {dice.random()}\n" * dice.randint(1, 40)
            data = json.dumps(write_payload(path, code, f"use-{number}-{cycle}")).encode()
            process = subprocess.Popen(HOOK, env=self.environ, stdin=subprocess.PIPE)
            assert process.stdin
            if dice.random() < 0.3:
                timer = threading.Timer(dice.random() * 0.012, process.kill)
                timer.start()
            try:
                process.stdin.write(data)
                process.stdin.close()
            except BrokenPipeError:
                pass
            kept = self.exited if process.wait() == 0 else self.killed
            kept[path] = code

    def _flush(self, dice: random.Random, _: int) -> None:
        command = wake.flush_command(str(ROOT), str(self.outpost.directory))
        while self.writing.is_set():
            process = subprocess.Popen(command, env=self.environ, cwd="/")
            try:
                process.wait(timeout=0.1 + dice.random() * 0.4)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def _trouble(self, dice: random.Random, _: int) -> None:
        """The service goes and comes, and somebody leaves files that are no events."""
        assert self.outpost.server
        while self.writing.is_set():
            with self.outpost.server.faults.during(Fault.REFUSE):
                self._pause(dice)
            self._pause(dice)
            if self.outpost.directory.is_dir():
                (self.outpost.directory / f"pending_bad{self.planted}.json").write_text("{")
                self.planted += 1
            for pid in flushers(self.outpost.directory):
                if dice.random() < 0.3:
                    _kill(pid)

    def _pause(self, dice: random.Random) -> None:
        deadline = time.monotonic() + dice.random() * 0.5
        while self.writing.is_set() and time.monotonic() < deadline:
            time.sleep(0.01)

    def check(self, monkeypatch: pytest.MonkeyPatch) -> None:
        outpost, directory = self.outpost, self.outpost.directory
        wait_for(lambda: not flushers(directory))
        for item in outbox.pending(str(directory)):
            if not item.name.startswith("pending_bad"):
                outbox.read(str(directory), item.name)
        sweep_and_flush(directory, outpost.flush, monkeypatch)
        assert_whole(directory)
        status = balance(directory)
        assert (status["pending"], status["dropped"]) == (0, {})
        assert status["quarantined"] == self.planted
        stored = self._stored()
        assert status["captured"] == len(stored) + self.planted
        assert status["delivered"] == outpost.recorded() == len(stored)
        assert self.exited.items() <= stored.items()
        assert stored.items() <= {**self.exited, **self.killed}.items()
        outpost.assert_same_lineage()

    def _stored(self) -> dict[str, str]:
        """The code that the ledger has of each file."""
        ledger = self.outpost.ledger()
        found = {}
        for event in ledger.events():
            code = ledger.creation_of(event.pattern_id)["code"]
            assert code is not None
            found[str(event.file_path)] = code
        ledger.close()
        return found


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:  # it came to its end meanwhile
        pass


def soak(outpost: Outpost, seed: int, cycles: int, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Soak(outpost, seed, cycles)
    made.run()
    made.check(monkeypatch)


def test_what_is_captured_is_accounted_for(
    outpost: Outpost, monkeypatch: pytest.MonkeyPatch
) -> None:
    soak(outpost, 1, 25, monkeypatch)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 4))
def test_what_is_captured_in_thousands_of_cycles_is_accounted_for(
    tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    with ServiceDouble(rate_limit=None) as server:
        soak(Outpost(tmp_path / "spool", server), seed, 500, monkeypatch)
