"""`.patternignore` means what `git check-ignore` says of the same text."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.privacy.gitignore import rules_in
from lib.privacy.ignore import FILE_NAME, Ignores

GIT = shutil.which("git")
needs_git = pytest.mark.skipif(GIT is None, reason="there is no git here")
EXAMPLES = int(os.environ.get("GITIGNORE_EXAMPLES", "60"))


class Repository:
    """A directory in which git and we have the same files of rules, each by its own name."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.environ = {
            "HOME": str(directory), "PATH": os.defpath, "GIT_CONFIG_NOSYSTEM": "1",
            "XDG_CONFIG_HOME": str(directory / "none"),
        }  # fmt: skip
        self.git("init", "--quiet", "--template=")

    def git(self, *arguments: str, given: bytes = b"") -> bytes:
        done = subprocess.run(
            [str(GIT), *arguments],
            cwd=self.directory, env=self.environ, input=given, capture_output=True, check=False,
        )  # fmt: skip
        assert done.returncode in (0, 1), done.stderr
        return done.stdout

    def write(self, rules: dict[str, bytes]) -> None:
        """Let `rules` be all that there are, by their directories."""
        for path in self.directory.rglob("*ignore"):
            path.unlink()
        for place, text in rules.items():
            (self.directory / place).mkdir(parents=True, exist_ok=True)
            (self.directory / place / ".gitignore").write_bytes(text)
            (self.directory / place / FILE_NAME).write_bytes(text)

    def by_git(self, paths: list[str]) -> set[str]:
        # A colon at the beginning would be git's own language.
        asked = b"".join(b"./" + os.fsencode(path) + b"\0" for path in paths)
        said = self.git("check-ignore", "--no-index", "-z", "--stdin", given=asked)
        return {os.fsdecode(path[2:]) for path in said.split(b"\0") if path}

    def by_us(self, paths: list[str]) -> set[str]:
        ignores = Ignores()
        found = {path for path in paths if ignores.excludes(f"{self.directory}/{path}")}
        assert ignores.problems == []
        return found


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Repository:
    return Repository(tmp_path_factory.mktemp("repository"))


PATHS = [
    "a.py", "b.txt", "src/a.py", "src/b.txt", "src/deep/a.py", "build/a.py", "src/build/a.py", "!a",
    "#a", "a ", "a b", "\ta", "a\\", "[a", "_x", "z", "a-b", "é.py", "x\x0cy", "x\u2028y", "x\ry",
    "foobar", "foo/bar", "foox/bar", "foo/x/bar", "a/b/c/d.py", "A.py", "9.py", "-.py", "a]", "\\a",
    "docs/readme.md", "docs/deep/readme.md", "keep/a.py", "logs/keep.py", "*.py", "a*", "**",
]  # fmt: skip

# What differed, what may be written wrongly, and what people write.
FILES = {
    "a mark at the beginning": b"\xef\xbb\xbf*.py\n",
    "classes": b"[[:alpha:]].py\n[[:digit:][:punct:]].py\n",
    "classes that there are not": b"[[:letter:]].py\nb.txt\n",
    "below an excluded directory": b"src/\n!src/a.py\n!src/deep/\n",
    "all but": b"*\n!*.py\n",
    "all but, with directories": b"*\n!*/\n!*.py\n",
    "all of a directory but": b"/src/*\n!/src/deep\n",
    "a form feed": b"x\x0cy\nb.txt\n",
    "a line separator": "x\u2028y\nb.txt\n".encode(),
    "a carriage return": b"b.txt\r\nx\ry\r\n",
    "no pattern": b"!\n/\n//\nb.txt\n",
    "a backslash at the end": b"a\\\nb.txt\n",
    "escapes": b"\\!a\n\\#a\na\\ \n\\[a\n\\\\a\n\\*.py\n",
    "spaces": b"a \na b  \n\ta\n",
    "a reversed range": b"[z-a]\nb.txt\n",
    "a range that is none": b"[_-.]*\nb.txt\n",
    "a bracket that is not closed": b"[a\na]\n[!\n",
    "brackets": b"[]-a]\n[!a-y]\n[^_]x\n[\\]]\n[a-]*\n",
    "not UTF-8": b"\xff\n\xc3?.py\n?.py\n",
    "stars": b"foo**/bar\na/**\n**/readme.md\n**/b\n",
    "stars in the middle": b"a/**/d.py\nfoo/**/bar\n***/build\n",
    "a name and a path": b"build\n/a.py\ndocs/*.md\n",
    "many wildcards": b"*a*.*p*y*\n?*?*?*.md\n",
    "comments": b"# *.py\n #a\n\n   \nb.txt",
    "a zero": b"b.txt\0.py\n",
    "twice": b"*.py\n!a.py\n*.py\n!/a.py\n",
    "the last slash": b"keep/\na.py/\n/logs/\n!logs/\n",
    "case": b"a.PY\n[A-B].py\n",
}


