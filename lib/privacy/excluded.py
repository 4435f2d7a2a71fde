"""Recognise files that are never recorded: those named as secrets, and Claude Code's own.

The client keeps notes about the user, plans and settings in its directory.
"""

from lib.capture.secret_names import holds_secrets


def is_private(name: str, place: str, config_dir: str) -> bool:
    """Tell whether the file called `name`, which leads to `place`, is one of those.

    `config_dir`: Claude Code's directory without links in it, "" for none.
    """
    is_own = bool(config_dir) and place.startswith(f"{config_dir}/")
    return is_own or any(map(holds_secrets, {name, place}))
