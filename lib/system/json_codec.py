"""Read and write JSON on the hook path, by the C accelerators of the standard library alone.

Importing ``json`` costs most of a bare interpreter's start because it pulls in ``re``; the
accelerators behind it do not. Where they are missing, the package serves.
"""

import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Of a call: where what it wrote is, twice, and what stands for that.
_CONTENT, _INSTEAD, _HALVES = '"content":', '"\\u0000"', ("tool_input", "tool_response")
# In characters: shorter ones are parsed as quickly.
_LONG = 2000


def _reject_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _scanner() -> "Callable[[str, int], tuple[object, int]]":
    try:
        from _json import make_scanner
    except ImportError:
        from json import JSONDecoder

        decoder = JSONDecoder(parse_constant=_reject_constant)
        return decoder.scan_once  # type: ignore[attr-defined, no-any-return]
    # What it reads of a decoder; a class for these would take longer to make.
    namespace: Callable[..., object] = type(sys.implementation)
    options = namespace(
        strict=True,
        object_hook=None,
        object_pairs_hook=None,
        parse_float=float,
        parse_int=int,
        parse_constant=_reject_constant,
    )
    return make_scanner(options)  # type: ignore[arg-type]


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


def loads_call(text: str) -> "tuple[object, str]":
    """Parse the JSON of a call like `loads`; what a Write was given is in it twice, and read once.

    Returns its own JSON too, "" where it is short or the call is another.
    """
    start, middle = text.find(_CONTENT), text.find('"tool_response":')
    again = text.find(_CONTENT, middle)
    if not 0 <= start < middle < again:
        return loads(text), ""
    start = text.find('"', start + len(_CONTENT))
    again = text.find('"', again + len(_CONTENT))
    end = text.rfind('"', start, middle) + 1
    raw = text[start:end]
    if len(raw) < _LONG or not text.startswith(raw, again):
        return loads(text), ""
    # Within a string no quote is without a backslash: those above are the strings' own.
    try:
        content = loads(raw)
    except ValueError:  # several strings
        return loads(text), ""
    rest = text[end:again] + _INSTEAD + text[again + len(raw) :]
    found = loads(text[:start] + _INSTEAD + rest)
    given = found if isinstance(found, dict) else {}
    both = [half for half in map(given.get, _HALVES) if isinstance(half, dict)]
    if [half.get("content") for half in both] != ["\0", "\0"]:
        return loads(text), ""
    for half in both:
        half["content"] = content
    return found, raw


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
