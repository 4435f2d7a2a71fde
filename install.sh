#!/bin/sh
# Installs pattern-tracker for Claude Code, or takes it out again: ./install.sh --help
#
# Finds a Python; lib/commands/setup/install.py does the rest.
set -eu
umask 077
# `cd` would look there first, and print where it went.
unset CDPATH

source=$(cd -- "$(dirname -- "$0")" && pwd -P)

# A version manager's shim costs more at each start than everything the hooks do, and `python3` in
# an active virtual environment goes when that environment goes: ask for the interpreter behind.
find_python() {
    for name in python3 python3.14 python3.13 python3.12 python3.11 python3.10 python; do
        found=$("$name" -I -c 'import os, sys
if sys.version_info >= (3, 10):
    base = getattr(sys, "_base_executable", None) or sys.executable
    print(os.path.realpath(base))' 2>/dev/null) || continue
        [ -n "$found" ] && [ -x "$found" ] && printf '%s\n' "$found" && return
    done
    return 1
}

python=$(find_python) || {
    echo "install.sh: Python 3.10 or newer is needed, and no python3 on PATH is one" >&2
    exit 1
}
exec "$python" -I -B -c 'import sys
sys.path.insert(0, sys.argv[1])
from lib.commands.setup.install import main
sys.exit(main(*sys.argv[1:3], sys.argv[3:]))' "$source" "$python" "$@"
