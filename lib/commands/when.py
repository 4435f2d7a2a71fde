"""Read times as people write them; the words for times are those of `lib.system.wording`."""

import re
import time
from datetime import datetime, timezone

from lib.commands.common import CommandError, printable
from lib.system import wording
from lib.system.timestamps import timestamp

age, ago, local, since = wording.age, wording.ago, wording.local, wording.since

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_AGO = re.compile(r"(\d{1,6})([smhdw])")


def instant(text: str) -> str:
    """Read an ISO 8601 time, or a length of time before now ("90s", "15m", "2h", "3d", "1w").

    Returns it as the ledger writes it; without a zone it is local. Raises CommandError for
    anything else.
    """
    ago = _AGO.fullmatch(text.strip())
    if ago:
        return timestamp(time.time_ns() - int(ago[1]) * _UNITS[ago[2]] * 10**9)
    try:
        found = datetime.fromisoformat(text.strip().replace("Z", "+00:00"))
        utc = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise CommandError(
            f"{printable(text)} is no time: write 2h, 3d or 2026-01-31T12:00"
        ) from None
    return utc.isoformat(timespec="microseconds")
