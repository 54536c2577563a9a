"""What set-up commands reach while an environment is built: named hosts through a proxy, or nothing."""

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from urllib.parse import urlsplit

from sandboxes import owner
from sandboxes.bake import Log, Way, host_settings, network, proxied
from sandboxes.base import Denied, Engine, Spec
from sandboxes.docker import DockerEngine
from sandboxes.network import parse
from sandboxes.pod import ENVIRONMENT

INDEXES = (
    "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "UV_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL", "UV_DEFAULT_INDEX",
    "npm_config_registry",
)  # fmt: skip
"""The host's variables that name places where packages come from."""


@contextlib.contextmanager
def way_out(engine: Engine, image: str, allow: Sequence[str] | None, log: Log) -> Iterator[Way]:
    """What set-up commands reach: nothing, or named hosts through a proxy. What is denied is logged.

    Behind a proxy of the machine's own there is no telling where a name leads, so that one does the choosing.
    """
    if allow is None:
        yield Way(network="none")
        return
    settings = host_settings()
    if proxied(settings):
        log("set-up reaches what this machine's own proxy lets it")
        yield Way(network=network(settings), settings=settings)
        return
    if not isinstance(engine, DockerEngine):
        raise AssertionError("parts() has seen to it")
    hosts = tuple(dict.fromkeys((*allow, *indexes(settings))))
    spec = Spec(image=image, seed=engine.home, run="images", purpose="build", allow=hosts)
    pod = engine.pod(spec, owner.labels(engine.home, spec.run, spec.purpose, None))
    if pod is None:
        raise AssertionError("a spec with hosts has a pod")
    try:
        pod.ready()
        yield Way(network=pod.network, settings={**settings, **ENVIRONMENT})
    finally:
        for news in pod.news():
            if isinstance(news, Denied):
                log(f"denied: {news.host}:{news.port}, {news.why}; [sandbox.network] can allow it")
        pod.close()
        pod.remove()


def indexes(settings: Mapping[str, str]) -> Iterator[str]:
    """The hosts of the machine's own package indexes, as entries of an allow list."""
    for name in INDEXES:
        for url in settings.get(name, "").split():
            with contextlib.suppress(ValueError):
                parts = urlsplit(url[url.find("=http") + 1 :])  # uv names indexes: `name=https://...`
                entry = f"{parts.hostname}:{parts.port}" if parts.port else parts.hostname or ""
                parse(entry)
                yield entry
