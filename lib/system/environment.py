"""Build the bundle's own virtual environment from requirements.lock, and check it before use."""

import ast
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping

from lib.system import files, packages, pins

# In an environment that is whole: which Python and which lock it was made for.
MARK = ".complete"
PROBE_SECONDS = 30.0
# Where a tool is looked for: not on PATH, which a cloned repository can set.
TOOLS = f"{os.path.expanduser('~')}/.local/bin:/usr/local/bin:/usr/bin:/opt/homebrew/bin"
# What a user may say to pip and uv by variables; others could make it install something else, and a
# cloned repository can set variables.
VARIABLES = frozenset(
    "PIP_CACHE_DIR PIP_CERT PIP_CLIENT_CERT PIP_DEFAULT_TIMEOUT PIP_EXTRA_INDEX_URL PIP_FIND_LINKS "
    "PIP_INDEX_URL PIP_NO_CACHE_DIR PIP_NO_INDEX PIP_PROXY PIP_RETRIES PIP_TIMEOUT "
    "PIP_TRUSTED_HOST UV_CACHE_DIR UV_DEFAULT_INDEX UV_INDEX_URL UV_NATIVE_TLS".split()
)
_PROBE = f"import {', '.join(packages.NAMES)}; print(True)"


class BuildError(Exception):
    """The virtual environment could not be built; the text says why, in one line."""


class NoTool(BuildError):
    """No tool on this machine makes virtual environments; the text says which one to install."""


def python_of(environment: str) -> str:
    """Return the path of an environment's interpreter."""
    return f"{environment}/bin/python"


def is_complete(environment: str, lock: str, any_python: bool = False) -> bool:
    """Check that `environment` was built from the lock file as it is now, and by this Python."""
    python, pinned = _made_for(environment)
    this, wanted = _signature(lock).split("\0")
    is_usable = os.access(python_of(environment), os.X_OK)
    return is_usable and pinned == wanted and (any_python or python == this)


def _made_for(environment: str) -> tuple[str, str]:
    """Read which Python and which lock file's digest a complete environment was built with."""
    try:
        with open(f"{environment}/{MARK}", encoding="utf-8") as file:
            python, pinned = file.read().split("\0")
            return python, pinned
    except (OSError, ValueError):
        return "", ""


def works(environment: str) -> bool:
    """Check that an environment's interpreter starts and imports every package."""
    try:
        done = subprocess.run(
            [python_of(environment), "-I", "-c", _PROBE],
            stdin=subprocess.DEVNULL, capture_output=True, check=False, timeout=PROBE_SECONDS,
        )  # fmt: skip
    except (OSError, subprocess.SubprocessError):
        return False
    return done.stdout == b"True\n"


def build(
    environment: str,
    lock: str,
    interpreter: str,
    earlier: str = "",
    say: Callable[[str], None] = lambda text: None,
) -> None:
    """Build a virtual environment where there is none yet; on failure nothing of it is left.

    Args:
        environment: the directory to make.
        lock: the file of pinned packages with their hashes.
        interpreter: this Python, outside of any virtual environment.
        earlier: an environment to copy if it has this minor version and these packages.
        say: called with a few words at each step.

    Raises BuildError, OSError.
    """
    try:
        if not (earlier and _copied(earlier, environment, lock, interpreter, say)):
            _make(environment, lock, interpreter, say)
        if not is_complete(environment, lock):
            files.replace(f"{environment}/{MARK}", _signature(lock).encode())
    except BaseException:
        shutil.rmtree(environment, ignore_errors=True)
        raise


def _signature(lock: str) -> str:
    with open(lock, "rb") as file:
        return f"{sys.version}\0{hashlib.sha256(file.read()).hexdigest()}"


def _copied(
    earlier: str, environment: str, lock: str, interpreter: str, say: Callable[[str], None]
) -> bool:
    is_same = _made_for(earlier)[1] == _signature(lock).split("\0")[1]
    if not is_same or not os.path.isdir(packages.place(earlier)):
        return False
    say("copying the environment")
    try:
        copy(earlier, environment)
        _point(environment, interpreter)
    except (OSError, shutil.Error):
        pass
    if works(environment):
        return True
    shutil.rmtree(environment, ignore_errors=True)
    return False


def copy(earlier: str, environment: str) -> None:
    """Copy an environment, by hard links where possible. Raises OSError, shutil.Error."""
    shutil.copytree(earlier, environment, symlinks=True, copy_function=_link)


