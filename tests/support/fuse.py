"""A file system of a test's own, over /dev/fuse: slow, hanging, dead, or with odd habits.

It shows a directory of the machine. `python tests/support/fuse.py SOURCE MOUNTPOINT` mounts it in
the present mount namespace, says "ready", and then takes a line on standard input:

    hang          nothing is answered any more
    late SECONDS  every answer comes so much later
    well          it answers at once, also what was asked while it hung
    die           the connection ends: what is asked is answered by ENOTCONN

Options: --fold (the case of names does not matter), --mode OCTAL (every file shows these bits),
--chmod ERRNO (chmod fails so).
"""

import argparse
import ctypes
import errno
import os
import select
import stat
import struct
import sys
import time

_IN = struct.Struct("<IIQQIIII")
_OUT = struct.Struct("<IiQ")
_ATTR = struct.Struct("<QQQQQQIIIIIIIIII")
(
    LOOKUP, FORGET, GETATTR, SETATTR, READLINK, SYMLINK, MKNOD, MKDIR, UNLINK, RMDIR, RENAME, LINK,
    OPEN, READ, WRITE, STATFS, RELEASE, FSYNC, SETXATTR, GETXATTR, LISTXATTR, REMOVEXATTR, FLUSH,
    INIT, OPENDIR, READDIR, RELEASEDIR, FSYNCDIR, ACCESS, CREATE, INTERRUPT,
) = (
    1, 2, 3, 4, 5, 6, 8, 9, 10, 11, 12, 13,
    14, 15, 16, 17, 18, 20, 21, 22, 23, 24, 25,
    26, 27, 28, 29, 30, 34, 35, 36,
)  # fmt: skip
RENAME2, BATCH_FORGET = 45, 42
_SILENT = (FORGET, INTERRUPT, BATCH_FORGET)


