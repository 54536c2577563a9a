"""Choosing gates for a repository from the names and contents of its files. Nothing is executed."""

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from gates import languages
from gates.base import Gate
from gates.naming import PATTERNS, is_test

INTEGRITY = Gate(name="integrity", kind="integrity", timeout=60)
PROOF = Gate(name="proof", kind="proof", required=False)
SECURITY = Gate(name="security", kind="security", timeout=300)


def detect(paths: Sequence[str], file: Callable[[str], bytes | None]) -> tuple[Gate, ...]:
    """The gates that fit a tree with these `paths`; `file` reads one of them. Optional tools, which an image may not
    have, wait until a configuration names them."""
    return tuple(gate for gate, _ in explain(paths, file) if gate.required or gate.kind != "command")


def complete(gates: Sequence[Gate]) -> tuple[Gate, ...]:
    """`gates` and those that no configuration can leave out: integrity and security, and proof where tests are run."""
    kinds = {gate.kind for gate in gates}
    always = (INTEGRITY, SECURITY, *((PROOF,) if "pytest" in kinds else ()))
    return (*gates, *(gate for gate in always if gate.kind not in kinds))


def explain(paths: Sequence[str], file: Callable[[str], bytes | None]) -> tuple[tuple[Gate, str], ...]:
    """The same and the optional ones, each with a short reason for people."""
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
    else:
        found += languages.tests(paths, file)
    return (*found, *languages.checks(paths, file))


def _ruff(paths: Sequence[str], file: Callable[[str], bytes | None]) -> str:
    for name in (".ruff.toml", "ruff.toml"):
        if name in paths:
            return f"ruff by {name}"
    data = file("pyproject.toml") if "pyproject.toml" in paths else None
    return "ruff by pyproject.toml" if data and b"[tool.ruff" in data else "ruff with its own defaults"


def _first(modules: Sequence[str]) -> str:
    named = [path for path in modules if PurePosixPath(path).match(PATTERNS[0])]
    return min(named or modules, key=lambda path: (path.count("/"), path))
