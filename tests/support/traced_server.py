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

PACKAGES = ("delivery", "flusher", "ledger", "registration", "spool", "system")
OTHERS = ("httpx", "orjson", "filelock", "regex", "lib.commands.setup.staging")
# Where a process may trace none but its children unless the other allows it (Yama).
_SET_PTRACER, _ANY = 0x59616D61, -1


def serve(root: str) -> None:
    """Answer lines of JSON until there are no more: the id of a fork, and what became of it."""
    sys.path.insert(0, root)
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
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read().decode("utf-8", "surrogateescape"))
        print(json.dumps((code, *texts)), file=answers, flush=True)


def _become(asked: dict[str, Any], begins: int, out: int, err: int) -> None:
    """Run the script with its own variables and files; never return."""
    code = 1
    try:
        ctypes.CDLL(None).prctl(_SET_PTRACER, ctypes.c_long(_ANY), 0, 0, 0)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.environ.clear()
        os.environ.update(asked["environ"])
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
    serve(sys.argv.pop(1))
