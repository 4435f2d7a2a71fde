#!/bin/sh
# Runs a hook script where the registered Python is gone, or is not what it was:
#
#     takeover.sh PYTHON SCRIPT [DATA]
#
# Without SCRIPT it prints the Python that it found; it fails where there is none. Nothing has been
# read from standard input yet, and nothing is before the script has it.
#
# PATH comes last, or where a plugin asks for `python3` first, and never what it names inside the
# project: a cloned repository's settings can set it.
registered=$1
script=${2-}
data=${3-}

is_recent() {
    [ -x "$1" ] || return 1
    said=$("$1" -I -S -c 'import sys; print(sys.version_info >= (3, 10))' </dev/null 2>/dev/null)
    [ "$said" = True ]
}

# On macOS this one is Python 3.9, or opens a dialogue that offers to install it.
is_apples() {
    [ "$1" = /usr/bin/python3 ] && [ -d /System/Library/CoreServices ]
}

# Whether the directory $1 is in the project, or in the repository around the working directory.
is_in_project() {
    here=$(pwd -P)
    project=$(cd -P "${CLAUDE_PROJECT_DIR:-.}" && pwd -P) || return 0
    top=$here
    while [ -n "$top" ] && [ ! -e "$top/.git" ]; do
        top=${top%/*}
    done
    case $1/ in
        "$project"/* | "${top:-$here}"/*) return 0 ;;
    esac
    return 1
}

is_on_path() {
    python=$(command -v python3)
    case $python in
        /*) is_apples "$python" && return 1 ;;
        *) return 1 ;;
    esac
    # By whatever way PATH leads there.
    place=$(cd -P "${python%/*}" && pwd -P) || return 1
    is_in_project "$place" && return 1
    is_recent "$python"
}

# A name without a path is for PATH, not for the working directory.
first=
case $registered in
    /*) ;;
    *) first=$registered registered= ;;
esac

find_python() {
    # Beside it, and below the same prefix of Homebrew.
    [ -z "$registered" ] || set -- "${registered%/*}/python3" \
        "${registered%/opt/*}/bin/python3" "${registered%/Cellar/*}/bin/python3"
    # A version manager keeps each version in a directory of its own; the later ones first.
    place=${registered%/bin/*}
    case ${place##*/} in
        [0-9]* | cpython-*)
            for python in "${place%/*}"/*/bin/python3.[0-9][0-9] "${place%/*}"/*/bin/python3; do
                set -- "$python" "$@"
            done
            ;;
    esac
    [ -z "$first" ] || { is_on_path && return; }
    for python in "$registered" "$@" \
        /usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3; do
        is_apples "$python" || { is_recent "$python" && return; }
    done
    is_on_path
}

find_python || exit 1
if [ -z "$script" ]; then
    printf '%s\n' "$python"
else
    exec "$python" -I -S "$script" "$data" mend
fi
