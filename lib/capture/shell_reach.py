"""Tell how far a shell command reaches: which files it can change or end that it does not name.

Builtins only: the hook path imports this for calls of Bash. What is not known here may do anything.
"""

from lib.capture.shell_words import (
    MAX_LENGTH,
    WRITES,
    base_name,
    git_verbs,
    is_reading,
    may_write,
    runs_others,
    without_prefixes,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

# Write to nothing but files that are their words.
_NAMING = frozenset("sed tee touch truncate".split())
# End no file at all, and none but those that are their words or lie in these.
_KEEPING = frozenset("chmod cp install ln mkdir sed tee touch truncate".split())
_ENDING = frozenset("mv rm rmdir unlink".split())
# Behind one of these a name means another file.
_MOVING = ("cd", "popd", "pushd")
_MOST_PLACES = 4
_EXPANDED = frozenset("$`*?[{~")
# Of sed's substitution, those that do not write a file or run what came out.
_FLAGS = frozenset("0123456789gIip")
# Before a command of sed: the lines that it is for.
_LINES = "0123456789$,+~! "


def places(commands: "list[list[str]]", cwd: str) -> "list[str]":
    """List the directories that a command's names may be of: `cwd`, and where it goes by itself.

    The client tells where a call ended, and not where a subshell was.
    """
    found = [cwd]
    for words in commands:
        program, *given = without_prefixes(words) or [""]
        name = given[0] if len(given) == 1 else ""
        if program in _MOVING and name[:1] not in ("", "-") and _EXPANDED.isdisjoint(name):
            for base in (found[-1], cwd):
                place = _joined(base, name)
                if place not in found and len(found) < _MOST_PLACES:
                    found.append(place)
    return found


def _joined(base: str, name: str) -> str:
    parts = [""] if name[:1] == "/" else base.split("/")
    for part in name.split("/"):
        if part == "..":
            parts = parts[:-1] or [""]
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def names_all(command: str, commands: "list[list[str]]") -> bool:
    """Check whether a command, of these simple ones, can change no file but those that it names."""
    return _all_keep_to_names(command, commands, _names_all)


def ends_named(command: str, commands: "list[list[str]]", cwd: str) -> bool:
    """Check whether a command can end no file but those that it names, or that lie in these.

    And names them so that one can tell which these are, from the directory `cwd`.
    """
    return _all_keep_to_names(
        command, commands, lambda program, words: _ends_named(program, words, f"{cwd}/")
    )


def _all_keep_to_names(
    command: str, commands: "list[list[str]]", keeps: "Callable[[str, list[str]], bool]"
) -> bool:
    """Check that each that may write `keeps` to its names, and that the others move nowhere."""
    if len(command) > MAX_LENGTH:
        return False
    for words in commands:
        program = base_name((without_prefixes(words) or [""])[0])
        if not may_write(words):
            if program in _MOVING:
                return False
        elif runs_others(words) or not keeps(program, words):
            return False
    return True


def _names_all(program: str, words: "list[str]") -> bool:
    if program in _NAMING:
        named = [word for word in without_prefixes(words)[1:] if not word.startswith("-")]
        if program == "sed":
            script, *named = named or [""]
            if not _is_plain(script):
                return False
    elif is_reading(program) or program in ("", WRITES):
        named = [words[at] for at in range(1, len(words)) if words[at - 1] == WRITES]
    else:
        return False
    return _EXPANDED.isdisjoint("".join(named))


def _ends_named(program: str, words: "list[str]", place: str) -> bool:
    given = without_prefixes(words)[1:]
    if program == "sed":
        return _is_plain(next((word for word in given if not word.startswith("-")), ""))
    if program in _KEEPING or is_reading(program) or program in ("", WRITES):
        return program not in _MOVING
    is_ending = program in _ENDING
    if program == "git" and "-C" not in given:
        is_ending = next(git_verbs(given), "") in ("mv", "rm")
    return is_ending and all(_is_its_name(word.removeprefix(place)) for word in given)


def _is_its_name(word: str) -> bool:
    """Check whether a word, if it names a file of that place, is what that is known by."""
    parts = word.removeprefix("./").rstrip("/").split("/")
    return _EXPANDED.isdisjoint(word) and not {"", ".", ".."}.intersection(parts)


def _is_plain(script: str) -> bool:
    """Check whether a script of sed writes no other file, and runs no program."""
    script = script.lstrip(_LINES)
    if script[:1] == "/":
        script = script[script.find("/", 1) + 1 :].lstrip(_LINES)
    if script[:1] in ("a", "c", "i"):
        return "\n" not in script
    if script[:1] != "s":
        return script == "d"
    return _FLAGS.issuperset(script.rpartition(script[1:2] or "s")[2])
