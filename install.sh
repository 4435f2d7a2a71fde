#!/bin/sh
# Installs pattern-tracker for Claude Code, or takes it out again.
#
#   ./install.sh                    install or upgrade
#   ./install.sh --service-url URL  and deliver the events to that service, on this machine or https
#   ./install.sh --project          register in .claude/settings.json of this directory only
#   ./install.sh --dry-run          show what would change in the settings, and change nothing
#   ./install.sh --uninstall        take out what it put in; the recorded data stays
#   ./install.sh --purge            take out everything, the recorded data too
#
# CLAUDE_CONFIG_DIR names Claude Code's configuration directory if it is not ~/.claude.
set -eu
umask 077

fail() {
    printf 'install.sh: %s\n' "$1" >&2
    exit 1
}

verb=install
service_url=
settings=
while [ $# -gt 0 ]; do
    case $1 in
        --uninstall) verb=uninstall ;;
        --purge) verb=purge ;;
        --dry-run) verb=preview ;;
        --project) settings=$PWD/.claude/settings.json ;;
        --service-url)
            [ -n "${2-}" ] || fail "--service-url needs a URL"
            service_url=$2
            shift
            ;;
        -h | --help) sed -n '2,11s/^# \{0,1\}//p' "$0"; exit 0 ;;
        *) fail "unknown option: $1 (try --help)" ;;
    esac
    shift
done
[ "$verb" = install ] || [ -z "$service_url" ] || fail "--service-url goes with an installation"

source=$(cd "$(dirname "$0")" && pwd -P)
config=${CLAUDE_CONFIG_DIR:-${HOME:+$HOME/.claude}}
case $config in
    /*) ;;
    '') fail "no home directory: set HOME or CLAUDE_CONFIG_DIR" ;;
    *) fail "CLAUDE_CONFIG_DIR must be an absolute path, not $config" ;;
esac
config=${config%/}
root=$config/hooks/pattern-tracker

# A version manager's shim costs more at each start than everything the hooks do, and `python3` in
# an active virtual environment goes when that environment goes: ask for the interpreter behind.
find_python() {
    for name in python3 python3.13 python3.12 python3.11 python3.10 python; do
        found=$("$name" -I -c 'import os, sys
if sys.version_info >= (3, 10):
    base = getattr(sys, "_base_executable", None) or sys.executable
    print(os.path.realpath(base))' 2>/dev/null) || continue
        [ -n "$found" ] && [ -x "$found" ] && printf '%s\n' "$found" && return
    done
    return 1
}

python=$(find_python) || fail "Python 3.10 or newer is needed, and no python3 on PATH is one"

run_step() {
    bundle=$1
    shift
    "$bundle/.venv/bin/python" -I -c 'import sys
sys.path.insert(0, sys.argv[1])
from lib.commands.install import main
sys.exit(main(*sys.argv[2:]))' "$bundle" "$@"
}

case $verb in
    preview)
        exec "$python" -I -c 'import sys
sys.path.insert(0, sys.argv[1])
from lib.commands.common import CommandError
from lib.commands.registration import preview
try:
    print(preview(*sys.argv[2:]) or "nothing would change in " + sys.argv[2])
except CommandError as error:
    sys.exit(f"install.sh: {error}")' "$source" "${settings:-$config/settings.json}" "$root" "$python" ;;
    uninstall | purge)
        [ -x "$root/.venv/bin/python" ] || fail "nothing is installed in $root"
        run_step "$root" "$verb" "$root" "$python" "$settings"
        exit ;;
esac

# What an installation is made of: if none of it differs, there is nothing to build.
signature() {
    printf '%s\n' "$python"
    cd "$source" && find lib hooks bin requirements.lock plugin.json install.sh -type f \
        ! -path '*/__pycache__/*' -exec cksum {} + | LC_ALL=C sort
}

built=$(signature)
if [ ! -x "$root/.venv/bin/python" ] || [ "$built" != "$(cat "$root/.built" 2>/dev/null)" ]; then
    stage=$config/hooks/.pattern-tracker.new.$$
    old=$config/hooks/.pattern-tracker.old.$$
    trap 'rm -rf "$stage"' EXIT
    mkdir -p "$stage"
    printf 'Making an environment with %s ...\n' "$python"
    "$python" -I -m venv "$stage/.venv" >"$stage/log" 2>&1 ||
        fail "python -m venv failed: $(tail -n 1 "$stage/log") (on Debian: apt install python3-venv)"
    "$stage/.venv/bin/python" -I -m pip install --quiet --disable-pip-version-check \
        --require-hashes -r "$source/requirements.lock" >"$stage/log" 2>&1 ||
        fail "pip could not install the dependencies: $(tail -n 1 "$stage/log")"
    rm "$stage/log"
    for part in lib hooks bin plugin.json .claude-plugin requirements.lock README.md; do
        cp -RPp "$source/$part" "$stage/"
    done
    find "$stage/lib" -name __pycache__ -prune -exec rm -rf {} +
    "$stage/.venv/bin/python" -I -m compileall -q "$stage/lib"
    [ ! -e "$root/settings" ] || cp -RPp "$root/settings" "$stage/"
    printf '%s\n' "$built" >"$stage/.built"
    [ ! -e "$root" ] || mv "$root" "$old"
    mv "$stage" "$root"
    rm -rf "$old"
    printf 'Installed in %s\n' "$root"
fi
run_step "$root" install "$root" "$python" "$settings" "$service_url"
