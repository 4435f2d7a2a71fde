"""Read the units of recorded files, and tell which of them stand more than once."""

from collections.abc import Iterator

from lib.ledger.history import History
from lib.ledger.text import storable
from lib.units.bounded import read
from lib.units.fingerprint import Fingerprint
from lib.units.grammars import language_at
from lib.units.repeated import Repeated

# So much code (in characters) is compared: about 50,000 functions.
MOST_CODE = 32 * 1024 * 1024


def units_below(history: History, root: str) -> Iterator[tuple[str, Fingerprint]]:
    """Yield the units of the files below a directory, as they were recorded last."""
    base = root.rstrip("/")
    query = (
        "SELECT path, snapshot FROM files JOIN revisions ON revision_id = files.revision "
        "WHERE path >= ? AND path < ? AND NOT gone AND snapshot NOT NULL ORDER BY path"
    )
    left = MOST_CODE
    for path, snapshot in history.rows(query, (storable(f"{base}/"), storable(f"{base}0"))):
        language = language_at(path)
        code = history.snapshot(snapshot) if language else None
        if code:
            left -= len(code)
            if left < 0:
                return
            for one in read(code, language).units:
                yield path, one


def told(one: Repeated) -> dict[str, object]:
    """Tell units that are the same for `--json`."""
    units = [
        {
            "file_path": path,
            "kind": unit.kind,
            "qualified_name": unit.qualified_name,
            "start_line": unit.start_line,
            "end_line": unit.end_line,
        }
        for path, unit in one.copies
    ]
    return {"same": one.same, "tokens": one.tokens, "units": units}
