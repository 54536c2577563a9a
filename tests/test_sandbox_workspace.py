"""Seed and workspace: what is shared stays as it is, what is named survives, what is thrown away is gone."""

import os
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sandboxes import reaper
from sandboxes.base import Image, Resources, Sandbox, SandboxGone, SandboxUnavailable, Spec
from sandboxes.docker import DockerEngine
from sandboxes.owner import give
from sandboxes.rubbish import remove_tree
from tests.sandbox_support import GROW, Opener, fingerprint, make_seed, volumes

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


@pytest.fixture(params=["overlay", "no overlay"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[DockerEngine]:
    """With overlays and without: mount options cannot carry the name of the second home."""
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
    again.discard("r1")
    assert (volumes(engine, "r1"), left(engine)) == ([], [])
    with closing(again.open(spec)) as box:
        assert box.run("cat README").stdout == b"hello\n"
    again.discard("r1")
    assert fingerprint(docker_seed) == before


def test_the_same_name_in_another_run_is_another_workspace(open_box: Opener) -> None:
    one, two, three = (open_box(run=run, workspace=name) for run, name in (("one", "w"), ("two", "w"), ("one", "v")))
    one.write("mine", b"1")
    assert two.run("ls mine").exit_code != 0
    assert three.run("ls mine").exit_code != 0


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
    stands, why = docker_engine.overlays(foreign)
    assert (stands, "does not belong" in why) == (os.geteuid() != 0, os.geteuid() == 0)
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


def test_gc_leaves_seeds_that_carry_a_workspace_or_are_in_use(
    docker_engine: DockerEngine, docker_image: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DockerEngine(docker_engine.home)
    seeds = tmp_path / "seeds"
    used, named, unused = (make_seed(seeds / name, {"a": name}) for name in ("used", "named", "unused"))
    spec = Spec(image=docker_image.id, seed=used, run="carried", purpose="p")
    box = engine.open(spec)
    engine.open(msgspec.structs.replace(spec, seed=named, workspace="w")).close()
    engine.settle()
    assert docker_engine.gc(seeds=seeds) == ()  # all of them were asked for of late
    monkeypatch.setattr(reaper, "SEED_AGE", -1.0)
    assert docker_engine.gc(seeds=seeds) == (f"seed {unused}",)
    assert box.run("cat a").stdout == b"used"
    box.close()
    engine.settle()
    assert docker_engine.gc(seeds=seeds) == ()
    engine.close()
    assert docker_engine.gc(seeds=seeds) == (f"seed {used}",)
    docker_engine.discard("carried")
    assert docker_engine.gc(seeds=seeds) == (f"seed {named}",)


LOOSE = """
find / -xdev -writable ! -type l ! -path '/proc/*' ! -path '/w*' 2>/dev/null | while read -r place; do
  grep -q " $place " /proc/mounts || echo "$place"
done
"""
"""What the agent can write to and is neither the workspace nor a mount of its own."""


def test_without_overlays_a_tree_lies_in_memory_or_in_a_layer(
    tmp_path: Path, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = DockerEngine(tmp_path / "ho,me")
    small = Resources(memory_mb=64, tmp_mb=16, disk_mb=16)
    large = make_seed(tmp_path / "large", {"big": "x" * 9_000_000, "README": "hello\n"})
    spec = Spec(image=docker_image.id, seed=docker_seed, run="second", purpose="p", resources=small)
    asked = {
        "tmpfs": spec,
        "layer": msgspec.structs.replace(spec, seed=large),
        "volume": msgspec.structs.replace(spec, workspace="w"),
    }
    for mode, each in asked.items():
        assert engine.workspace_mode(each) == mode
        for _ in range(2):  # the second finds what the first has made
            with closing(engine.open(each)) as box:
                assert box.run("git status --porcelain; cat README").stdout == b"hello\n"
                assert box.run("touch new; ls new", timeout=20).exit_code == 0 or mode == "volume"
                assert box.run("touch /etc/x /usr/x /x /opt/x").exit_code != 0
                assert box.run(LOOSE).stdout == b""
                box.run("rm -f new")
        with closing(engine.open(each)) as box:  # the disk has the same limit, whatever holds it
            if mode == "tmpfs":
                assert b"No space left on device" in box.run("cat /dev/zero > /w/fill").stdout
                continue
            assert [box.run(GROW, timeout=100).bomb for _ in range(2)] == ["disk", "disk"]
            assert box.run("sleep 0.3; rm -f f*; sleep 0.3").bomb == ""
    read_only = msgspec.structs.replace(spec, read_only=True)
    assert engine.workspace_mode(read_only) == "layer"
    with closing(engine.open(read_only)) as box:
        assert b"Read-only file system" in box.run("touch /w/new").stdout
        assert box.run("cat README").stdout == b"hello\n"
    engine.settle()
    monkeypatch.setattr(reaper, "SEED_AGE", -2.0)
    assert sorted(line.split()[0] for line in engine.gc(seeds=tmp_path / "none")) == ["layer", "layer"]
    engine.discard("second")
    assert (volumes(engine, "second"), left(engine)) == ([], [])
