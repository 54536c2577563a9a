"""What is left of the 22 escapes of docs/safety.md once every room has its own, and whether that table is true."""

import ast
import itertools
import re
import threading
import time
from contextlib import closing, suppress
from pathlib import Path

import pytest

from harness.config import ConfigError, settle
from harness.events import Notice, ToolStarted
from harness.loop.exchange import put, take
from harness.repo import Rejected, publish
from sandboxes.base import FileRefused, Image, Sandbox, Spec
from sandboxes.docker import DockerEngine
from sandboxes.inside.disk import usage
from tests.conftest import FIX, ROOT, TEST, House, Play, finish, step, tool
from tests.repo_support import TRAPPED_ATTRIBUTES, adopted, line, repository, snapshot, traps
from tests.sandbox_support import containers

pytest_plugins = ("tests.sandbox_fixtures",)


def test_the_table_of_escapes_names_tests_that_exist() -> None:
    text = (ROOT / "docs" / "safety.md").read_text()
    rows = re.findall(r"^\| (\d+) \|.*\| (.*) \|$", text, re.MULTILINE)
    assert [int(number) for number, _ in rows] == list(range(1, 23))
    for number, named in rows:
        found = re.findall(r"`(test_\w+)::(test_\w+)`", named)
        assert found, number
        for module, name in found:
            tree = ast.parse((ROOT / "tests" / f"{module}.py").read_text())
            assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{module}::{name}"


def test_4_what_an_agent_plants_in_its_clone_runs_nowhere_on_the_host(
    tmp_path: Path, docker_engine: DockerEngine, docker_image: Image
) -> None:
    root = repository(tmp_path / "r", {"src/app.py": b"x = 1\n", "a.txt": b"a\n", "c.md": b"c\n"})
    before = snapshot(root)
    repo, base, store = adopted(tmp_path / "home", root)
    marker = tmp_path / "traps" / "marker"
    marker.parent.mkdir()
    spec = Spec(image=docker_image.id, seed=store.seed(base, docker_engine.uid), run="planted", purpose="p")
    with closing(docker_engine.open(spec)) as box:
        hook = f"#!/bin/sh\ntouch {marker}\n".encode()
        box.write(".git/config", box.read(".git/config") + traps(marker).encode())
        for name in ("pre-commit", "post-checkout", "post-index-change", "reference-transaction"):
            box.write(f".git/hooks/{name}", hook)
        box.write("src/app.py", b"x = 2\n")
        box.write(".gitattributes", TRAPPED_ATTRIBUTES)
        box.write("evil/.git", b"gitdir: ../.git\n")
        box.run("chmod +x .git/hooks/*; git init -q nested; cp .git/config nested/.git/config; touch nested/f")
        with pytest.raises(Rejected) as nested:
            take(box, store, base.commit)
        assert nested.value.rule in ("export", "submodule")
        box.run("rm -rf nested evil")
        tree = take(box, store, base.commit).tree
    commit = store.commit(tree, base.commit, "candidate")
    assert "+x = 2" in store.diff(base.tree, tree)
    with closing(docker_engine.open(spec)) as room:
        put(room, store, commit, base.commit)
        assert room.run("cat src/app.py").stdout == b"x = 2\n"
    publish(repo, store, commit, "loopwright/planted")
    store.checkout(commit, tmp_path / "opened", "loopwright/planted")
    assert line(root, "show", "loopwright/planted:src/app.py") == "x = 2"
    assert list(marker.parent.iterdir()) == []
    assert {path: found for path, found in snapshot(root).items() if path in before} == before


@pytest.mark.parametrize("seconds", [1.5, pytest.param(60.0, marks=pytest.mark.soak)])
def test_8_links_that_come_and_go_lead_nowhere(
    tmp_path: Path, docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, seconds: float
) -> None:
    victim = tmp_path / "victim"
    victim.mkdir(mode=0o755)
    (victim / "f").write_text("precious")
    before = snapshot(victim)
    race = f"while true; do ln -sfn {victim} d 2>/dev/null; rm -rf d; mkdir -p d; echo mine > d/f; rm -rf d; done"
    work = docker_engine.home / "work" / "raced"
    with closing(docker_engine.open(Spec(image=docker_image.id, seed=docker_seed, run="raced", purpose="p"))) as box:
        racing = box.start(race)
        (upper,) = work.glob("*/upper")
        until = time.monotonic() + seconds
        for number in itertools.count():
            with suppress(FileRefused):
                box.write("d/f", b"forged") if number % 2 else box.read("d/f")
            usage(str(upper))
            if time.monotonic() > until:
                break
        assert racing.poll().exit_code is None
        racing.kill()
        box.run(f"rm -rf d; ln -s {victim} d; mkdir -p deep; ln -s {victim} deep/d; chmod 0 deep")
    docker_engine.settle()
    assert snapshot(victim) == before
    assert not work.exists()