def _point(environment: str, interpreter: str) -> None:
    """Make a copied environment start `interpreter`, which may differ from the earlier one's."""
    for name in os.listdir(f"{environment}/bin"):
        path = f"{environment}/bin/{name}"
        is_alias = os.path.islink(path) and not os.path.isabs(os.readlink(path))
        if name.startswith("python") and not is_alias:
            os.unlink(path)
            os.symlink(interpreter, path)
    told = {
        "home": os.path.dirname(interpreter),
        "include-system-site-packages": "false",
        "version": sys.version.split()[0],
    }
    text = "".join(f"{name} = {value}\n" for name, value in told.items())
    files.replace(f"{environment}/pyvenv.cfg", text.encode())


def _link(source: str, target: str) -> None:
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)


def _make(environment: str, lock: str, interpreter: str, say: Callable[[str], None]) -> None:
    say(f"making an environment with Python {sys.version.split()[0]}")
    install = _prepare(environment, interpreter)
    say("installing the packages")
    said = {} if "--no-config" in install else _configured(install[: install.index("pip") + 1])

    def run(options: list[str]) -> list[str]:
        return _run(
            [*install, *options],
            lambda line: say(f"installing the packages: {_name(line)}") if _name(line) else None,
            said,
        )

    if failed := pins.install(lock, f"{environment}/part.lock", run):
        raise BuildError(pins.explained(failed))
    if not works(environment):
        raise BuildError(f"the packages were installed and {interpreter} cannot import them")


def _prepare(environment: str, interpreter: str) -> list[str]:
    """Make an environment without packages, and return the command that installs packages in it.

    Tries venv, uv and virtualenv in turn: Debian's Python may come without ensurepip.
    """
    pip = ["-m", "pip"]
    options = ["install", "--disable-pip-version-check", "--no-input", "--retries", "2"]
    own = [python_of(environment), "-I", *pip, *options]
    failed = _try([interpreter, "-I", "-m", "venv", environment])
    if not failed:
        return own
    if not any("ensurepip" in line for line in failed):
        raise BuildError(f"{interpreter} -m venv failed: {failed[-1]}")
    shutil.rmtree(environment, ignore_errors=True)
    uv = shutil.which("uv", path=TOOLS)
    if uv and not _try([uv, "venv", "--no-config", "--python", interpreter, environment]):
        return [uv, "pip", "install", "--no-config", "--python", python_of(environment)]
    shutil.rmtree(environment, ignore_errors=True)
    bare = [interpreter, "-I", "-m", "venv", "--without-pip", environment]
    if not _try([interpreter, "-I", *pip, "--version"]) and not _try(bare):
        return [interpreter, "-I", *pip, "--python", python_of(environment), *options]
    shutil.rmtree(environment, ignore_errors=True)
    if not _try([interpreter, "-I", "-m", "virtualenv", environment]):
        return own
    raise NoTool(
        f"{interpreter} cannot make environments: its ensurepip is missing "
        "(on Debian and Ubuntu: apt install python3-venv)"
    )


def _configured(pip: list[str]) -> dict[str, str]:
    """Return what pip's configuration says of where packages come from, as variables.

    Nothing else of it counts then: a "user", "target" or "prefix" in it would put them elsewhere.
    """
    lines: list[str] = []
    _run([*pip, "config", "list"], lines.append)
    said = {"PIP_CONFIG_FILE": os.devnull}
    for line in sorted(lines):  # "global.NAME='VALUE'" before "install.NAME='VALUE'"
        name, _, value = line.partition("=")
        section, _, name = name.partition(".")
        variable = f"PIP_{name.upper().replace('-', '_')}"
        if section in ("global", "install") and variable in VARIABLES:
            said[variable] = str(ast.literal_eval(value))
    return said


def _try(command: list[str]) -> list[str]:
    return _run(command, lambda line: None)


def _run(
    command: list[str], meet: Callable[[str], None], said: Mapping[str, str] | None = None
) -> list[str]:
    """Run `command`, passing each line it prints to `meet`; return them all if it failed, or [].

    `said` are variables for it where the environment has no others.
    """
    strange = {n for n in os.environ if n.startswith(("PIP_", "UV_", "VIRTUALENV_"))} - VARIABLES
    environ = dict(said or {}) | {n: v for n, v in os.environ.items() if n not in strange}
    lines: list[str] = []
    with subprocess.Popen(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        env=environ, text=True, errors="replace",
    ) as process:  # fmt: skip
        for line in filter(None, map(str.strip, process.stdout or ())):
            lines.append(line)
            meet(line)
    return (lines or [f"exit code {process.returncode}"]) if process.returncode else []


def _name(line: str) -> str:
    """Return the package named by a line of pip's "Collecting ..." output, "" for other lines."""
    words = line.split()
    return words[1].partition("==")[0] if words[0] == "Collecting" and len(words) > 1 else ""
