"""Read the units of code, whatever it is: what is suspicious is parsed in a child process."""

from collections.abc import Collection
from typing import NamedTuple

from lib.units.fingerprint import Fingerprint, fingerprints_of
from lib.units.grammars import LANGUAGES
from lib.units.last_parsed import LastParsed
from lib.units.parsing import MOST_BYTES, NO_GRAMMAR, TOO_LARGE, parsed
from lib.units.suspicion import is_suspicious

# Code that has more units is taken as if it had none: a step of its file would take too long.
MOST_UNITS = 20_000
TOO_MANY = "too many functions"


class Reading(NamedTuple):
    """The units of code as they begin; or `reason`, why they are not known.

    That is "too large", "too slow", "crashed", "too many functions", or "no grammar" where the
    language has none or its package is not installed (yet).
    """

    units: list[Fingerprint]
    reason: str = ""


def read(
    code: str, language: str, known: Collection[str] = (), last: LastParsed | None = None
) -> Reading:
    """Return the units of code in a language (a name of `grammars.LANGUAGES`), with fingerprints.

    Those whose `content` is `known` may lack the rest of theirs. `last` is for a process that must
    not die twice of the same code. Never raises.
    """
    data = code.encode("utf-8", "surrogatepass")
    if language not in LANGUAGES:
        return Reading([], NO_GRAMMAR)
    if len(data) > MOST_BYTES:
        return Reading([], TOO_LARGE)
    if is_suspicious(data) or (last and last.is_feared(data)):
        from lib.units import parsing_child

        answer = parsing_child.ask(data, language)
        return _reading(answer)
    found = parsed(data, language)
    return _reading(found if isinstance(found, str) else fingerprints_of(found, language, known))


def _reading(answer: list[Fingerprint] | str) -> Reading:
    if isinstance(answer, str):
        return Reading([], answer)
    return Reading(answer) if len(answer) <= MOST_UNITS else Reading([], TOO_MANY)
