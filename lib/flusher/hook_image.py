"""Compile the hook path's modules into one file, the image, beside their .pyc files.

Looking for a module and reading its .pyc takes the interpreter 0.15 ms here, and the hook path
has two dozen; one read of them all takes 0.5 ms. So it is in parts, each of which is read when a
module in it is first asked for anything. The image holds nothing that the sources do not: where one
has changed, or there is no image, the hook imports as usual, and the flusher makes the image anew.
"""

import hashlib
import marshal
import os
import sys
from importlib.util import cache_from_source, find_spec

from lib.flusher.seldom import SELDOM
from lib.flusher.starter import STARTER
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
    "lib.system.defaults",
    "lib.spool.destination",
    "lib.spool.tally",
    "lib.spool.inbox",
    "lib.system.origins",
    "lib.system.own_directory",
    "lib.system.settings",
    "lib.spool.wake",
    "lib.capture.shell_words",
    "lib.capture.shell_reach",
    "lib.capture.shell",
    "lib.capture.like_lines",
    "lib.capture.reuse_scope",
    "lib.capture.reuse_index",
    "lib.capture.found_units",
    "lib.capture.saying",
    "lib.capture.reuse_hint",
    "lib.capture.hook",
)
HOOKS = ("pre_tool_use", "post_tool_use")
# Their packages hold no code: the hook makes them up instead of looking for their files.
PACKAGES = ("lib", *dict.fromkeys(name.rpartition(".")[0] for name in MODULES))

# What a hook needs before a tool call comes first, then what makes an event. Of the modules whose
# names begin like these each row is a part behind them: what code with comments needs, what calls
# of the shell need, what variables need that settings are read from, what hardly anybody needs,
# and of hints what looking needs and what saying does.
_EVENTS = ("lib.system.digest", "lib.system.timestamps", "lib.system.json_codec")
_LATER = (
    ("lib.capture.string", "lib.capture.yaml_scalars", "lib.capture.patterns"),
    ("lib.capture.shell_words", "lib.capture.shell"),
    ("lib.system.origins", "lib.system.settings"),
    ("lib.system.own_directory",),
    ("lib.capture.like_lines", "lib.capture.reuse"),
    ("lib.capture.saying", "lib.capture.found_units"),
)

# Found once, when the image is made: looking through the directory they are in takes 0.2 ms.
# By the last module of the part that they are loaded with.
EXTENSIONS = {
    "lib.capture.payload": ("_sha2" if sys.version_info >= (3, 12) else "_sha256", "_json"),
}

# A module: its name, and its path below the bundle's root.
Source = tuple[str, str]


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
    parts: list[list[Source]] = [[] for _ in range(2 + len(_LATER))]
    signatures = []
    for name in MODULES:
        path = _path(name)
        parts[_part(name)].append((name, path))
        signatures.append(_signature(root + path))
    scripts = {f"{name}.py": (name, *_signature(f"{root}/hooks/{name}.py")) for name in HOOKS}
    given = f"extensions = {_origins()!r}\npackages = {PACKAGES!r}\nscripts = {scripts!r}\n"
    given += f"sources = {_dated(root)!r}\n"
    made_of = hashlib.sha256(f"{given}{parts}{signatures}{SELDOM}{STARTER}".encode()).hexdigest()
    if _is_fresh(root, made_of):
        return False
    codes = [_part_code(root, part) for part in parts]
    os.makedirs(f"{root}/lib/__pycache__", exist_ok=True)
    files.replace(image_path(root), _laid_out(given, made_of, parts, codes), sync=True)
    return True


def _part_code(root: str, part: list[Source]) -> tuple[bytes, bytes]:
    """Compile a part: what is loaded at once, and the seldom functions of each module."""
    from lib.flusher.bare_code import compile_bare

    at_once: list[tuple[object, ...]] = []
    seldom = b""
    for name, path in part:
        bare = compile_bare(root + path, (*PACKAGES, *MODULES), SELDOM.get(name, "").split())
        later = marshal.dumps(bare.later) if bare.names else b""
        at_once.append((bare.code, bare.imports, bare.names, len(later), len(seldom)))
        seldom += later
    return marshal.dumps(at_once), seldom


def _laid_out(
    given: str, made_of: str, parts: list[list[Source]], codes: list[tuple[bytes, bytes]]
) -> bytes:
    """Lay out an image: the starter, which tells where each part lies, and then the parts."""
    from lib.flusher.bare_code import strip

    beginning = b""
    while True:
        at, places = len(beginning), []
        for part, (code, seldom) in zip(parts, codes, strict=True):
            places.append((tuple(part), len(code), at))
            at += len(code) + len(seldom)
        text = f"{given}whole = {at}\nparts = {tuple(places)!r}{STARTER}"
        made = marshal.dumps((strip(compile(text, "", "exec", optimize=2)), (made_of, at)))
        if made == beginning:
            return beginning + b"".join(b"".join(both) for both in codes)
        beginning = made


def _part(name: str) -> int:
    """Tell in which part of the image a module is: the sooner it is needed, the lower."""
    for number, names in enumerate(_LATER, 2):
        if name.startswith(names):
            return number
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


def _dated(root: str) -> tuple[tuple[str, int], ...]:
    """Date what tells of a changed source: the directories, in a checkout each file.

    An installation is replaced as a whole. Who works on the sources may change one in its place,
    of which its directory tells nothing. A checkout's directory `plugin` has links to them.
    """
    if os.path.exists(f"{os.path.realpath(f'{root}/lib')}/../.git"):
        paths = [_path(name) for name in MODULES]
    else:
        paths = [_path(name).removesuffix(".py") for name in PACKAGES[1:]]
        for path in paths:  # they change when this is made in them
            os.makedirs(f"{root}{path}/__pycache__", exist_ok=True)
    return tuple((path, os.stat(root + path).st_mtime_ns) for path in paths)


def _path(name: str) -> str:
    return f"/{name.replace('.', '/')}.py"


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
