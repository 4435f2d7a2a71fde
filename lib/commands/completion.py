"""`pattern-tracker completion`: what lets bash, zsh and fish complete it, out of the parsers."""

import argparse
from collections.abc import Iterator
from shlex import quote

from lib.commands.cli import VERBS, parser
from lib.commands.common import print_json

# An argument whose name in the help has one of these is completed with files.
FILES = ("FILE", "PATH", "DIR")

# Each looks up in the table what may follow the words "VERB PREVIOUS", or else "VERB".
BASH = """\
# eval "$(pattern-tracker completion bash)"
_pattern_tracker() {
    local verb=${COMP_WORDS[1]} prev=${COMP_WORDS[COMP_CWORD-1]} cur=${COMP_WORDS[COMP_CWORD]}
    local at word told files= table=TABLE
    [ "$COMP_CWORD" -gt 1 ] || verb=
    [[ $table != *$'\\n'"$verb $prev|"* ]] || verb="$verb $prev"
    COMPREPLY=()
    while IFS='|' read -r at word told; do
        if [ "$at" != "$verb" ]; then continue
        elif [ "$word" = FILE ]; then files=1
        elif [[ $word && $word == "$cur"* ]]; then COMPREPLY+=("$word"); fi
    done <<< "$table"
    # Where no word is offered, readline offers files.
    if [ -z "$files" ]; then compopt +o default 2>/dev/null
    elif [[ $cur != -* ]]; then COMPREPLY=(); fi
}
complete -o default -F _pattern_tracker pattern-tracker"""

ZSH = """\
#compdef pattern-tracker
# eval "$(pattern-tracker completion zsh)", or a file _pattern-tracker in $fpath
_pattern-tracker() {
    local verb=$words[2] prev=$words[CURRENT-1] at word told files table=TABLE
    local -a found
    (( CURRENT > 2 )) || verb=
    [[ $table != *$'\\n'"$verb $prev|"* ]] || verb="$verb $prev"
    while IFS='|' read -r at word told; do
        if [[ $at != "$verb" ]]; then continue
        elif [[ $word == FILE ]]; then files=1
        elif [[ -n $word ]]; then found+=("$word:$told"); fi
    done <<< "$table"
    if [[ -n $files && $PREFIX != -* ]]; then _files; else _describe argument found; fi
}
if [ "$funcstack[1]" = _pattern-tracker ]; then _pattern-tracker
else compdef _pattern-tracker pattern-tracker; fi"""

FISH = """\
# pattern-tracker completion fish > ~/.config/fish/completions/pattern-tracker.fish
function __pattern_tracker
    set -l given (commandline -opc)
    set -l verb "$given[2]"
    set -l table (string split \\n -- TABLE)
    string match -q -- "$verb $given[-1]|*" $table; and set verb "$verb $given[-1]"
    for line in $table
        set -l row (string split '|' -- $line)
        test "$row[1]" = "$verb"; and test -n "$row[2]"; and printf '%s\\t%s\\n' $row[2..3]
    end
end
complete -c pattern-tracker -f -a "(__pattern_tracker | string match -v 'FILE*')"
complete -c pattern-tracker -n "__pattern_tracker | string match -q 'FILE*'" -F"""
SHELLS = {"bash": BASH, "zsh": ZSH, "fish": FISH}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Take the name of a shell after the verb."""
    parser.add_argument("shell", choices=SHELLS, help="the shell that is to complete")


def run(options: argparse.Namespace) -> int:
    """Print the shell's script."""
    rows = ("|".join(field.replace("|", "/") for field in row) for row in _rows(parser(VERBS)))
    script = SHELLS[options.shell].replace("TABLE", quote("\n".join(["", *rows])))
    if options.json:
        print_json({"shell": options.shell, "script": script})
    else:
        print(script)
    return 0


def _rows(made: argparse.ArgumentParser, at: str = "") -> Iterator[tuple[str, str, str]]:
    """Yield after which words there may be which word, and what that means.

    FILE stands for files, and "" for what only the user knows.
    """
    for action in made._actions:
        if isinstance(action, argparse._SubParsersAction):
            for verb, below in action.choices.items():
                yield at, verb, below.description
                yield from _rows(below, verb)
            continue
        names = action.option_strings
        for name in names:
            yield at, name, (action.help or "") % vars(action)
        if action.nargs == 0:
            continue
        called = str(action.metavar or action.dest.upper())
        file = "FILE" if any(name in called for name in FILES) else ""
        for before in [f"{at} {name}" for name in names] or [at]:
            for word in action.choices or [file]:
                yield before, str(word), ""
