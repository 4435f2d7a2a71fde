"""Compile a module of the hook path to as little code as can do the same."""

import ast
import sys
from collections.abc import Container
from inspect import CO_VARARGS, CO_VARKEYWORDS
from types import CodeType
from typing import Any, NamedTuple

# A name that a module imports: its own, the module's, and the name there, "" for the module itself.
Import = tuple[str, str, str]


class Bare(NamedTuple):
    """A module's code, its imports that are not in it, and its functions `names`, in `later`."""

    code: CodeType
    imports: list[Import]
    names: list[str]
    later: CodeType


def compile_bare(path: str, known: Container[str], seldom: Container[str]) -> Bare:
    """Compile the module at `path` without its imports of modules in `known`, and tell of those.

    Importing takes longer than all else that a module does when it is loaded. Its functions with
    names in `seldom` are compiled apart. Raises OSError.
    """
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    bare = _Bare(known)
    tree = bare.visit(tree)
    later = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name in seldom]
    tree.body = [one for one in tree.body if one not in later]
    names = [one.name for one in later]
    return Bare(_compiled(tree), bare.imports, names, _compiled(ast.Module([*later], [])))


def _compiled(tree: ast.Module) -> CodeType:
    return strip(compile(tree, "", "exec", optimize=2, dont_inherit=True))


class _Bare(ast.NodeTransformer):
    """Takes out what is for readers and type checkers, and the imports that `imports` tells of."""

    def __init__(self, known: Container[str]) -> None:
        self.known = known
        self.imports: list[Import] = []

    def visit_Module(self, node: ast.Module) -> ast.AST:
        node.body = [one for one in node.body if not self._is_told(one)]
        return self.generic_visit(node)

    def _is_told(self, node: ast.stmt) -> bool:
        if not isinstance(node, ast.ImportFrom) or node.module not in self.known:
            return False
        for one in node.names:
            name, module = one.asname or one.name, f"{node.module}.{one.name}"
            found = (module, "") if module in self.known else (str(node.module), one.name)
            self.imports.append((name, *found))
        return True

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        plain = ast.Assign([node.target], node.value) if node.value else ast.Pass()
        return ast.copy_location(plain, node)


def strip(code: CodeType) -> CodeType:
    """Strip `code` of its table of lines and of names that nobody reads.

    A hook shows no traceback. The names of arguments stay, for calls that name them.
    """
    constants = [strip(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    names = code.co_varnames[:arguments] + ("_",) * (len(code.co_varnames) - arguments)
    short = {"co_name": "_", "co_filename": ""}
    if sys.version_info >= (3, 11):
        short["co_qualname"] = "_"
    told: Any = {"co_linetable": b"", "co_consts": tuple(constants), "co_varnames": names, **short}
    return code.replace(**told)
