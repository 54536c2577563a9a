"""Work trees of some size: ready, held, gone back to, taken out, eight at once, and what a crash leaves."""

import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing

import msgspec

from bench import figures
from bench.context import Context
from bench.figures import Figure
from bench.house import ROOT
from bench.sandbox import OPENED, PLAIN, bare, seconds, wait_gone, workplace
from harness.loop.checkpoints import checkpoint, rollback
from harness.loop.exchange import put, take
from harness.repo import Base, Store, discover, resolve
from sandboxes import Sandbox, Spec
from sandboxes.docker import DockerEngine

SMALL, LARGE = 2_000, 50_000
"""Files of the two repositories."""
AT_ONCE = 8
COMMIT = "git add -A && git -c user.name=a -c user.email=a@b commit -qm a"
RESET = "git reset -q --hard && git clean -ffdxq"
EDIT = "for i in 1 2 3 4 5; do echo changed >> d1/f$i; done; echo new > new"
OUTPUT = 1_000_000_000
"""Bytes that a command prints to show that the harness keeps none of them."""
CHILD = """
import sys
from pathlib import Path
from sandboxes import Spec
from sandboxes.docker import DockerEngine
home, image, seed = sys.argv[1:]
box = DockerEngine(Path(home)).open(Spec(image=image, seed=Path(seed), run="crash", purpose="bench"))
print(box.id, flush=True)
box.run("setsid sleep 1000 & sleep 1000", timeout=2000)
"""


class Ground(msgspec.Struct, frozen=True):
    """A repository with its store and seed, and how a sandbox is opened on it."""

    store: Store
    base: Base
    engine: DockerEngine
    spec: Spec

    def open(self) -> Sandbox:
        box = self.engine.open(self.spec)
        if box.run("git status --porcelain").stdout:
            raise figures.Unmeasurable("a fresh work tree is not clean")
        return box


def measure(context: Context) -> Iterator[Figure]:
    """First the small repository, then the large one."""
    engine, known = workplace(context)
    small = ground(context, engine, known, SMALL)
    if context.wants("ready_2000", "checkpoint", "rollback", "commits_out", "gate_ready"):
        yield from _one(context, small)
    if context.wants("eight_2000"):
        pairs = [(_eight(small), _eight_bare(small)) for _ in range(context.runs)]
        beside = ("eight plain containers at once", [floor for _, floor in pairs])
        yield figures.of("eight_2000", [ours for ours, _ in pairs], beside=beside)
    if context.wants("crash"):
        killed = [_killed(small) for _ in range(2 * context.runs)]
        beside = ("a plain container, removed by force", killed)
        yield figures.of("crash", [_crash(small) for _ in range(2 * context.runs)], beside=beside)
    if context.wants("flat"):
        yield _flat(small)
    if context.wants("seed_50000", "ready_50000"):
        began = time.perf_counter()
        large = ground(context, engine, known, LARGE)
        yield figures.of("seed_50000", [time.perf_counter() - began - large[1]])
        yield _ready("ready_50000", large[0], context.runs)


def ground(context: Context, engine: DockerEngine, known: Spec, files: int) -> tuple[Ground, float]:
    """A repository of so many files, adopted and seeded; and the seconds that making it took."""
    began = time.perf_counter()
    root = context.scratch / f"tree-{files}"
    for number in range(files):
        path = root / f"d{number // 100}" / f"f{number % 100}"
        if number % 100 == 0:
            path.parent.mkdir(parents=True)
        path.write_text(f"file {number}\n" * 20)
    git = ["git", "-C", str(root), "-c", "user.name=Bench", "-c", "user.email=bench@example.invalid"]
    for command in (["init", "-q", "-b", "main"], ["add", "-A"], ["commit", "-qm", "base"]):
        subprocess.run([*git, *command], check=True)
    made = time.perf_counter() - began
    repository = discover(root)
    base, store = resolve(repository), Store(engine.home, repository)
    store.adopt(base)
    seed = store.seed(base, engine.uid)
    return Ground(store, base, engine, msgspec.structs.replace(known, seed=seed, run="trees")), made


