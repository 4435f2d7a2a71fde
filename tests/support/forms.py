"""The quick form of a suite and its long one: which examples of a test run in which."""

from collections.abc import Iterable, Mapping
from typing import Any

import pytest


def few(values: Iterable[Any], kept: int = 1) -> list[Any]:
    """The examples of a test: `kept` of them, spread over all, run always, the others if asked.

    A mapping has the examples by their names.
    """
    names = list(values)
    step = len(names) / kept
    quick = {int(number * step) for number in range(kept)}
    return [
        pytest.param(
            values[name] if isinstance(values, Mapping) else name,
            marks=() if number in quick else pytest.mark.long,
            **({"id": name} if isinstance(values, Mapping) else {}),
        )
        for number, name in enumerate(names)
    ]
