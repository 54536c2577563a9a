"""Reading trees and files of a bare store: many small questions, answered by one long-lived process.

GitPython speaks the protocol of `git cat-file --batch` (headers, sized streams, an end when it is dropped); the
process itself is started by `git.py` like every other.
"""

import subprocess
import threading
from collections import OrderedDict
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from harness.repo.errors import GitFailed, RepoError, TooLarge
from harness.repo.git import ID, MEBI, Place, name, run, start

if TYPE_CHECKING:
    from git.cmd import Git

LISTING_CAP = 64 * MEBI
"""Bytes of a tree's listing: about 700,000 paths. A tree of a few objects can name billions of paths."""
_KEPT_LISTINGS = 8


class Entry(msgspec.Struct, frozen=True):
    """What a tree says of one path: `mode` is octal (`100644`, `120000`, `160000`, ...)."""

    mode: str
    id: str


Listing = Mapping[str, Entry]


class Objects:
    """A reader of one bare store. Safe to share between threads; `close` ends its process."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._lock = threading.Lock()
        self._git: Git | None = None
        self._listings: OrderedDict[str, Listing] = OrderedDict()

    def listing(self, tree: str) -> Listing:
        """Every path of `tree` (files, links, submodules), in git's order. Raises `TooLarge`, `RepoError`."""
        with self._lock:
            known = self._listings.get(tree)
            if known is not None:
                self._listings.move_to_end(tree)
                return known
        entries = list_tree(self._place, tree)
        with self._lock:
            self._listings[tree] = entries
            while len(self._listings) > _KEPT_LISTINGS:
                self._listings.popitem(last=False)
        return entries

    def blob(self, oid: str, cap: int) -> bytes:
        """The content of the blob `oid`. Raises `TooLarge` over `cap` bytes, `RepoError` if it is no blob here."""
        if not ID.fullmatch(oid):
            raise RepoError(f"{oid!r} is not an object id")
        with self._lock:
            for attempt in (1, 2):
                try:
                    return self._ask(oid, cap)
                except (ValueError, OSError) as error:
                    if attempt == 2 or "missing" in str(error):
                        raise RepoError(f"the object {oid} cannot be read", str(error)) from None
                    self._drop()  # a process died: fresh ones get the question again
        raise AssertionError("unreachable")

    def _ask(self, oid: str, cap: int) -> bytes:
        reader = self._reader()
        _, kind, size = reader.get_object_header(oid)
        if kind not in ("blob", b"blob"):  # declared str, delivered bytes
            raise RepoError(f"the object {oid} is no file")
        if size > cap:
            raise TooLarge("a file is too large to be read", f"{size} bytes, of {cap} allowed")
        return reader.get_object_data(oid)[3]

    def close(self) -> None:
        """End the process; the next question starts another."""
        with self._lock:
            self._drop()

    def _reader(self) -> "Git":
        if self._git is None:
            from git.cmd import Git  # 70 ms, and it runs `git version`: only when something is read

            self._git = Git(str(self._place.git_dir))
            self._git.cat_file_header = Git.AutoInterrupt(*self._start("--batch-check"))
            self._git.cat_file_all = Git.AutoInterrupt(*self._start("--batch"))
        return self._git

    def _start(self, mode: str) -> tuple[subprocess.Popen[bytes], list[str]]:
        return start(self._place, "cat-file", mode, stdin=subprocess.PIPE), ["git", "cat-file", mode]

    def _drop(self) -> None:
        if self._git is not None:
            self._git.clear_cache()
            self._git = None


def list_tree(place: Place, tree: str, cap: int = LISTING_CAP) -> Listing:
    """Every path of `tree`; see `Objects.listing`."""
    try:
        output = run(place, "ls-tree", "-r", "-z", "--full-tree", tree, cap=cap, seconds=60)
    except GitFailed as error:
        if error.code == 0:
            raise TooLarge(f"the tree {tree} has too many paths", error.why) from None
        raise RepoError(f"there is no tree {tree}", error.why) from None
    entries = {}
    for line in output.split(b"\0")[:-1]:
        meta, _, path = line.partition(b"\t")
        mode, _, oid = meta.split(b" ")
        entries[name(path)] = Entry(mode.decode(), oid.decode())
    return entries
