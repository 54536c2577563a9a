"""A small static map of a repository: its files, and what the source files define at their top level."""

import re
from collections.abc import Mapping, Sequence

from harness.repo import Store
from harness.repo.errors import RepoError

CHARS = 4_000
"""Of the whole map: about 1,000 tokens."""
FILES, FILE_BYTES = 80, 200_000
"""Source files that are looked into, and the largest one."""
NAMES = 12
"""Definitions that are named of one file."""

_SOURCE = re.compile(r"\.(?:py|pyi|js|jsx|ts|tsx|mjs|go|rs|rb|java|kt|php|c|h|cc|cpp|hpp|cs|swift|scala)$")
_TEST = re.compile(r"(?:^|/)(?:tests?|spec|__tests__|vendor|node_modules|third_party)/|(?:^|/)test_|_test\.|\.test\.")
_DEFINED = re.compile(
    rb"^(?:(?:export|default|pub|pub\(crate\)|public|abstract|final|static|async)[ \t]+){0,4}"
    rb"(?:class|def|function|func|fn|interface|struct|enum|trait|type|module|object)[ \t]+"
    rb"(?:\([^)\n]{1,60}\)[ \t]*)?([A-Za-z_$][\w$]{0,60})",
    re.MULTILINE,
)
"""A definition that begins a line, in the languages above. It never looks beyond its line."""


def repository_map(store: Store, tree: str) -> str:
    """The map of `tree`, at most `CHARS` long. Nothing of the repository is executed or parsed with its own tools."""
    paths = store.paths(tree)
    return render(paths, definitions(store, tree, paths))


def definitions(store: Store, tree: str, paths: Sequence[str]) -> dict[str, tuple[str, ...]]:
    """Path -> the names that a source file defines at the beginning of a line, those nearest to the root first."""
    wanted = sorted((p for p in paths if _SOURCE.search(p) and not _TEST.search(p)), key=lambda p: (p.count("/"), p))
    found: dict[str, tuple[str, ...]] = {}
    for path in wanted[:FILES]:
        try:
            data = store.file(tree, path, cap=FILE_BYTES)
        except RepoError:
            continue
        names = dict.fromkeys(match[1].decode() for match in _DEFINED.finditer(data or b""))
        if names:
            found[path] = tuple(names)
    return found


def render(paths: Sequence[str], defined: Mapping[str, Sequence[str]]) -> str:
    """The listing: paths first, then definitions for as many of them as there is room; what does not fit is counted."""
    room = CHARS - 60
    lines: dict[str, str] = {}
    for path in paths:
        room -= len(path) + 1
        if room < 0:
            break
        lines[path] = path
    for path, names in defined.items():
        more = f", +{len(names) - NAMES}" if len(names) > NAMES else ""
        text = f"{path}: {', '.join(names[:NAMES])}{more}"
        if path in lines and len(text) - len(path) <= room:
            room -= len(text) - len(path)
            lines[path] = text
    rest = len(paths) - len(lines)
    return "\n".join(lines.values()) + (f"\n... and {rest} more files" if rest else "")
