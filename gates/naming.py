"""Names: which paths look like tests, and which tests a required id means."""

import fnmatch
import functools
import re

PATTERNS = (
    *("test_*.py", "*_test.py", "tests.py", "conftest.py"),
    *("*_test.go", "*.test.*", "*.spec.*", "*Test.java", "*Tests.java", "*_spec.rb", "*_test.rb"),
)
"""Names of test modules: pytest's defaults, Django's, the fixtures beside them, and other languages' habits."""

TEST_DIRS = frozenset({"tests", "test", "testsuite"})

REQUIRED = "required: "
"""Prefix of the failure ids of required tests: what failed at base is no excuse for those."""

INSIDE = ("[", "::", "/", " > ")
"""What comes between a test's id and what lies inside it: pytest's and most others', Go's subtests, TAP's."""

NEVER = "(?!)"


def is_test(path: str) -> bool:
    """Whether `path` looks like a part of the tests, when nothing but the path is known."""
    return is_named(path, PATTERNS) or not TEST_DIRS.isdisjoint(path.split("/")[:-1])


def is_named(path: str, patterns: tuple[str, ...]) -> bool:
    """Whether the last part of the path, or for a pattern with a slash all of it, is like one of the patterns."""
    names, paths = _compiled(patterns)
    return bool(names.fullmatch(path.rpartition("/")[2]) or paths.fullmatch(path))


def is_required(wanted: str, node: str) -> bool:
    """Whether a required id means this test: itself, its parameters and subtests, or the tests in that class, file,
    package or directory."""
    node = node.removeprefix(REQUIRED)
    return node == wanted or (node.startswith(wanted) and node[len(wanted) :].startswith(INSIDE))


@functools.lru_cache(maxsize=16)
def _compiled(patterns: tuple[str, ...]) -> tuple[re.Pattern[str], re.Pattern[str]]:
    names = [fnmatch.translate(pattern) for pattern in patterns if "/" not in pattern]
    paths = [fnmatch.translate(pattern) for pattern in patterns if "/" in pattern]
    return re.compile("|".join(names) or NEVER), re.compile("|".join(paths) or NEVER)
