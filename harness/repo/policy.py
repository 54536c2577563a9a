"""The rules for a candidate's tree that git's own checks leave open: modes, links, submodules, names."""

import re
import unicodedata
from collections.abc import Callable

from harness.repo.errors import Rejected
from harness.repo.git import raw
from harness.repo.trees import RawChange

_FILE, _PROGRAM, _LINK, _SUBMODULE = "100644", "100755", "120000", "160000"
_HIDDEN = frozenset({"Cc", "Cf", "Zl", "Zp"})
"""Unicode categories of characters that move a cursor, turn the text around, or show nothing."""
_LONGEST_PATH = 1024
_LONGEST_TARGET = 1024


def check(changes: tuple[RawChange, ...], target: Callable[[str], bytes]) -> None:
    """Raises `Rejected` for the first change that breaks a rule; `target` reads a link by its blob id.

    Only what changed is judged: a base may hold whatever git allows.
    """
    for each in changes:
        change = each.change
        if _SUBMODULE in (change.old_mode, change.new_mode):
            fix = "remove the .git directory inside it, or leave the submodule as it was"
            raise Rejected("submodule", change.path, "a repository inside the repository was added or changed", fix)
        if change.status == "deleted":
            continue
        if change.new_mode not in (_FILE, _PROGRAM, _LINK):
            raise Rejected("mode", change.path, f"the mode {change.new_mode} is none a file can have")
        _check_name(change.path)
        if change.new_mode == _LINK:
            _check_link(change.path, target(each.new))


def _check_name(path: str) -> None:
    hidden = next((each for each in path if unicodedata.category(each) in _HIDDEN), None)
    if hidden is not None:
        why = f"its name holds the invisible character U+{ord(hidden):04X}"
        raise Rejected("path", path, why, "rename the file")
    if len(raw(path)) > _LONGEST_PATH:
        raise Rejected("path", path, f"its name is longer than {_LONGEST_PATH} bytes", "rename the file")


def _check_link(path: str, content: bytes) -> None:
    """A link may climb to directories above it and then descend; that cannot leave the tree, whatever other
    links it meets: `..` after a name could, as the name may itself be a link."""
    fix = "point it at a path inside the repository, relative to the link"
    parts = content.split(b"/")
    climbs = next((at for at, part in enumerate(parts) if part != b".."), len(parts))
    if not content or len(content) > _LONGEST_TARGET or re.search(rb"[\0-\x1f\x7f]", content):
        raise Rejected("symlink", path, "the link has no proper target", fix)
    if content.startswith(b"/"):
        raise Rejected("symlink", path, "the link is absolute", fix)
    if climbs > path.count("/") or b".." in parts[climbs:]:
        raise Rejected("symlink", path, "the link leaves the repository", fix)
    if any(part.lower() == b".git" for part in parts):
        raise Rejected("symlink", path, "the link points into .git", fix)
