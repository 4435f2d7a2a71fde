"""Match tokens that their own format identifies, as their issuers document it.

A token is in a run of letters, digits, "_" and "-", which `secrets_in_text` finds; a rule is
tried only where its prefix, or the character beside the run, says that it may fit. Every repeat
is bounded and none stands in another, so a try costs a bounded number of steps.
"""

import re
from collections.abc import Callable
from functools import cached_property

from lib.privacy.randomness import is_random
from lib.privacy.token_formats import FORMATS


class Rule:
    """A format: the name in the marker, the expression, and whether it takes the rest of the run.

    Group 1 of the expression is the secret if there is one, else the whole match; `check` may
    reject it. It is compiled when it is first needed: most runs of the flusher need none.
    """

    def __init__(
        self,
        name: str,
        expression: str,
        whole_run: bool = True,
        check: Callable[[str], bool] = bool,
    ) -> None:
        self.name = name
        self.check = check
        self.whole_run = whole_run
        self._expression = expression

    @cached_property
    def pattern(self) -> "re.Pattern[str]":
        """The compiled expression."""
        return re.compile(self._expression)


Rules = dict[str, tuple[Rule, ...]]

_CLASSES = {
    "A": "[A-Za-z0-9]",
    "W": r"[\w-]",
    "H": "[0-9a-fA-F]",
    "U": "[A-Z0-9]",
    "B": r"[\w+/=%-]",
    "D": r"[\w.=~-]",
    "R": r"[\w-]",
}
_MORE_PARTS = r"(?:\.[\w-]{1,600}){0,3}"
# Of these some are in no run.
_BROKEN = ("B", "D")
# A character of a run before: then this is no beginning, unless it is that of an escaped newline.
START = r"(?:(?<![A-Za-z0-9])|(?<=\\[nrtbfv]))"
# By the first characters of a run.
KEY = 3


def _by_beginning() -> Rules:
    """Make the rules of FORMATS, by the first characters of their tokens."""
    made: Rules = {}
    for line in FORMATS.split("\n")[1:-1]:
        name, body, *prefixes = line.split(" ")
        rule = _rule(name, body, prefixes)
        for key in dict.fromkeys(key for prefix in prefixes for key in _keys(prefix)):
            made[key] = (*made.get(key, ()), rule)
    return made


def _rule(name: str, body: str, prefixes: "list[str]") -> Rule:
    code, bounds, rest = re.fullmatch(r"(.)([\d-]+)(.*)", body).groups()  # type: ignore[union-attr]
    least, _, most = bounds.partition("-")
    unsure = rest == "?"
    short = unsure or len(min(prefixes, key=len)) < KEY
    rest = _MORE_PARTS if code == "R" else rest
    expression = (
        f"{START}(?:{'|'.join(map(re.escape, prefixes))})"
        f"{'(' if unsure else ''}{_CLASSES[code]}{{{least},{most or least}}}"
        f"{')' if unsure else rest}" + (r"(?![\w-])" if short and code not in _BROKEN else "")
    )
    return Rule(name, expression, check=reads_random if unsure else bool)


def reads_random(text: str) -> bool:
    """Check whether `text` is random, and no example from documentation."""
    return is_random(text, 1) and "EXAMPLE" not in text


def _keys(prefix: str) -> "list[str]":
    if len(prefix) >= KEY:
        return [prefix[:KEY]]
    return [prefix + digit for digit in "0123456789abcdefABCDEF"]


BY_BEGINNING = _by_beginning()
JWT = Rule(
    "jwt",
    START + r"eyJ[\w-]{10,4000}\.(?:eyJ)?[\w-]{6,8000}(?:\.[\w-]{0,4000}){1,3}",
    whole_run=False,
)
BY_BEGINNING["eyJ"] = (JWT, *BY_BEGINNING.get("eyJ", ()))
