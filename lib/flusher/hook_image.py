"""Compile the hook path's modules into one file, the image, beside their .pyc files.

Looking for a module and reading its .pyc takes the interpreter 0.15 ms here, and the hook path
has two dozen; one read of them all takes 0.5 ms. So it is in parts, each of which is read when a
module in it is first asked for anything. The image holds nothing that the sources do not: a module
whose source has changed is compiled, without an image the hook imports as usual, and the flusher
makes it anew.
"""

import hashlib
import marshal
import os
import sys
from importlib.util import cache_from_source, find_spec

from lib.flusher.bare_code import compile_bare, strip
from lib.system import files
from lib.system.bytecode import compile_all, image_path
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
HOOKS = ("pre_tool_use", "post_tool_use")
# Their packages hold no code: the hook makes them up instead of looking for their files.
PACKAGES = ("lib", *dict.fromkeys(name.rpartition(".")[0] for name in MODULES))

# What a hook needs before a tool call comes first, then what makes an event, then what code with
# comments needs, what calls of the shell need, what hardly anybody needs, and what hints need.
_EVENTS = ("lib.system.digest", "lib.system.timestamps", "lib.system.json_codec")
_SELDOM = ("lib.system.own_directory",)
_SHELL = ("lib.capture.shell_words", "lib.capture.shell")
_HINTS = ("lib.capture.like_lines", "lib.capture.reuse")
_COMMENTS = tuple(f"lib.capture.{n}" for n in ("string", "yaml_scalars", "patterns"))

# Found once, when the image is made: looking through the directory they are in takes 0.2 ms.
# By the last module of the part that they are loaded with.
EXTENSIONS = {
    "lib.capture.payload": ("_sha2" if sys.version_info >= (3, 12) else "_sha256", "_json"),
    "lib.capture.reuse_hint": ("binascii",),
}

# Run as the hook, with the paths of the image and of the script as arguments; or by a hook script,
# which has `root` and `image`, for the modules alone. Raises, before it has read any input, if a
# source is gone; one that has changed is compiled.
_STARTER = """
sys.dont_write_bytecode = True
def signature_of(path):
    status = posix.stat(path)
    return status.st_mtime_ns, status.st_size
def load(part, at):
    if part[-1][0] in extensions:
        import _imp
        for name, origin in extensions[part[-1][0]]:
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
    found = marshal.loads(posix.pread(image, *at))
    for (_, path, signature), space, (code, imports) in zip(part, spaces, found):
        if signature_of(root + path) != signature:
            with open(root + path, encoding="utf-8") as file:
                code = compile(file.read(), root + path, "exec")
        else:
            for name, source, asked in imports:
                module = sys.modules[source]
                space[name] = getattr(module, asked) if asked else module
        exec(code, space)
def promise(part, at):
    def get(module, name):
        if "__getattr__" in module.__dict__:
            load(part, at)
        return getattr(module, name)
    for name, path, _ in part:
        module = sys.modules[name] = type(sys)(name)
        module.__file__ = root + path
        package, _, short = name.rpartition(".")
        setattr(sys.modules[package], short, module)
        module.__getattr__ = lambda name, module=module: get(module, name)
if posix.fstat(image).st_size != sum(parts[-1][1]):
    raise ValueError  # it was cut off
is_hook = "root" not in globals()
if is_hook:
    import gc
    gc.disable()  # the process ends before it has collected anything
    script = sys.argv[1]
    root, name = script.rsplit("/hooks/", 1)
    name, signature = scripts[name]
    if signature_of(script) != signature:
        raise ValueError
for name_of_package in packages:
    module = sys.modules[name_of_package] = type(sys)(name_of_package)
    module.__path__ = [root + "/" + name_of_package.replace(".", "/")]
for part in parts:
    promise(*part)
# A hook of version 0.1.0 that runs while it is upgraded asks for this name.
sys.modules["lib.hook"] = sys.modules["lib.capture.hook"]
load(*parts[0])
if is_hook:
    hook = getattr(sys.modules["lib.capture.hook"], name)
    try:
        hook(root)
    except BaseException:
        while posix.read(0, 65536):  # the client writes to its end
            pass
    finally:
        posix._exit(0)
"""


# A module: its name, its path below the bundle's root, and the date and size of its file.
Source = tuple[str, str, tuple[int, int]]


def keep_compiled(root: str, directory: str) -> None:
    """Compile what hooks and flushers load, if missing or old; log failures in `directory`."""
    try:
        if ensure(root) or not os.path.exists(cache_from_source(__file__)):
            compile_all(root)
    except OSError as error:
        log(directory, f"{type(error).__name__}: {error}")


def ensure(root: str) -> bool:
    """Make the image if it is missing or older than a source; True if it was made.

    Raises OSError where the bundle cannot be written to.
    """
    parts: list[list[Source]] = [[], [], [], [], [], []]
    for name in MODULES:
        path = f"/{name.replace('.', '/')}.py"
        parts[_part(name)].append((name, path, _signature(root + path)))
    scripts = {f"{name}.py": (name, _signature(f"{root}/hooks/{name}.py")) for name in HOOKS}
    given = f"extensions = {_origins()!r}\npackages = {PACKAGES!r}\nscripts = {scripts!r}\n"
    made_of = hashlib.sha256(f"{given}{parts}{_STARTER}".encode()).hexdigest()
    if _is_fresh(root, made_of):
        return False
    codes = [
        marshal.dumps([compile_bare(root + path, (*PACKAGES, *MODULES)) for _, path, _ in part])
        for part in parts
    ]
    os.makedirs(f"{root}/lib/__pycache__", exist_ok=True)
    files.replace(image_path(root), _laid_out(given, made_of, parts, codes), sync=True)
    return True


def _laid_out(given: str, made_of: str, parts: list[list[Source]], codes: list[bytes]) -> bytes:
    """Lay out an image: the starter, which tells where each part lies, and then the parts."""
    beginning = b""
    while True:
        at, places = len(beginning), []
        for part, code in zip(parts, codes, strict=True):
            places.append((tuple(part), (len(code), at)))
            at += len(code)
        text = f"{given}parts = {tuple(places)!r}{_STARTER}"
        made = marshal.dumps((strip(compile(text, "", "exec", optimize=2)), (made_of, at)))
        if made == beginning:
            return beginning + b"".join(codes)
        beginning = made


def _part(name: str) -> int:
    """Tell in which part of the image a module is: the sooner it is needed, the lower."""
    if name.startswith(_HINTS):
        return 5
    if name in _SELDOM:
        return 4
    if name in _SHELL:
        return 3
    if name.startswith(_COMMENTS):
        return 2
    return int(name in _EVENTS or (name.startswith("lib.capture.") and name != MODULES[-1]))


def _origins() -> dict[str, list[tuple[str, str]]]:
    """Find the files of those EXTENSIONS that are not built into the interpreter."""
    found = {}
    for part, names in EXTENSIONS.items():
        specs = [(name, find_spec(name)) for name in names]
        found[part] = [
            (name, spec.origin)
            for name, spec in specs
            if spec and spec.has_location and spec.origin
        ]
    return found


def _signature(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_mtime_ns, status.st_size


def _is_fresh(root: str, made_of: str) -> bool:
    try:
        with open(image_path(root), "rb") as file:
            size = os.fstat(file.fileno()).st_size
            return bool(marshal.load(file)[1] == (made_of, size))
    except (OSError, ValueError, EOFError, TypeError):
        return False
