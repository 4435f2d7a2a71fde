"""The process that `tracing` asks: it has imported what scripts need, and runs each in a fork.

A fork waits until it is told to go on, so that somebody can trace it before it does anything.
"""

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import sys
import tempfile
import traceback
from typing import Any

# It is run by its path, as a program of its own.
sys.path.insert(0, sys.argv[1])
from tests.support import forking_server

PACKAGES = ("delivery", "flusher", "ledger", "registration", "spool", "system")
OTHERS = ("httpx", "orjson", "filelock", "regex", "lib.commands.setup.staging")
# Where a process may trace none but its children unless the other allows it (Yama).
_SET_PTRACER, _ANY = 0x59616D61, -1


def serve() -> None:
    """Answer lines of JSON until there are no more: the id of a fork, and what became of it."""
    for name in PACKAGES:
        package = importlib.import_module(f"lib.{name}")
        for module in pkgutil.iter_modules(package.__path__, f"lib.{name}."):
            importlib.import_module(module.name)
    for name in OTHERS:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        _run(json.loads(line), answers)


def _run(asked: dict[str, Any], answers: Any) -> None:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        begins, begin = os.pipe()
        pid = os.fork()
        if not pid:
            os.close(begin)
            _become(asked, begins, out.fileno(), err.fileno())
        os.close(begins)
        print(pid, file=answers, flush=True)
        sys.stdin.readline()
        os.close(begin)
        print(json.dumps(forking_server.ended(pid, out, err)), file=answers, flush=True)


def _become(asked: dict[str, Any], begins: int, out: int, err: int) -> None:
    """Run the script with its own variables and files; never return."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANY), 0, 0, 0)
        forking_server.take_over(asked["environ"], out, err)
        os.read(begins, 1)
        exec(asked["script"], {"__name__": "__main__"})
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    sys.argv.pop(1)
    serve()
