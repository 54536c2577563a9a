"""Images: found or built once, complete, and free of whatever the build needed of the host."""

import io
import json
from contextlib import closing
from pathlib import Path

import pytest

from sandboxes import bake, debian
from sandboxes.base import Image, ImageFailed, Sandbox, Spec
from sandboxes.docker import DockerEngine
from sandboxes.images import base_image, environment, images, named_image, prune
from tests.sandbox_support import fingerprint

pytest_plugins = ("tests.sandbox_fixtures",)


def test_the_base_image_is_built_once(docker_engine: DockerEngine, docker_image: Image) -> None:
    said: list[str] = []
    again = base_image(docker_engine, said.append)
    assert (again, said) == (docker_image, [])
    assert (docker_image.kind, docker_image.reference) == ("base", "loopwright:base")
    assert docker_image.id.startswith("sha256:")
    assert docker_image.megabytes > 50
    assert again in images(docker_engine)


def test_the_base_image_has_what_agents_and_gates_need(box: Sandbox) -> None:
    assert box.run("command -v python3 pytest").stdout == b"/opt/venv/bin/python3\n/opt/venv/bin/pytest\n"
    assert box.run("python3 -c 'import sys; print(sys.version_info >= (3, 11))'").stdout == b"True\n"
    assert box.run("pytest --version; git --version; bash --version").exit_code == 0
    assert box.run("/opt/loopwright/bin/ruff --version && /opt/loopwright/bin/bandit --version").exit_code == 0
    assert box.run("test -s /etc/ssl/certs/ca-certificates.crt").exit_code == 0


def test_nobody_but_root_can_change_the_tools(box: Sandbox) -> None:
    # The root file system is read-only besides; this is about the second wall behind it.
    writable = (
        "find / -xdev -not -type l -not -path '/proc/*' -writable -not -path '/tmp*' -not -path '/var/tmp' -print"
    )
    assert set(box.run(writable, merge=False).stdout.decode().split()) - {"/w", "/home/agent"} == set()
    assert box.run("find /opt /usr /etc -user agent", merge=False).stdout == b""


