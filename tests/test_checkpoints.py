"""Checkpoints of real sandboxes: held outside of them, gone back to in place, and forked."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.loop.checkpoints import checkpoint, fork, rollback
from harness.loop.exchange import put, take
from harness.repo import Base, Rejected, Store
from sandboxes.base import Image, Sandbox, SandboxUnavailable, Spec
from sandboxes.docker import DockerEngine
from tests.repo_support import adopted, repository, snapshot
from tests.sandbox_support import containers, processes

pytest_plugins = ("tests.sandbox_fixtures",)

FILES: dict[str | bytes, bytes] = {"README": b"hello\n", "src/a.py": b"x = 1\n", ".gitignore": b"*.log\n"}
WORK = (
    "echo changed > README; rm src/a.py; mkdir -p new/deep; echo new > new/deep/f; ln -s README link; chmod 755 README"
)
MESS = """
git config user.name a; git config user.email a@b; git add -A; git commit -qm one; echo two > two; git add two
git commit -qm two; git checkout -qb other; git tag t; echo conflict > README; echo junk > .git/MERGE_HEAD
printf '#!/bin/sh\\nexit 1\\n' > .git/hooks/pre-commit 2>/dev/null; rm -rf new; mkdir README.d; touch debug.log
mkdir -p /tmp/a/b; touch /tmp/a/b/c ~/left /dev/shm/left; chmod 0 /tmp/a/b; ln -s /etc /tmp/etc; cd src || mkdir src
"""
LOOK = (
    "find . -path ./.git -prune -o -printf '%P %y %m %l\\n' | sort; cat README; git status --porcelain;"
    " git log --format=%s; git symbolic-ref HEAD; ls -A /tmp ~ /dev/shm; pwd"
)


class Bench(msgspec.Struct, frozen=True):
    """A store with one base, its seed, and how a sandbox is opened on it."""

    store: Store
    base: Base
    seed: Path
    open: Callable[..., Sandbox]


@pytest.fixture
def bench(tmp_path: Path, docker_engine: DockerEngine, docker_image: Image) -> Iterator[Bench]:
    _, base, store = adopted(tmp_path / "home", repository(tmp_path / "r", FILES))
    seed = store.seed(base, docker_engine.uid)
    with ExitStack() as stack:

        def opened(number: int = 0, **changes: Any) -> Sandbox:
            spec = {"image": docker_image.id, "seed": seed, "run": "points", "purpose": f"fork-{number}"} | changes
            box = docker_engine.open(Spec(**spec))
            stack.callback(box.close)
            return box

        yield Bench(store=store, base=base, seed=seed, open=opened)
    store.close()


def look(box: Sandbox) -> bytes:
    result = box.run(LOOK, cwd=None)
    assert result.exit_code == 0
    return result.stdout


def test_back_in_place_is_the_same_as_a_fresh_fork(bench: Bench) -> None:
    base = bench.base.commit
    box = bench.open()
    box.run(WORK)
    held = checkpoint(box, bench.store, "points", base)
    assert held == checkpoint(box, bench.store, "points", base)
    job = box.start("while true; do date > /w/ticking; sleep 0.01; done")
    box.run(MESS, cwd=None)
    later = checkpoint(box, bench.store, "points", base)
    assert later != held

    rollback(box, bench.store, held, base)
    fresh, other = fork(bench.open, bench.store, held, base, 2)
    assert look(box) == look(fresh) == look(other)
    assert b"?? new/\n" not in look(box)
    assert (processes(box), job.poll().exit_code) == ([], 137)
    assert box.run("sleep 0.1; ls ticking").exit_code != 0

    fresh.run("echo mine > README")
    assert b"changed" in look(other)
    rollback(box, bench.store, later, base)
    assert box.run("cat README two").stdout == b"conflict\ntwo\n"
    rollback(box, bench.store, base, base)
    assert box.run("cat README; git status --porcelain").stdout == b"hello\n"


def test_a_checkpoint_outlives_its_container_and_its_clone(bench: Bench, docker_engine: DockerEngine) -> None:
    box = bench.open()
    box.run(WORK)
    held = checkpoint(box, bench.store, "points", bench.base.commit)
    box.run("rm -rf .git/objects")
    with pytest.raises(Rejected):
        checkpoint(box, bench.store, "points", bench.base.commit)
    docker_engine.client.remove_container(box.id, force=True)
    (again,) = fork(bench.open, bench.store, held, bench.base.commit, 1)
    assert again.run("cat README new/deep/f").stdout == b"changed\nnew\n"
    assert bench.store.runs() == {"points"}
    bench.store.forget("points")
    assert bench.store.runs() == frozenset()


def test_many_forks_of_one_seed_leave_it_as_it_was(bench: Bench) -> None:
    before = snapshot(bench.seed)
    box = bench.open()
    box.run(WORK)
    held = checkpoint(box, bench.store, "points", bench.base.commit)
    forks = fork(bench.open, bench.store, held, bench.base.commit, 5)
    for number, each in enumerate(forks):
        each.run(f"echo {number} > README; git add -A; git commit -qm {number}")
    trees = {take(each, bench.store, bench.base.commit).tree for each in forks}
    assert len(trees) == 5
    assert snapshot(bench.seed) == before


def test_when_one_fork_fails_none_is_left(bench: Bench, docker_engine: DockerEngine) -> None:
    def failing(number: int) -> Sandbox:
        if number == 2:
            raise SandboxUnavailable("no room")
        return bench.open(number, run="failing")

    with pytest.raises(SandboxUnavailable, match="no room"):
        fork(failing, bench.store, bench.base.commit, bench.base.commit, 3)
    docker_engine.settle()
    assert containers(docker_engine, run="failing") == []


def test_a_named_tree_is_gone_back_to_as_well(bench: Bench, docker_engine: DockerEngine) -> None:
    box = bench.open(workspace="w", run="named")
    box.run(WORK)
    held = checkpoint(box, bench.store, "named", bench.base.commit)
    box.run("rm -rf * .git/index")
    box.close()
    docker_engine.settle()
    box = bench.open(workspace="w", run="named")
    rollback(box, bench.store, held, bench.base.commit)
    assert box.run("cat README").stdout == b"changed\n"
    put(box, bench.store, bench.base.commit, bench.base.commit)
    assert box.run("cat README").stdout == b"hello\n"
    box.close()
    docker_engine.discard("named")
