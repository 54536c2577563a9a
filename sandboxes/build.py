"""Images from a Dockerfile of the base commit: its context comes from git objects, its network is an allow list."""

import io
import re
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256

import docker
import docker.errors
import requests

from sandboxes.bake import Log
from sandboxes.base import Engine, ImageFailed
from sandboxes.connect import reason, translated
from sandboxes.images import base_image, building, parts
from sandboxes.setup import way_out
from sandboxes.stock import BASE_ID, KEY, KIND, REPOSITORY, SOURCE, digest

MEMORY = 4 << 30
SECONDS = 1_800
FETCHED = re.compile(r"^\s*ADD\s[^\n]*(?:://|\$|git@)", re.I | re.M)
"""What the engine itself would fetch, from wherever the engine can reach, or what could turn out to be that."""


@translated()
def built_image(
    engine: Engine,
    files: Iterable[tuple[str, bytes, bool]],
    dockerfile: str,
    *,
    args: Mapping[str, str],
    target: str,
    allow: Sequence[str] | None,
    log: Log,
) -> str:
    """A reference of the image that a Dockerfile makes of `files` (path, content, executable), built once for each.

    Raises `ImageFailed` with the end of the output.
    """
    client, home = parts(engine)
    context = {name: (data, executable) for name, data, executable in files}
    text = context.get(dockerfile, (b"", False))[0].decode("utf-8", "replace")
    if not text.strip():
        raise ImageFailed(f"{dockerfile} cannot be built", "it is not in the build's context, or empty", "correct it")
    if found := FETCHED.search(text.replace("\\\n", " ")):
        why = "the engine would fetch it from wherever it can reach"
        raise ImageFailed(f"{dockerfile} has {found[0].strip()!r}", why, "fetch it in a RUN, or commit the file")
    sums = {name: [sha256(data).hexdigest(), executable] for name, (data, executable) in context.items()}
    key = digest("dockerfile", dockerfile, sums, dict(args), target, allow)
    reference = f"{REPOSITORY}:dockerfile-{key[:12]}"
    with building(home):
        try:
            client.inspect_image(reference)
            return reference
        except docker.errors.ImageNotFound:
            pass
    ours = base_image(engine, log).id
    with building(home), way_out(engine, ours, allow, log) as way:
        options = {
            "custom_context": True, "dockerfile": dockerfile, "tag": reference, "rm": True, "forcerm": True,
            "decode": True, "timeout": SECONDS, "network_mode": way.network, "target": target or None,
            "buildargs": {**args, **{name: value for name, value in way.settings.items() if "proxy" in name.lower()}},
            "container_limits": {"memory": MEMORY, "memswap": MEMORY},
            # what an image of ours at the bottom says of itself is not true of this one
            "labels": dict.fromkeys((KIND, KEY, BASE_ID), "") | {SOURCE: dockerfile},
        }  # fmt: skip
        build(client, archive(context), options, log, dockerfile)
    return reference


def build(client: docker.APIClient, context: bytes, options: Mapping[str, object], log: Log, name: str) -> None:
    last = ""
    try:
        for line in client.build(fileobj=io.BytesIO(context), **options):
            text = str(line.get("stream") or line.get("error") or "").rstrip()
            last = (last + text + "\n")[-4_000:]
            if text:
                log(text)
            if "error" in line:
                raise ImageFailed(f"{name} cannot be built", last.strip(), "correct it, or allow the hosts it needs")
    except (docker.errors.DockerException, requests.RequestException) as error:
        raise ImageFailed(f"{name} cannot be built", reason(error), "run `loopwright doctor`") from error


def archive(files: Mapping[str, tuple[bytes, bool]]) -> bytes:
    """The context as a tar archive that is the same for the same files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as made:
        for name, (data, executable) in sorted(files.items()):
            member = tarfile.TarInfo(name)
            member.size, member.mode = len(data), 0o755 if executable else 0o644
            made.addfile(member, io.BytesIO(data))
    return buffer.getvalue()
