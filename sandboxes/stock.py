"""The images that are there, found by a label that holds the digest of all they were made from, and what that is."""

import json
import shlex
from hashlib import sha256

import docker

from sandboxes import debian, owner
from sandboxes.bake import LAYERS, layers_of
from sandboxes.base import WORKSPACE, Image

UPSTREAM = "python:3.12-slim"
"""The image the base is made from where a registry answers."""
PYTEST = "pytest>=8.3,<10"
TOOLS = ("ruff>=0.9,<1", "bandit>=1.8,<2")
"""The gates' own tools. They live apart from the repository's packages, which could otherwise replace them."""
TOOLS_HOME = "/opt/loopwright"
PATH = "/opt/venv/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

GROUND = f"""
command -v git >/dev/null && test -e /etc/ssl/certs/ca-certificates.crt || {{
    apt-get update
    apt-get install -y --no-install-recommends git ca-certificates
    rm -rf /var/lib/apt/lists/*
}}
grep -q '^[^:]*:[^:]*:1000:' /etc/passwd || {{
    echo 'agent:x:1000:1000:agent:/home/agent:/bin/sh' >> /etc/passwd
    echo 'agent:x:1000:' >> /etc/group
}}
mkdir -p {WORKSPACE} /home/agent
python3 -m venv {TOOLS_HOME}
{TOOLS_HOME}/bin/pip install {shlex.join(TOOLS)}
"""
"""What every image gets: the registry's, a bootstrapped Debian, and those that users name."""
NAMED = GROUND.replace("\npython3 -m venv", "\ncommand -v python3 >/dev/null || exit 0\npython3 -m venv", 1)
"""The same for an image that may have no Python: then the gates that need it cannot run there, and say so."""
VENV = f"""
python3 -m venv /opt/venv
/opt/venv/bin/pip install {shlex.quote(PYTEST)}
"""
"""What the base has besides; an image that a user names brings its own Python packages."""

KIND, KEY, SOURCE, BASE_ID = (owner.label(name) for name in ("image", "key", "source", "base"))
REPOSITORY = "loopwright"
"""Images get tags in it, so that a general clean-up of the engine does not take them for left-overs."""


def find(client: docker.APIClient, key: str) -> Image | None:
    """The newest image made from exactly this, and not one that somebody built on top of it."""
    for image in sorted(
        client.images(filters={"label": [f"{KEY}={key}"]}), key=lambda each: int(each["Created"]), reverse=True
    ):
        ours = any(str(tag).startswith(f"{REPOSITORY}:") for tag in image["RepoTags"] or ())
        layers = (image["Labels"] or {}).get(LAYERS)
        if ours if layers is None else layers == str(layers_of(client, image["Id"])):
            return describe(client, image["Id"])
    return None


def describe(client: docker.APIClient, image: str) -> Image:
    info = client.inspect_image(image)
    labels = info["Config"]["Labels"] or {}
    kind = labels.get(KIND)
    return Image(
        id=info["Id"],
        kind=kind if kind in ("base", "environment") else "named",
        key=labels.get(KEY, ""),
        made_by=labels.get(SOURCE, ""),
        reference=next(iter(info["RepoTags"] or ()), info["Id"]),
        created=info["Created"],
        size=info["Size"],
    )


def labels_of(client: docker.APIClient, image: str) -> dict[str, str]:
    return dict(client.inspect_image(image)["Config"]["Labels"] or {})


def base_key() -> str:
    return digest(GROUND + VENV, PATH, UPSTREAM, debian.PACKAGES)


def digest(*parts: object) -> str:
    return sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:32]
