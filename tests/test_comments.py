"""Lines that only look like a comment are code; true comments are none."""

import io
import os
import tokenize
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.capture import comments, identity, strings
from lib.spool import wake
from tests.support.bundle import Bundle, write_payload
from tests.support.timing import least_seconds

# By name: a language, code in which "OLD" stands in a line that only looks like a comment.
CODE = {
    "Python docstring": ("python", 'def f():\n    """Say.\n\n    # OLD\n    """\n'),
    "Python string, joined": ("python", "x = 'one \\\n# OLD'\n"),
    "shebang": ("python", "#!/usr/bin/python OLD\nx = 1\n"),
    "shebang of a shell": ("shell", "#!/bin/sh OLD\nx=1\n"),
    "coding": ("python", "# -*- coding: OLD -*-\nx = 1\n"),
    "coding on the second line": (
        "python",
        "#!/bin/python\n# vim: set fileencoding=OLD :\nx = 1\n",
    ),
    "Ruby's magic": ("ruby", "# a file\n# frozen_string_literal: OLD\nx = 1\n"),
    "Ruby heredoc": ("ruby", "x = <<~TEXT\n  # OLD\nTEXT\n"),
    "Ruby string": ("ruby", 'x = "a\n# OLD\nb"\n'),
    "shell heredoc": ("shell", "cat <<'EOF' >x\n# OLD\nEOF\n"),
    "shell heredoc, indented": ("shell", "\tcat <<-EOF\n\t# OLD\n\tEOF\n"),
    "shell string": ("shell", "awk '\n# OLD\n{ print }' x\n"),
    "Perl heredoc": ("perl", 'print <<"END";\n# OLD\nEND\n'),
    "PHP heredoc": ("php", "<?php\n$x = <<<EOT\n// OLD\nEOT;\n"),
    "Dockerfile heredoc": ("dockerfile", "FROM x\nRUN <<EOF\n# OLD\nEOF\n"),
    "Dockerfile directive": ("dockerfile", "# syntax=docker/OLD\nFROM x\n"),
    "second Dockerfile directive": ("dockerfile", "# syntax=x\n# escape=OLD\nFROM x\n"),
    "YAML block scalar": ("yaml", "run: |\n  # OLD\n  make\nnext: 1\n"),
    "YAML folded scalar in a list": ("yaml", "- >-\n  # OLD\n  make\n"),
    "YAML quoted scalar": ("yaml", 'a: "one\n  # OLD\n  two"\n'),
    "coding below a blank line": ("python", "\n# coding: OLD\nx = 1\n"),
    "escaped quotes": ("python", 'x = """a\\"""b"""\ny = 1\nz = """\n# OLD\n"""\n# c\n'),
    "template literal": ("javascript", "const x = `\n// OLD\n`\n"),
    "template literal, TypeScript": ("typescript", "const x = `\n/* OLD */\n`\n"),
    "ts-check": ("typescript", "// @ts-OLD\nlet x = 1\n"),
    "reference": ("typescript", '/// <reference path="OLD" />\nlet x = 1\n'),
    "Go raw string": ("go", "var x = `\n// OLD\n`\n"),
    "go:build": ("go", "//go:build OLD\n\npackage x\n"),
    "+build": ("go", "// +build OLD\n\npackage x\n"),
    "go:embed": ("go", "package x\n\n//go:embed OLD\nvar x string\n"),
    "cgo preamble": ("go", 'package x\n\n// #include <OLD.h>\nimport "C"\n'),
    "cgo preamble, block": ("go", 'package x\n\n/*\n// OLD\nint x;\n*/\nimport "C"\n'),
    "Rust string": ("rust", 'let x = "\n// OLD\n";\n'),
    "Rust raw string": ("rust", 'let x = r#"\n// OLD "quoted"\n"#;\n'),
    "Java text block": ("java", 'String x = """\n// OLD\n""";\n'),
    "Kotlin raw string": ("kotlin", 'val x = """\n// OLD\n"""\n'),
    "Swift string": ("swift", 'let x = """\n// OLD\n"""\n'),
    "swift-tools-version": ("swift", "// swift-tools-version:OLD\nimport P\n"),
    "C# verbatim string": ("csharp", 'var x = @"\n// OLD\n";\n'),
    "C++ raw string": ("cpp", 'auto x = R"(\n// OLD\n)";\n'),
    "C string, joined": ("c", 'char *x = "one \\\n// OLD";\n'),
    "TOML string": ("toml", 'x = """\n# OLD\n"""\n'),
    "SQL string": ("sql", "INSERT INTO x VALUES ('\n-- OLD\n');\n"),
    "MySQL's own": ("sql", "/*!40101 SET OLD */\nSELECT 1;\n"),
    "Lua long string": ("lua", "x = [[\n-- OLD\n]]\n"),
    "Haskell pragma": ("haskell", "{-# LANGUAGE OLD #-}\nmodule X where\n"),
    "Elixir heredoc": ("elixir", 'x = """\n# OLD\n"""\n'),
    "Terraform heredoc": ("terraform", "x = <<EOF\n# OLD\nEOF\n"),
    "PowerShell here-string": ("powershell", '$x = @"\n# OLD\n"@\n'),
    "properties, joined": ("ini", "x = one\\\n# OLD\n"),
    "Markdown, fenced": ("markdown", "```html\n<!-- OLD -->\n```\n"),
    "CMake bracket": ("cmake", "set(x [[\n# OLD\n]])\n"),
    "template with a template": ("javascript", "x = `${a(`\n// OLD\n`)}`\n"),
    "template behind a division": ("javascript", "x = a / b + `c/\n// OLD\n`\n"),
    "cloud-init": ("yaml", "#cloud-config OLD\nx: 1\n"),
}
# The same for comments: "OLD" counts for nothing.
COMMENTS = {
    "after a string": ("python", 'x = """a"""\n# OLD """\ny = 1\n'),
    "quotes in a comment": ("python", '# don\'t """\nx = 1\n# OLD\n'),
    "quotes in a string": ("python", 'x = \'"""\'\n# OLD\ny = \'"""\'\n'),
    "a string that is never closed": ("python", 'x = """a\n# OLD\ny = 1\n'),
    "a shebang further down": ("shell", "x=1\n#!/bin/sh OLD\n"),
    "coding on the third line": ("python", "# a\n# b\n# coding: OLD\nx = 1\n"),
    "coding behind code": ("python", "x = 1\n# coding: OLD\n"),
    "magic behind code": ("ruby", "x = 1\n# frozen_string_literal: OLD\n"),
    "a directive behind a comment": ("dockerfile", "# a\n# syntax=OLD\nFROM x\n"),
    "type comment": ("python", "# type: ignore OLD\nx = 1\n"),
    "apostrophes": ("shell", "echo don\\'t\n# OLD\necho don\\'t\n"),
    "apostrophes in Rust": ("rust", "fn f<'a>(x: &'a str) {}\n// OLD\nlet c = '\"';\n// OLD\n"),
    "shift, no heredoc": ("shell", "x=$((1<<EOF))\n# OLD\n"),
    "shift in Ruby": ("ruby", "x << y\n# OLD\ny\n"),
    "behind a block scalar": ("yaml", "run: |\n  make\n# OLD\nnext: it's\n# OLD\nb: it's\n"),
    "a far comment above import C": ("go", 'package x\n\n// OLD\n\nimport "C"\n'),
    "a comment above that above import C": (
        "go",
        'var x = 1\n// OLD\n\n/*\nint x;\n*/\nimport "C"\n',
    ),
    "code between that and import C": ("go", '// OLD\nvar x = 1\n/*\nint x;\n*/\nimport "C"\n'),
    "backquote in a comment": ("go", "// don`t\nvar x = 1\n// OLD `\n"),
    "inside a block comment": ("javascript", "/* `\n*/\nx()\n// OLD\n/* ` */\n"),
    "a quote in a regular expression": ("javascript", "x = !/[`/]/.test(y)\n// OLD\nz = ` a`\n"),
    "templates with slashes": ("javascript", "x = [`${a}/b`, `${c}/d`]\n// OLD\ny = `${d}/`\n"),
    "a quote in Perl's expression": ("perl", 'x() if $a =~ /["]/;\n# OLD\ny(" b");\n'),
    "a quote in Perl's delimiters": ("perl", "s!\" !x!;\n# OLD\ny(' ');\nq{ '};\n# OLD\nz(' ');\n"),
    "a quote in Ruby's expression": ("ruby", 'a =~ / "/\n# OLD\ny " b"\n'),
    "HTML in PHP": ("php", "<p>don't</p>\n<?php\n// OLD\n?>\n<p>can't</p>\n"),
}