def test_9_nothing_is_ever_unpacked_or_copied_out_on_the_host() -> None:
    words = {"extractall", "extract", "unpack_archive", "get_archive", "extractfile", "copy_out", "pickle", "eval"}
    rooms = [path for room in ("sandboxes", "harness", "gates", "tui") for path in (ROOT / room).rglob("*.py")]
    for path in (path for path in rooms if "inside" not in path.parts):
        for node in ast.walk(ast.parse(path.read_text())):
            name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
            assert name not in words, f"{path}:{getattr(node, 'lineno', 0)}: {name}"


@pytest.mark.parametrize("place", ["fifo", "device", "directory", "link", "sparse"])
def test_9_a_strange_file_is_refused_in_a_moment(box: Sandbox, place: str) -> None:
    box.run("cd /tmp; mkfifo fifo; mkdir directory; ln -s / link; ln -s /dev/zero device; truncate -s 1000M sparse")
    with pytest.raises(FileRefused):
        box.read(f"/tmp/{place}")
    assert box.run("echo alive").stdout == b"alive\n"


def test_19_a_run_goes_on_when_its_container_is_taken_away(house: House, play: Play) -> None:
    wait = tool("bash", command="test -e waited || { touch waited; sleep 300; }; rm -f waited; echo went on")
    server = play([[step(FIX, TEST), step(wait), step(wait), step(finish())]])
    home = DockerEngine(house.home)

    def take_away() -> None:
        """Once the maker sleeps."""
        for _ in range(600):
            time.sleep(0.1)
            if not (house.home / "journal.db").exists() or not (made := containers(home, purpose="maker")):
                continue
            started = [r.event for r in house.records() if isinstance(r.event, ToolStarted)]
            if any("sleep 300" in event.input for event in started):
                home.client.remove_container(made[0]["Id"], force=True)
                return

    thread = threading.Thread(target=take_away)
    thread.start()
    done = house.run()
    thread.join()
    assert done.code == 0, done.err
    notices = [r.event.what for r in house.records() if isinstance(r.event, Notice)]
    assert "the maker's container died; another takes its place" in notices
    assert len(server.requests) < 12


def test_20_a_line_of_ten_megabytes_and_what_is_no_text(box: Sandbox) -> None:
    long = box.run("head -c 10000000 /dev/zero | tr '\\0' x")
    assert (len(long.stdout), long.elided) == (100_000, 9_900_000)
    odd = box.run("printf '\\377\\376[bold]\\033]0;x\\007\\033[?1049h\\r\\b'")
    assert odd.stdout == b"\xff\xfe[bold]\x1b]0;x\x07\x1b[?1049h\r\b"
    assert box.run("echo alive").stdout == b"alive\n"


@pytest.mark.parametrize(
    "asked",
    [
        "privileged = true", 'mounts = ["/:/host"]', 'runArgs = ["--network=host"]', 'cap_add = ["SYS_ADMIN"]',
        'devices = ["/dev/sda"]', "[sandbox.network]\npreset = \"host\"", "[sandbox.network]\npreset = \"full\"",
        "[[sandbox.service]]\nname = \"x\"\nimage = \"x\"\nport = 1\nprivileged = true",
        "[[sandbox.service]]\nname = \"x\"\nimage = \"x\"\nport = 1\nvolumes = [\"/:/host\"]",
        "[sandbox.resources]\nmemory = 0", "user = \"root\"", "initializeCommand = \"touch /tmp/owned\"",
    ],
)  # fmt: skip
def test_22_a_repository_cannot_ask_for_a_hole_in_the_wall(tmp_path: Path, asked: str) -> None:
    files = {"loopwright.toml": f"[sandbox]\n{asked}\n".encode()}
    with pytest.raises(ConfigError):
        settle(files.get, tmp_path / "settings.toml")
