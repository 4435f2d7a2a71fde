"""Build the virtual environment of a bundle in the background where none works.

A plugin has no step of installation: its first flusher builds the environment, once, in the
plugin's data directory, which outlives its versions, and a link in the bundle leads to it. That of
an installation is built anew when its Python is gone. Until then the hooks capture and the ledger
records, but nothing is sent to a service.
"""

import os
import signal
import time

from lib.registration import hook_command
from lib.spool import inbox, wake
from lib.system.bytecode import image_path
from lib.system.exchange import put_in_place
from lib.system.lock import Lock
from lib.system.logs import log
from lib.system.pythons import base, defect
from lib.system.state import FILE_NAME, State, StateFile
from lib.system.timestamps import timestamp

SECTION = "environment"
PREPARING, READY, FAILED, MISSING = "preparing", "ready", "failed", "missing"
LOCK_FILE = "environment.lock"
DEADLINE_SECONDS = 600
# After a failure, such as no network.
RETRY_SECONDS = 3600.0


def ensure(root: str, data: str, directory: str, suspect: bool = False) -> None:
    """Build the environment of the bundle at `root`, if it has none, in the directory `data`.

    `directory` is the spool: its state tells how it went, and a flusher is started for it
    afterwards. `suspect`: there may be one that does not work. One process at a time does this;
    others return at once. Never raises.
    """
    try:
        if os.path.isabs(data) and data != root:
            _remember(root, data)
        is_wanted = not _has_its_own(root, data) if suspect else _is_wanted(root, data)
        if os.path.isabs(data) and is_wanted:
            _prepare_alone(root, data, directory, suspect)
    except Exception as error:
        log(directory, f"the environment could not be prepared: {type(error).__name__}: {error}")


def _remember(root: str, data: str) -> None:
    """Mark this Python as the one that a plugin's hooks run on. Raises OSError."""
    python = base()
    is_known = hook_command.marked(root, data) == python
    if not is_known or not hook_command.is_marked(root, python, data) or not _has_image(root):
        os.makedirs(data, mode=0o700, exist_ok=True)
        hook_command.mark(root, python, data)


def _has_image(root: str) -> bool:
    """Check that the plugin's hooks find the image of this Python: each version has its own."""
    link = f"{root}/lib/__pycache__/python.image"
    return os.path.islink(link) and os.readlink(link) == image_path(root)


def _is_wanted(root: str, data: str) -> bool:
    """Check by dates, fast, whether the environment is missing or may have other packages."""
    own, place = f"{root}/.venv", _place(data)
    if not os.access(f"{own}/bin/python", os.X_OK):
        return True
    is_ours = os.path.realpath(own) == os.path.realpath(place)
    return is_ours and os.stat(place).st_mtime < os.stat(f"{root}/requirements.lock").st_mtime


def _has_its_own(root: str, data: str) -> bool:
    """Check whether a plugin's directory, such as a checkout, has an environment that works."""
    from lib.system import environment

    own = f"{root}/.venv"
    is_ours = data == root or os.path.realpath(own) == os.path.realpath(_place(data))
    return not is_ours and environment.works(own)


def _place(data: str) -> str:
    return f"{data}/.venv"


def _is_complete(root: str, data: str, suspect: bool) -> bool:
    from lib.system import environment

    place, lock = _place(data), f"{root}/requirements.lock"
    found = environment.is_complete(place, lock, any_python=True)
    return found and (not suspect or environment.works(place))


def _prepare_alone(root: str, data: str, directory: str, suspect: bool) -> None:
    from lib.system.environment import BuildError

    os.makedirs(data, mode=0o700, exist_ok=True)
    state = StateFile(f"{directory}/{FILE_NAME}")
    lock = Lock(f"{data}/{LOCK_FILE}")
    if not lock.acquire():
        return
    try:
        if not _is_complete(root, data, suspect):
            if not is_due(state.section(SECTION)):
                return
            limit_time()
            _tell(state, PREPARING)
            _make(root, data)
        _link(root, data)
        os.utime(_place(data))
        _tell(state, READY)
    except (BuildError, OSError) as error:
        _tell(state, FAILED, str(error))
        _put_out_of_use(_place(data))
        log(directory, f"the environment could not be prepared: {error}")
        return
    finally:
        lock.release()
    # What waits for it goes on with it. One that was started meanwhile had the Python that fails.
    if inbox.has_pending(directory):
        wake.forget_mark(directory)
        wake.wake(directory, root, dict(os.environb), "" if data == root else data)


def is_due(section: State) -> bool:
    """Check whether to try again what `section` tells of: it has not failed within the hour."""
    tried = section.get("tried")
    if section.get("state") != FAILED or not isinstance(tried, (int, float)):
        return True
    # A clock set back makes it due, and that does no harm.
    return not 0 <= time.time() - tried < RETRY_SECONDS


def _tell(state: StateFile, said: str, reason: str = "") -> None:
    now = time.time()
    told = {"state": said, "since": timestamp(int(now * 1e9)), "tried": now, "reason": reason}

    def change(section: State) -> None:
        section.clear()
        section.update(told)

    state.update(SECTION, change)


def limit_time() -> None:
    """Set a timer that ends this process, and those it started, at the deadline."""

    def end(number: int, frame: object) -> None:
        os.killpg(0, signal.SIGKILL)

    if os.getpid() == os.getsid(0):
        signal.signal(signal.SIGALRM, end)
    signal.alarm(DEADLINE_SECONDS)


def _make(root: str, data: str) -> None:
    import shutil

    from lib.system import environment

    for name in os.listdir(data):
        if name.startswith(".venv."):
            shutil.rmtree(f"{data}/{name}", ignore_errors=True)
    made = f"{data}/.venv.{os.getpid()}"
    environment.build(made, f"{root}/requirements.lock", base(), _place(data))
    if put_in_place(made, _place(data)):
        shutil.rmtree(made, ignore_errors=True)


def _put_out_of_use(place: str) -> None:
    """Remove a broken environment's Python, so that flushers are started by their hooks' Python."""
    from lib.system import environment

    python = environment.python_of(place)
    if os.path.lexists(python) and defect(python):
        os.unlink(python)


def _link(root: str, data: str) -> None:
    own = f"{root}/.venv"
    if os.path.realpath(own) == os.path.realpath(_place(data)):
        return
    if os.path.islink(own):
        os.unlink(own)
    os.symlink(_place(data), own)
