"""Compile the hook path's modules into one file, the image, beside their .pyc files.

Looking for a module and reading its .pyc takes the interpreter 0.15 ms here, and the hook path
has two dozen; one read of them all takes 0.5 ms. So it is in parts, each of which is loaded when a
module in it is first asked for anything. The image holds nothing that the sources do not: a module
whose source has changed is compiled, without an image the hook imports as usual, and the flusher
makes it anew.
"""

import ast
import marshal
import os
import sys
from importlib.util import cache_from_source, find_spec
from types import CodeType

from lib.system import files
from lib.system.logs import log

# In the order of their imports, so that each finds what it needs when it is run.
MODULES = (
    "lib.system.calls",
    "lib.system.digest",
    "lib.system.timestamps",
    "lib.system.json_codec",
    "lib.capture.languages",
    "lib.capture.string_syntax",
    "lib.capture.yaml_scalars",
    "lib.capture.patterns",
    "lib.capture.strings",
    "lib.capture.comments",
    "lib.capture.identity",
    "lib.capture.event",
    "lib.capture.secret_names",
    "lib.capture.named_file",
    "lib.capture.payload",
    "lib.system.files",
    "lib.system.moment",
    "lib.system.bundle",
    "lib.spool.destination",
    "lib.spool.tally",
    "lib.spool.inbox",
    "lib.system.origins",
    "lib.system.own_directory",
    "lib.system.settings",
    "lib.spool.wake",
    "lib.capture.shell_words",
    "lib.capture.shell",
    "lib.capture.like_lines",
    "lib.capture.reuse_scope",
    "lib.capture.reuse_index",
    "lib.capture.reuse_hint",
    "lib.capture.hook",
)
# Their packages hold no code: the hook makes them up instead of looking for their files.
PACKAGES = ("lib", *dict.fromkeys(name.rpartition(".")[0] for name in MODULES))

# What a hook needs before a tool call comes first, then what makes an event, then what code with
# comments needs, then what calls of the shell need, then what hints need.
_EVENTS = ("lib.system.digest", "lib.system.timestamps", "lib.system.json_codec")
_SHELL = ("lib.capture.shell_words", "lib.capture.shell")
_HINTS = ("lib.capture.like_lines", "lib.capture.reuse")
_COMMENTS = tuple(f"lib.capture.{n}" for n in ("string", "yaml_scalars", "patterns"))

# Found once, when the image is made: looking through the directory they are in takes 0.2 ms.
# Loaded with what makes an event.
EXTENSIONS = ("_sha2" if sys.version_info >= (3, 12) else "_sha256", "_json")

# Run by the hook script, which has `root` and `modules`; raises if a source is gone. One that has
# changed is compiled.
_STARTER = """
import _imp
def load(part, code):
    if part[-1][0] == "lib.capture.payload":
        for name, origin in extensions:
            spec = type(sys.__spec__)(name, None, origin=origin)
            try:
                module = _imp.create_dynamic(spec)
                _imp.exec_dynamic(module)
                sys.modules[name] = module
            except ImportError:  # this Python is elsewhere: it is looked for, as usual
                pass
    spaces = [sys.modules[name].__dict__ for name, _, _ in part]
    for space in spaces:
        del space["__getattr__"]
    for (_, path, signature), space, code in zip(part, spaces, marshal.loads(code)):
        status = posix.stat(root + path)
        if (status.st_mtime_ns, status.st_size) != signature:
            with open(root + path, encoding="utf-8") as file:
                code = compile(file.read(), root + path, "exec")
        exec(code, space)
def promise(module, *given):
    def ask(name):
        if "__getattr__" in module.__dict__:
            load(*given)
        return getattr(module, name)
    module.__getattr__ = ask
for name in packages:
    module = sys.modules[name] = type(sys)(name)
    module.__package__ = name
    module.__path__ = [root + "/" + name.replace(".", "/")]
for part, code in modules:
    for name, path, _ in part:
        module = sys.modules[name] = type(sys)(name)
        module.__file__ = root + path
        module.__package__, _, short = name.rpartition(".")
        setattr(sys.modules[module.__package__], short, module)
        promise(module, part, code)
# A hook of version 0.1.0 that runs while it is upgraded asks for this name.
sys.modules["lib.hook"] = sys.modules["lib.capture.hook"]
load(*modules[0])
"""


