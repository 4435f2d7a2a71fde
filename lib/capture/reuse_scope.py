"""Choose the files whose code is nobody's to reuse: tests, what was generated, what is a copy.

Builtins only: the hook path imports this.
"""

_DIRECTORIES = frozenset(
    "test tests testing __tests__ spec specs fixtures testdata vendor vendored _vendor _vendored "
    "third_party extern external node_modules bower_components site-packages dist-packages .venv "
    "venv generated gen dist build out target .git".split()
)
_PARTS = (".test.", ".spec.", ".min.", "_pb2.", "_pb2_grpc.", ".pb.", ".g.", ".generated.")
_STEMS = ("_test", "_tests", "_spec", "Test", "Tests", "Spec")


def is_left_out(path: str) -> bool:
    """Check whether the file at `path`, below its project's directory, is one of those."""
    *directories, name = path.split("/")
    if not _DIRECTORIES.isdisjoint(directories):
        return True
    stem = name.rpartition(".")[0] or name
    if name.startswith(("test_", "conftest.")) or stem.endswith(_STEMS):
        return True
    return any(part in name for part in _PARTS)
