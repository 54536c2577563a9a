"""A small real Redis and an SSH server, as one image of the engine: built once for each base image."""

import fcntl
import io
import tempfile
from hashlib import sha256
from pathlib import Path

import docker.errors

from sandboxes.docker import DockerEngine

DOCKERFILE = """\
FROM {base} AS build
LABEL loopwright.image="" loopwright.key=""
USER root
RUN apt-get update && apt-get install -y --no-install-recommends \\
    redis-server openssh-server && rm -rf /var/lib/apt/lists/* /opt
FROM scratch
COPY --from=build / /
WORKDIR /data
VOLUME /data
ENTRYPOINT ["/usr/bin/redis-server", "--save", "", "--port"]
CMD ["6379"]
"""
"""It carries none of the base image's labels, by which that one is found."""


def redis(engine: DockerEngine, base: str) -> str:
    """A reference of the image, named after what it is made from."""
    recipe = DOCKERFILE.format(base=base)
    name = f"loopwright-test-services:{sha256(recipe.encode()).hexdigest()[:12]}"
    with (Path(tempfile.gettempdir()) / "loopwright-test-services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            engine.client.inspect_image(name)
        except docker.errors.ImageNotFound:
            said = list(engine.client.build(fileobj=io.BytesIO(recipe.encode()), tag=name, rm=True, decode=True))
            assert not any("error" in line for line in said), said[-5:]
    return name
