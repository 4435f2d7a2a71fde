"""Load the grammar of a language when it is first needed, and say which of its nodes matter."""

import re
from collections.abc import Iterator
from functools import cache
from typing import Any, NamedTuple

from lib.capture.languages import base_name, language_of
from lib.system import packages


class _Table(NamedTuple):
    """Which nodes of a grammar play which role; each is a list of their kinds, by blanks.

    `module` and `function` are where the grammar is. A `holder` gives its name to its value: as
    kind:name field:value field. An `outer` node is part of the unit that ends with it, `before`
    are nodes that belong to what follows them. A `scope` is no unit, and part of names.
    `opener` is what code begins after.
    """

    module: str
    function: str = ""
    method: str = ""
    kind: str = ""
    holder: str = ""
    outer: str = ""
    before: str = ""
    scope: str = ""
    entry: str = "language"
    opener: str = ""


_JAVASCRIPT = _Table(
    "tree_sitter_javascript",
    function="function_declaration generator_function_declaration",
    method="method_definition",
    kind="class_declaration",
    holder="variable_declarator:name:value assignment_expression:left:right pair:key:value "
    "field_definition:property:value export_statement::value",
    outer="export_statement lexical_declaration variable_declaration",
    before="decorator",
)
_TYPESCRIPT = _JAVASCRIPT._replace(
    module="tree_sitter_typescript",
    method="method_definition abstract_method_signature",
    kind="class_declaration abstract_class_declaration interface_declaration enum_declaration",
    holder=_JAVASCRIPT.holder.replace("field_definition:property", "public_field_definition:name"),
    scope="internal_module module",
    entry="language_typescript",
)
_C = _Table(
    "tree_sitter_c",
    function="function_definition",
    kind="struct_specifier union_specifier enum_specifier",
    holder="type_definition:declarator:type",
    outer="type_definition",
)
_TABLES = {
    "python": _Table(
        "tree_sitter_python",
        function="function_definition",
        kind="class_definition",
        outer="decorated_definition",
    ),
    "javascript": _JAVASCRIPT,
    "typescript": _TYPESCRIPT,
    "tsx": _TYPESCRIPT._replace(entry="language_tsx"),
    "go": _Table(
        "tree_sitter_go",
        function="function_declaration",
        method="method_declaration",
        holder="type_spec:name:type type_alias:name:type var_spec:name:value "
        "short_var_declaration:left:right",
        outer="type_declaration var_declaration",
    ),
    "rust": _Table(
        "tree_sitter_rust",
        function="function_item function_signature_item",
        kind="struct_item enum_item union_item trait_item",
        before="attribute_item",
        scope="impl_item mod_item",
    ),
    "java": _Table(
        "tree_sitter_java",
        method="method_declaration constructor_declaration compact_constructor_declaration "
        "annotation_type_element_declaration",
        kind="class_declaration interface_declaration enum_declaration record_declaration "
        "annotation_type_declaration",
    ),
    "c": _C,
    "cpp": _C._replace(
        module="tree_sitter_cpp",
        kind=f"{_C.kind} class_specifier",
        holder=f"{_C.holder} init_declarator:declarator:value",
        outer=f"{_C.outer} template_declaration declaration",
        scope="namespace_definition",
    ),
    "csharp": _Table(
        "tree_sitter_c_sharp",
        function="local_function_statement",
        method="method_declaration constructor_declaration destructor_declaration "
        "operator_declaration conversion_operator_declaration",
        kind="class_declaration struct_declaration interface_declaration record_declaration "
        "enum_declaration",
    ),
    "ruby": _Table(
        "tree_sitter_ruby", function="method", method="singleton_method", kind="class module"
    ),
    "php": _Table(
        "tree_sitter_php",
        function="function_definition",
        method="method_declaration",
        kind="class_declaration interface_declaration trait_declaration enum_declaration",
        holder="assignment_expression:left:right",
        entry="language_php",
        opener="<?php",
    ),
    "kotlin": _Table(
        "tree_sitter_kotlin",
        function="function_declaration",
        method="secondary_constructor",
        kind="class_declaration object_declaration companion_object",
    ),
    "swift": _Table(
        "tree_sitter_swift",
        function="function_declaration",
        method="init_declaration deinit_declaration subscript_declaration "
        "protocol_function_declaration",
        kind="class_declaration protocol_declaration",
    ),
    "shell": _Table("tree_sitter_bash", function="function_definition"),
}
LANGUAGES = tuple(_TABLES)
MODULES = frozenset(table.module for table in _TABLES.values())
# Which kinds of nodes a holder may give its name to, of all languages, and what these are then.
VALUES = {
    "arrow_function": "function",
    "function_expression": "function",
    "generator_function": "function",
    "anonymous_function": "function",
    "func_literal": "function",
    "lambda_expression": "function",
    "class": "class",
    "struct_type": "class",
    "interface_type": "class",
    "struct_specifier": "class",
    "union_specifier": "class",
    "enum_specifier": "class",
    "object": "scope",
}


