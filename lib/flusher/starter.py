"""The code with which an image of the hook path begins: it loads the parts of the image."""

# Run as the hook, with the paths of the image and of the script as arguments; or by a hook script,
# which has `root` and `image`, for the modules alone. Raises, before it has read any input, if a
# source is gone or has changed.
STARTER = """
sys.dont_write_bytecode = True
kind = type(sys)
modules = sys.modules
def extend(name, origin):
    import _imp
    spec = type(sys.__spec__)(name, None, origin=origin)
    try:
        module = (_imp.create_dynamic if origin else _imp.create_builtin)(spec)
        (_imp.exec_dynamic if origin else _imp.exec_builtin)(module)
        modules[name] = module
    except ImportError:  # this Python is elsewhere: it is looked for, as usual
        pass
def later(space, name, size, at):
    def stand_in(*given, **named):
        if space[name] is stand_in:
            exec(marshal.loads(posix.pread(image, size, at)), space)
        return space[name](*given, **named)
    return stand_in
def load(part, size, at):
    for name, origin in extensions.get(part[-1][0], ()):
        extend(name, origin)
    spaces = [modules[name].__dict__ for name, _ in part]
    for space in spaces:
        space.pop("__getattr__", None)
    found = marshal.loads(posix.pread(image, size, at))
    for space, (code, imports, names, long, start) in zip(spaces, found):
        for name, source, asked in imports:
            module = modules[source]
            space[name] = getattr(module, asked) if asked else module
        for name in names:
            space[name] = later(space, name, long, at + size + start)
        exec(code, space)
def make(part):
    for name, path in part:
        module = modules[name] = kind(name)
        module.__file__ = root + path
        package, _, short = name.rpartition(".")
        modules[package].__dict__[short] = module
        yield module
def promise(part, size, at):
    def get(module, name):
        if "__getattr__" in module.__dict__:
            load(part, size, at)
        return getattr(module, name)
    for module in make(part):
        module.__getattr__ = lambda name, module=module: get(module, name)
if posix.fstat(image).st_size != whole:
    raise ValueError  # it was cut off
is_hook = "root" not in globals()
if is_hook:
    extend("gc", "")
    modules["gc"].disable()  # the process ends before it has collected anything
    script = sys.argv[1]
    root, name = script.rsplit("/hooks/", 1)
    name, *signature = scripts[name]
    status = posix.stat(script)
    if [status.st_mtime_ns, status.st_size] != signature:
        raise ValueError
for path, dated in sources:
    if posix.stat(root + path).st_mtime_ns != dated:
        raise ValueError
for name_of_package in packages:
    module = modules[name_of_package] = kind(name_of_package)
    module.__path__ = [root + "/" + name_of_package.replace(".", "/")]
for _ in make(parts[0][0]):
    pass
for part in parts[1:]:
    promise(*part)
# A hook of version 0.1.0 that runs while it is upgraded asks for this name.
modules["lib.hook"] = modules["lib.capture.hook"]
load(*parts[0])
if is_hook:
    del sys.argv[1]  # what a hook script finds there begins behind it
    hook = getattr(modules["lib.capture.hook"], name)
    try:
        hook(root)
    except BaseException:
        while posix.read(0, 65536):  # the client writes to its end
            pass
    finally:
        posix._exit(0)
"""
