#!/bin/sh
# Runs a hook script where the registered Python is gone, or is not what it was:
#
#     takeover.sh PYTHON SCRIPT [DATA]
#
# Without SCRIPT it prints the Python that it found; it fails where there is none. Nothing has been
# read from standard input yet, and nothing is before the script has it.
#
# PATH comes last, and never what it names inside the project: a cloned repository's settings can
# set it.
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

# A name without a path is for PATH, not for the working directory.
case $registered in
    /*) ;;
    *) registered= ;;
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
    for python in "$registered" "$@" \
        /usr/bin/python3 /usr/local/bin/python3 /opt/homebrew/bin/python3; do
        is_apples "$python" || { is_recent "$python" && return; }
    done
    python=$(command -v python3)
    case $python in
        "$PWD"/* | "${CLAUDE_PROJECT_DIR:-$PWD}"/*) return 1 ;;
        /*) is_apples "$python" && return 1 ;;
        *) return 1 ;;
    esac
    is_recent "$python"
}

find_python || exit 1
if [ -z "$script" ]; then
    printf '%s\n' "$python"
else
    exec "$python" -I -S "$script" "$data" mend
fi