# Kinds of nodes in any grammar: the text of a string, which is one token; what is no token.
_TEXT = re.compile(
    r"\w*string(_literal)?_(content|fragment)|heredoc_content|(line|multi_line)_str_text|"
    r"(raw|verbatim|nowdoc|ansi_c|system_lib)_(string|lib_string)(_literal)?|"
    r"char(acter)?(_literal)?|rune_literal|regex_(pattern|literal)"
)
_NO_TOKEN = re.compile(r"\w*comment|line_continuation|shebang\w*|hash_bang_line")


class Grammar(NamedTuple):
    """A language that can be parsed: its objects of tree-sitter, and the fields of its holders.

    The query finds the nodes of each role, and in the roles "text" and "none" what tokens are made
    of otherwise than of the rest. Code begins after the first `opener`.
    """

    language: Any
    query: Any
    fields: dict[str, tuple[str, str]]
    opener: bytes


def language_at(path: str) -> str:
    """Tell by which grammar the file at `path` is read, "" if by none."""
    language = language_of(path)
    ending = base_name(path).lower().rpartition(".")[2]
    if ending in ("tsx", "fish"):
        return "tsx" if ending == "tsx" else ""
    return language if language in _TABLES else ""


@cache
def grammar(language: str) -> Grammar | None:
    """Return the grammar of a language; None if there is none, or its package is not installed."""
    table = _TABLES.get(language)
    if table is None:
        return None
    try:
        sitter = packages.load("tree_sitter")
        loaded = sitter.Language(getattr(packages.binding(table.module), table.entry)())
    except (packages.Missing, ValueError):  # one of another version's format is as good as none
        return None
    holders = [holder.split(":") for holder in table.holder.split()]
    roles = {
        "outer": table.outer,
        "before": table.before,
        "scope": table.scope,
        "class": table.kind,
        "holder": " ".join(kind for kind, _, _ in holders),
        "function": table.function,
        "method": table.method,
    }
    parts = [f"({kind}) @{role}" for role, kinds in roles.items() for kind in kinds.split()]
    parts += _special(loaded)
    fields = {kind: (name, value) for kind, name, value in holders}
    query = sitter.Query(loaded, "\n".join(parts))
    return Grammar(loaded, query, fields, table.opener.encode())


def _special(language: Any) -> Iterator[str]:
    """Yield the patterns that find the texts of strings, and what is no token."""
    numbers = range(language.node_kind_count)
    named = filter(language.node_kind_is_named, filter(language.node_kind_is_visible, numbers))
    for kind in sorted({language.node_kind_for_id(number) or "" for number in named}):
        if _TEXT.fullmatch(kind):
            yield f"({kind}) @text"
        if _NO_TOKEN.fullmatch(kind):
            yield f"({kind}) @none"