def _ready(name: str, place: Ground, count: int) -> Figure:
    """Seconds until a fresh sandbox has answered `git status`; closed again."""
    ours, plain = [], []
    for _ in range(count):
        began = time.perf_counter()
        with closing(place.open()):
            ours.append(time.perf_counter() - began)
        plain.append(bare(place.engine.client, place.spec.image))
    return figures.of(name, ours, beside=(PLAIN, plain))


def _one(context: Context, made: tuple[Ground, float]) -> Iterator[Figure]:
    place, _ = made
    base = place.base.commit
    held: list[float] = []
    back: list[float] = []
    out: list[float] = []
    gates: list[float] = []
    commits: list[float] = []
    resets: list[float] = []
    plain: list[float] = []
    yield _ready("ready_2000", place, OPENED * context.runs)
    with closing(place.open()) as box:
        for _ in range(4 * context.runs):
            box.run(EDIT)
            out.append(1000 * seconds(take, box, place.store, base))
            held.append(1000 * seconds(checkpoint, box, place.store, "trees", base))
            point = checkpoint(box, place.store, "trees", base)
            commits.append(1000 * seconds(box.run, COMMIT))
            box.run(EDIT)
            resets.append(1000 * seconds(box.run, RESET))
            box.run(EDIT)
            back.append(1000 * seconds(rollback, box, place.store, point, base))
            began = time.perf_counter()
            with closing(place.engine.open(place.spec)) as room:
                put(room, place.store, point, base, fresh=True)
                gates.append(time.perf_counter() - began)
            plain.append(bare(place.engine.client, place.spec.image))
    inside = ("git add and commit inside", commits)
    yield figures.of("commits_out", out, beside=inside)
    yield figures.of("checkpoint", held, beside=inside)
    yield figures.of("rollback", back, beside=("git reset and clean inside", resets))
    yield figures.of("gate_ready", gates, beside=(PLAIN, plain))


def _eight(made: tuple[Ground, float]) -> float:
    """Seconds until eight sandboxes that were asked for at once have all answered."""
    began = time.perf_counter()
    with ExitStack() as stack, ThreadPoolExecutor(AT_ONCE) as pool:
        for box in pool.map(lambda _: made[0].open(), range(AT_ONCE)):
            stack.callback(box.close)
        return time.perf_counter() - began


def _eight_bare(made: tuple[Ground, float]) -> float:
    """Seconds until eight plain containers that were asked for at once have all answered."""
    place = made[0]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return max(pool.map(lambda _: bare(place.engine.client, place.spec.image), range(AT_ONCE)))


def _killed(made: tuple[Ground, float]) -> float:
    """Seconds until a plain container that runs is gone by force."""
    client = made[0].engine.client
    container = client.create_container(image=made[0].spec.image, entrypoint=["sleep", "60"])["Id"]
    client.start(container)
    began = time.perf_counter()
    client.remove_container(container, force=True)
    return time.perf_counter() - began


def _crash(made: tuple[Ground, float]) -> float:
    """Seconds from the death of a harness to the death of its container."""
    place = made[0]
    command = [sys.executable, "-c", CHILD, str(place.engine.home), place.spec.image, str(place.spec.seed)]
    child = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert child.stdout is not None
    box = child.stdout.readline().strip()
    child.kill()
    child.wait()
    took = seconds(wait_gone, place.engine.client, box)
    place.engine.discard("crash")
    return took


def _flat(made: tuple[Ground, float]) -> Figure:
    """Megabytes by which the harness's peak grows while a command prints a gigabyte."""
    with closing(made[0].open()) as box:
        box.run("head -c 5000000 /dev/zero")
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        box.run(f"head -c {OUTPUT} /dev/zero", timeout=300)
        return figures.of("flat", [(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024])
