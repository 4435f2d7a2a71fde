"""The diffs that the client tells."""

import difflib
from typing import Any


def hunks_of(old: list[str], new: list[str]) -> list[dict[str, Any]]:
    """The client's hunks of what became of lines."""
    found: list[dict[str, Any]] = []
    for line in list(difflib.unified_diff(old, new, lineterm=""))[2:]:
        if line.startswith("@@"):
            spans = [span[1:].partition(",")[::2] for span in line.split()[1:3]]
            (start, length), (new_start, new_length) = spans
            found.append({"oldStart": int(start), "oldLines": int(length or 1),
                          "newStart": int(new_start), "newLines": int(new_length or 1),
                          "lines": []})  # fmt: skip
        else:
            found[-1]["lines"].append(line)
    return found
