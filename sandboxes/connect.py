"""Finding the Docker engine the user means: `DOCKER_HOST`, the docker CLI's context, or the usual sockets."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker
import docker.errors
import requests

from sandboxes.base import SandboxUnavailable
from sandboxes.tunnel import Tunnel

REQUEST_SECONDS = 60
"""How long the engine may take to answer one request, or to go on with an answer."""
FIX = (
    "start Docker (`make docker` does so as root on Debian and Ubuntu), or point DOCKER_HOST or "
    "`docker context use` to an engine that runs"
)


class Client(docker.APIClient):  # type: ignore[misc]
    """Docker's client, with a limit on every request: `attach` and `wait` have none of their own."""

    def __init__(self, **options: Any) -> None:
        super().__init__(version="auto", timeout=REQUEST_SECONDS, **options)
        if str(options.get("base_url", "")).startswith("unix://"):
            self.trust_env = False  # no proxy leads to a socket file; looking for one is 4 ms a request

    def request(self, *args: Any, **options: Any) -> Any:
        """See `requests.Session.request`, which all the others come to."""
        return super().request(*args, **options | {"timeout": options.get("timeout") or self.timeout})


class Tunnelled(Client):
    """A client whose socket is the near end of a tunnel: it looks local, and is not."""

    def __init__(self, tunnel: Tunnel) -> None:
        super().__init__(base_url=f"unix://{tunnel.path}")
        self.tunnel = tunnel


def connect() -> tuple[docker.APIClient, str]:
    """A client of the engine and how it was reached. Raises `SandboxUnavailable` when nothing answers."""
    tried: list[str] = []
    for how, options in candidates():
        try:
            if str(options["base_url"]).startswith("ssh://"):
                return Tunnelled(Tunnel(options["base_url"])), how
            client = Client(**options)
            client.ping()
        except (docker.errors.DockerException, requests.RequestException, OSError, ImportError) as error:
            tried.append(f"{how}: {reason(error)}")
            continue
        return client, how
    raise SandboxUnavailable("no Docker engine answers", "; ".join(tried), FIX)


def candidates() -> Iterator[tuple[str, dict[str, Any]]]:
    """Where to look: (how to call it, arguments for the client). What the user chose is the only candidate."""
    if host := os.environ.get("DOCKER_HOST"):
        yield f"DOCKER_HOST={host}", {"base_url": host, "tls": tls_from_environment()}
        return
    name = os.environ.get("DOCKER_CONTEXT") or chosen_context()
    if name and name != "default":
        yield context(name)
        return
    for path in sockets():
        yield f"unix://{path}", {"base_url": f"unix://{path}"}


def sockets() -> Iterator[Path]:
    """The system's engine, then a rootless one, then Docker Desktop's."""
    yield Path("/var/run/docker.sock")
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}")
    for path in (runtime / "docker.sock", Path.home() / ".docker/run/docker.sock"):
        if path.exists():
            yield path


def chosen_context() -> str:
    from docker.context.config import get_current_context_name

    return str(get_current_context_name())


def context(name: str) -> tuple[str, dict[str, Any]]:
    """A context of the docker CLI by name, with its certificates."""
    from docker.context import ContextAPI

    try:
        found = ContextAPI.get_context(name)
    except (docker.errors.DockerException, OSError, ValueError, KeyError) as error:
        raise SandboxUnavailable(f"the Docker context {name!r} cannot be read", reason(error), FIX) from error
    if found is None:
        raise SandboxUnavailable(f"there is no Docker context {name!r}", "it is chosen but not defined", FIX)
    options: dict[str, Any] = {"base_url": found.Host}
    if found.TLSConfig is not None:
        options["tls"] = found.TLSConfig
    return f"context {name} ({found.Host})", options


def tls_from_environment() -> Any:
    """What `DOCKER_TLS_VERIFY` and `DOCKER_CERT_PATH` ask for, as the docker CLI reads them."""
    return docker.utils.kwargs_from_env().get("tls", False)


def is_local(client: docker.APIClient) -> bool:
    """Whether the engine is reached through a socket of this machine, and so may share its file system."""
    return not isinstance(client, Tunnelled) and str(client.base_url).startswith(
        ("http+docker://localhost", "http+docker://localnpipe")
    )


def is_cut(client: docker.APIClient) -> bool:
    """Whether the tunnel to the engine is no more, so that it has to be made again."""
    return isinstance(client, Tunnelled) and not client.tunnel.stands


@contextmanager
def translated() -> Iterator[None]:
    """No error of Docker's client leaves this room as such."""
    try:
        yield
    except docker.errors.ImageNotFound as error:
        raise SandboxUnavailable(
            "the image is not on the engine", reason(error), "run `loopwright image build`"
        ) from error
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise SandboxUnavailable("the Docker engine refused", reason(error), "run `loopwright doctor`") from error


def reason(error: BaseException) -> str:
    """The shortest true account of why the engine failed: its own words, else those of the innermost error."""
    if isinstance(error, docker.errors.APIError) and error.explanation:
        return str(error.explanation).strip()
    chain = [error]
    while (inner := chain[-1].__cause__ or chain[-1].__context__) is not None and inner not in chain:
        chain.append(inner)
    return str(getattr(chain[-1], "strerror", None) or chain[-1]).strip() or type(chain[-1]).__name__
