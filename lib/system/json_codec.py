"""Read and write JSON on the hook path, by the C accelerators of the standard library alone.

Importing ``json`` costs most of a bare interpreter's start because it pulls in ``re``; the
accelerators behind it do not. Where they are missing, the package serves.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


class _Context:
    """The options that ``_json.make_scanner`` reads."""

    strict = True
    object_hook = None
    object_pairs_hook = None
    parse_float = float
    parse_int = int
    parse_constant = staticmethod(_reject_constant)


def _scanner() -> "Callable[[str, int], tuple[object, int]]":
    try:
        from _json import make_scanner
    except ImportError:
        from json.scanner import py_make_scanner  # type: ignore[attr-defined]

        return py_make_scanner(_Context)  # type: ignore[no-any-return, arg-type]
    return make_scanner(_Context)  # type: ignore[arg-type]


def loads(text: str) -> object:
    """Parse `text`, which is one JSON value.

    Raises ValueError for anything that is not one JSON value (NaN and Infinity included) and
    RecursionError for nesting beyond the interpreter's limit.
    """
    text = text.strip("\ufeff \t\n\r")
    try:
        value, end = _scanner()(text, 0)
    except (StopIteration, SystemError):
        # SystemError: before Python 3.12 the accelerator expects json.decoder to be loaded already.
        raise ValueError("not JSON") from None
    if end != len(text):
        raise ValueError("data after the JSON value")
    return value


def dumps(value: object) -> str:
    """Write `value` as compact ASCII JSON; lone surrogates survive as escapes.

    Raises ValueError for NaN, Infinity and cycles, TypeError for types that JSON does not have.
    """
    try:
        from _json import encode_basestring_ascii, make_encoder
    except ImportError:
        import json

        return json.dumps(value, separators=(",", ":"), allow_nan=False)
    encode = make_encoder({}, _refuse, encode_basestring_ascii, None, ":", ",", False, False, False)
    return "".join(encode(value, 0))


def _refuse(value: object) -> None:
    raise TypeError(f"{type(value).__name__} is not JSON")