def id_of(code: str, language: str) -> str:
    return identity.pattern_id(identity.normalise(code, language), language, "code")


@pytest.mark.parametrize(("language", "code"), CODE.values(), ids=list(CODE))
def test_what_only_looks_like_a_comment_counts(language: str, code: str) -> None:
    assert "OLD" in identity.normalise(code, language)
    assert id_of(code.replace("OLD", "new"), language) != id_of(code, language)


@pytest.mark.parametrize(("language", "code"), COMMENTS.values(), ids=list(COMMENTS))
def test_a_true_comment_does_not(language: str, code: str) -> None:
    assert "OLD" not in identity.normalise(code, language)


SAMPLES = [*CODE.values(), *COMMENTS.values()]


@pytest.mark.parametrize(("language", "code"), SAMPLES)
def test_normalising_twice_changes_nothing_more(language: str, code: str) -> None:
    once = identity.normalise(code, language)
    assert identity.normalise(once, language) == once


MARKED = ("\ufeff", "")


@pytest.mark.parametrize("language", ["python", "csharp", "shell"])
def test_a_byte_order_mark_counts_for_nothing(language: str) -> None:
    code = "#!x\ndef load(path):\n    pass\n"
    assert id_of(f"\ufeff{code}", language) == id_of(code, language)
    for mark in MARKED:
        normalised = identity.normalise(mark + code, language)
        assert identity.pattern_name(normalised, language, "x") == "load"


