"""Recognise files that are never recorded: those named as secrets, and Claude Code's own.

The client keeps notes about the user, plans and settings in its directory.
"""

import os

from lib.capture.secret_names import holds_secrets


def is_private(path: str, cwd: str, config_dir: str) -> bool:
    """Tell whether the file at `path`, seen from `cwd`, is one of those.

    By its name or by where that leads. `config_dir`: Claude Code's directory, "" for none.
    """
    if not path:
        return False
    full = os.path.join(cwd, path)
    try:
        real = os.path.realpath(full)
    except ValueError:  # no file can have that name
        real = os.path.normpath(full)
    own = os.path.realpath(config_dir) + "/" if config_dir else "\0"
    return holds_secrets(path) or holds_secrets(real) or real.startswith(own)
