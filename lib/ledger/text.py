"""Write text as SQLite takes it."""


def storable(value: object) -> str:
    """Return a string that SQLite takes: lone surrogates become escapes."""
    if not isinstance(value, str):
        return ""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode("utf-8")
