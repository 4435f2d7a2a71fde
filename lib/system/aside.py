"""Ask about files of other mounts in a child process, which is left behind where one hangs.

A process that touches a file of a dead network mount may sleep for ever, and cannot always be
killed. So an object that touches files is made twice: here, with `near`, and in a child, where it
may go further. Each tells the function that it was made with of every path before it touches it.
"""

import time
from _thread import allocate_lock
from collections.abc import Callable
from typing import Any, NamedTuple

from lib.system import mounts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.system.aside_child import Child

# For an answer, and in a row until other work is done.
PATIENCE_SECONDS = 2.0
SLICE_SECONDS = 6.0
_POLL_SECONDS = 0.05
HANGS = "does not answer"
GONE = "is not mounted"
BUSY = "was not asked yet, for other mounts were slow"

Touch = Callable[[str], None]


class Beyond(Exception):
    """A path lies on another mount; the text is that path."""


class Away(Exception):
    """A mount does not answer, or is gone: `mount` and `why`."""

    def __init__(self, mount: str, why: str) -> None:
        super().__init__(f"{mount} {why}")
        self.mount = mount
        self.why = why


def near(path: str) -> None:
    """Raise Beyond where `path`, in whose directory are no links, lies on another mount."""
    if shared.waits_for(path) or not mounts.is_near(path):
        raise Beyond(path)


class _Wait(NamedTuple):
    """Why a mount is not asked, and who waits for it: a child, or what an earlier run left."""

    why: str
    child: "Child | None" = None
    pid: object = None
    born: object = None

    def is_over(self) -> bool:
        """Check whether nobody waits any more, for the mount answered."""
        if not self.child:
            return self.why == HANGS and not is_alive(self.pid, self.born)
        try:
            self.child.answer(0.0)
        except TimeoutError:
            return False
        except OSError:
            pass
        return True


class Aside:
    """Asks near objects, and for what lies beyond their copies in a child. Thread-safe."""

    def __init__(self) -> None:
        self._lock = allocate_lock()
        self._idle: Child | None = None
        # By the mounts that are not asked now.
        self._waits: dict[str, _Wait] = {}
        self._spent = 0.0

    def ask(self, made: object, method: str, *arguments: Any) -> Any:
        """Call `method` of `made`, which was made with `near`, or of its copy in the child.

        Arguments and result are what JSON holds. Raises Away, OSError.
        """
        try:
            return getattr(made, method)(*arguments)
        except Beyond as beyond:
            path = str(beyond)
        kind = type(made)
        with self._lock:
            return self._far(path, [kind.__module__, kind.__name__, method, *arguments])

    def waits_for(self, path: str) -> str:
        """Return the mount that is not asked now and that `path` lies below, "" for none."""
        return next((mount for mount in self._waits if is_below(path, mount)), "")

    def _far(self, path: str, question: list[Any]) -> Any:
        if mount := self.waits_for(path):
            raise Away(mount, self._waits[mount].why)
        if self._spent > SLICE_SECONDS:
            raise Away(mounts.of(path), BUSY)
        from lib.system.aside_child import Child

        begun = time.monotonic()
        child = self._idle
        self._idle = None
        try:
            child = child or Child(self._waits)
            child.send(question)
            answer = child.answer(PATIENCE_SECONDS)
        except TimeoutError:
            assert child
            mount = child.at or mounts.of(path)
            self._waits[mount] = _Wait(HANGS, child, child.pid, _born(child.pid))
            raise Away(mount, HANGS) from None
        except OSError as error:
            if child:
                child.end()
            raise Away(mounts.of(path), f"could not be asked: {error}") from None
        finally:
            self._spent += time.monotonic() - begun
        self._idle = child
        return self._value(answer)

    def _value(self, answer: dict[str, Any]) -> Any:
        if "away" in answer:
            mount = answer["away"]
            raise Away(mount, self._waits[mount].why)
        if "errno" in answer:
            raise OSError(answer["errno"], answer["text"], answer["path"])
        return answer["value"]

    def recall(self, known: dict[str, Any]) -> None:
        """Take over what an earlier run noted (`notes`): ask those mounts whether they are back.

        None is waited for; one for which a child of an earlier run still waits is not asked.
        """
        from lib.system.aside_child import Child

        mounts.forget()
        present = mounts.points()
        for mount, told in known.items():
            if not isinstance(told, dict) or not told.get("is_mount"):
                continue
            if is_alive(told.get("pid"), told.get("born")):
                self._waits[mount] = _Wait(HANGS, None, told["pid"], told["born"])
            elif present is not None and mount not in present:
                self._waits[mount] = _Wait(GONE)
            elif told.get("pid"):
                try:
                    child = Child(())
                    child.send(["lib.system.places", "Places", "answers", mount])
                except OSError:
                    continue
                self._waits[mount] = _Wait(HANGS, child, child.pid, _born(child.pid))

    def renew(self) -> None:
        """Forget what was read, what time was spent, and that mounts hung which answer now."""
        mounts.forget()
        with self._lock:
            self._release()
            self._spent = 0.0
            if self._idle:
                self._idle.end()
                self._idle = None

    def has_news(self, seconds: float = 0.0) -> bool:
        """Check whether to ask again: a mount came back, or other work had its turn.

        Waits up to so many seconds for a mount.
        """
        until = time.monotonic() + seconds
        while True:
            if self._release() or self._spent > SLICE_SECONDS:
                return True
            if not self.is_waiting() or time.monotonic() >= until:
                return False
            time.sleep(_POLL_SECONDS)

    def _release(self) -> bool:
        """Ask the mounts again that answer now; return whether there are any."""
        back = [mount for mount, wait in self._waits.items() if wait.is_over()]
        for mount in back:
            if child := self._waits.pop(mount).child:
                child.end()
        return bool(back)

    def is_waiting(self) -> bool:
        """Check whether a mount may answer yet."""
        return any(wait.why == HANGS for wait in self._waits.values())

    def notes(self) -> dict[str, dict[str, Any]]:
        """Return what the next run is to know of mounts that hang, by mount."""
        return {
            mount: {"is_mount": True, "why": HANGS, "events": 0, "pid": w.pid, "born": w.born}
            for mount, w in self._waits.items()
            if w.why == HANGS
        }

    def close(self) -> None:
        """End all children; what cannot be killed is left behind."""
        with self._lock:
            waiting = [wait.child for wait in self._waits.values() if wait.child]
            for child in [*waiting, *([self._idle] if self._idle else [])]:
                child.end()
            self._idle, self._waits, self._spent = None, {}, 0.0


# One for all of a process: it remembers what hangs.
shared = Aside()


def is_below(path: str, mount: str) -> bool:
    """Check whether `path` is a mount or lies below it."""
    return f"{path}/".startswith(mount.rstrip("/") + "/")


def is_alive(pid: object, born: object) -> bool:
    """Check whether the process `pid` that was `born` then is there still."""
    return isinstance(pid, int) and pid > 0 and bool(born) and _born(pid) == born


def _born(pid: int) -> str:
    """Return when a process started, in the kernel's own words; "" where it is gone."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            fields = file.read().rpartition(b")")[2].split()
    except OSError:  # gone, or not Linux: then a killed child is taken for dead
        return ""
    return "" if fields[0] == b"Z" else fields[19].decode("ascii")
