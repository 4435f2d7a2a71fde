"""Keep a caller going while a service is slow, broken or gone.

Each name is imported when it is first used: who needs the breaker does not pay for `httpx`.
`lib.resilience.testing` has the clock for tests.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from lib.resilience.cache import PatternCache
    from lib.resilience.circuit_breaker import CircuitBreaker
    from lib.resilience.client import ResilientAPIClient, TrackingError
    from lib.resilience.decorator import graceful_tracking
    from lib.resilience.executor import ResilientExecutor
    from lib.resilience.health import Phase4HealthChecker
    from lib.system.storage import MemoryStorage, SharedStorage, Storage

__all__ = [
    "CircuitBreaker",
    "MemoryStorage",
    "PatternCache",
    "Phase4HealthChecker",
    "ResilientAPIClient",
    "ResilientExecutor",
    "SharedStorage",
    "Storage",
    "TrackingError",
    "graceful_tracking",
]

_MODULES = {
    "CircuitBreaker": "lib.resilience.circuit_breaker",
    "MemoryStorage": "lib.system.storage",
    "PatternCache": "lib.resilience.cache",
    "Phase4HealthChecker": "lib.resilience.health",
    "ResilientAPIClient": "lib.resilience.client",
    "ResilientExecutor": "lib.resilience.executor",
    "SharedStorage": "lib.system.storage",
    "Storage": "lib.system.storage",
    "TrackingError": "lib.resilience.client",
    "graceful_tracking": "lib.resilience.decorator",
}


def __getattr__(name: str) -> object:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(_MODULES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_MODULES})
