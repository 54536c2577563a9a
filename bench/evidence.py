"""What evidence costs beside the bare commands, and the integrity gate on a long change."""

import subprocess
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import gates
from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.sandbox import workplace
from gates import Change, Diff, Gate, GateResult, Room, Rules
from harness.loop.rooms import room_at
from harness.repo import Base, Store, discover, import_script, resolve
from sandboxes import Sandbox, Spec
from sandboxes.docker import DockerEngine

TESTS = 150
SECONDS = 0.02
"""A suite of about three seconds: small for a project, and enough for what is fixed not to be all there is."""
MODULE = "def f{n}(x):\n    if x > {n}:\n        return x - {n}\n    return x\n\n\n"
CASE = "\n\ndef test_{n}():\n    time.sleep({seconds})\n    assert f{n}({n}) == {n}\n"
SUITE = (
    Gate(name="integrity", kind="integrity"),
    Gate(name="lint", kind="ruff"),
    Gate(name="security", kind="security"),
    Gate(name="tests", kind="pytest"),
)
TOOLS = "/opt/loopwright/bin"
LINT = f"{TOOLS}/ruff check --no-cache -q --select=E4,E7,E9,F ."
BARE = f"{LINT} && {TOOLS}/bandit -q -r pkg && python -m pytest -q -p no:cacheprovider"
CHANGED_LINES = 5_000


def measure(context: Context) -> Iterator[Figure]:
    """The gates of one candidate in clean rooms, and the same tools by hand in one sandbox, in turn."""
    if context.wants("integrity_5000"):
        yield figures.of("integrity_5000", list(_integrity(context.runs)))
    if context.wants("suite_over_bare"):
        suite, bare = _suite(context)
        ratios = [(ours - 1) / theirs for ours, theirs in zip(suite, bare, strict=True)]
        said = f"{figures.shown(sum(suite) / len(suite), 's')} beside {figures.shown(sum(bare) / len(bare), 's')}"
        yield figures.of("suite_over_bare", ratios, note=said)


def _integrity(runs: int) -> Iterator[float]:
    """CPU seconds for a change of so many lines in sources and tests."""
    modules, per = 50, CHANGED_LINES // 50
    base, head = {}, {}
    for n in range(modules):
        path = f"tests/test_m{n}.py" if n % 2 else f"pkg/m{n}.py"
        old = "".join(f"def test_{k}(x):\n    assert x + {k} > {n}  # the old one\n" for k in range(per))
        base[path] = f"import pytest\n{old}".encode()
        head[path] = (
            base[path] + "".join(f"def test_n{k}(x):\n    assert x * {k} < 1\n" for k in range(per // 2)).encode()
        )
    room = _paper(base, head)
    for _ in range(3 * runs):
        began = time.process_time()  # one thread that waits for nobody: what else the machine does is not counted
        found = gates.run(Gate(name="integrity", kind="integrity"), room)
        yield time.process_time() - began
        if found.status != "pass":
            raise figures.Unmeasurable(f"the change is not found harmless: {found.violations[:1]}")


def _paper(base: Mapping[str, bytes], head: Mapping[str, bytes]) -> Room:
    trees = {"base": base, "head": head}
    changes = tuple(Change(path=path, status="modified", old_mode="100644", new_mode="100644") for path in head)
    return Room(
        base="base",
        head="head",
        diff=Diff(changes=changes),
        rules=Rules(),
        file=lambda tree, path: trees[tree].get(path),
        paths=lambda tree: tuple(trees[tree]),
        compose=lambda tree, taken: tree,
        open=lambda tree: (_ for _ in ()).throw(AssertionError("it only reads")),
        baseline={"integrity": GateResult(gate="integrity", kind="integrity", status="skipped", summary="")},
    )


def _suite(context: Context) -> tuple[list[float], list[float]]:
    engine, spec = workplace(context)
    root = context.house.home.parent / "evidence"
    store, base, tree = _repository(root)
    run = f"bench-{uuid.uuid4().hex[:8]}"
    mine = Spec(image=spec.image, seed=store.seed(base, engine.uid), run=run, purpose="gates")
    suite, bare = [], []
    try:
        at_base = _room(store, base, base.tree, engine, mine, {})
        known = {gate.name: gates.run(gate, at_base) for gate in SUITE}
        for _ in range(context.runs):
            began = time.perf_counter()
            room = _room(store, base, tree, engine, mine, known)
            results = [gates.run(gate, room) for gate in SUITE]
            suite.append(time.perf_counter() - began)
            if bad := [r for r in results if not gates.is_green(r, known[r.gate])]:
                raise figures.Unmeasurable(f"{bad[0].gate}: {bad[0].summary} {bad[0].output[-200:]}")
            began = time.perf_counter()
            with room.open(tree) as sandbox:
                done = sandbox.run(BARE)
            bare.append(time.perf_counter() - began)
            if done.exit_code != 0:
                raise figures.Unmeasurable(f"the bare commands ended with {done.exit_code}: {done.stdout[-200:]!r}")
    finally:
        engine.discard(run)
    return suite, bare


def _repository(root: Path) -> tuple[Store, Base, str]:
    """A package and its tests, and the tree of a candidate that changes a line."""
    source = "".join(MODULE.format(n=n) for n in range(TESTS))
    names = ", ".join(f"f{n}" for n in range(TESTS))
    cases = "".join(CASE.format(n=n, seconds=SECONDS) for n in range(TESTS))
    for path, text in (
        ("pkg/__init__.py", source),
        ("tests/test_pkg.py", f"import time\n\nfrom pkg import {names}\n{cases}"),
    ):
        (root / "repo" / path).parent.mkdir(parents=True, exist_ok=True)
        (root / "repo" / path).write_text(text)
    store = None
    bases = []
    for message in ("base", "candidate"):
        if message == "candidate":
            (root / "repo/pkg/__init__.py").write_text(source.replace("x - 7\n", "x - 6 - 1\n"))
        for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", message]):
            identity = ("-c", "user.name=bench", "-c", "user.email=bench@example.invalid")
            subprocess.run(["git", "-C", str(root / "repo"), *identity, *command], check=True, capture_output=True)
        repository = discover(root / "repo")
        store = store or Store(root / "store", repository)
        bases.append(resolve(repository, "HEAD"))
        store.adopt(bases[-1])
    assert store is not None
    return store, bases[0], bases[1].tree


def _room(
    store: Store, base: Base, head: str, engine: DockerEngine, spec: Spec, known: Mapping[str, GateResult]
) -> Room:
    @contextmanager
    def opened(tree: str) -> Iterator[Sandbox]:
        sandbox = engine.open(spec)
        try:
            commit = store.commit(tree, base.commit, "clean room")
            sandbox.run(["sh", "-c", import_script(commit)], stdin=store.pack(commit, base.commit))
            yield sandbox
        finally:
            sandbox.close()

    return room_at(store, base, head, rules=Rules(), open=opened, baseline=known)
