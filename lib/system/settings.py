"""The environment, read in one place.

Builtins only: the hook path imports this. Names and defaults are the public contract; a bad
value means the default and a line in `Settings.warnings`, never an exception.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TRUE_WORDS = ("true", "1", "yes", "on")
FALSE_WORDS = ("false", "0", "no", "off")


class Settings:
    """What the environment asks for, with defaults where it says nothing or nonsense.

    Attributes:
        enabled: False makes the hooks do nothing (PATTERN_TRACKING_ENABLED).
        config_dir: Claude Code's configuration directory (CLAUDE_CONFIG_DIR, ~/.claude);
            "" when no home directory can be found.
        cache_dir: the spool directory (PATTERN_CACHE_DIR); "" when there is nowhere to put it.
        max_age_days, max_size_mb: retention of undelivered events.
        keep_content: False keeps ids and metadata only (PATTERN_TRACKING_CONTENT=none).
        service_url: the traceability service, "" for the embedded ledger only.
        failure_threshold: consecutive failures that open the circuit (a count).
        breaker_timeout, health_interval, health_timeout: seconds.
        warnings: one line for each value that was not usable.
    """

    def __init__(self, environ: "Mapping[str, str]") -> None:
        """`environ`: variable names and their values, `os.environ` as a rule."""
        self.warnings: list[str] = []
        self._environ = environ
        self.enabled = self._flag("PATTERN_TRACKING_ENABLED", True)
        self.keep_content = self._choice("PATTERN_TRACKING_CONTENT", ("full", "none")) == "full"
        self.config_dir = self._directory("CLAUDE_CONFIG_DIR", self._in_home(".claude"))
        default = self.config_dir and self.config_dir + "/hooks/.cache/patterns"
        self.cache_dir = self._directory("PATTERN_CACHE_DIR", default)
        self.max_age_days = self._number("PATTERN_CACHE_MAX_AGE_DAYS", 7.0)
        self.max_size_mb = self._number("PATTERN_CACHE_MAX_SIZE_MB", 50.0)
        self.service_url = self._environ.get("INTELLIGENCE_SERVICE_URL", "").strip()
        self.failure_threshold = self._count("CIRCUIT_BREAKER_FAILURE_THRESHOLD", 3)
        self.breaker_timeout = self._number("CIRCUIT_BREAKER_TIMEOUT", 60.0)
        self.health_interval = self._number("HEALTH_CHECK_INTERVAL", 30.0)
        self.health_timeout = self._number("HEALTH_CHECK_TIMEOUT", 1.0)

    def _reject(self, name: str, why: str) -> None:
        self.warnings.append(f"{name} {why}: the default is used")

    def _expand(self, path: str) -> str:
        """`path` with a leading ~ replaced by the home directory, which HOME may not name."""
        home = self._environ.get("HOME", "")
        if path.startswith("~/") and home.startswith("/"):
            return home.rstrip("/") + path[1:]
        if not path.startswith("~"):
            return path
        from os.path import expanduser

        return expanduser(path)

    def _in_home(self, name: str) -> str:
        path = self._expand("~/" + name)
        return path if path.startswith("/") else ""

    def _directory(self, name: str, default: str) -> str:
        value = self._environ.get(name)
        if value is None:
            return default
        path = self._expand(value)
        # A relative directory would be another one in every project.
        if path.startswith("/"):
            return path.rstrip("/") or "/"
        self._reject(name, "is not an absolute path")
        return default

    def _flag(self, name: str, default: bool) -> bool:
        value = self._environ.get(name)
        if value is None:
            return default
        word = value.strip().lower()
        if word in TRUE_WORDS:
            return True
        if word in FALSE_WORDS:
            return False
        self._reject(name, "is neither true nor false")
        return default

    def _choice(self, name: str, words: "tuple[str, ...]") -> str:
        """One of `words`, the first by default."""
        word = self._environ.get(name, words[0]).strip().lower()
        if word in words:
            return word
        self._reject(name, f"is none of {', '.join(words)}")
        return words[0]

    def _number(self, name: str, default: float) -> float:
        value = self._environ.get(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = -1.0
        if 0 < number < float("inf"):
            return number
        self._reject(name, "is not a number above zero")
        return default

    def _count(self, name: str, default: int) -> int:
        value = self._environ.get(name)
        if value is None:
            return default
        if value.strip().isdecimal() and 0 < len(value.strip()) < 10 and int(value) > 0:
            return int(value)
        self._reject(name, "is not a whole number above zero")
        return default
