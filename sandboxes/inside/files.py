"""Reading and writing one file, done in a child that has already become the agent's user."""

from __future__ import annotations

import errno
import os
import stat


class Refused(Exception):
    """A file that is not to be read or written; the text is fit for a model."""


def check(info: os.stat_result) -> None:
    if stat.S_ISDIR(info.st_mode):
        raise Refused("it is a directory")
    if not stat.S_ISREG(info.st_mode):
        raise Refused("it is not a regular file")


def read_file(path: str, limit: int) -> bytes:
    """All of a regular file; one that is too large is refused before it is read."""
    check(os.stat(path))
    end = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    info = os.fstat(end)
    check(info)
    data = bytearray()
    while info.st_size <= limit and len(data) <= limit:
        chunk = os.read(end, min(1 << 20, limit + 1 - len(data)))
        if not chunk:
            return bytes(data)
        data += chunk
    raise Refused(f"it has {max(info.st_size, len(data))} bytes, more than the {limit} allowed here")


def write_file(path: str, data: bytes) -> bytes:
    """Create or replace in place, so that mode and links stay. The room is reserved before the old content is
    touched, so that a full disk loses nothing."""
    os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
    try:
        check(os.stat(path))
        new = False
    except FileNotFoundError:
        new = True
    end = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC, 0o666)
    info = os.fstat(end)
    check(info)
    try:
        if len(data) > info.st_size:
            os.posix_fallocate(end, 0, len(data))
    except OSError as error:
        if error.errno not in (errno.EOPNOTSUPP, errno.EINVAL):
            if new:
                os.unlink(path)
            else:
                os.ftruncate(end, info.st_size)
            raise
    view = memoryview(data)
    while view:
        view = view[os.write(end, view) :]
    os.ftruncate(end, len(data))
    return b""


def empty(places: list[str]) -> bytes:
    """Remove all that lies in these directories, whatever modes it has; links are removed, not followed."""
    import shutil  # half as long as all of PID 1's start

    for place in places:
        for name in os.listdir(place):
            path = os.path.join(place, name)
            if os.path.islink(path) or not os.path.isdir(path):
                os.unlink(path)
                continue
            os.chmod(path, 0o700)
            for here, inner, _ in os.walk(path):  # each directory is opened up before it is entered
                for each in inner:
                    if not os.path.islink(os.path.join(here, each)):
                        os.chmod(os.path.join(here, each), 0o700)
            shutil.rmtree(path)
    return b""
