"""Completion, in the shells themselves: verbs, options, values and files."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from lib.commands.cli import VERBS, parser
from lib.commands.completion import SHELLS
from tests.support.bundle import Bundle
from tests.support.terminals import Terminal

# How each shell begins, without anybody's settings.
STARTS = {
    "bash": ("bash", "--norc", "--noprofile", "-i"),
    "zsh": ("zsh", "-f", "-i"),
    "fish": ("fish", "--private", "-i"),
}
# Then the command shows what it is given.
ECHO = "pattern-tracker() { printf '<%s>' \"$@\"; echo; }; PS1='RE''ADY> '"
PREPARE = {
    "bash": f"{ECHO}; bind 'set enable-bracketed-paste off'",
    "zsh": f"autoload -Uz compinit; compinit -D; {ECHO}",
    "fish": "function pattern-tracker; printf '<%s>' $argv; echo; end; "
    "function fish_prompt; echo 'READY> '; end",
}


@pytest.fixture(params=sorted(SHELLS))
def shell(request: pytest.FixtureRequest) -> str:
    name = str(request.param)
    if not shutil.which(name):
        pytest.skip(f"{name} is not here")
    return name


@pytest.fixture
def script(bundle: Bundle, shell: str) -> Path:
    """The script for `shell`, beside a project, in a directory whose name has a space."""
    project = bundle.home / "my app"
    for name in ("src/app.py", "a dir/x.py"):
        (project / name).parent.mkdir(parents=True)
        (project / name).touch()
    done = bundle.command("completion", shell)
    assert (done.returncode, done.stderr) == (0, "")
    path = project / "script"
    path.write_text(done.stdout)
    return path


def asked(shell: str, script: Path, line: str) -> set[str]:
    """What `shell` offers after `line`, which is split at spaces."""
    words = ["pattern-tracker", *line.split(" ")]
    told = " ".join(f"'{word}'" for word in words)
    if shell == "fish":
        run = f"source script; complete -C 'pattern-tracker {line}'"
    elif shell == "bash":
        run = f"source ./script; COMP_WORDS=({told}); COMP_CWORD={len(words) - 1}; " + (
            '_pattern_tracker; printf "%s\\n" "${COMPREPLY[@]}"'
        )
    else:
        # The builtins that only work while the line is edited tell what they are given.
        run = (
            "compdef() { :; }; _files() { echo FILES; }; _describe() { print -l -- ${(P)2}; }; "
            f"source ./script; words=({told}); CURRENT={len(words)}; PREFIX='{words[-1]}'; "
            "_pattern-tracker"
        )
    done = subprocess.run(
        [*STARTS[shell][:-1], "-c", run], cwd=script.parent, capture_output=True, text=True,
        env={"HOME": str(script.parent), "PATH": "/usr/bin:/bin", "TERM": "dumb"}, check=False,
    )  # fmt: skip
    assert done.stderr == ""
    separator = "\t" if shell == "fish" else ":" if shell == "zsh" else "\n"
    found = {row.partition(separator)[0] for row in done.stdout.splitlines() if row}
    return {word for word in found if word.startswith(words[-1])}


def test_every_verb_and_option_is_offered(shell: str, script: Path) -> None:
    assert asked(shell, script, "") - {"-h", "--help", "--version"} == set(VERBS)
    assert asked(shell, script, "--v") == {"--version"}
    verbs = parser(VERBS)._actions[-1].choices
    assert isinstance(verbs, dict)
    for verb, made in verbs.items():
        options = {name for action in made._actions for name in action.option_strings}
        assert asked(shell, script, f"{verb} -") == options, verb
    assert asked(shell, script, "log --type ") == {"created", "modified", "applied", "merged"}
    assert {"list", "show", "retry", "drop"} <= asked(shell, script, "quarantine ")
    for line in ("log -n ", "log --session ", "log --since "):
        assert asked(shell, script, line) == set(), line


@pytest.mark.parametrize(
    ("typed", "became"),
    [
        ("lin\tsr\tap\t", "<lineage><src/app.py>"),
        ("lineage --di\ta\tx\t", "<lineage><--diff><a dir/x.py>"),
        ("bla\t--por\tsr\tap\t", "<blame><--porcelain><src/app.py>"),
        ("why sr\tap\t", "<why><src/app.py>"),
        ("export --out\tsr\tap\t", "<export><--output><src/app.py>"),
        ("log --typ\tme\t", "<log><--type><merged>"),
        ("log --session a\t", "<log><--session><a>"),
    ],
)
def test_typing_and_the_tab_key(shell: str, script: Path, typed: str, became: str) -> None:
    environ = {"HOME": str(script.parent), "PATH": "/usr/bin:/bin", "TERM": "xterm"}
    with Terminal(*STARTS[shell], cwd=script.parent, environ=environ) as terminal:
        terminal.type(f"{PREPARE[shell]}; source ./script; echo PRE''PARED\r")
        terminal.wait_for("PREPARED")
        terminal.wait_for("READY> ")
        terminal.type(f"pattern-tracker {typed}\r")
        terminal.wait_for(became)


def test_the_script_for_programs(bundle: Bundle) -> None:
    for shell in SHELLS:
        found = bundle.json("completion", shell)
        assert found == {"shell": shell, "script": bundle.command("completion", shell).stdout[:-1]}
    assert bundle.command("completion", "tcsh").returncode == 2
    assert json.dumps(found).isascii()
