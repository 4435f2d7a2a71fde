"""Describe how each language writes strings that may span lines.

Builtins only: the hook path imports this.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    # What opens, what closes, and whether a backslash hides what closes.
    Bracket = tuple[str, str, bool]
    Syntax = tuple[tuple[Bracket, ...], str, str]

_TRIPLE = (('"""', '"""', True), ("'''", "'''", True))
_RAW = (('"""', '"""', False),)
_QUOTES = (('"', '"', True), ("'", "'", True))
_LONG = (("[[", "]]", False), ("[=[", "]=]", False), ("[==[", "]==]", False))
# By language: the strings that may span lines, the quotes of those that may not, what begins a
# heredoc. Where plain quotes span lines, the scanner tells an apostrophe from a quote.
# fmt: off
_SYNTAX: "dict[str, Syntax]" = {
    "python dart groovy": (_TRIPLE, "\"'", ""),
    "javascript typescript vue svelte": ((("`", "`", True),), "\"'", ""),
    "go": ((("`", "`", False),), "\"'", ""),
    "java swift graphql": ((_TRIPLE[0],), "\"'", ""),
    "kotlin scala fsharp": (_RAW, "\"'", ""),
    "csharp": ((*_RAW, ('@"', '"', False), ('@$"', '"', False)), "\"'", ""),
    "rust": (
        (("r##\"", "\"##", False), ("r#\"", "\"#", False), ("r\"", "\"", False), _QUOTES[0]), "", ""
    ),
    "c objective-c": ((), "\"'", ""),
    "cpp": ((('R"(', ')"', False),), "\"'", ""),
    "toml": (_TRIPLE, "\"'", ""),
    "ruby": (_QUOTES, "", "<<"),
    "perl": (_QUOTES, "", "<<"),
    "shell": ((("'", "'", False), _QUOTES[0]), "", "<<"),
    "php": (_QUOTES, "", "<<<"),
    "terraform": ((), '"', "<<"),
    "dockerfile": ((), "", "<<"),
    "sql": ((("'", "'", False), ('"', '"', False)), "", ""),
    "r": (_QUOTES, "", ""),
    "julia elixir erlang": ((*_RAW, _QUOTES[0]), "", ""),
    "ocaml": ((("{|", "|}", False), _QUOTES[0]), "", ""),
    "clojure lisp": ((_QUOTES[0],), "", ""),
    "nix": ((("''", "''", False), _QUOTES[0]), "", ""),
    "lua": (_LONG, "\"'", ""),
    "cmake": ((*_LONG, _QUOTES[0]), "", ""),
    "powershell": ((('@"\n', '\n"@', False), ("@'\n", "\n'@", False), ('"', '"', False),
                    ("'", "'", False)), "", ""),
    "markdown": ((("```", "\n```", False), ("~~~", "\n~~~", False)), "", ""),
    "html xml": ((("<![CDATA[", "]]>", False),), "", ""),
}
# fmt: on
# A comment that holds no string: Ruby's and Perl's documentation.
DOCUMENTS = {"ruby": ("\n=begin", "\n=end"), "perl": ("\n=", "\n=cut")}


def syntax_of(language: str) -> "Syntax":
    """Look up a language's strings: brackets, plain quotes, what begins a heredoc."""
    for languages, syntax in _SYNTAX.items():
        if language in languages.split():
            return syntax
    return (), "", ""
