"""Format instants as text. Builtins only: the hook path imports this."""

import time


def timestamp(nanoseconds: int) -> str:
    """Format nanoseconds since 1970 as ISO 8601 in UTC, to the microsecond."""
    seconds, rest = divmod(nanoseconds, 1_000_000_000)
    y, month, day, hour, minute, second = time.gmtime(seconds)[:6]
    microseconds = rest // 1000
    return f"{y:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{microseconds:06}+00:00"