class FileSystem:
    """Shows `source`, by the FUSE protocol, version 7.31."""

    def __init__(self, source: str, fold: bool, mode: int | None, chmod: int) -> None:
        self.fold, self.mode, self.chmod = fold, mode, chmod
        self.paths = {1: source}
        self.numbers = {source: 1}
        self.handles: dict[int, object] = {}
        self.actions = {
            LOOKUP: self.lookup, GETATTR: self.getattr, SETATTR: self.setattr, MKDIR: self.mkdir,
            READLINK: self.readlink, SYMLINK: self.symlink, UNLINK: self.unlink,
            RMDIR: self.rmdir, RENAME: self.rename, RENAME2: self.rename_with_flags,
            LINK: self.link,
            OPEN: self.open, CREATE: self.create, READ: self.read, WRITE: self.write,
            STATFS: self.statfs, RELEASE: self.release, FSYNC: self.nothing, FLUSH: self.nothing,
            INIT: self.init, OPENDIR: self.opendir, READDIR: self.readdir,
            RELEASEDIR: self.release, FSYNCDIR: self.nothing,
        }  # fmt: skip

    def answer(self, request: bytes) -> bytes | None:
        """The answer to one request, None where there is none to give."""
        _, code, unique, node, *_ = _IN.unpack_from(request)
        if code in _SILENT:
            return None
        try:
            action = self.actions.get(code)
            if action is None:
                raise OSError(errno.ENOSYS, "")
            body = action(node, request[_IN.size :])
            return _OUT.pack(_OUT.size + len(body), 0, unique) + body
        except OSError as error:
            return _OUT.pack(_OUT.size, -(error.errno or errno.EIO), unique)

    def child(self, node: int, name: bytes) -> str:
        directory, wanted = self.paths[node], os.fsdecode(name.rstrip(b"\0"))
        if self.fold and not os.path.lexists(f"{directory}/{wanted}"):
            for found in os.listdir(directory):
                if found.casefold() == wanted.casefold():
                    return f"{directory}/{found}"
        return f"{directory}/{wanted}"

    def attributes(self, path: str) -> bytes:
        found = os.lstat(path)
        mode = found.st_mode
        if self.mode is not None and not stat.S_ISLNK(mode):
            mode = stat.S_IFMT(mode) | self.mode
        seconds = [t // 10**9 for t in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        parts = [t % 10**9 for t in (found.st_atime_ns, found.st_mtime_ns, found.st_ctime_ns)]
        return _ATTR.pack(
            found.st_ino, found.st_size, found.st_blocks, *seconds, *parts, mode, found.st_nlink,
            found.st_uid, found.st_gid, 0, 4096, 0,
        )  # fmt: skip

    def entry(self, path: str) -> bytes:
        attributes = self.attributes(path)
        number = self.numbers.setdefault(path, len(self.numbers) + 1)
        self.paths[number] = path
        # No entry and no attribute is remembered by the kernel.
        return struct.pack("<QQQQII", number, 0, 0, 0, 0, 0) + attributes

    def init(self, node: int, body: bytes) -> bytes:
        return struct.pack("<IIIIHHIIHHI28x", 7, 31, 65536, 0, 12, 9, 65536, 1, 16, 0, 0)

    def lookup(self, node: int, body: bytes) -> bytes:
        return self.entry(self.child(node, body))

    def getattr(self, node: int, body: bytes) -> bytes:
        return struct.pack("<QII", 0, 0, 0) + self.attributes(self.paths[node])

    def setattr(self, node: int, body: bytes) -> bytes:
        valid, _, _, size, _, atime, mtime, _, atime_ns, mtime_ns, _, mode = struct.unpack_from(
            "<IIQQQQQQIIII", body
        )
        path = self.paths[node]
        if valid & 1:
            if self.chmod:
                raise OSError(self.chmod, "")
            os.chmod(path, stat.S_IMODE(mode))
        if valid & 8:
            os.truncate(path, size)
        if valid & 0x30:
            times = (atime * 10**9 + atime_ns, mtime * 10**9 + mtime_ns)
            os.utime(path, ns=times)
        return self.getattr(node, b"")

    def mkdir(self, node: int, body: bytes) -> bytes:
        mode, umask = struct.unpack_from("<II", body)
        path = self.child(node, body[8:])
        os.mkdir(path, mode & ~umask)
        return self.entry(path)

    def readlink(self, node: int, body: bytes) -> bytes:
        return os.fsencode(os.readlink(self.paths[node]))

    def symlink(self, node: int, body: bytes) -> bytes:
        name, target = body.split(b"\0")[:2]
        path = self.child(node, name)
        os.symlink(target, path)
        return self.entry(path)

    def unlink(self, node: int, body: bytes) -> bytes:
        os.unlink(self.child(node, body))
        return b""

    def rmdir(self, node: int, body: bytes) -> bytes:
        os.rmdir(self.child(node, body))
        return b""

    def rename(self, node: int, body: bytes) -> bytes:
        (target,) = struct.unpack_from("<Q", body)
        old, new = body[8:].split(b"\0")[:2]
        before, after = self.child(node, old), self.child(target, new)
        os.rename(before, after)
        number = self.numbers.pop(before, 0)
        self.numbers.pop(after, None)
        if number:
            self.paths[number] = after
            self.numbers[after] = number
        return b""

    def rename_with_flags(self, node: int, body: bytes) -> bytes:
        if struct.unpack_from("<I", body, 8)[0]:
            raise OSError(errno.EINVAL, "")
        return self.rename(node, body[:8] + body[16:])

    def link(self, node: int, body: bytes) -> bytes:
        (old,) = struct.unpack_from("<Q", body)
        path = self.child(node, body[8:])
        os.link(self.paths[old], path)
        return self.entry(path)

    def handle(self, value: object) -> bytes:
        number = max(self.handles, default=0) + 1
        self.handles[number] = value
        return struct.pack("<QII", number, 0, 0)

    def open(self, node: int, body: bytes) -> bytes:
        (flags,) = struct.unpack_from("<I", body)
        flags &= os.O_ACCMODE | os.O_TRUNC | os.O_APPEND
        return self.handle(os.open(self.paths[node], flags))

    def create(self, node: int, body: bytes) -> bytes:
        flags, mode, umask, _ = struct.unpack_from("<IIII", body)
        path = self.child(node, body[16:])
        flags &= os.O_ACCMODE | os.O_TRUNC | os.O_APPEND | os.O_EXCL
        fd = os.open(path, flags | os.O_CREAT, mode & ~umask & 0o7777)
        return self.entry(path) + self.handle(fd)

    def read(self, node: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("<QQI", body)
        return os.pread(self.fd(number), size, offset)

    def write(self, node: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("<QQI", body)
        return struct.pack("<II", os.pwrite(self.fd(number), body[40 : 40 + size], offset), 0)

    def fd(self, number: int) -> int:
        found = self.handles[number]
        assert isinstance(found, int)
        return found

    def statfs(self, node: int, body: bytes) -> bytes:
        found = os.statvfs(self.paths[node])
        return struct.pack(
            "<QQQQQIIII24x", found.f_blocks, found.f_bfree, found.f_bavail, found.f_files,
            found.f_ffree, found.f_bsize, found.f_namemax, found.f_frsize, 0,
        )  # fmt: skip

    def release(self, node: int, body: bytes) -> bytes:
        (number,) = struct.unpack_from("<Q", body)
        found = self.handles.pop(number, None)
        if isinstance(found, int):
            os.close(found)
        return b""

    def nothing(self, node: int, body: bytes) -> bytes:
        return b""

    def opendir(self, node: int, body: bytes) -> bytes:
        return self.handle(os.listdir(self.paths[node]))

    def readdir(self, node: int, body: bytes) -> bytes:
        number, offset, size = struct.unpack_from("<QQI", body)
        names = self.handles[number]
        assert isinstance(names, list)
        made = b""
        for position, name in enumerate(names[offset:], offset + 1):
            text = os.fsencode(name)
            item = struct.pack("<QQII", position, position, len(text), 0) + text
            item += bytes(-len(item) % 8)
            if len(made) + len(item) > size:
                break
            made += item
        return made


def mount(point: str) -> int:
    """Mount an empty channel at `point`; the descriptor that speaks for it."""
    fd = os.open("/dev/fuse", os.O_RDWR)
    mode = os.stat(point).st_mode
    options = f"fd={fd},rootmode={mode:o},user_id={os.getuid()},group_id={os.getgid()},allow_other"
    libc = ctypes.CDLL(None, use_errno=True)
    given = [os.fsencode(text) for text in ("tests", point, "fuse.tests")]
    if libc.mount(*given, 0, options.encode()):
        raise OSError(ctypes.get_errno(), "mount")
    return fd


def serve(fd: int, shown: FileSystem) -> None:
    """Answer until standard input ends or the mount is gone."""
    late, hangs, waiting = 0.0, False, list[tuple[float, bytes]]()
    while True:
        due = [] if hangs else waiting
        pause = max(0.0, due[0][0] - time.monotonic()) if due else None
        readable, _, _ = select.select([fd, 0], [], [], pause)
        if 0 in readable:
            word, _, rest = os.read(0, 4096).decode().strip().partition(" ")
            if word in ("", "die"):
                return
            hangs, late = word == "hang", float(rest or 0)
            if word == "well":
                waiting = [(0.0, request) for _, request in waiting]
            print("ready", flush=True)
        if fd in readable:
            try:
                waiting.append((time.monotonic() + late, os.read(fd, 1 << 20)))
            except OSError:
                return
        while not hangs and waiting and waiting[0][0] <= time.monotonic():
            answer = shown.answer(waiting.pop(0)[1])
            if answer:
                try:
                    os.write(fd, answer)
                except OSError:  # nobody waits for it any more
                    pass


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("source")
    parser.add_argument("point")
    parser.add_argument("--fold", action="store_true")
    parser.add_argument("--mode", type=lambda text: int(text, 8))
    parser.add_argument("--chmod", type=lambda text: getattr(errno, text), default=0)
    given = parser.parse_args()
    fd = mount(given.point)
    print("ready", flush=True)
    serve(fd, FileSystem(given.source, given.fold, given.mode, given.chmod))
    sys.stdout.close()


if __name__ == "__main__":
    main()
