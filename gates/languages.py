"""How the tests of other languages than Python are run so that each one is seen, told from a repository's files."""

import json
import re
from collections.abc import Callable, Iterator, Sequence

from gates.base import Gate

File = Callable[[str], bytes | None]
Found = tuple[Gate, str]

NODE = (
    (r"vitest(?: run)?", 'vitest run --reporter=junit --outputFile="$LOOPWRIGHT_REPORT"', "junit"),
    (r"mocha", "mocha --reporter tap", "tap"),
    (r"ava", "ava --tap", "tap"),
    (r"tape", "tape", "tap"),
    (r"node --test", "node --test --test-reporter=tap", "tap"),
)
"""What a test script calls, the same so that it reports each test, and the format of that."""
NPM_PATH = 'PATH="$PWD/node_modules/.bin:$PATH"; '

SUREFIRE, GRADLE = "**/surefire-reports/TEST-*.xml", "**/build/test-results/*/TEST-*.xml"
MANIFESTS = ("pyproject.toml", "setup.py", "package.json", "go.mod", "Cargo.toml", "pom.xml", "build.gradle",
             "build.gradle.kts")  # fmt: skip
"""Files that make a directory a project."""


def tests(paths: Sequence[str], file: File) -> Iterator[Found]:
    """Gates for tests that are not pytest's, the first that fits."""
    names = set(paths)
    if "package.json" in names and (found := _node(file)):
        yield found
    elif "go.mod" in names:
        yield _tests("go test -json ./... >&3", "go.mod", "go-test")
    elif "Cargo.toml" in names:
        yield _tests("cargo test --no-fail-fast --offline", "Cargo.toml", "cargo-test")
    elif "pom.xml" in names:
        maven = "./mvnw" if "mvnw" in names else "mvn"
        yield _tests(f"{maven} -B -o -q -fae test", "pom.xml", "junit", SUREFIRE)
    elif names & {"build.gradle", "build.gradle.kts"}:
        gradle = "./gradlew" if "gradlew" in names else "gradle"
        yield _tests(f"{gradle} --offline --continue test", "a Gradle build", "junit", GRADLE)
    else:
        makefile = next((name for name in ("GNUmakefile", "makefile", "Makefile") if name in names), None)
        if makefile and b"\ntest:" in b"\n" + (file(makefile) or b""):
            yield _tests("make test", f"{makefile} has a target test")


def checks(paths: Sequence[str], file: File) -> Iterator[Found]:
    """Gates for linters and type checkers that the repository configures. They are not required until a person says
    so: nobody knows yet whether the image has the tool."""
    names = set(paths)
    package = _package(file) if "package.json" in names else {}
    python = file("pyproject.toml") or b"" if "pyproject.toml" in names else b""
    if {"mypy.ini", ".mypy.ini"} & names or b"[tool.mypy]" in python:
        yield _check("types", "mypy .", "mypy", "mypy is configured")
    elif "pyrightconfig.json" in names or b"[tool.pyright]" in python:
        yield _check("types", "pyright --outputjson", "pyright", "pyright is configured")
    if "tsconfig.json" in names:
        yield _check("tsc", "npx tsc --noEmit --pretty false", "tsc", "tsconfig.json")
    if any(name.startswith(("eslint.config.", ".eslintrc")) for name in names) or "eslintConfig" in package:
        yield _check("eslint", "npx eslint -f json .", "eslint", "ESLint is configured")
    if rules := next((name for name in (".semgrep.yml", ".semgrep.yaml", "semgrep.yml") if name in names), None):
        line = f"semgrep scan --sarif --quiet --metrics=off --disable-version-check --config {rules}"
        yield _check("semgrep", line, "sarif", rules)


def projects(paths: Sequence[str]) -> tuple[str, ...]:
    """The directories of a monorepo: with a manifest each, at most three deep, where the root has none."""
    if any(path in MANIFESTS for path in paths):
        return ()
    found = {path.rpartition("/")[0] for path in paths if path.rpartition("/")[2] in MANIFESTS and path.count("/") <= 3}
    outer = [path for path in sorted(found) if not any(path.startswith(f"{other}/") for other in found)]
    return tuple(path for path in outer if "node_modules" not in path.split("/"))


def _node(file: File) -> Found | None:
    script = _package(file).get("scripts", {}).get("test")
    if not isinstance(script, str) or "no test specified" in script:
        return None
    for tool, reporting, format_ in NODE:
        word = re.compile(rf"(?<![\w@/.-]){tool}(?![\w@/.-])")
        if found := word.search(script):
            line = NPM_PATH + script[: found.start()] + reporting + script[found.end() :]
            return _tests(line, f"package.json tests with {found[0]}", format_)
    return _tests("npm test", "package.json has a test script")


def _package(file: File) -> dict[str, dict[str, str]]:
    try:
        found = json.loads(file("package.json") or b"{}")
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, dict) or not isinstance(found.get("scripts", {}), dict):
        return {}
    return found


def _tests(command: str, reason: str, format_: str = "", report: str = "") -> Found:
    return Gate(name="tests", kind="command", command=command, format=format_, report=report), reason


def _check(name: str, command: str, format_: str, reason: str) -> Found:
    return Gate(name=name, kind="command", command=command, format=format_, required=False), reason
