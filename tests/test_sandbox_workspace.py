"""Seed and workspace: what is shared stays as it is, what is named survives, what is thrown away is gone."""

import os
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sandboxes import reaper
from sandboxes.base import Image, Sandbox, SandboxGone, SandboxUnavailable, Spec
from sandboxes.docker import DockerEngine
from sandboxes.owner import give
from sandboxes.rubbish import remove_tree
from tests.sandbox_support import Opener, fingerprint, make_seed, volumes

pytest_plugins = ("tests.sandbox_fixtures",)

HAVOC = """
echo changed > README && rm src/b.py && mv src lib && echo new > lib/new.py && ln -s /etc/passwd link && chmod 700 .
git config user.email a@b && git config user.name a && git add -A && git commit -q -m work && git gc -q --prune=now
"""
AFTER = "cat README; ls lib; readlink link; git log --format=%s; git status --porcelain"
DONE = b"changed\ndeep\nnew.py\n/etc/passwd\nwork\nbase\n"


def left(engine: DockerEngine) -> list[Path]:
    """What lies in a home that should hold nothing."""
    return [path for place in ("work", "rubbish") for path in (engine.home / place).rglob("*")]


@pytest.fixture(params=["overlay", "volume"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DockerEngine]:
    """Both ways to make a workspace: a home whose name mount options cannot carry forces the second."""
    made = DockerEngine(tmp_path / ("home" if request.param == "overlay" else "ho,me"))
    yield made
    made.settle()
    assert made.gc() == ()


def test_the_clone_is_there_and_clean(engine: DockerEngine, docker_image: Image, docker_seed: Path) -> None:
    before = fingerprint(docker_seed)
    with closing(engine.open(Spec(image=docker_image.id, seed=docker_seed, run="r", purpose="p"))) as box:
        assert box.run("git status --porcelain; git log --format=%s; cat src/deep/a.py").stdout == b"base\nx = 1\n"
        havoc = box.run(HAVOC)
        assert (havoc.exit_code, havoc.stdout) == (0, b"")
        assert box.run(AFTER).stdout == DONE
    engine.settle()
    assert fingerprint(docker_seed) == before
    assert (volumes(engine, "r"), left(engine)) == ([], [])


def test_a_named_workspace_outlives_its_container(engine: DockerEngine, docker_image: Image, docker_seed: Path) -> None:
    spec = Spec(image=docker_image.id, seed=docker_seed, run="r1", purpose="maker", workspace="iteration-1")
    before = fingerprint(docker_seed)
    with closing(engine.open(spec)) as box:
        box.run(HAVOC)
    engine.settle()
    again = DockerEngine(engine.home)
    with closing(again.open(spec)) as box:
        assert box.run(AFTER).stdout == DONE
        box.write("more", b"1")
    again.settle()
    with closing(again.open(spec)) as box:
        assert box.read("more") == b"1"
    other = Spec(image=docker_image.id, seed=docker_seed, run="r1", purpose="maker", workspace="iteration-2")
    with closing(again.open(other)) as box:
        assert box.run("cat README").stdout == b"hello\n"
    again.discard("r1")
    assert (volumes(engine, "r1"), left(engine)) == ([], [])
    with closing(again.open(spec)) as box:
        assert box.run("cat README").stdout == b"hello\n"
    again.discard("r1")
    assert fingerprint(docker_seed) == before


def test_the_same_name_in_another_run_is_another_workspace(open_box: Opener) -> None:
    one, two = open_box(run="one", workspace="w"), open_box(run="two", workspace="w")
    one.write("mine", b"1")
    assert two.run("ls mine").exit_code != 0


def test_a_named_workspace_has_one_writer(open_box: Opener) -> None:
    first = open_box(run="fenced", workspace="w")
    first.write("before", b"1")
    second = open_box(run="fenced", workspace="w")
    with pytest.raises(SandboxGone):
        first.run("true")
    assert second.read("before") == b"1"
    assert second.run("echo ok").stdout == b"ok\n"


def test_a_named_workspace_keeps_to_its_seed(open_box: Opener, docker_engine: DockerEngine, tmp_path: Path) -> None:
    open_box(run="stays", workspace="w").close()
    with pytest.raises(SandboxUnavailable) as refused:
        open_box(run="stays", workspace="w", seed=make_seed(tmp_path / "other", {"a": "b"}))
    assert "stands on another seed" in refused.value.what
    docker_engine.discard("stays")


def test_a_named_workspace_outlives_even_its_volume(open_box: Opener, docker_engine: DockerEngine) -> None:
    with closing(open_box(run="pruned", workspace="w")) as box:
        box.write("mine", b"1")
    docker_engine.settle()
    for volume in volumes(docker_engine, "pruned"):  # as `docker volume prune` does
        docker_engine.client.remove_volume(volume)
    assert open_box(run="pruned", workspace="w").read("mine") == b"1"


def test_a_volume_whose_directory_is_gone_is_made_anew(open_box: Opener, docker_engine: DockerEngine) -> None:
    with closing(open_box(run="orphaned", workspace="w")) as box:
        box.write("mine", b"1")
    docker_engine.settle()
    remove_tree(docker_engine.home / "work/orphaned")
    assert open_box(run="orphaned", workspace="w").run("cat README; ls mine").stdout.startswith(b"hello\nls: ")


def test_a_remade_seed_serves_an_old_workspace(open_box: Opener, docker_engine: DockerEngine, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "seed", {"a": "1\n", "d/b": "2\n"})
    with closing(open_box(run="remade", workspace="w", seed=seed)) as box:
        box.run("echo more >> a")
    docker_engine.settle()
    remove_tree(seed)
    make_seed(seed, {"a": "1\n", "d/b": "2\n"})
    box = open_box(run="remade", workspace="w", seed=seed)
    assert box.run("cat a d/b").stdout == b"1\nmore\n2\n"
    box.close()
    docker_engine.discard("remade")


def test_read_only_means_it(open_box: Opener) -> None:
    box = open_box(read_only=True)
    assert box.run("cat README").stdout == b"hello\n"
    assert b"Read-only file system" in box.run("echo x > README").stdout
    assert b"Read-only file system" in box.run("touch .git/x").stdout
    assert box.run("echo x > /tmp/x").exit_code == 0


def test_a_seed_that_is_missing_or_of_another_owner(
    open_box: Opener, tmp_path: Path, docker_engine: DockerEngine
) -> None:
    with pytest.raises(SandboxUnavailable, match="seed is missing"):
        open_box(seed=tmp_path / "none")
    foreign = make_seed(tmp_path / "foreign", {"a": "b"})
    if os.geteuid() == 0:
        give(foreign, 1234)
    mode, why = docker_engine.workspace_mode(foreign)
    assert (mode, "does not belong" in why) == (("volume", True) if os.geteuid() == 0 else ("overlay", False))
    assert open_box(seed=foreign).run("echo mine > a; cat a; stat -c %u .").stdout.split()[0] == b"mine"


def test_a_seed_under_a_strange_name(open_box: Opener, tmp_path: Path) -> None:
    seed = make_seed(tmp_path / "a b=c é;$(id)" / "seed", {"a": "1\n"})
    assert open_box(seed=seed).run("cat a").stdout == b"1\n"


def test_eight_at_once_on_one_seed(open_box: Opener, docker_seed: Path) -> None:
    before = fingerprint(docker_seed)
    boxes: dict[int, Sandbox] = {}
    answers: dict[int, bytes] = {}

    def work(number: int) -> None:
        boxes[number] = box = open_box(purpose=f"parallel-{number}")
        box.run(f"echo {number} > README; git -c user.name=a -c user.email=a@b commit -qam {number}")
        answers[number] = box.run("cat README; git log --format=%s").stdout

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {number: f"{number}\n{number}\nbase\n".encode() for number in range(8)}
    assert len({box.id for box in boxes.values()}) == 8
    assert fingerprint(docker_seed) == before


def test_what_the_agent_locks_is_removed_all_the_same(
    engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    with closing(engine.open(Spec(image=docker_image.id, seed=docker_seed, run="locked", purpose="p"))) as box:
        box.run("mkdir -p a/b/c; touch a/b/c/f; ln -s / a/b/root; rm -r src; chmod 0 a/b/c a/b a/b/c a; chmod 0 .")
    engine.settle()
    assert (volumes(engine, "locked"), left(engine)) == ([], [])


def test_gc_leaves_seeds_that_carry_a_workspace(
    docker_engine: DockerEngine, open_box: Opener, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = tmp_path / "seeds"
    used, unused, young = (make_seed(seeds / name, {"a": name}) for name in ("used", "unused", "young"))
    box = open_box(run="carried", workspace="w", seed=used)
    assert docker_engine.gc(seeds=seeds) == ()
    monkeypatch.setattr(reaper, "SEED_AGE", time.time() - young.stat().st_ctime + 0.0)
    (young / "a").touch()
    young.rename(seeds / "renamed")
    young = (seeds / "renamed").rename(young)
    assert docker_engine.gc(seeds=seeds) == (f"seed {unused}",)
    assert box.run("cat a").stdout == b"used"
    box.close()
    docker_engine.discard("carried")
    monkeypatch.setattr(reaper, "SEED_AGE", -1.0)
    assert docker_engine.gc(seeds=seeds) == (f"seed {used}", f"seed {young}")