def test_without_commands_the_environment_is_the_base(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    assert environment(docker_engine, docker_image, (), docker_seed, {}, print) == docker_image


def test_an_environment_is_made_once_and_holds_no_secret(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    canary = "canary-5d1e"
    bundle = tmp_path / "company.crt"
    bundle.write_text(f"# {canary}\n")
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    monkeypatch.setenv("PIP_INDEX_URL", f"https://user:{canary}@index.invalid/simple")
    monkeypatch.setenv("ANTHROPIC_API_KEY", canary)
    setup = (
        'test "$PIP_CERT" = "$SSL_CERT_FILE" && grep -q canary "$SSL_CERT_FILE"',
        'echo "$PIP_INDEX_URL" | grep -q canary',
        'cd src && test -z "$ANTHROPIC_API_KEY"',
        "test $(pwd) = /w && test $(id -u) = 0 && git status --porcelain",
        "echo changed > README",
        "echo 'VALUE = 42' > $(python3 -c 'import site; print(site.getsitepackages()[0])')/made.py",
        f": {tmp_path}",  # another key at each time the test runs
        "cat; test $(ls -A /sys/class/net) = lo",
        "python3 -c 'import urllib.request as u; u.urlopen(\"http://deb.debian.org/debian/\")'",
        "! python3 -c 'import urllib.request as u; u.urlopen(\"https://elsewhere.test/\")'",
    )
    before, said = fingerprint(docker_seed), list[str]()
    made = environment(docker_engine, docker_image, setup, docker_seed, {"requirements.txt": b"a==1"}, said.append)
    assert (made.kind, made.made_by.startswith("test ")) == ("environment", True)
    assert any(line.startswith("$ test $(pwd) = /w") for line in said)
    assert any(line.startswith("denied: elsewhere.test:443, not on the allow list") for line in said)
    assert fingerprint(docker_seed) == before

    said.clear()
    again = environment(docker_engine, docker_image, setup, docker_seed, {"requirements.txt": b"a==1"}, said.append)
    assert (again, said) == (made, [])

    client = docker_engine.client
    recorded = json.dumps([client.inspect_image(made.id), client.history(made.id)])
    assert canary not in recorded
    with closing(docker_engine.open(Spec(image=made.id, seed=docker_seed, run="env", purpose="test"))) as box:
        assert box.run("python3 -c 'import made; print(made.VALUE)'; cat README").stdout == b"42\nhello\n"
        found = box.run("grep -rsl -f - /etc /opt /root /run /tmp /usr/local", stdin=canary.encode())
        assert found.stdout == b""
        assert box.run("cat /run/loopwright/build.sh").exit_code != 0
        assert box.run("ls /sys/class/net").stdout == b"lo\n"
    docker_engine.settle()
    client.remove_image(made.id, force=True)


def test_other_commands_or_locks_make_another_environment(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    def key(setup: tuple[str, ...], locks: dict[str, bytes]) -> str:
        return environment(docker_engine, docker_image, setup, docker_seed, locks, lambda line: None).key

    keys = [key(("true",), {}), key(("true", "true"), {}), key(("true",), {"a": b"1"})]
    assert len(set(keys)) == 3
    assert key(("true",), {"a": b"1"}) == keys[2]
    kept = frozenset(image.id for image in images(docker_engine))
    assert prune(docker_engine, keep=kept) == ()
    for image in images(docker_engine):
        if image.key in keys:
            docker_engine.client.remove_image(image.id, force=True)


def test_an_image_built_on_top_of_ours_is_not_taken_for_it(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, tmp_path: Path
) -> None:
    setup, client = (f": {tmp_path}",), docker_engine.client
    made = environment(docker_engine, docker_image, setup, docker_seed, {}, print, allow=None)
    dockerfile = io.BytesIO(f"FROM {made.id}\nRUN true > /evil\n".encode())
    list(client.build(fileobj=dockerfile, tag="loopwright-test-on-top", rm=True, decode=True))
    assert environment(docker_engine, docker_image, setup, docker_seed, {}, print, allow=None) == made
    client.remove_image("loopwright-test-on-top", force=True)
    client.remove_image(made.id, force=True)


def test_set_up_without_a_network_has_none(docker_engine: DockerEngine, docker_image: Image, docker_seed: Path) -> None:
    setup = ('test $(ls -A /sys/class/net) = lo -a -z "$http_proxy" && echo alone; exit 7',)
    said: list[str] = []
    with pytest.raises(ImageFailed):
        environment(docker_engine, docker_image, setup, docker_seed, {}, said.append, allow=None)
    assert "alone" in said


def test_a_failing_command_ends_the_build_with_its_own_words(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    setup = ("echo first", "echo the real reason >&2; exit 7", "echo never")
    with pytest.raises(ImageFailed) as failed:
        environment(docker_engine, docker_image, setup, docker_seed, {}, lambda line: None)
    assert failed.value.why.endswith("the real reason")
    assert "ended with 7" in failed.value.what
    assert "never" not in failed.value.why
    assert docker_engine.client.volumes(filters={"label": ["loopwright.purpose=build"], "dangling": False})[
        "Volumes"
    ] in (None, [])


def test_a_build_has_an_end(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandboxes.bake.SECONDS", 0.3)
    monkeypatch.setattr("sandboxes.debian.SECONDS", 0.3)
    with pytest.raises(ImageFailed, match="longer than"):
        environment(docker_engine, docker_image, ["sleep 99"], docker_seed, {}, print, None)
    with pytest.raises(ImageFailed, match="ended with -9"):
        debian.run(["sh", "-c", "echo begun; sleep 99"], print)


def test_the_gates_tools_are_not_the_set_ups_to_change(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    setup = ("echo 'exit 0' > /opt/loopwright/bin/ruff",)
    with pytest.raises(ImageFailed) as failed:
        environment(docker_engine, docker_image, setup, docker_seed, {}, lambda line: None)
    assert failed.value.what == "the set-up commands changed /opt/loopwright"
    assert all("ruff" not in image.made_by for image in images(docker_engine))


def test_an_endless_tale_is_cut_to_its_end(docker_engine: DockerEngine, docker_image: Image, docker_seed: Path) -> None:
    with pytest.raises(ImageFailed) as failed:
        environment(docker_engine, docker_image, ("seq 1 200000; exit 1",), docker_seed, {}, lambda line: None)
    assert failed.value.why.endswith("\n200000")
    assert len(failed.value.why) <= bake.LAST_WORDS


def test_one_of_our_own_images_can_be_named(docker_engine: DockerEngine, docker_image: Image) -> None:
    assert named_image(docker_engine, "loopwright:base") == docker_image


def test_a_named_image_gets_the_gates_tools_and_keeps_its_own_path(
    docker_engine: DockerEngine, docker_image: Image, docker_seed: Path
) -> None:
    client = docker_engine.client
    own = {"Labels": {"loopwright.key": "", "loopwright.image": ""}, "Env": ["PATH=/usr/bin:/bin:/their/own"]}
    container = client.create_container(docker_image.id, command=["true"])["Id"]
    theirs = client.commit(container, repository="loopwright-test", tag="theirs", conf=own)["Id"]
    client.remove_container(container)
    made = named_image(docker_engine, "loopwright-test:theirs")
    assert (made.kind, made.made_by, made.id != theirs) == ("named", "loopwright-test:theirs", True)
    said: list[str] = []
    assert (named_image(docker_engine, "loopwright-test:theirs", said.append), said) == (made, [])
    with closing(docker_engine.open(Spec(image=made.id, seed=docker_seed, run="named", purpose="test"))) as box:
        assert (
            box.run("echo $PATH; /opt/loopwright/bin/ruff --version | cut -c1-4").stdout
            == b"/usr/bin:/bin:/their/own\nruff\n"
        )
    docker_engine.settle()
    client.remove_image(made.id, force=True)
    client.remove_image(theirs, force=True)


def test_an_image_that_nobody_has_is_an_error_with_its_name(docker_engine: DockerEngine) -> None:
    with pytest.raises(ImageFailed) as failed:
        named_image(docker_engine, "registry.invalid/none:1")
    assert "registry.invalid/none:1" in failed.value.what


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, "bridge"),
        ({"HTTPS_PROXY": "http://proxy.company:3128"}, "bridge"),
        ({"https_proxy": "http://127.0.0.1:3128"}, "host"),
        ({"HTTP_PROXY": "http://user:pw@localhost:3128/"}, "host"),
        ({"NO_PROXY": "localhost"}, "bridge"),
    ],
)
def test_a_proxy_on_loopback_is_reached_over_the_hosts_network(environ: dict[str, str], expected: str) -> None:
    assert bake.network(environ) == expected


def test_settings_that_point_into_the_host_stay_there(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in bake.PASSED_ON:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "file:///srv/simple")
    monkeypatch.setenv("PIP_INDEX_URL", "https://index.company/simple")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "x")
    assert bake.host_settings() == {"PIP_INDEX_URL": "https://index.company/simple"}


TRIXIE = "ID=debian\nVERSION_CODENAME=trixie\n"
DEB822 = """\
Types: deb
# a comment between fields
URIs: http://mirror.company/debian
Suites: trixie trixie-updates
Components: main

Types: deb
URIs: http://mirror.company/debian-security
Suites: trixie-security
"""


@pytest.mark.parametrize(
    ("release", "files", "expected"),
    [
        (TRIXIE, {"sources.list.d/debian.sources": DEB822},
         debian.Origin("debian", "trixie", "http://mirror.company/debian")),
        (TRIXIE, {"sources.list.d/debian.sources": "Enabled: no\n" + DEB822[:120]},
         debian.Origin("debian", "trixie", "")),
        ('ID=ubuntu\nVERSION_CODENAME="noble"\n',
         {"sources.list": "# deb http://off/ noble main\ndeb [arch=amd64 signed-by=/k] https://mirror/u noble main\n"},
         debian.Origin("ubuntu", "noble", "https://mirror/u")),
        (TRIXIE, {"sources.list": "deb cdrom:[x]/ trixie main\ndeb file:/srv trixie main\n"},
         debian.Origin("debian", "trixie", "")),
        (TRIXIE, {"sources.list": "deb http://m/ trixie-security main\ndeb-src http://s/ trixie main\n"},
         debian.Origin("debian", "trixie", "")),
        ("ID=fedora\nVERSION_ID=41\n", {}, debian.Origin("debian", debian.SUITE, "")),
        ("ID=debian\n", {"sources.list": "deb http://m/ sid main\n"}, debian.Origin("debian", debian.SUITE, "")),
        ("", {"sources.list": b"\xff\xfe"}, debian.Origin("debian", debian.SUITE, "")),
    ],
)  # fmt: skip
def test_the_mirror_is_the_machines_own(
    tmp_path: Path, release: str, files: dict[str, str | bytes], expected: debian.Origin
) -> None:
    (tmp_path / "etc/apt/sources.list.d").mkdir(parents=True)
    (tmp_path / "etc/os-release").write_text(release)
    for name, text in files.items():
        (tmp_path / "etc/apt" / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    assert debian.origin(tmp_path) == expected