@needs_git
@pytest.mark.parametrize("name", FILES)
def test_it_is_what_git_says(repository: Repository, name: str) -> None:
    repository.write({"": FILES[name]})
    assert repository.by_us(PATHS) == repository.by_git(PATHS)


@pytest.fixture
def in_any_case(repository: Repository, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    """The same, where git is told that the disk does not mind the case, and we find it so."""
    monkeypatch.setattr("lib.privacy.ignore.is_folded", lambda *path: True)
    repository.git("config", "core.ignoreCase", "true")
    yield repository
    repository.git("config", "core.ignoreCase", "false")


@needs_git
@pytest.mark.parametrize("name", FILES)
def test_it_is_what_git_says_in_any_case(in_any_case: Repository, name: str) -> None:
    in_any_case.write({"": FILES[name]})
    paths = list(dict.fromkeys([*PATHS, *map(str.swapcase, PATHS)]))
    assert in_any_case.by_us(paths) == in_any_case.by_git(paths)


@needs_git
def test_every_class_and_range_in_any_case(in_any_case: Repository) -> None:
    paths = [f"x{chr(number)}" for number in range(1, 128) if number != ord("/")]
    names = ("alnum", "alpha", "digit", "lower", "punct", "upper", "xdigit")
    for inside in [*(f"[:{name}:]" for name in names), "A-z", "!a-c", "B-D", "!X-b", "Z-a"]:
        in_any_case.write({"": f"x[{inside}]\n".encode()})
        assert in_any_case.by_us(paths) == in_any_case.by_git(paths), inside


@needs_git
def test_every_class_has_what_git_has_in_it(repository: Repository) -> None:
    paths = [f"x{chr(number)}" for number in range(1, 128) if number != ord("/")]
    for name in ("alnum", "alpha", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
                 "space", "upper", "xdigit"):  # fmt: skip
        repository.write({"": f"x[[:{name}:]]\n".encode()})
        assert repository.by_us(paths) == repository.by_git(paths), name


@needs_git
def test_several_files(repository: Repository) -> None:
    repository.write({"": b"*.py\nsrc/deep/\n", "src": b"!a.py\n/b.txt\n", "src/deep": b"!*\n"})
    assert repository.by_us(PATHS) == repository.by_git(PATHS)
    repository.write({"": b"!*.py\n", "src": b"*\n", "src/deep": b"!*\n", "a/b": b"/c/*\n!d.py\n"})
    assert repository.by_us(PATHS) == repository.by_git(PATHS)


PIECES = st.sampled_from(
    [b"*", b"**", b"/", b"?", b"a", b"b", b"c", b".py", b"[a-c]", b"[!a]", b"[", b"]", b"\\", b"!",
     b"#", b" ", b"-", b"^", b"[[:alpha:]]", b"[[:x:]]", b":", b"\r", b"\t", b"\x0c", b"\0", b"/**",
     b"**/", b"/**/", b"\xc3", b"\xa9", "\u2028".encode()]
)  # fmt: skip
LINES = st.lists(PIECES, max_size=6).map(b"".join)
TEXTS = st.tuples(st.sampled_from([b"", b"\xef\xbb\xbf"]), st.lists(LINES, max_size=6)).map(
    lambda made: made[0] + b"\n".join(made[1])
)
NAMES = st.text(alphabet="abc.py-!#[]\\* :^\ré\u2028", min_size=1, max_size=4).filter(
    lambda name: name not in (".", "..")
)
FILE_PATHS = st.lists(NAMES, min_size=1, max_size=4).map("/".join)
PLACES = ("", "a", "a/b", "c")


@needs_git
@settings(max_examples=EXAMPLES)
@given(
    rules=st.dictionaries(st.sampled_from(PLACES), TEXTS, min_size=1),
    paths=st.lists(FILE_PATHS, min_size=20, max_size=40, unique=True),
)
def test_whatever_is_written_it_is_what_git_says(
    repository: Repository, rules: dict[str, bytes], paths: list[str]
) -> None:
    # What is a directory there is no file.
    asked = [path for path in paths if not (repository.directory / path).is_dir()]
    repository.write(rules)
    assert repository.by_us(asked) == repository.by_git(asked)


@given(st.binary(max_size=200), st.binary(max_size=20))
def test_no_bytes_raise(text: bytes, path: bytes) -> None:
    for rule in rules_in(text)[0]:
        rule.matches(path, is_directory=False)
        rule.matches(path, is_directory=True)
