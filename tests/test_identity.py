"""Ids: the same code has the same one, everywhere."""

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.capture import identity
from lib.capture.languages import language_of, pattern_type_of

CODE = "import os\n\n# a comment\ndef load(path):  \n    return os.stat(path)\n"


def id_of(code: str, language: str = "python") -> str:
    return identity.pattern_id(identity.normalise(code, language), language, "code")


def test_an_id_is_the_digest_of_the_normal_form() -> None:
    normal = "import os\ndef load(path):\n    return os.stat(path)"
    assert identity.normalise(CODE, "python") == normal
    assert id_of(CODE) == "python-code-" + hashlib.sha256(normal.encode()).hexdigest()[:16]


def test_ids_do_not_change_between_versions_of_python_or_of_us() -> None:
    assert id_of(CODE) == "python-code-8adcf4e1a272fe05"
    assert id_of("let naïve = '中文 🎉'\n", "javascript") == "javascript-code-3cf375f397729e9f"


@pytest.mark.parametrize("newline", ["\r\n", "\r"])
def test_newlines_do_not_matter(newline: str) -> None:
    assert id_of(CODE.replace("\n", newline)) == id_of(CODE)


@pytest.mark.parametrize(
    "other",
    [
        CODE.replace("# a comment\n", ""),
        CODE.replace("\n\n", "\n \t\n\n\n"),
        "\n\n" + CODE.rstrip("\n"),
        CODE.replace("# a comment", "    # another"),
    ],
)
def test_blank_lines_trailing_space_and_comment_lines_do_not_matter(other: str) -> None:
    assert id_of(other) == id_of(CODE)


@pytest.mark.parametrize(
    "other", [CODE.replace("    return", "   return"), CODE.replace("os.stat", "os.lstat")]
)
def test_everything_else_matters(other: str) -> None:
    assert id_of(other) != id_of(CODE)


@pytest.mark.parametrize(
    ("language", "line", "is_comment"),
    [
        ("python", "# x", True),
        ("c", "#include <x>", False),
        ("javascript", "/* x */", True),
        ("javascript", "/* x */ run()", False),
        ("javascript", "// x", True),
        ("php", "#[Route]", False),
        ("html", "<!-- x -->", True),
        ("markdown", "# Title", False),
        ("sql", "-- x", True),
        ("clojure", ";; x", True),
        ("python", "x = 1  # y", False),
    ],
)
def test_comments_are_those_of_the_language(language: str, line: str, is_comment: bool) -> None:
    assert (identity.normalise(f"{line}\n", language) == "") is is_comment


languages = st.sampled_from(["python", "javascript", "html", "sql", "ini", "text", "ocaml"])
lines = st.sampled_from(
    [
        "",
        " ",
        "\t",
        "x = 1",
        "  y",
        "# c",
        "  // c",
        "/* a */",
        "/*",
        "*/",
        "<!-- -->",
        "\r",
        ";",
        "--",
    ]
)
codes = st.one_of(st.text(), st.lists(lines).map("\n".join))


@given(codes, languages)
def test_normalising_twice_changes_nothing_more(code: str, language: str) -> None:
    once = identity.normalise(code, language)
    assert identity.normalise(once, language) == once


@given(codes, languages)
def test_crlf_and_lf_have_one_id(code: str, language: str) -> None:
    unix = code.replace("\r\n", "\n").replace("\r", "\n")
    assert id_of(unix.replace("\n", "\r\n"), language) == id_of(unix, language)


@given(st.text(), st.text(max_size=300), st.text(max_size=300))
def test_every_id_is_valid(code: str, language: str, pattern_type: str) -> None:
    assert identity.is_valid_id(identity.pattern_id(code, language, pattern_type)[:255])


@pytest.mark.parametrize(
    "bad",
    ["", "../x", "a/../b", "a/./b", "a/.b", "a//b", "/a", "a/", "/", "a/-b", "a\\b", "a/b c", "a b",
     "a\n", "-x", "é", "a/é", "x" * 256, None, 3],
)  # fmt: skip
def test_what_is_no_id(bad: object) -> None:
    assert not identity.is_valid_id(bad)


