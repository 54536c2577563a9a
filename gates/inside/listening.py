"""What the interpreter tells of reaches for its insides (PEP 578), with file and line."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path, PosixPath
from typing import Any

from gates.inside.saying import HERE, plain

MARKS = 100
TEST_MODULE = re.compile(r"(?:.*/)?(?:test_[^/]*|[^/]*_test|tests|conftest)\.py").fullmatch
"""Modules of tests, by pytest's and Django's habits."""
REACHES = frozenset(
    (
        *("gc.get_objects", "gc.get_referrers", "gc.get_referents", "sys._getframe", "sys._current_frames"),
        *("sys.settrace", "sys.setprofile", "sys.addaudithook", "object.__setattr__", "ctypes.dlopen", "ctypes.dlsym"),
        "open",
    )
)
"""Audit events (PEP 578) by which Python code gets at what nobody gave it."""
STARTS = frozenset(("subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn"))
"""Events of a program being started."""
NAMES_TESTS = re.compile(
    r"(?:^|[\s/'\"=:;|<>(])(?:(?:test_[^\s/'\"]*|[^\s/'\"]*_test|tests|conftest)\.py|tests)(?:[\s/'\";|<>):]|$)"
).search
"""Words of a command that lead to the tests."""
STACK = frozenset(("extract_stack", "format_stack", "print_stack", "line"))
"""Functions of traceback.py that show the lines of one's callers."""


def listen(say: Any, tests: frozenset[tuple[int, ...]]) -> None:
    """Have the interpreter tell us, for good, what reaches for its insides, and from which line of the tree.

    `tests` are device and inode of the modules of tests.
    """
    frame_of, busy, library, stat = sys._getframe, [False], str(Path(os.__file__).parent), os.stat
    seen: set[tuple[str, str, int]] = set()

    def is_test(place: Any) -> bool:
        name = plain_text(place)
        if TEST_MODULE(name):
            return True
        try:
            found = stat(name) if name else None
        except (OSError, ValueError):
            return False
        return found is not None and (found.st_dev, found.st_ino) in tests

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if (event not in REACHES and event not in STARTS) or busy[0] or len(seen) >= MARKS:
            return
        if event == "open" and not is_test(arguments[0]):
            return
        if event in STARTS and not NAMES_TESTS(words(arguments)):
            return
        if event == "object.__setattr__" and arguments[1] != "__code__":
            return
        busy[0] = True
        try:
            frame: Any = frame_of(1)
            # of the library, only what looks or reads on behalf of its caller is passed over
            while frame is not None and passed_over(event, frame, library):
                frame = frame.f_back
            if frame is not None and frame.f_code.co_filename.startswith(HERE[0]):
                mark = (event, plain(frame.f_code.co_filename[len(HERE[0]) :]), frame.f_lineno)
                if mark not in seen:
                    seen.add(mark)
                    say("mark", event=mark[0], path=mark[1], line=mark[2])
        finally:
            busy[0] = False

    sys.addaudithook(hook)


def passed_over(event: str, frame: Any, library: str) -> bool:
    """Whether somebody else is behind this frame of the library."""
    place = frame.f_code.co_filename
    if place.startswith("<"):
        return not place.startswith("<frozen importlib")
    if event not in STARTS and event != "open":
        return bool(place.endswith("/inspect.py"))
    if not place.startswith(library) or "-packages" in place:
        return False
    # a traceback that is printed shows lines of the tests: linecache reads them for the library itself
    if place.endswith("/traceback.py"):
        return asked_for_stack(frame)
    return not place.endswith(
        ("/warnings.py", "/logging/__init__.py", "/bdb.py", "/pdb.py", "/doctest.py", "/trace.py")
    )


def asked_for_stack(frame: Any) -> bool:
    """Whether traceback.py shows the callers of somebody, and not where an error came from."""
    place = frame.f_code.co_filename
    while frame is not None and frame.f_code.co_filename == place:
        if frame.f_code.co_name in STACK:
            return True
        frame = frame.f_back
    return False


def plain_text(place: Any) -> str:
    """A path as text, whatever its class says of itself; nothing for a descriptor."""
    kind = type(place)
    if issubclass(kind, str):
        return str.__str__(place)
    if issubclass(kind, (bytes, bytearray)):
        return os.fsdecode(memoryview(place).tobytes())
    return str(place) if kind is PosixPath else ""


def words(arguments: tuple[Any, ...]) -> str:
    """The words of a command that is started."""
    parts = [part for each in arguments[:2] for part in (each if isinstance(each, (list, tuple)) else [each])]
    return " ".join(plain_text(part) for part in parts)
