"""Write private files (mode 0600) atomically. Builtins only: the hook path imports this."""

import time

from lib.system.calls import posix

# macOS has no fdatasync; there, fsync is what the client itself uses.
sync_data = getattr(posix, "fdatasync", posix.fsync)
# How a file begins that is not whole yet, wherever it is written.
TEMPORARY = "tmp_"
# A default ACL counts instead of the umask, for every file that is made in the directory.
_INHERITED = ("system.posix_acl_access", "system.posix_acl_default")
# SQLite takes no path of more than 512 bytes, with the ledger's own name and what it adds to that.
MAX_DIRECTORY_BYTES = 480
_OTHERS = 0o077
_NEW = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_NOFOLLOW | posix.O_CLOEXEC


def make_private_directory(path: str, anyhow: bool = False) -> None:
    """Create `path` and its missing parents with mode 0700, whatever the umask.

    Raises PermissionError where others have access all the same, unless `anyhow`; then nothing is
    left. Raises OSError.
    """
    missing = []
    while path and not _exists(path):
        missing.append(path)
        path = path.rpartition("/")[0]
    for directory in reversed(missing):
        try:
            posix.mkdir(directory, 0o700)
        except FileExistsError:
            continue
        try:
            make_private(directory)
            if not anyhow:
                _refuse(posix.stat(directory).st_mode)
        except OSError:
            posix.rmdir(directory)
            raise


def make_private(directory: str) -> None:
    """Deny other users access to a directory and to files made in it later, whatever its ACLs.

    Raises OSError where that is refused and needed.
    """
    mode = posix.stat(directory).st_mode
    try:
        posix.chmod(directory, 0o700)
    except OSError:
        if mode & _OTHERS:
            raise
    # Linux alone has these calls.
    for name in _INHERITED if hasattr(posix, "removexattr") else ():
        try:
            posix.removexattr(directory, name)
        except OSError:  # as a rule there is none
            pass


def make_all_private(directory: str) -> None:
    """Deny other users access to `directory` and to all that is in it. Raises OSError."""
    make_private(directory)
    with posix.scandir(directory) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                make_all_private(entry.path)
            elif not entry.is_symlink():
                mode = entry.stat().st_mode
                if mode & 0o077:
                    posix.chmod(entry.path, mode & 0o700)


def refusal(path: str) -> str:
    """Tell why the directory `path` must not hold private files; "" if it may, or is missing."""
    try:
        status = posix.lstat(path)
    except OSError:
        return too_long(path)
    if status.st_mode & 0o170000 != 0o040000:
        return "it is a symbolic link or no directory"
    if status.st_uid != posix.getuid():
        return "it belongs to somebody else"
    if status.st_mode & 0o022:
        return "others may write to it"
    return too_long(path)


def too_long(path: str) -> str:
    """Tell that a directory's path is too long for the ledger in it; "" if it is not."""
    if len(path.encode("utf-8", "surrogateescape")) <= MAX_DIRECTORY_BYTES:
        return ""
    return f"its path has more than {MAX_DIRECTORY_BYTES} bytes, which SQLite does not take"


def _refuse(mode: int) -> None:
    """Raise PermissionError where a file that was made private shows others access."""
    if mode & _OTHERS:
        raise PermissionError(
            13, f"its file system shows mode {mode & 0o777:o}: others may read it"
        )


def _exists(path: str) -> bool:
    try:
        posix.stat(path)
    except FileNotFoundError:
        return False
    return True


def write_new(path: str, data: bytes, sync: bool, mtime_ns: int = 0, private: bool = False) -> int:
    """Create a file of mode 0600 that holds `data`; on an error nothing is left.

    `sync` flushes the bytes to the disk before returning; `mtime_ns` (nanoseconds) dates the file;
    `private`: PermissionError where others have access all the same. Returns its date as the file
    system keeps it, which may be coarser. Raises OSError, FileExistsError included.
    """
    fd = posix.open(path, _NEW, 0o600)
    try:
        try:
            mode = posix.fstat(fd).st_mode
            if mode & 0o777 != 0o600:
                mode = _restricted(fd, mode)
            if private:
                _refuse(mode)
            write_all(fd, data)
            if mtime_ns:
                _date(fd, mtime_ns)
            if sync:
                sync_data(fd)
            return posix.fstat(fd).st_mtime_ns
        finally:
            posix.close(fd)
    except BaseException:
        posix.unlink(path)
        raise


def _restricted(fd: int, mode: int) -> int:
    """Take access to a file from others; return its mode after that. Raises OSError."""
    try:
        posix.fchmod(fd, 0o600)
    except OSError:
        if mode & _OTHERS:
            raise
    return posix.fstat(fd).st_mode


def _date(fd: int, mtime_ns: int) -> None:
    try:
        posix.utime(fd, ns=(mtime_ns, mtime_ns))
    except OSError:
        # It bears the time of its writing, which is next best, and no reason to lose it.
        pass


def temporary_in(directory: str) -> str:
    """Return a new temporary name in `directory`, for a file to be renamed once it is complete."""
    return f"{directory}/{TEMPORARY}{posix.getpid()}_{time.monotonic_ns()}"


def replace(path: str, data: bytes, sync: bool = False, mtime_ns: int = 0) -> None:
    """Replace the file at `path` atomically by `data`. Arguments and errors as in `write_new`."""
    temporary = temporary_in(path.rpartition("/")[0])
    write_new(temporary, data, sync, mtime_ns)
    posix.rename(temporary, path)


def read_all(fd: int) -> bytes:
    """Read the rest of a file. Raises OSError."""
    size = posix.fstat(fd).st_size
    chunks = []
    while chunk := posix.read(fd, size + 1):
        chunks.append(chunk)
    return b"".join(chunks)


def write_all(fd: int, data: bytes) -> None:
    """Write all of `data`, in several calls where one writes only a part. Raises OSError."""
    view = memoryview(data)
    while view:
        written = posix.write(fd, view)
        # A write that takes nothing and reports nothing would never end.
        if written == 0:
            raise OSError("nothing was written")
        view = view[written:]