@pytest.mark.parametrize(
    "line",
    [
        "# pattern-id: auth-1",
        "// Pattern-ID: auth-1",
        "// Pattern-Id: auth-1",
        "// pattern-iD: auth-1",
        "/* @pattern-id auth-1 */",
        " * @pattern-id: auth-1",
        "<!-- PATTERN-ID: auth-1-->",
        "-- pattern-id : auth-1.",
        "x = 1  # pattern-id: auth-1",
        '"""pattern-id: auth-1"""',
        "; pattern-id:auth-1",
    ],
)
def test_a_marker_in_any_comment_names_a_pattern(line: str) -> None:
    assert identity.marked_id(f"first\n{line}\nlast") == "auth-1"
    assert identity.marked_id(f"x--\n{'# -' * 300}\n{line}") == "auth-1"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("team/retry", "team/retry"),
        ("team/cache */", "team/cache"),
        ("team/cache*/", "team/cache"),
        ("@team/ui/button.v2-->", ""),
        ("a/b/c@2.", "a/b/c@2"),
        ("team/", "team"),
        ("team///", "team"),
        ("team//a comment", "team"),
        ("team/../etc", ""),
        ("team/./x", ""),
        ("../x", ""),
        ("/team/x", ""),
        ("//", ""),
        ("team/" + "x" * 251, ""),
        ("team/" + "x" * 250, "team/" + "x" * 250),
    ],
)
def test_an_id_may_have_parts(text: str, found: str) -> None:
    assert identity.marked_id(f"/* pattern-id: {text}\n*/") == found
    assert not found or identity.is_valid_id(found)


def test_no_language_or_type_brings_a_slash_into_an_id() -> None:
    assert "/" not in identity.pattern_id("x = 1", "a/b", "c/d")


@pytest.mark.parametrize(
    "line",
    [
        "pattern-id: auth-1",
        's = "pattern-id: auth-1"',
        "# pattern-id:",
        "# pattern-id auth-1",
        "# pattern-id: ../../etc",
        "# pattern-ids: auth-1",
        "# pattern-id: " + "x" * 300,
    ],
)
def test_what_is_no_marker(line: str) -> None:
    assert identity.marked_id(f"first\n{line}\nlast") == ""


@pytest.mark.parametrize(
    ("path", "code", "name"),
    [
        ("a.py", "x = 1\nasync def load(x):\n  pass", "load"),
        ("a.py", "class Client:\n  pass", "Client"),
        ("a.py", '"""\nclass of things\n"""\n', "a"),
        ("a.js", "export default async function run(x) {}", "run"),
        ("a.ts", "export const go = async (x) => 1", "go"),
        ("a.ts", "const limit = 3", "a"),
        ("a.go", "func (s *Server) Serve(x int) {}", "Serve"),
        ("a.rs", "pub(crate) unsafe fn read<T>() {}", "read"),
        ("a.c", "int main(void)\n{", "main"),
        ("a.sh", "build() {", "build"),
        ("dir/.bashrc", "x", ".bashrc"),
        ("archive.tar.gz", "", "archive.tar"),
    ],
)
def test_a_pattern_is_named_after_what_it_defines_first(path: str, code: str, name: str) -> None:
    assert identity.pattern_name(code, language_of(path), path) == name


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("src/app.py", "code"),
        (".github/workflows/ci.yml", "workflow"),
        ("web/templates/index.html", "template"),
        ("a.yaml", "config"),
        ("config/db.py", "config"),
        ("pyproject.toml", "config"),
    ],
)
def test_the_path_tells_the_type(path: str, kind: str) -> None:
    assert pattern_type_of(path) == kind


def test_hostile_text_costs_linear_time() -> None:
    """8 MB of what is worst for each search; a quadratic one would not end."""
    for text in (
        "export " * 1_000_000,
        "# pattern-id:" * 600_000,
        " " * 8_000_000,
        "\n" * 8_000_000,
    ):
        identity.pattern_name(identity.normalise(text, "python"), "python", "a.py")
        identity.marked_id(text)
