"""What the interpreter tells of reaches for its insides (PEP 578), with file and line."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
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


def listen(say: Any) -> None:
    """Have the interpreter tell us, for good, what reaches for its insides, and from which line of the tree."""
    frame_of, busy, library = sys._getframe, [False], str(Path(os.__file__).parent)
    seen: set[tuple[str, str, int]] = set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event not in REACHES or busy[0] or len(seen) >= MARKS:
            return
        if event == "open" and not (type(arguments[0]) is str and TEST_MODULE(arguments[0])):
            return
        if event == "object.__setattr__" and arguments[1] != "__code__":
            return
        busy[0] = True
        try:
            frame: Any = frame_of(1)
            # of the library, only what looks or reads on behalf of its caller is passed over
            while frame is not None and passed_over(event, frame.f_code.co_filename, library):
                frame = frame.f_back
            if frame is not None and frame.f_code.co_filename.startswith(HERE[0]):
                mark = (event, plain(frame.f_code.co_filename[len(HERE[0]) :]), frame.f_lineno)
                if mark not in seen:
                    seen.add(mark)
                    say("mark", event=mark[0], path=mark[1], line=mark[2])
        finally:
            busy[0] = False

    sys.addaudithook(hook)


def passed_over(event: str, place: str, library: str) -> bool:
    if place.startswith("<"):
        return not place.startswith("<frozen importlib")
    if event != "open":
        return place.endswith("/inspect.py")
    # a traceback that is printed shows lines of the tests: linecache reads them for the library itself
    return place.startswith(library) and "-packages" not in place and not place.endswith("/linecache.py")
