"""Network and services in whole runs: configured, opened by a person while it runs, on the record."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from harness.config import ConfigError, NetworkTable, SandboxTable, settle
from harness.events import HostAllowed, HostDenied, Notice, SandboxOpened, ServiceEnded, ServiceStarted, ToolFinished
from harness.loop import surroundings
from sandboxes.base import Image
from sandboxes.docker import DockerEngine
from sandboxes.network import REGISTRIES
from tests.conftest import FIX, House, Play, commit_all, finish, step, tool
from tests.scripted.script import Ask, Step
from tests.service_support import redis

pytest_plugins = ("tests.sandbox_fixtures",)

REACH = "python3 -c 'import urllib.request as u; u.urlopen(\"http://{}/\")'"
STORE = 'python3 -c \'import socket; s = socket.create_connection(("localhost", 6379)); s.send(b"SET a 1\\r\\n"); {}\''


def settled(text: str, user: Path) -> None:
    """The whole way of a repository's configuration until a run would start."""
    config, source = settle({"loopwright.toml": text.encode()}.get, user)
    surroundings.check(config.sandbox, source)


def configure(house: House, text: str) -> None:
    path = house.repo / "loopwright.toml"
    path.write_text(path.read_text() + text)
    commit_all(house.repo, "configured")


def test_a_run_with_a_database_and_named_hosts(
    house: House, play: Play, docker_engine: DockerEngine, docker_image: Image
) -> None:
    image = redis(docker_engine, docker_image.id)
    configure(
        house,
        f"""
[gates.database]
command = '''{STORE.format('assert s.recv(9) == b"+OK" + bytes([13, 10])')}'''
[sandbox.network]
preset = "open"
allow = ["allowed.invalid"]
[[sandbox.service]]
image = "{image}"
port = 6379
name = "cache"
ready = "redis-cli ping"
""",
    )

    def allow(_: Ask) -> Step:
        """A person lets the run reach two more hosts while it is under way; one of them is none."""
        house.journal.post(house.journal.resolve("last"), "allow", "http://no.host/", "tester")
        assert house("allow", "last", "late.invalid").code == 0
        assert house("allow", "last", "https://x.test").code == 2
        return msgspec.convert(step(tool("bash", command=STORE.format("print(s.recv(9))"))), Step)

    play(
        [
            [
                step(tool("bash", command=REACH.format("elsewhere.invalid"))),
                step(tool("bash", command=REACH.format("allowed.invalid") + "; " + REACH.format("late.invalid"))),
                allow,
                step(tool("bash", command=REACH.format("late.invalid"))),
                step(FIX),
                step(finish()),
            ]
        ]
    )
    done = house.run()
    assert done.code == 0, done.err
    events = [record.event for record in house.records()]
    outputs = [event.output for event in events if isinstance(event, ToolFinished)]
    assert "403" in outputs[0]
    assert "502" in outputs[1]  # allowed, and nobody there
    assert "403" in outputs[1]
    assert "+OK" in outputs[2]
    denied = [event for event in events if isinstance(event, HostDenied)]
    assert [(event.host, event.port) for event in denied] == [("elsewhere.invalid", 80), ("late.invalid", 80)]
    assert {event.sandbox for event in denied} == {
        event.sandbox for event in events if isinstance(event, SandboxOpened) and event.purpose == "maker"
    }
    assert [e.host for e in events if isinstance(e, HostAllowed) and e.principal] == ["late.invalid"]
    assert [e.why for e in events if isinstance(e, Notice) and "http://no.host/" in e.what]
    assert "502" in outputs[3]

    opened = [event for event in events if isinstance(event, SandboxOpened)]
    started = [event for event in events if isinstance(event, ServiceStarted)]
    assert 3 < len(started) < len(opened)  # fresh in each room that runs something of the tree
    ended = [event for event in events if isinstance(event, ServiceEnded)]
    assert len(ended) == len(started)
    assert all("Ready to accept connections" in event.log for event in ended)
    settings = house.state().created.settings  # type: ignore[union-attr]
    assert docker_engine.client.inspect_image(image)["Id"] in settings


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ('[sandbox.network]\nallow = ["a.test"]', 'preset = "open"'),
        ('[sandbox.network]\npreset = "open"\nallow = ["https://a.test"]', "no host name"),
        ('[sandbox.network]\npreset = "open"\nallow = ["*.com"]', "top-level"),
        ('[sandbox.network]\npreset = "full"', "preset"),
        ('[sandbox.network]\nalow = ["a.test"]', "did you mean sandbox.network.allow"),
        ('[[sandbox.service]]\nimage = "a"\nport = 1\nredy = "x"', "did you mean sandbox.service[1].ready"),
        ('[[sandbox.service]]\nimage = "a"', "port"),
        ('[[sandbox.service]]\nimage = "a"\nport = 1\n[[sandbox.service]]\nimage = "x/a:2"\nport = 2', "called a"),
        ('[[sandbox.service]]\nimage = "a"\nport = 1\n[[sandbox.service]]\nimage = "b"\nport = 1', "port 1"),
        ('[[sandbox.service]]\nimage = "a"\nport = 0', "port is 0"),
    ],
)
def test_what_makes_no_sense_is_refused_before_anything_starts(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(ConfigError) as refused:
        settled(text, tmp_path / "config.toml")
    assert words in f"{refused.value.what} {refused.value.why} {refused.value.fix}"


def test_the_user_can_forbid_what_a_repository_asks_for(tmp_path: Path) -> None:
    user = tmp_path / "config.toml"
    user.write_text('[ceiling]\nnetwork = "standard"\n')
    with pytest.raises(ConfigError, match='your ceiling is "standard"'):
        settled('[sandbox.network]\npreset = "open"', user)
    settled('[sandbox.network]\npreset = "strict"', user)
    with pytest.raises(ConfigError, match="sets \\[ceiling\\]"):
        settled('[ceiling]\nnetwork = "open"', user)


def test_what_the_presets_open() -> None:
    def reach(**network: Any) -> tuple[object, object]:
        table = SandboxTable(network=NetworkTable(**network))
        return surroundings.in_setup(table), surroundings.in_run(table, ("late.test", "no host"))

    assert reach(preset="strict") == (None, None)
    assert reach() == (REGISTRIES, None)
    assert reach(preset="open", allow=("a.test",)) == ((*REGISTRIES, "a.test"), ("a.test", "late.test"))