def comment_lines(source: str) -> set[int]:
    """The lines that hold nothing but a comment, as Python's own tokenizer tells."""
    lines = source.split("\n")
    return {
        token.start[0] - 1
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
        and not lines[token.start[0] - 1][: token.start[1]].strip()
    }


def is_obeyed(number: int, line: str) -> bool:
    coded = tokenize.cookie_re.match(line) is not None  # type: ignore[attr-defined]
    return (number == 0 and line.startswith("#!")) or (number < 2 and coded)


def found_in(source: str) -> set[int]:
    """The numbers of the lines that are taken for comments."""
    return {source.count("\n", 0, at) for at in comments.comment_lines(source, "python")}


def test_it_agrees_with_pythons_tokenizer_on_the_standard_library() -> None:
    seen = 0
    for path in sorted(Path(tokenize.__file__).parent.glob("[a-m]*.py")):
        source = path.read_text("utf-8")
        lines = source.split("\n")
        true = {n for n in comment_lines(source) if not is_obeyed(n, lines[n])}
        assert found_in(source) == true, path
        seen += 1
    assert seen > 60


PIECES = st.sampled_from(
    ["x = 1", "# c", "    # d", '"""', "'''", '"', "'", "\\", "\n", " ", "#", "\\\n", 'r"', "y"]
)


@given(st.lists(PIECES, max_size=40).map("".join))
def test_it_agrees_with_pythons_tokenizer_on_whatever_that_takes(source: str) -> None:
    try:
        compile(source, "x", "exec")
        true = comment_lines(source)
    except (SyntaxError, ValueError, tokenize.TokenError):
        return
    lines = source.split("\n")
    assert found_in(source) == {n for n in true if not is_obeyed(n, lines[n])}


@given(st.lists(PIECES, max_size=40).map("".join))
def test_what_is_plain_to_see_is_so_by_all_the_rules(source: str) -> None:
    plain = comments.docstrings(source)
    assert plain is None or plain == strings.spans(source, "python", ("#",), ("", ""))


