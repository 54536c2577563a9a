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


POSTGRES = """\
FROM {base} AS build
LABEL loopwright.image="" loopwright.key=""
USER root
RUN apt-get update && apt-get install -y --no-install-recommends postgresql && rm -rf /var/lib/apt/lists/*
RUN printf '%s\\n' '#!/bin/sh' 'set -e' \
    'if [ "$(id -u)" = 0 ]; then' \
    '  mkdir -p "$PGDATA" && chmod 700 "$PGDATA" && chown -R postgres "$PGDATA" /run/postgresql' \
    '  exec setpriv --reuid postgres --regid postgres --init-groups "$0" "$@"' \
    'fi' \
    'echo "$POSTGRES_PASSWORD" >/tmp/password' \
    'initdb --username postgres --auth-host scram-sha-256 --pwfile /tmp/password' \
    'exec "$@"' >/usr/bin/entry && chmod 755 /usr/bin/entry
FROM scratch
COPY --from=build / /
ENV PGDATA=/var/lib/postgresql/data PATH=/usr/lib/postgresql/15/bin:/usr/sbin:/usr/bin:/sbin:/bin
VOLUME /var/lib/postgresql/data
ENTRYPOINT ["/usr/bin/entry"]
CMD ["postgres", "-c", "listen_addresses=localhost"]
"""
"""The database's usual image in short: as root it gives its data directory away, then it is nobody special."""

BUSYBOX = """\
FROM {base} AS build
RUN apt-get update && apt-get install -y --no-install-recommends busybox-static
RUN mkdir -p /new/bin /new/usr/bin /new/usr/lib /new/etc/ssl/certs /new/tmp /new/w /new/home/agent \
    && cp /bin/busybox /new/bin && chroot /new /bin/busybox --install -s /bin && ln -s /bin/env /new/usr/bin/env \
    && cp /usr/bin/git /new/usr/bin && cp -r /usr/lib/git-core /new/usr/lib \
    && for file in $(ldd /usr/bin/git | grep -o '/[^ ]*'); do \
        mkdir -p /new$(dirname $file); cp -L $file /new$file; done && chmod 1777 /new/tmp \
    && touch /new/etc/ssl/certs/ca-certificates.crt \
    && printf 'root:x:0:0:root:/:/bin/sh\\nagent:x:1000:1000:agent:/home/agent:/bin/sh\\n' >/new/etc/passwd \
    && printf 'root:x:0:\\nagent:x:1000:\\n' >/new/etc/group
FROM scratch
COPY --from=build /new /
"""
"""A userland of BusyBox with Debian's git and what it is linked to: no Python, no util-linux, no GNU."""


def redis(engine: DockerEngine, base: str) -> str:
    """A reference of the image, named after what it is made from."""
    return built(engine, DOCKERFILE.format(base=base))


def postgres(engine: DockerEngine, base: str) -> str:
    """The same for PostgreSQL, with its client."""
    return built(engine, POSTGRES.format(base=base))


def busybox(engine: DockerEngine, base: str) -> str:
    """An image that a sandbox can be made of, but only just."""
    return built(engine, BUSYBOX.format(base=base))


def built(engine: DockerEngine, recipe: str) -> str:
    name = f"loopwright-test-services:{sha256(recipe.encode()).hexdigest()[:12]}"
    with (Path(tempfile.gettempdir()) / "loopwright-test-services.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        try:
            engine.client.inspect_image(name)
        except docker.errors.ImageNotFound:
            said = list(engine.client.build(fileobj=io.BytesIO(recipe.encode()), tag=name, rm=True, decode=True))
            assert not any("error" in line for line in said), said[-5:]
    return name
