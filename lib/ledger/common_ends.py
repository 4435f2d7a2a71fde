"""Count what two texts have in common at their beginnings and ends, by halving."""


def common_start(one: bytes, other: bytes) -> int:
    """Count the first bytes that both have in common."""
    low, limit = 0, min(len(one), len(other))
    while low < limit:
        middle = (low + limit + 1) // 2
        if one[low:middle] == other[low:middle]:
            low = middle
        else:
            limit = middle - 1
    return low


def common_end(one: bytes, other: bytes, most: int | None = None) -> int:
    """Count the last bytes that both have in common, at most `most` if that is given."""
    low, limit = 0, min(len(one), len(other)) if most is None else most
    while low < limit:
        middle = (low + limit + 1) // 2
        if one[len(one) - middle : len(one) - low] == other[len(other) - middle : len(other) - low]:
            low = middle
        else:
            limit = middle - 1
    return low