def test_of_pythons_own_modules_most_are_plain_to_see() -> None:
    paths = sorted(Path(tokenize.__file__).parent.glob("*.py"))
    found = [comments.docstrings(path.read_text("utf-8")) for path in paths]
    assert sum(plain is not None for plain in found) > len(paths) / 2


HOSTILE = {
    "quotes": ("shell", "'\"" * 40_000),
    "openers": ("python", '\\"""\n' + '"""\n' * 40_001),
    "plain openers": ("python", '"""\n' * 40_000),
    "heredocs": ("shell", "cat <<EOF\n" * 16_000),
    "backslashes": ("python", "'" + "\\" * 160_000),
    "joined lines": ("c", '"\\\n' * 50_000),
    "comments": ("javascript", "/*\n//`\n" * 20_000),
    "scalars": ("yaml", "a: |\n b: |\n" * 15_000),
    "open scalars": ("yaml", "a: 'b\n" * 25_001),
    "expressions": ("javascript", "x = (/[`" * 25_000),
    "open expressions": ("javascript", "`(/[" * 40_000),
    "templates": ("javascript", "`${" * 50_000),
    "closed templates": ("javascript", "`${a}`/" * 20_000),
    "one line of Perl": ("perl", ' " ' * 50_000),
    "one line": ("rust", "'\"'" * 50_000),
}


@pytest.mark.parametrize(("language", "text"), HOSTILE.values(), ids=list(HOSTILE))
def test_time_is_linear(language: str, text: str) -> None:
    """Eight times the text takes no more than twenty times as long."""

    def seconds(code: str) -> float:
        return least_seconds(lambda: identity.normalise(f"# c\n// c\n{code}", language))

    assert seconds(text) < 20 * seconds(text[: len(text) // 8]) + 0.05


def test_a_text_that_is_too_long_for_a_hook_is_judged_line_by_line() -> None:
    code = 'x = """\n# OLD\n"""\n'
    assert "OLD" in identity.normalise(code, "python")
    assert "OLD" not in identity.normalise(code + "y" * comments.MAX_LENGTH, "python")


@pytest.mark.parametrize(("language", "code"), CODE.values(), ids=list(CODE))
def test_an_edit_of_such_a_line_is_an_event(bundle: Bundle, language: str, code: str) -> None:
    suffix = {
        "python": "py", "shell": "sh", "ruby": "rb", "perl": "pl", "yaml": "yml", "rust": "rs",
        "javascript": "js", "typescript": "ts", "kotlin": "kt", "csharp": "cs", "haskell": "hs",
        "elixir": "ex", "terraform": "tf", "powershell": "ps1", "markdown": "md",
    }.get(language, language)  # fmt: skip
    path = f"/p/{'Dockerfile' if language == 'dockerfile' else f'a.{suffix}'}"
    path = "/p/CMakeLists.txt" if language == "cmake" else path
    if language == "ini":
        path = "/p/a.ini"
    bundle.spool.mkdir(parents=True, mode=0o700)
    # No flusher is woken then, which would take the event away.
    running = wake.say_running(str(bundle.spool))
    bundle.post(write_payload(path, code.replace("OLD", "new"), "1", before=code))
    os.close(running)
    assert len(bundle.pending()) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_with_a_mark_is_read_as_the_same_text(
    bundle: Bundle, tmp_path: Path, encoding: str
) -> None:
    """Where an older client tells nothing but the edit, the file itself is read."""
    path = tmp_path / "a.py"
    path.write_text("def load():\n    return 2\n", encoding)
    edit = {"file_path": str(path), "old_string": "1", "new_string": "2"}
    payload = write_payload(str(path), "", "1")
    bundle.post({**payload, "tool_name": "Edit", "tool_input": edit, "tool_response": {}})
    bundle.wait_delivered()
    (event,) = bundle.log()
    assert event["pattern_id"] == id_of("def load():\n    return 2\n", "python")
    assert event["pattern_name"] == "load"