# A module: its name, its path below the bundle's root, and the date and size of its file.
Source = tuple[str, str, tuple[int, int]]


def path_of(root: str) -> str:
    """Return the path of the image of the bundle at `root` for the running interpreter."""
    return f"{root}/lib/__pycache__/hook-{sys.hexversion:x}.image"


def keep_compiled(root: str, directory: str) -> None:
    """Compile what hooks and flushers load, if missing or old; log failures in `directory`."""
    try:
        if ensure(root) or not os.path.exists(cache_from_source(__file__)):
            from lib.system.bytecode import compile_all

            compile_all(root)
    except OSError as error:
        log(directory, f"{type(error).__name__}: {error}")


def ensure(root: str) -> bool:
    """Make the image if it is missing or older than a source; True if it was made.

    Raises OSError where the bundle cannot be written to.
    """
    parts: list[list[Source]] = [[], [], [], [], []]
    for name in MODULES:
        parts[_part(name)].append((name, *_source(root, name)))
    given = f"extensions = {_origins()!r}\npackages = {PACKAGES!r}"
    starter = compile(given + _STARTER, "<starter>", "exec", optimize=2)
    if _is_fresh(root, parts, starter):
        return False
    compiled = [
        (part, marshal.dumps([_compile(root, path) for _, path, _ in part])) for part in parts
    ]
    os.makedirs(f"{root}/lib/__pycache__", exist_ok=True)
    files.replace(path_of(root), marshal.dumps((starter, compiled)), sync=True)
    return True


def _part(name: str) -> int:
    """Tell in which part of the image a module is: the sooner it is needed, the lower."""
    if name.startswith(_HINTS):
        return 4
    if name in _SHELL:
        return 3
    if name.startswith(_COMMENTS):
        return 2
    return int(name in _EVENTS or (name.startswith("lib.capture.") and name != MODULES[-1]))


def _origins() -> list[tuple[str, str]]:
    """Find the files of those EXTENSIONS that are not built into the interpreter."""
    specs = [(name, find_spec(name)) for name in EXTENSIONS]
    return [
        (name, spec.origin) for name, spec in specs if spec and spec.has_location and spec.origin
    ]


def _source(root: str, name: str) -> tuple[str, tuple[int, int]]:
    path = f"/{name.replace('.', '/')}.py"
    status = os.stat(root + path)
    return path, (status.st_mtime_ns, status.st_size)


def _is_fresh(root: str, parts: list[list[Source]], starter: CodeType) -> bool:
    try:
        with open(path_of(root), "rb") as file:
            made, compiled = marshal.load(file)
        return bool(made == starter) and [part for part, _ in compiled] == parts
    except (OSError, ValueError, EOFError, TypeError):
        return False


def _compile(root: str, path: str) -> CodeType:
    with open(root + path, encoding="utf-8") as file:
        source = file.read()
    bare = _Bare().visit(ast.parse(source))
    return _strip(compile(bare, root + path, "exec", optimize=2, dont_inherit=True))


class _Bare(ast.NodeTransformer):
    """Takes out what is for readers and type checkers: annotations."""

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.returns = None
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.arg:
        node.annotation = None
        return node

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        plain = ast.Assign([node.target], node.value) if node.value else ast.Pass()
        return ast.copy_location(plain, node)


def _strip(code: CodeType) -> CodeType:
    """Strip `code` of its table of lines, a third of its size: a hook never shows a traceback."""
    constants = [_strip(c) if isinstance(c, CodeType) else c for c in code.co_consts]
    return code.replace(co_linetable=b"", co_consts=tuple(constants))
