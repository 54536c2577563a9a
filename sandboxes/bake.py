"""Baking images: a script runs as root in a throw-away container with network, and the result is committed.

Besides the proxies of sandboxes this is the only place where a container has a network. What the build needs of the
host (proxies, indexes, certificates) lies in a volume that is no part of the image, so no credential is baked into one.
"""

import contextlib
import io
import os
import shlex
import tarfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from urllib.parse import urlsplit

import docker
import docker.errors
import msgspec
import requests
from docker.types import LogConfig, Mount

from sandboxes import owner, rubbish
from sandboxes.base import WORKSPACE, ImageFailed
from sandboxes.connect import reason
from sandboxes.stream import Pieces, Stream, attach

Log = Callable[[str], None]

KITCHEN = "/run/loopwright"
"""Where the volume with the script and the host's settings lies during a build."""
LAYERS = owner.label("layers")
"""How many layers an image of ours has: one that somebody built on top of it inherits its labels, but has more."""
CAPABILITIES = ["CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "SETGID", "SETUID"]
"""What package managers need as root; without network or device capabilities."""
SECONDS = 1_800
"""How long one build may take."""
MEMORY = 4 << 30
PIDS = 2_048
LAST_WORDS = 4_000
"""Characters of a failed build's output that the error carries."""
PASSED_ON = (
    "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "http_proxy", "https_proxy", "all_proxy", "no_proxy",
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT", "PIP_RETRIES",
    "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX", "npm_config_registry",
)  # fmt: skip
"""The host's variables that say where packages come from. They are seen by builds and by nothing else."""
BUNDLE_VARIABLES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "CURL_CA_BUNDLE")
BUNDLES = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
"""Where Debian, Fedora and macOS keep the certificates they trust."""


PROXIES = ("http_proxy", "https_proxy", "all_proxy")


class Way(msgspec.Struct, frozen=True):
    """What a build reaches: the engine's network mode, and the variables that say how."""

    network: str
    settings: Mapping[str, str] = {}


def host_bundle() -> bytes:
    """The certificates this machine trusts, a company's own among them; empty when it has none."""
    for place in (*(os.environ.get(name) for name in BUNDLE_VARIABLES), *BUNDLES):
        with contextlib.suppress(OSError):
            if place and (data := Path(place).read_bytes()):
                return data
    return b""


def host_settings() -> dict[str, str]:
    """The host's variables a build may see; one that points to a file of the host would mean nothing there."""
    found = {name: os.environ[name] for name in PASSED_ON if os.environ.get(name)}
    return {name: value for name, value in found.items() if "file://" not in value}


def network(settings: Mapping[str, str]) -> str:
    """Docker's bridge; the host's own network where a proxy listens on the host's loopback only."""
    proxies = (urlsplit(value).hostname for name, value in settings.items() if name.lower() in PROXIES)
    return "host" if any(name in ("localhost", "127.0.0.1", "::1") for name in proxies) else "bridge"


def proxied(settings: Mapping[str, str]) -> bool:
    """Whether this machine reaches the world through a proxy of its own."""
    return any(name.lower() in PROXIES for name in settings)


def kitchen(script: str, settings: Mapping[str, str]) -> bytes:
    """The tar archive that is laid into the build's volume."""
    bundle = host_bundle()
    env = {
        **settings,
        "DEBIAN_FRONTEND": "noninteractive",
        "PIP_NO_CACHE_DIR": "1",
        "PIP_NO_INPUT": "1",
        "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        "PIP_ROOT_USER_ACTION": "ignore",
        "GIT_TERMINAL_PROMPT": "0",
        # the clone belongs to the agent's user, and set-up commands run as root
        "GIT_CONFIG_COUNT": "1",
        "GIT_CONFIG_KEY_0": "safe.directory",
        "GIT_CONFIG_VALUE_0": WORKSPACE,
    }
    if bundle:
        names = (*BUNDLE_VARIABLES, "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS")
        env |= dict.fromkeys(names, f"{KITCHEN}/ca.crt")
    exports = "".join(f"export {name}={shlex.quote(value)}\n" for name, value in env.items())
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, data in (("ca.crt", bundle), ("build.sh", ("exec 2>&1\n" + exports + script).encode())):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o444
            archive.addfile(member, io.BytesIO(data))
    return buffer.getvalue()


