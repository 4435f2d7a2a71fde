"""Hold what the settings are where nobody set any, and tell where that is so.

Builtins only: the hook path imports this. Most people set none, and then their hooks do not load
`lib.system.settings`.
"""

from lib.system import bundle

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

# How the variables begin that settings are read from; HOME besides.
_VARIABLES = (
    b"PATTERN_", b"INTELLIGENCE_", b"CIRCUIT_BREAKER_", b"HEALTH_CHECK_", b"CLAUDE_CONFIG_DIR"
)  # fmt: skip


class Defaults:
    """The settings of a user who set none: `lib.system.settings` tells what each means."""

    enabled = True
    keep_content = True
    keep_prompts = True
    reuse_hints = True
    send_prompts = False
    max_age_days = 7.0
    max_size_mb = 50.0
    service_url = ""
    failure_threshold = 3
    breaker_timeout = 60.0
    health_interval = 30.0
    health_timeout = 1.0

    def __init__(self, config_dir: str) -> None:
        """Take Claude Code's configuration directory, "" where there is none."""
        self.config_dir = config_dir
        self.cache_dir = config_dir and f"{config_dir}/hooks/.cache/patterns"


def defaults_in(environ: "Mapping[bytes, bytes]", root: str) -> "Defaults | None":
    """Return the defaults for the bundle at `root`, None where the environment has a say.

    So it has where that is not installed in the directory that is the client's by default.
    """
    if any(name.startswith(_VARIABLES) for name in environ):
        return None
    home = environ.get(b"HOME", b"").decode("utf-8", "surrogateescape")
    own = bundle.config_of(root)
    return Defaults(own) if own and own == home.rstrip("/") + "/.claude" else None
