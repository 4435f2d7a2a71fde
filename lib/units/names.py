"""Tell what a node of a syntax tree declares, and by which name."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from lib.units.grammars import VALUES

MOST_CHARACTERS = 200
# What something is assigned to, if that is a name of it: `exports.name`, `Class.prototype.name`.
_DOTTED = re.compile(r"[\w$#]+(?:\.[\w$#]+)*")
_EXPORTS = re.compile(r"^(?:module\.)?exports\.|^(?:this|self)\.")
# Nodes without a name of their own.
_FIXED = {
    "companion_object": "Companion",
    "secondary_constructor": "constructor",
    "init_declaration": "init",
    "deinit_declaration": "deinit",
    "subscript_declaration": "subscript",
    "export_statement": "default",
}
# Names that say less than the value's own.
_PALE = ("default", "exports", "module.exports")
_BODIES = ("struct_specifier", "union_specifier", "enum_specifier", "class_specifier")
_LISTS = ("expression_list",)
# What a function seems to be called in C where a macro hides what is before it.
_NO_NAMES = ("if", "for", "while", "switch", "return")
# How the kinds of nodes end that are bodies where the grammar has no field for these.
_BODY_ENDS = ("_body", "block", "_list", "_property", "_elem")


class Named(NamedTuple):
    """What a node declares ("function", "method" or "class") and its name.

    Of no unit it is "scope" or, of a class that is declared elsewhere, "impl". A method is called
    after its class where it stands elsewhere: `Class.method`.
    """

    kind: str
    name: str


def named(node: Any, role: str, fields: Mapping[str, tuple[str, str]], data: bytes) -> Named | None:
    """Return what a node of code, `data`, declares in a role; None if it has no name."""
    if role == "holder":
        return _held(node, *fields[node.type], data)
    if node.type in _BODIES and not node.child_by_field_name("body"):
        return None
    if node.type == "impl_item":
        return _known("impl", _plain_type(node.child_by_field_name("type"), data))
    if node.type == "method_declaration" and (receiver := node.child_by_field_name("receiver")):
        owner = _plain_type(_type_in(receiver), data)
        own = _text(node.child_by_field_name("name"), data)
        return _known(role, f"{owner}.{own}" if owner and own else own)
    name = _own_name(node, data)
    return _known("method" if role == "function" and "." in name else role, name)


def body_start(node: Any, role: str, fields: Mapping[str, tuple[str, str]]) -> int:
    """Return at which byte the body begins of what a node in a role declares, or where it ends."""
    if role == "holder":
        node = _only(node.child_by_field_name(fields[node.type][1]))
    found = node.child_by_field_name("body")
    if found is None and node.named_child_count:
        last = node.named_child(node.named_child_count - 1)
        is_body = last.type.endswith(_BODY_ENDS) and "parameter" not in last.type
        found = last if is_body else None
    start: int = node.end_byte if found is None else found.start_byte
    return start


def _known(kind: str, name: str) -> Named | None:
    return Named(kind, name) if 0 < len(name) <= MOST_CHARACTERS else None


def _held(node: Any, name_field: str, value_field: str, data: bytes) -> Named | None:
    """Return what a node gives its name to, as in `const name = () => {}`."""
    value = _only(node.child_by_field_name(value_field))
    kind = VALUES.get(value.type) if value else None
    if value is None or kind is None:
        return None
    own = _text(value.child_by_field_name("name"), data)
    if value.type in _BODIES and (own or not value.child_by_field_name("body")):
        return None
    holder = _only(node.child_by_field_name(name_field)) if name_field else None
    name = _text(holder, data) if holder else _FIXED.get(node.type, "")
    if name in _PALE:
        name = own or name.rpartition(".")[2]
    elif holder is not None and holder.type in ("string", "string_literal"):
        return _known(kind, name.strip("'\""))
    elif holder is not None and holder.type == "variable_name":  # of PHP
        name = name.lstrip("$")
    name = _EXPORTS.sub("", name)
    if not _DOTTED.fullmatch(name):
        return None
    if ".prototype." in name:
        return _known("method" if kind == "function" else kind, name.replace(".prototype.", "."))
    return _known(kind, name)


def _only(node: Any) -> Any:
    """Return what stands alone in a list, or the node itself."""
    if node is not None and node.type in _LISTS:
        return node.named_child(0) if node.named_child_count == 1 else None
    return node


def _own_name(node: Any, data: bytes) -> str:
    found = node.child_by_field_name("name") if node.type != "subscript_declaration" else None
    if found is not None:
        sign = "~" if node.type == "destructor_declaration" else ""
        text = _text(found, data)
        return sign + (text.strip("'\"") if found.type == "string" else text)
    if node.type in _FIXED:
        return _FIXED[node.type]
    declarator = node.child_by_field_name("declarator")
    if declarator is not None:
        return _declared(declarator, data)
    if sign := node.child_by_field_name("operator"):
        return f"operator {_text(sign, data)}"
    if node.type == "conversion_operator_declaration":
        return f"operator {_text(node.child_by_field_name('type'), data)}"
    return ""


def _declared(node: Any, data: bytes) -> str:
    """Return the name in a declarator of C or C++, such as `*name(int)` or `Class::name()`."""
    for _ in range(MOST_CHARACTERS):
        inner = node.child_by_field_name("declarator")
        if inner is None and node.type in ("reference_declarator", "parenthesized_declarator"):
            inner = node.named_child(0)
        if inner is None or node.type == "operator_cast":
            break
        node = inner
    if node.type == "operator_cast":
        return f"operator {_text(node.child_by_field_name('type'), data)}"
    name = _text(node, data)
    return "" if name in _NO_NAMES else name


def _plain_type(node: Any, data: bytes) -> str:
    """Return a type's name without what it points to or is made for: `*Pair[K]` is `Pair`."""
    for _ in range(MOST_CHARACTERS):
        if node is None:
            return ""
        inner = node.child_by_field_name("type")
        if inner is None and node.type == "pointer_type":
            inner = node.named_child(0)
        if inner is None:
            break
        node = inner
    return _text(node, data)


def _type_in(receiver: Any) -> Any:
    return next(
        (one for one in receiver.named_children if one.type == "parameter_declaration"), None
    )


def _text(node: Any, data: bytes) -> str:
    """Return what a node says, on one line, with dots between the parts of a name."""
    if node is None or node.end_byte - node.start_byte > 4 * MOST_CHARACTERS:
        return ""
    # Not `node.text`: the tree would ask for it what it was read from, portion by portion.
    text = " ".join(data[node.start_byte : node.end_byte].decode("utf-8", "replace").split())
    return text.replace("::", ".")