def bake(
    client: docker.APIClient,
    home: Path,
    image: str,
    script: str,
    *,
    labels: Mapping[str, str],
    log: Log,
    env: Mapping[str, str] | None = None,
    mounts: Sequence[Mount] = (),
    workdir: str = "/",
    untouched: str = "",
    way: "Way | None" = None,
) -> str:
    """Run a shell script in `image` and commit what it leaves; returns the new image's id.

    `env` is set in the new image, over what `image` has. `untouched` is a directory the script may not change; `way`
    is what it reaches, by default what this machine does.
    Raises `ImageFailed` with the end of the output.
    """
    settings = host_settings()
    way = way or Way(network=network(settings), settings=settings)
    marks = owner.labels(home, "images", "build", None)
    volume = f"loopwright-{owner.home_id(home)}-build-{os.urandom(6).hex()}"
    client.create_volume(volume, driver="local", labels=marks)
    container = ""
    try:
        host = client.create_host_config(
            cap_drop=["ALL"],
            cap_add=CAPABILITIES,
            security_opt=["no-new-privileges:true"],
            network_mode=way.network,
            log_config=LogConfig(type="none"),
            mem_limit=MEMORY,
            pids_limit=PIDS,
            mounts=[Mount(KITCHEN, volume, type="volume"), *mounts],
        )
        container = client.create_container(
            image,
            entrypoint=["/bin/sh", "-e", f"{KITCHEN}/build.sh"],
            command=[],
            user="0:0",
            working_dir=workdir,
            environment=dict(env or {}),
            healthcheck={"test": ["NONE"]},
            host_config=host,
        )["Id"]
        client.put_archive(container, KITCHEN, kitchen(script, way.settings))
        follow(client, container, log)
        if untouched and (changed := changes(client, container, untouched)):
            raise ImageFailed(
                f"the set-up commands changed {untouched}",
                f"{changed} and the rest of it are the gates' own tools",
                "install into the image's own Python; leave that directory alone",
            )
        return commit(client, container, image, labels)
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise ImageFailed("an image could not be built", reason(error), "run `loopwright doctor`") from error
    finally:
        with contextlib.suppress(docker.errors.DockerException, requests.RequestException):
            if container:
                rubbish.remove_container(client, container)
            rubbish.remove_volume(client, volume)


def commit(client: docker.APIClient, container: str, image: str, labels: Mapping[str, str]) -> str:
    """The image of what a container of `image` has become; where that is nothing, there is no layer of its own."""
    for layers in (layers_of(client, image) + 1, layers_of(client, image)):
        conf = {"Labels": {**labels, LAYERS: str(layers)}}
        made = str(client.commit(container, changes=["WORKDIR /", 'CMD ["/bin/sh"]'], conf=conf)["Id"])
        if layers_of(client, made) == layers:
            return made
    raise ImageFailed("an image could not be built", "the engine commits layers of its own", "run `loopwright doctor`")


def layers_of(client: docker.APIClient, image: str) -> int:
    return len(client.inspect_image(image)["RootFS"]["Layers"])


def changes(client: docker.APIClient, container: str, directory: str) -> str:
    """The first path in a directory that differs from the image, or nothing."""
    paths = (str(entry["Path"]) for entry in client.diff(container) or ())
    return next((path for path in paths if path == directory or path.startswith(f"{directory}/")), "")


def follow(client: docker.APIClient, container: str, log: Log) -> None:
    """Start a build, pass its output on line by line, and see that it ended well."""
    deadline = time.monotonic() + SECONDS
    last = ""
    with contextlib.closing(attach(client, container)) as stream:
        client.start(container)
        try:
            for line in lines(printed(stream, deadline)):
                last = (last + line + "\n")[-LAST_WORDS:]
                log(line)
            status = client.wait(container)["StatusCode"]
        except (TimeoutError, docker.errors.NotFound) as error:
            why = f"it took longer than {SECONDS} s" if isinstance(error, TimeoutError) else "its container was removed"
            raise ImageFailed("an image could not be built", f"{why}\n{last}") from error
    if status:
        raise ImageFailed(
            f"an image could not be built: the script ended with {status}",
            last.strip(),
            "correct the set-up commands, or the machine's proxy, index and certificate settings",
        )


def printed(stream: Stream, deadline: float) -> Iterator[bytes]:
    """What an attached container prints, until it ends; `TimeoutError` at the deadline (monotonic)."""
    pieces = Pieces()
    while data := stream.recv(1 << 16, deadline - time.monotonic()):
        yield from (piece for _, piece in pieces.of(data))


def lines(stream: Iterable[bytes]) -> Iterator[str]:
    """The output by lines, whatever the pieces; a progress bar's returns count as line ends, and so does much."""
    rest = ""
    for piece in stream:
        text = rest + piece.decode("utf-8", "replace")
        *whole, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        if len(rest) > LAST_WORDS:
            whole, rest = [*whole, rest], ""
        yield from filter(None, whole)
    if rest:
        yield rest
