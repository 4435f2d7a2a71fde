"""Get the bearer token of a service from a private file, or from a command of the user's.

Neither the token nor what the command prints is ever part of a message.
"""

import os
from typing import NamedTuple

from lib.system import private_file
from lib.system.private_file import Refused

MAX_TOKEN = 4096
COMMAND_SECONDS = 10.0
# What a password manager needs of the environment that it was approved in, beside HOME and PATH.
VARIABLES = ("USER", "LOGNAME", "LANG", "XDG_RUNTIME_DIR", "DBUS_SESSION_BUS_ADDRESS")


class Command(NamedTuple):
    """A command that prints a token: an absolute program, its arguments, its whole environment.

    They are those of the time of approval: the variables of a hook may be a repository's.
    """

    words: tuple[str, ...]
    environ: dict[str, str]


def command_of(text: str) -> Command:
    """Parse the command that a user has written as a shell's words. Raises Refused."""
    import pwd
    import shlex
    import shutil

    try:
        words = shlex.split(text)
    except ValueError as error:
        raise Refused(f"the token command is no command: {error}") from None
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise Refused("the token command is not there")
    kept = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    home = os.environ.get("HOME") or pwd.getpwuid(os.getuid()).pw_dir
    environ = {**kept, "HOME": home, "PATH": os.environ.get("PATH", os.defpath)}
    return Command((os.path.abspath(program), *words[1:]), environ)


def read_token(path: str) -> str:
    """Read the token in the file at `path`. Raises Refused."""
    try:
        token = _token_in(private_file.read(path, MAX_TOKEN))
    except FileNotFoundError:
        raise Refused(f"the token file {path} is missing") from None
    if not token:
        raise Refused(f"the token file {path} holds no token")
    return token


def ask(command: Command) -> str:
    """Run `command` and return the token that it prints. Raises Refused."""
    # Loaded only where there is a command: it would cost every run of the flusher.
    import subprocess

    name = command.words[0]
    try:
        done = subprocess.run(
            command.words,
            env=command.environ, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL, timeout=COMMAND_SECONDS, check=False,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise Refused(f"the token command {name} took over {COMMAND_SECONDS:.0f} s") from None
    except OSError as error:
        raise Refused(f"the token command {name} does not run: {error.strerror}") from None
    if done.returncode:
        raise Refused(f"the token command {name} exited with {done.returncode}")
    token = _token_in(done.stdout)
    if not token:
        raise Refused(f"the token command {name} printed no token")
    return token


def _token_in(data: bytes) -> str:
    """Return `data` as a token, which is one printable word; "" if it is none."""
    try:
        # Some editors begin a file with a mark.
        token = data.removeprefix(b"\xef\xbb\xbf").decode("ascii").strip()
    except ValueError:
        return ""
    is_word = all(c.isprintable() and c != " " for c in token)
    return token if is_word and len(token) <= MAX_TOKEN else ""
