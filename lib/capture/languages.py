"""Tell a file's language and kind of pattern by its name, and how languages write comments.

Builtins only: the hook path imports this.
"""

# fmt: off
_BY_EXTENSION = {
    "py": "python", "pyi": "python", "pyw": "python", "ipynb": "jupyter",
    "js": "javascript", "mjs": "javascript", "cjs": "javascript", "jsx": "javascript",
    "ts": "typescript", "mts": "typescript", "cts": "typescript", "tsx": "typescript",
    "rs": "rust", "kt": "kotlin", "kts": "kotlin", "h": "c", "cc": "cpp", "cxx": "cpp",
    "hh": "cpp", "hpp": "cpp", "m": "objective-c", "mm": "objective-c", "cs": "csharp",
    "fs": "fsharp", "rb": "ruby", "pl": "perl", "pm": "perl", "jl": "julia", "ex": "elixir",
    "exs": "elixir", "erl": "erlang", "hs": "haskell", "ml": "ocaml", "mli": "ocaml",
    "clj": "clojure", "el": "lisp", "scm": "lisp", "sh": "shell", "bash": "shell",
    "zsh": "shell", "fish": "shell", "ps1": "powershell", "htm": "html", "svg": "xml",
    "md": "markdown", "markdown": "markdown", "tex": "latex", "jsonc": "json", "json5": "json",
    "yml": "yaml", "cfg": "ini", "conf": "ini", "properties": "ini", "tf": "terraform",
    "hcl": "terraform", "proto": "protobuf", "gql": "graphql", "txt": "text",
}
_BY_NAME = {
    "dockerfile": "dockerfile", "containerfile": "dockerfile", "makefile": "makefile",
    "gnumakefile": "makefile", "justfile": "makefile", "jenkinsfile": "groovy",
    "rakefile": "ruby", "gemfile": "ruby", "vagrantfile": "ruby", "cmakelists.txt": "cmake",
}
_COMMENTS = {
    ("#",): "python ruby perl r julia elixir shell powershell yaml toml makefile dockerfile "
            "cmake nix graphql",
    ("//",): "javascript typescript go rust java kotlin scala groovy swift dart c cpp zig "
             "objective-c csharp fsharp scss less json protobuf vue svelte",
    ("--",): "sql lua haskell",
    (";",): "clojure lisp",
    ("%",): "erlang latex",
    ("#", ";", "!"): "ini",
    ("#", "//"): "terraform",
    # Without the space it is a PHP attribute.
    ("//", "# "): "php",
}
_BLOCKS = {
    ("/*", "*/"): "javascript typescript go rust java kotlin scala groovy swift dart c cpp "
                  "objective-c csharp css scss less php protobuf sql terraform vue svelte",
    ("<!--", "-->"): "html xml markdown",
    ("(*", "*)"): "ocaml fsharp",
    ("{-", "-}"): "haskell",
}
_TEMPLATE_EXTENSIONS = (
    "j2", "jinja", "jinja2", "tmpl", "tpl", "hbs", "mustache", "ejs", "erb", "liquid",
)
_WORKFLOW_NAMES = ("jenkinsfile", ".gitlab-ci.yml", ".travis.yml", "azure-pipelines.yml")
_CONFIG_LANGUAGES = ("yaml", "toml", "ini")
# fmt: on


def base_name(path: str) -> str:
    """Return the last component of `path`, after a slash or a backslash."""
    return path.replace("\\", "/").rpartition("/")[2]


def language_of(path: str) -> str:
    """Tell the language of the file at `path`: a lower-case word, its extension if unknown."""
    name = base_name(path).lower()
    if name in _BY_NAME:
        return _BY_NAME[name]
    stem, _, extension = name.rpartition(".")
    if not stem:
        return "text"
    if extension in _BY_EXTENSION:
        return _BY_EXTENSION[extension]
    plain = extension.isascii() and extension.isalnum() and len(extension) <= 16
    return extension if plain else "text"


def is_known(path: str) -> bool:
    """Check whether the language of the file at `path` is known, by its name, and no plain text."""
    language = language_of(path)
    if comment_openers(language) or block_comment(language)[0]:
        return True
    return language != "text" and language in (*_BY_NAME.values(), *_BY_EXTENSION.values())


def comment_openers(language: str) -> tuple[str, ...]:
    """Return what begins a line comment in `language`."""
    for openers, languages in _COMMENTS.items():
        if language in languages.split():
            return openers
    return ()


def block_comment(language: str) -> tuple[str, str]:
    """Return the brackets of a block comment in `language`; two empty strings if it has none."""
    for brackets, languages in _BLOCKS.items():
        if language in languages.split():
            return brackets
    return "", ""


def pattern_type_of(path: str) -> str:
    """Classify a path by its directories and name: `workflow`, `template`, `config` or `code`."""
    directories = path.replace("\\", "/").lower().split("/")
    name = directories.pop()
    if name in _WORKFLOW_NAMES or "workflows" in directories or ".circleci" in directories:
        return "workflow"
    if "templates" in directories or name.rpartition(".")[2] in _TEMPLATE_EXTENSIONS:
        return "template"
    if "config" in directories or "configs" in directories:
        return "config"
    if language_of(name) in _CONFIG_LANGUAGES or name.partition(".")[0] in ("config", "settings"):
        return "config"
    return "code"
