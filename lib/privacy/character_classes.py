"""Define the classes of characters in a .gitignore, such as [:alpha:], as the C locale has them."""

from collections.abc import Callable


def _these(test: Callable[[str], bool]) -> frozenset[int]:
    return frozenset(number for number in range(128) if test(chr(number)))


_GRAPH = _these(lambda c: "!" <= c <= "~")
CLASSES = {
    b"alnum": _these(str.isalnum),
    b"alpha": _these(str.isalpha),
    b"blank": frozenset(b" \t"),
    b"cntrl": _these(lambda c: c < " " or c == "\x7f"),
    b"digit": _these(str.isdigit),
    b"graph": _GRAPH,
    b"lower": _these(str.islower),
    b"print": _GRAPH | {0x20},
    b"punct": _GRAPH - _these(str.isalnum),
    b"space": frozenset(b" \t\n\r"),
    b"upper": _these(str.isupper),
    b"xdigit": frozenset(b"0123456789abcdefABCDEF"),
}
