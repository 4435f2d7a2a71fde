"""Compile a module of the hook path to as little code as can do the same."""

import ast
from collections.abc import Container
from types import CodeType

# A name that a module imports: its own, the module's, and the name there, "" for the module itself.
Import = tuple[str, str, str]


def compile_bare(path: str, known: Container[str]) -> tuple[CodeType, list[Import]]:
    """Compile the module at `path` without its imports of modules in `known`, and tell of those.

    Importing takes longer than all else that a module does when it is loaded. Raises OSError.
    """
    with open(path, encoding="utf-8") as file:
        tree = ast.parse(file.read())
    bare = _Bare(known)
    code = compile(bare.visit(tree), path, "exec", optimize=2, dont_inherit=True)
    return strip(code), bare.imports


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
    """Strip `code` of its table of lines, a third of its size: a hook never shows a traceback."""
    constants = [strip(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.replace(co_linetable=b"", co_consts=tuple(constants))
