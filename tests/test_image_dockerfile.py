"""Images from a repository's Dockerfile: built from git objects, behind the allow list, once."""

import pytest

from sandboxes.base import Image, ImageFailed
from sandboxes.build import archive, built_image
from sandboxes.docker import DockerEngine
from tests.conftest import FIX, House, Play, commit_all, finish, step, tool
from tests.sandbox_support import containers
from tests.service_support import redis

pytest_plugins = ("tests.sandbox_fixtures",)


def built(engine: DockerEngine, text: str, **more: object) -> str:
    given = {"args": {}, "target": "", "allow": ("deb.debian.org",), "log": lambda line: None} | more
    files = [("Dockerfile", text.encode(), False), ("tool", b"#!/bin/sh\necho a tool\n", True)]
    return built_image(engine, files, "Dockerfile", **given)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "line",
    ["ADD https://x.test/a /a", "add http://169.254.169.254/ /a", "ADD $URL /a", "ADD git@x.test:a.git /a",
     "ADD \\\n  https://x.test/a /a", "  ADD --chown=1 ${X} /a"],
)  # fmt: skip
def test_the_engine_itself_fetches_nothing(docker_engine: DockerEngine, line: str) -> None:
    with pytest.raises(ImageFailed, match="the engine would fetch it"):
        built(docker_engine, f"FROM scratch\n{line}\n")


def test_the_same_files_are_the_same_context() -> None:
    assert archive({"b": (b"1", True), "a": (b"2", False)}) == archive({"a": (b"2", False), "b": (b"1", True)})


def test_a_run_in_the_environment_of_a_devcontainer(
    house: House, play: Play, docker_engine: DockerEngine, docker_image: Image
) -> None:
    place = house.repo / ".devcontainer"
    place.mkdir()
    (place / "tool").write_text("#!/bin/sh\necho a tool of $WHOSE\n")
    (place / "tool").chmod(0o755)
    # what a build reaches: the allow list, and nothing of the host's or of the engine's networks
    look = "ls /sys/class/net | tr '\\\\n' ' ' > /seen; ! python3 -c 'import urllib.request as u; u.urlopen(\"http://x.test\")'"
    (place / "Dockerfile").write_text(
        # not taken for the base itself by another process while it is built
        f'FROM {docker_image.id}\nLABEL loopwright.key="" loopwright.image=""\n'
        "ARG V=0\nCOPY tool /usr/local/bin/tool\n"
        f"RUN {look} 2>>/seen; echo $V >> /seen\n"
    )
    (place / "devcontainer.json").write_text(
        '{"build": {"dockerfile": "Dockerfile", "args": {"V": "7"}}, // plain\n'
        '"containerEnv": {"WHOSE": "ours"}, "postCreateCommand": "echo created > /created",}'
    )
    config = house.repo / "loopwright.toml"
    config.write_text(
        '[sandbox]\nimage = "devcontainer"\n[gates.tests]\ncommand = "tool && test -f httprange/parse.py"\n'
    )
    commit_all(house.repo)
    play([[step(tool("bash", command="tool; cat /seen /created; env | grep -c roxy")), step(FIX), step(finish())]])
    done = house.run()
    assert done.code == 0, done.err
    output = next(r.event.output for r in house.records() if type(r.event).__name__ == "ToolFinished")
    assert "a tool of ours" in output
    assert "lo" in output.split("\n")[1].split()
    assert "eth0" not in output
    assert "403" in output
    assert "\n7\ncreated\n" in output
    assert "\n0" in output.split("created")[1]  # the run itself has no proxy
    assert containers(docker_engine, purpose="build") == []


def test_a_devcontainer_that_asks_for_more_starts_nothing(house: House) -> None:
    (house.repo / ".devcontainer.json").write_text('{"image": "debian", "runArgs": ["--privileged"]}')
    (house.repo / "loopwright.toml").write_text('[sandbox]\nimage = "devcontainer"\n')
    commit_all(house.repo)
    done = house.run()
    assert done.code == 2
    assert "asks for runArgs" in done.err


def test_a_failing_build_tells_its_last_words(docker_engine: DockerEngine, docker_image: Image) -> None:
    text = f"FROM {redis(docker_engine, docker_image.id)}\nRUN echo the reason >&2; exit 3\n"
    with pytest.raises(ImageFailed, match="the reason"):
        built(docker_engine, text, allow=None)
