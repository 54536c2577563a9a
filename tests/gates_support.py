"""What the tests of the gates share: repositories with candidates, and rooms on real git and real Docker."""

import os
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

import gates
from gates import Change, Diff, Gate, GateResult, Room, Rules, is_green
from harness.loop.rooms import room_at
from harness.repo import Base, Store, discover, import_script, resolve
from sandboxes.base import Sandbox, Spec
from sandboxes.docker import DockerEngine
from tests.repo_support import git, repository, save, write

HOME = Path(os.environ.get("TMPDIR", "/tmp")) / "loopwright-gate-tests"

NO_RULES = Rules()
SWEEP = "rm -rf /tmp/* /tmp/.[!.]*\n"

Files = Mapping[str, str | bytes | None]
"""Paths and contents; None removes."""


@cache
def engine() -> DockerEngine:
    return DockerEngine(HOME)


class Lab:
    """A repository with one base commit, candidates made of it, and the rooms to judge them in."""

    def __init__(self, root: Path, files: Files, image: str = "") -> None:
        self.root = repository(root / "repo", _bytes(files))
        self.image, self.run = image, f"gates-{uuid.uuid4().hex[:10]}"
        self.store = Store(root / "home", discover(self.root))
        self.base = self._adopt()
        self.opened: list[str] = []
        self.baseline: dict[str, GateResult] = {}
        self.storms: set[int] = set()
        """Numbers of the rooms, counted from when this was set, in which the file /tmp/storm exists: bad luck."""
        self._spare: Sandbox | None = None
        self._spare_image = ""
        self.spec: dict[str, Any] = {}
        """More fields of the rooms' `Spec`."""

    def close(self) -> None:
        if self._spare is not None:
            self._spare.close()
        if self.opened:
            engine().discard(self.run)

    def at_base(self, rules: Rules = NO_RULES) -> Room:
        return self._room(self.base.tree, rules, {})

    def candidate(self, files: Files, rules: Rules = NO_RULES, *, links: Mapping[str, str] = {}) -> Room:
        """The room of a candidate: base with these files written, removed, or made links."""
        git(self.root, "checkout", "-q", "--detach", self.base.commit)
        for path in [*(p for p, content in files.items() if content is None), *links]:
            git(self.root, "rm", "-rqf", "--ignore-unmatch", path)
        write(self.root, _bytes({p: c for p, c in files.items() if c is not None}))
        for path, target in links.items():
            (self.root / path).parent.mkdir(parents=True, exist_ok=True)
            (self.root / path).symlink_to(target)
        git(self.root, "add", "-Af")
        save(self.root, "candidate")
        tree = self._adopt().tree
        git(self.root, "checkout", "-qf", "--detach", self.base.commit)
        return self._room(tree, rules, self.baseline)

    def judge_base(self, *judged: Gate) -> dict[str, GateResult]:
        """Fill the baseline."""
        room = self.at_base()
        self.baseline = {gate.name: gates.run(gate, room) for gate in judged}
        return self.baseline

    def verdicts(self, room: Room) -> dict[str, GateResult]:
        """Every gate of the baseline on a candidate, in the order in which they are run."""
        wanted = [Gate(name=name, kind=result.kind) for name, result in self.baseline.items()]
        return {gate.name: gates.run(gate, room) for gate in gates.order(wanted)}

    def _adopt(self) -> Base:
        base = resolve(discover(self.root), "HEAD")
        self.store.adopt(base)
        return base

    def _room(self, head: str, rules: Rules, baseline: Mapping[str, GateResult]) -> Room:
        return room_at(self.store, self.base, head, rules=rules, open=self._open, baseline=baseline)

    @contextmanager
    def _open(self, tree: str) -> Iterator[Sandbox]:
        """A room at `tree`. The container is the last room's, swept and laid out anew, unless that one died: what
        is shown here is what gates find, and the loop's own tests show that its rooms are fresh."""
        sandbox, self._spare = self._spare if not self.spec else None, None
        if sandbox is not None and self._spare_image != self.image:
            sandbox.close()
            sandbox = None
        self._spare_image = self.image
        if sandbox is None:
            seed = self.store.seed(self.base, engine().uid)
            sandbox = engine().open(Spec(image=self.image, seed=seed, run=self.run, purpose="gates", **self.spec))
        commit = self.store.commit(tree, self.base.commit, "clean room")
        pack = self.store.pack(commit, self.base.commit)
        laid = sandbox.run(["sh", "-c", f"{SWEEP}{import_script(commit)}"], stdin=pack, timeout=120)
        assert laid.exit_code == 0, laid.stdout.decode()
        if len(self.opened) in self.storms:
            sandbox.write("/tmp/storm", b"")
        self.opened.append(tree)
        alive = False
        try:
            yield sandbox
            alive = True
        finally:
            if alive and not self.spec and self._spare is None:
                self._spare = sandbox
            else:
                sandbox.close()


@contextmanager
def opened(root: Path, files: Files, request: pytest.FixtureRequest) -> Iterator[Lab]:
    """A lab whose rooms are real containers. `LOOPWRIGHT_TEST_IMAGE` names another image than the base image."""
    image = os.environ.get("LOOPWRIGHT_TEST_IMAGE") or request.getfixturevalue("base_image")
    lab = Lab(root, files, image)
    try:
        yield lab
    finally:
        lab.close()


def green(lab: Lab, results: Mapping[str, GateResult]) -> bool:
    """Whether all gates are green, as the loop decides it."""
    return all(is_green(result, lab.baseline.get(name)) for name, result in results.items())


def rules_of(results: Mapping[str, GateResult] | GateResult) -> dict[str, set[str]]:
    """Violated rules, and the paths they were violated at."""
    found: dict[str, set[str]] = {}
    for result in [results] if isinstance(results, GateResult) else results.values():
        for violation in result.violations:
            found.setdefault(violation.rule, set()).add(violation.path)
    return found


def paper_room(base: Files, head: Files, rules: Rules = NO_RULES, *, modes: Mapping[str, str] = {}) -> Room:
    """A room without sandboxes, for gates that only read: trees are named `base` and `head`."""
    trees = {"base": _bytes(base), "head": _bytes(head)}

    def status(path: str) -> str | None:
        old, new = trees["base"].get(path), trees["head"].get(path)
        if old == new and path not in modes:
            return None
        return "added" if old is None else "deleted" if new is None else "modified"

    changes = [
        {"path": path, "status": status(path), "old_mode": "100644", "new_mode": modes.get(path, "100644")}
        for path in sorted({*trees["base"], *trees["head"]})
        if status(path)
    ]
    return Room(
        base="base",
        head="head",
        diff=Diff(changes=msgspec.convert(changes, tuple[Change, ...])),
        rules=rules,
        file=lambda tree, path: None if tree == "head" and modes.get(path) == "120000" else trees[tree].get(path),
        paths=lambda tree: tuple(sorted(trees[tree])),
        compose=_no_sandbox,
        open=_no_sandbox,
        baseline={"integrity": GateResult(gate="integrity", kind="integrity", status="skipped", summary="")},
    )


def _no_sandbox(*_: object) -> None:
    raise AssertionError("this gate must not need a tree or a sandbox of its own")


def _bytes(files: Files) -> dict[str, bytes]:
    return {p: c.encode() if isinstance(c, str) else c for p, c in files.items() if c is not None}
