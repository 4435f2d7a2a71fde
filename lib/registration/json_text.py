"""Edit JSON as text: what is not changed stays as it is, to the byte.

The text must be valid JSON: ask `json` first.
"""

import json
import re
from json.decoder import scanstring  # type: ignore[attr-defined]
from typing import Any

_SPACE = re.compile(r"[ \t\r\n]*")
_SCALAR = re.compile(r"[^\s,\]}]+")


class Node:
    """A value: `text[start:end]`.

    `children` are the values in it under their keys, "" in an array; `starts` where each begins,
    its key included.
    """

    def __init__(self, start: int) -> None:
        self.start = start
        self.end = start
        self.children: list[tuple[str, Node]] = []
        self.starts: list[int] = []

    def get(self, key: str) -> "Node | None":
        """Return the value under `key`; of several the last, as JSON readers do."""
        found = [node for name, node in self.children if name == key]
        return found[-1] if found else None

    def index(self, node: "Node") -> int:
        """Return the index of `node` among the children."""
        return [child for _, child in self.children].index(node)


def parse(text: str) -> Node:
    """Parse the outermost value of `text`. Raises RecursionError where it is nested too deeply."""
    return _value(text, _skip(text, 0))


def _value(text: str, start: int) -> Node:
    node = Node(start)
    if text[start] == '"':
        node.end = scanstring(text, start + 1)[1]
    elif text[start] in "{[":
        _children(text, node)
    else:
        match = _SCALAR.match(text, start)
        node.end = match.end() if match else start
    return node


def _children(text: str, node: Node) -> None:
    at = _skip(text, node.start + 1)
    while text[at] not in "}]":
        node.starts.append(at)
        key = ""
        if text[node.start] == "{":
            key, at = scanstring(text, at + 1)
            at = _skip(text, _skip(text, at) + 1)
        child = _value(text, at)
        node.children.append((key, child))
        at = _skip(text, child.end)
        if text[at] == ",":
            at = _skip(text, at + 1)
    node.end = at + 1


def _skip(text: str, at: int) -> int:
    match = _SPACE.match(text, at)
    return match.end() if match else at


def append(text: str, container: Node, value: Any, key: str = "") -> str:
    """Append `value` to `container` in `text`, under `key` if that is an object."""
    style = _Style(text)
    name = f"{json.dumps(key, ensure_ascii=False)}{style.colon}" if key else ""
    if not container.children:
        inner = _line_indent(text, container.start) + style.unit
        written = name + style.dump(value, inner)
        if style.unit:
            close = style.newline + _line_indent(text, container.start)
            written = f"{style.newline}{inner}{written}{close}"
        return text[: container.start + 1] + written + text[container.end - 1 :]
    last = container.children[-1][1]
    first = text[container.start + 1 : container.starts[0]]
    if "\n" in first:
        inner = first.rpartition("\n")[2]
        written = f",{style.newline}{inner}{name}{style.dump(value, inner)}"
    else:
        written = f",{style.space}{name}{style.dump(value, '', compact=True)}"
    return text[: last.end] + written + text[last.end :]


def replace(text: str, node: Node, value: Any) -> str:
    """Replace `node` in `text` by `value`."""
    style = _Style(text)
    compact = "\n" not in text[node.start : node.end]
    written = style.dump(value, _line_indent(text, node.start), compact)
    return text[: node.start] + written + text[node.end :]


def remove(text: str, container: Node, index: int) -> str:
    """Remove the child of that index from `text`, with its comma."""
    if len(container.children) == 1:
        return text[: container.start + 1] + text[container.end - 1 :]
    if index:
        start, end = container.children[index - 1][1].end, container.children[index][1].end
    else:
        start, end = container.starts[0], container.starts[1]
    return text[:start] + text[end:]


class _Style:
    """The style of a file: its newlines, its indentation ("" on one line), its spaces."""

    def __init__(self, text: str) -> None:
        self.newline = "\r\n" if "\r\n" in text else "\n"
        match = re.search(r"[{\[][ \t]*\r?\n([ \t]*)\S", text)
        blank = not text.strip(" \t\r\n{}")
        self.unit = match[1] if match and match[1] else ("  " if blank or match else "")
        self.space = "" if not self.unit and re.search(r",[^\s]", text) else " "
        self.colon = ":" if not self.unit and re.search(r'":[^\s]', text) else ": "

    def dump(self, value: Any, indent: str, compact: bool = False) -> str:
        """Write `value` in this style, for a line that begins with `indent`."""
        if compact or not self.unit:
            separators = (f",{self.space}", self.colon)
            return json.dumps(value, ensure_ascii=False, separators=separators)
        written = json.dumps(value, ensure_ascii=False, indent=self.unit)
        return written.replace("\n", self.newline + indent)


def _line_indent(text: str, at: int) -> str:
    """Return the white space at the beginning of the line of `at`."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]
