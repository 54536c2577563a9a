"""Names: which paths look like tests, and which tests a required id means."""

import fnmatch
import functools
import re
from pathlib import PurePosixPath

PATTERNS = (
    *("test_*.py", "*_test.py", "tests.py", "conftest.py"),
    *("*_test.go", "*.test.*", "*.spec.*", "*Test.java", "*Tests.java", "*_spec.rb", "*_test.rb", "test_*.rb"),
    *("*-test.[cm][jt]s", "*-test.[jt]s", "*Test.kt", "*Tests.kt", "*Spec.kt", "*Test.scala", "*Spec.scala"),
    *("*Test.php", "*_test.exs", "*_test.dart", "*Tests.swift", "*Tests.cs", "*Spec.groovy", "*Spec.[jt]s"),
)
"""Names of test modules: pytest's defaults, Django's, the fixtures beside them, and other languages' habits."""

TEST_DIRS = frozenset({"tests", "test", "testsuite"})
NAMED_DIRS = TEST_DIRS | {"spec", "specs", "__tests__"}
"""Names of directories that are those of tests when a test module by its name lies beneath."""
MANIFESTS = frozenset(
    (
        *("package.json", "deno.json", "Cargo.toml", "go.mod", "pom.xml", "build.gradle", "build.gradle.kts"),
        *("Gemfile", "Rakefile", "composer.json", "mix.exs", "pubspec.yaml", "Package.swift", "build.sbt"),
    )
)
"""Beside one of these, and at the root, such a directory is one of tests."""
CODE = frozenset(
    (
        *(".js", ".jsx", ".ts", ".tsx", ".mjs", ".cjs", ".mts", ".cts", ".rs", ".rb", ".php", ".exs", ".dart", ".kt"),
        *(".kts", ".java", ".scala", ".groovy", ".swift", ".cs", ".t", ".sh", ".bats", ".lua", ".c", ".cc", ".cpp"),
    )
)
"""Suffixes of what such tests are written in."""
TESTING = re.compile(
    rb"\b(?:describe|it|test|suite|context|specify|assert\w*|expect|is|ok|like)\s*[.(]|#\[(?:\w+::)*test\b"
    rb"|@(?:\w+\.)*(?:\w*Test|test)\b|\bdef test_|\bfunction test|\bTEST(?:_[FP])?\s*\(|\btest \""
    rb"|\bassert\w*[! ]|\bshould\b"
)
"""What only a file of tests says, in the languages that are not parsed here."""

REQUIRED = "required: "
"""Prefix of the failure ids of required tests: what failed at base is no excuse for those."""

INSIDE = ("[", "::", "/", " > ")
"""What comes between a test's id and what lies inside it: pytest's and most others', Go's subtests, TAP's."""

NEVER = "(?!)"


def is_test(path: str) -> bool:
    """Whether `path` looks like a part of the tests, when nothing but the path is known."""
    return is_named(path, PATTERNS) or not TEST_DIRS.isdisjoint(path.split("/")[:-1])


def code_dir(path: str, manifests: frozenset[str]) -> str | None:
    """The directory of tests that this file of another language than Python lies in, by the place of that directory;
    `manifests` are the directories that hold one."""
    if PurePosixPath(path).suffix not in CODE:
        return None
    parts = path.split("/")[:-1]
    for depth, name in enumerate(parts):
        above = "/".join(parts[:depth])
        beside = not above or above in manifests or above.rpartition("/")[2] == "src"
        if name == "__tests__" or (name in TEST_DIRS and beside):
            return f"{above}/{name}".lstrip("/")
    return None


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
