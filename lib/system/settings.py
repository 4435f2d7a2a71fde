"""Read every setting that environment variables hold.

Builtins only: the hook path imports this. Names and defaults are the public contract; a bad
value, or one that a project may not choose, means the default and a line in `Settings.warnings`,
never an exception.
"""

from lib.system import bundle, origins, own_directory
from lib.system.calls import posix
from lib.system.defaults import Defaults

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping

TRUE_WORDS = ("true", "1", "yes", "on")
# Every event holds its service's.
MAX_URL = 2048
FALSE_WORDS = ("false", "0", "no", "off")
_ROOT = __file__[: -len("/lib/system/settings.py")]


class Settings(Defaults):
    """The settings in the environment, defaults where a variable is unset or unusable.

    Attributes:
        enabled: False makes the hooks do nothing (PATTERN_TRACKING_ENABLED).
        config_dir: Claude Code's configuration directory (CLAUDE_CONFIG_DIR, ~/.claude);
            "" when no home directory can be found.
        cache_dir: the spool directory (PATTERN_CACHE_DIR); "" when there is nowhere to put it.
        max_age_days, max_size_mb: retention of undelivered events.
        keep_content: False keeps ids and metadata only (PATTERN_TRACKING_CONTENT=none).
        keep_prompts: False keeps no prompts (PATTERN_TRACKING_PROMPTS=none).
        reuse_hints: False says nothing of code that stands elsewhere already
            (PATTERN_REUSE_HINTS=off).
        send_prompts: a service that is approved now gets prompts too
            (PATTERN_TRACKING_SEND_PROMPTS).
        service_url: the traceability service, "" for the embedded ledger only.
        failure_threshold: consecutive failures that open the circuit (a count).
        breaker_timeout, health_interval, health_timeout: seconds.
        warnings: one line for each value that was not usable.
    """

    def __init__(self, environ: "Mapping[str, str]") -> None:
        """Read the settings from variable names and their values, as a rule `os.environ`."""
        self.warnings: list[str] = []
        self._environ = environ
        # The variables that a project chose: none until that is asked, None until it matters.
        self._projects: set[str] | None = set()
        super().__init__(self._config_dir())
        self.enabled = self._flag("PATTERN_TRACKING_ENABLED", self.enabled)
        self.keep_content = self._choice("PATTERN_TRACKING_CONTENT", ("full", "none")) == "full"
        self.keep_prompts = self._choice("PATTERN_TRACKING_PROMPTS", ("full", "none")) == "full"
        self.reuse_hints = self._choice("PATTERN_REUSE_HINTS", ("on", "off")) == "on"
        self.send_prompts = self._flag("PATTERN_TRACKING_SEND_PROMPTS", self.send_prompts)
        self.cache_dir = self._spool("PATTERN_CACHE_DIR", self.cache_dir)
        self.max_age_days = self._number("PATTERN_CACHE_MAX_AGE_DAYS", self.max_age_days)
        self.max_size_mb = self._number("PATTERN_CACHE_MAX_SIZE_MB", self.max_size_mb)
        self.service_url = self._url("INTELLIGENCE_SERVICE_URL")
        threshold = self.failure_threshold
        self.failure_threshold = self._count("CIRCUIT_BREAKER_FAILURE_THRESHOLD", threshold)
        self.breaker_timeout = self._number("CIRCUIT_BREAKER_TIMEOUT", self.breaker_timeout)
        self.health_interval = self._number("HEALTH_CHECK_INTERVAL", self.health_interval)
        self.health_timeout = self._number("HEALTH_CHECK_TIMEOUT", self.health_timeout)

    def _config_dir(self) -> str:
        """Claude Code's directory, where this code lies in it or no project chose it."""
        own, given = bundle.config_of(_ROOT), self._named_config()
        if given and given == own:
            self._projects = None
            return given
        self._projects = origins.chosen_by_project(self._environ, given)
        misled = self._projects.intersection(origins.PLACES)
        if not misled:
            return given
        self._overrule(misled, own)
        return own or self._named_config()

    def _named_config(self) -> str:
        default = self._expand("~/.claude")
        return self._directory("CLAUDE_CONFIG_DIR", default if default.startswith("/") else "")

    def _value(self, name: str) -> "str | None":
        """Return what the user, or somebody who may, gives the variable `name`."""
        value = self._environ.get(name)
        if value is None or origins.is_harmless(name, value):
            return value
        if self._projects is None:
            self._projects = origins.chosen_by_project(self._environ, self.config_dir)
        if name in self._projects:
            self._overrule({name}, self.config_dir)
            if name in origins.DOWN and origins.is_down_above(name):
                return origins.DOWN[name][0]
        return self._environ.get(name)

    def _overrule(self, names: "set[str]", config_dir: str) -> None:
        """Give variables that a project chose the values of the user's own settings."""
        self._environ = origins.without(self._environ, names, config_dir)
        for name in sorted(names):
            self._reject(name, "is not for a project's settings to choose", "your own is used")

    def _spool(self, name: str, default: str) -> str:
        found = self._directory(name, default)
        if found == default or not own_directory.is_foreign(found):
            return found
        self._reject(name, f"names {found}, which holds files that are not ours")
        return default

    def _reject(self, name: str, why: str, instead: str = "the default is used") -> None:
        self.warnings.append(f"{name} {why}: {instead}")

    def _expand(self, path: str) -> str:
        """Replace a leading ~ by the home directory, looked up where HOME does not name it."""
        if not path.startswith("~"):
            return path
        user, slash, rest = path[1:].partition("/")
        home = None if user else self._environ.get("HOME")
        if home is None:
            import pwd

            try:
                found = pwd.getpwnam(user) if user else pwd.getpwuid(posix.getuid())
            except KeyError:
                return path
            home = found.pw_dir
        # An empty HOME would make "/.claude" of "~/.claude", and root can write there.
        return home.rstrip("/") + slash + rest if home.startswith("/") else path

    def _directory(self, name: str, default: str) -> str:
        value = self._value(name)
        if value is None:
            return default
        path = self._expand(value)
        # A relative directory would be another one in every project.
        if path.startswith("/"):
            return path.rstrip("/") or "/"
        self._reject(name, "is not an absolute path")
        return default

    def _url(self, name: str) -> str:
        value = (self._value(name) or "").strip()
        if len(value) <= MAX_URL:
            return value
        self._reject(name, "is too long")
        return ""

    def _flag(self, name: str, default: bool) -> bool:
        value = self._value(name)
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
        value = self._value(name)
        word = words[0] if value is None else value.strip().lower()
        if word in words:
            return word
        self._reject(name, f"is none of {', '.join(words)}")
        return words[0]

    def _number(self, name: str, default: float) -> float:
        value = self._value(name)
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
        value = self._value(name)
        if value is None:
            return default
        if value.strip().isdecimal() and 0 < len(value.strip()) < 10 and int(value) > 0:
            return int(value)
        self._reject(name, "is not a whole number above zero")
        return default
