"""Split a shell command into its simple commands, and tell those that only read.

Builtins only: the hook path imports this for calls of Bash. It follows the grammar as far as names
and files are concerned (quotes, operators, redirections, here-documents); expansions are left as
they are written. https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# A command may hold a whole file in a here-document; words behind so much text are not looked at.
MAX_LENGTH = 8192
# Stands before the file that a redirection writes to.
WRITES = ">"
_ENDS = ";&|\n()"
_PLAIN = frozenset(" \t;&|\n()<>'\"\\#")
# Before the program's own name.
_PREFIXES = frozenset(
    "sudo env time nice nohup command builtin exec then do else ! { if while until".split()
)
# Change no file, whatever their arguments; for some others see `_DEPENDING`.
_READING = frozenset(
    "[ [[ ag arch base64 basename bat break cal cat cd clear cmp column comm continue cut "
    "date declare df diff dir dirname du done echo egrep esac eza exit export expr fd fgrep fi "
    "file fold for free grep head hexdump hostname id jobs join jq kill less local ls lsof man "
    "md5sum mkdir more nl od paste pgrep pkill popd printenv printf ps pushd pwd read readlink "
    "realpath return rev rg rmdir seq set sha1sum sha256sum shift sleep stat strings "
    "sum tac tail test tr true false type ulimit umask uname unset uptime w wait wc "
    "whereis which who whoami yes :".split()
)
_FIND_WRITING = ("-delete", "-exec", "-execdir", "-ok", "-okdir")
_GIT_READING = frozenset(
    "add blame branch cat-file commit config describe diff fetch for-each-ref grep help log "
    "ls-files ls-remote ls-tree merge-base name-rev push reflog remote rev-list rev-parse "
    "shortlog show status tag var version".split()
)


def simple_commands(command: str) -> "list[list[str]]":
    """Split `command` into the words of its simple commands.

    Quotes are taken away, here-documents left out. WRITES precedes a file that is written to.
    """
    text = command[:MAX_LENGTH]
    found: list[list[str]] = [[]]
    delimiters: list[str] = []
    at, length = 0, len(text)
    while at < length:
        here = text[at]
        if here in " \t":
            at += 1
        elif here == "#":
            at = _end_of_line(text, at)
        elif here in _ENDS:
            at += 1
            found.append([])
            while here == "\n" and delimiters:
                at = _after_here_document(text, at, delimiters.pop(0))
        elif here in "<>":
            at = _redirection(text, at, found[-1], delimiters)
        else:
            word, at = _word(text, at)
            found[-1].append(word)
    return [words for words in found if words]


def _redirection(text: str, at: int, words: "list[str]", delimiters: "list[str]") -> int:
    """Read the redirection at `at`; return where it ends."""
    if words and words[-1].isdigit() and text[at - 1].isdigit():
        words.pop()  # the number of a file descriptor
    start = at
    while at < len(text) and text[at] in "<>&|-":
        at += 1
    operator = text[start:at]
    while at < len(text) and text[at] in " \t":
        at += 1
    word, at = _word(text, at)
    if operator.startswith("<<") and operator != "<<<":
        delimiters.append(word)
    elif ">" in operator and not operator.endswith("&") and word not in ("", "/dev/null"):
        words += [WRITES, word]
    return at


def _word(text: str, at: int) -> "tuple[str, int]":
    """Read the word at `at`, without its quotes; return it, and where it ends."""
    parts: list[str] = []
    while at < len(text):
        here = text[at]
        if here in "'\"":
            end = text.find(here, at + 1)
            while here == '"' and end > 0 and text[end - 1] == "\\":
                end = text.find(here, end + 1)
            end = end if end > 0 else len(text)
            parts.append(text[at + 1 : end])
            at = end + 1
        elif here == "\\":
            parts.append(text[at + 1 : at + 2].replace("\n", ""))
            at += 2
        elif here in _PLAIN and not (here == "#" and parts):
            break
        else:
            start = at
            while at < len(text) and text[at] not in _PLAIN:
                at += 1
            at += at == start
            parts.append(text[start:at])
    return "".join(parts), at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return end if end >= 0 else len(text)


def _after_here_document(text: str, at: int, delimiter: str) -> int:
    while at < len(text):
        end = _end_of_line(text, at)
        if text[at:end].strip("\t") == delimiter:
            return end
        at = end + 1
    return at


def without_prefixes(words: "list[str]") -> "list[str]":
    """Drop assignments, and words such as `sudo` and `then`, before a program's name."""
    at = 0
    while at < len(words) and (words[at] in _PREFIXES or _is_assignment(words[at])):
        at += 1
    return words[at:]


def _is_assignment(word: str) -> bool:
    name, equals, _ = word.partition("=")
    return bool(equals) and name.isidentifier()


def may_write(words: "list[str]") -> bool:
    """Check whether a simple command may change a file."""
    if WRITES in words or runs_others(words):
        return True
    words = without_prefixes(words)
    if not words:
        return False
    program, given = base_name(words[0]), words[1:]
    depends = _DEPENDING.get(program)
    return depends(given) if depends else program not in _READING


def runs_others(words: "list[str]") -> bool:
    """Check whether a command among the words is run for what it prints."""
    return any("$(" in word or "`" in word for word in words)


def is_reading(program: str) -> bool:
    """Check whether a program changes no file, but where what it prints goes."""
    return program in _READING


def _is_in_place(word: str) -> bool:
    return word.startswith("--in-place") or _has_letter(word, "i")


def _has_letter(word: str, letter: str) -> bool:
    """Check whether a word is options of one letter each, this one among them."""
    return word.startswith("-") and not word.startswith("--") and letter in word


def _git_writes(words: "list[str]") -> bool:
    return next(git_verbs(words), "") not in _GIT_READING


def git_verbs(words: "list[str]") -> "Iterator[str]":
    """Yield the words that may be git's verb: not its options, nor the values of those."""
    skip = False
    for word in words:
        if not skip and not word.startswith("-"):
            yield word
        skip = word in ("-C", "-c", "--git-dir", "--work-tree")


def _names_output(words: "list[str]") -> bool:
    return any(word.startswith("--o") or _has_letter(word, "o") for word in words)


# Whether a program writes, by its arguments.
_DEPENDING: "dict[str, Callable[[list[str]], bool]]" = {
    "awk": lambda words: any(">" in word or word.startswith("-i") for word in words),
    "find": lambda words: any(word in _FIND_WRITING for word in words),
    "git": _git_writes,
    "sed": lambda words: any(map(_is_in_place, words)),
    "sort": _names_output,
    "tree": _names_output,
    "uniq": lambda words: sum(not word.startswith("-") for word in words) > 1,
}


def base_name(word: str) -> str:
    """Return a program's name without its directory."""
    return word.rpartition("/")[2]
