"""Choosing gates for a repository from the names and contents of its files. Nothing is executed."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from gates.base import Gate
from gates.naming import PATTERNS, is_test

INTEGRITY = Gate(name="integrity", kind="integrity", timeout=60)
PROOF = Gate(name="proof", kind="proof", required=False)
SECURITY = Gate(name="security", kind="security", timeout=300)


def detect(paths: Sequence[str], file: Callable[[str], bytes | None]) -> tuple[Gate, ...]:
    """The gates that fit a tree with these `paths`; `file` reads one of them."""
    return tuple(gate for gate, _ in explain(paths, file))


def complete(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    """`gates` and those that no configuration can leave out: integrity and security, and proof where tests are run."""
    kinds = {gate.kind for gate in gates}
    always = (INTEGRITY, SECURITY, *((PROOF,) if "pytest" in kinds else ()))
    return (*gates, *(gate for gate in always if gate.kind not in kinds))


def explain(paths: Sequence[str], file: Callable[[str], bytes | None]) -> tuple[tuple[Gate, str], ...]:
    """The same, each with a short reason for people."""
    python = [path for path in paths if path.endswith(".py")]
    modules = [path for path in python if is_test(path) and PurePosixPath(path).name != "__init__.py"]
    found = [(INTEGRITY, "always: nobody may weaken the evidence")]
    if python:
        found.append(
            (Gate(name="lint", kind="ruff", timeout=300), f"{_ruff(paths, file)} for {len(python)} Python files")
        )
    found.append((SECURITY, "always: credentials, dangerous calls, dependencies"))
    if modules:
        found.append((Gate(name="tests", kind="pytest"), f"{len(modules)} test files, such as {_first(modules)}"))
        found.append((PROOF, "with tests: new ones must fail without the change"))
    elif command := _other_tests(paths, file):
        found.append((Gate(name="tests", kind="command", command=command[0]), command[1]))
    return tuple(found)


def _ruff(paths: Sequence[str], file: Callable[[str], bytes | None]) -> str:
    for name in (".ruff.toml", "ruff.toml"):
        if name in paths:
            return f"ruff by {name}"
    data = file("pyproject.toml") if "pyproject.toml" in paths else None
    return "ruff by pyproject.toml" if data and b"[tool.ruff" in data else "ruff with its own defaults"


def _other_tests(paths: Sequence[str], file: Callable[[str], bytes | None]) -> tuple[str, str] | None:
    """A command for repositories whose tests are not pytest's."""
    names = set(paths)
    if "package.json" in names and b'"test"' in (file("package.json") or b""):
        return "npm test", "package.json has a test script"
    if "go.mod" in names:
        return "go test ./...", "go.mod"
    if "Cargo.toml" in names:
        return "cargo test", "Cargo.toml"
    makefile = next((name for name in ("GNUmakefile", "makefile", "Makefile") if name in names), None)
    if makefile and b"\ntest:" in b"\n" + (file(makefile) or b""):
        return "make test", f"{makefile} has a target test"
    return None


def _first(modules: Sequence[str]) -> str:
    named = [path for path in modules if PurePosixPath(path).match(PATTERNS[0])]
    return min(named or modules, key=lambda path: (path.count("/"), path))
