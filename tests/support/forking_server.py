"""The process that `forking.run` asks: it imports every command once, and runs each in a fork."""

import importlib
import json
import os
import pkgutil
import sys
import tempfile
import time
import traceback
from typing import IO, Any


def serve(root: str) -> None:
    """Answer lines of JSON until there are no more: the exit code and what was printed."""
    sys.path.insert(0, root)
    import lib.commands

    for module in pkgutil.walk_packages(lib.commands.__path__, "lib.commands."):
        importlib.import_module(module.name)
    for name in ("httpx", "orjson", "filelock", "rich.console", "regex", "rapidfuzz"):
        importlib.import_module(name)
    answers = os.fdopen(os.dup(1), "w")
    for line in sys.stdin:
        print(json.dumps(_answer(json.loads(line))), file=answers, flush=True)


def _answer(asked: dict[str, Any]) -> tuple[int, str, str]:
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        pid = os.fork()
        if not pid:
            _become(asked, out.fileno(), err.fileno())
        return ended(pid, out, err)


def ended(pid: int, out: IO[bytes], err: IO[bytes]) -> tuple[int, str, str]:
    """Wait for a fork: its exit code, and what is in the files that it printed to."""
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    texts = []
    for file in (out, err):
        file.seek(0)
        texts.append(file.read().decode("utf-8", "surrogateescape"))
    return code, texts[0], texts[1]


def take_over(environ: dict[str, str], out: int, err: int) -> None:
    """Have variables and files of one's own: nothing to read, and where to print to."""
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(out, 1)
    os.dup2(err, 2)
    os.environ.clear()
    os.environ.update(environ)


def _become(asked: dict[str, Any], out: int, err: int) -> None:
    """Be the command, with its own variables, directory and files; never return."""
    code = 1
    try:
        take_over(asked["environ"], out, err)
        sys.stdin, sys.stdout, sys.stderr = (
            os.fdopen(fd, mode, encoding="utf-8", errors="surrogateescape", closefd=False)
            for fd, mode in ((0, "r"), (1, "w"), (2, "w"))
        )
        time.tzset()
        os.chdir(asked["cwd"])
        sys.argv[1:] = asked["arguments"]
        from lib.commands.cli import main

        code = main()
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(sys.argv.pop(1))
