"""Taking workspaces apart: first out of the way in one step, then away for good, whatever the agent did to them."""

import contextlib
import fcntl
import os
import shutil
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import docker
import docker.errors
from docker.types import LogConfig, Mount

from sandboxes.owner import label

REMOVAL_SECONDS = 20.0
"""How long the engine may take to get rid of a container, and to see that its volume is free."""


@contextmanager
def locked(home: Path, shared: bool) -> Iterator[None]:
    """Against a process that opens a workspace while another one removes it, or the seed under it."""
    home.mkdir(parents=True, exist_ok=True)
    with (home / "work.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_SH if shared else fcntl.LOCK_EX)
        yield


def throw_away(client: docker.APIClient, home: Path, directory: Path, volume: str) -> Path:
    """Remove a workspace's volume and move its directory out of the way; returns where it is `destroy`ed.

    Its container has to be gone.
    """
    if volume:
        remove_volume(client, volume)
    rubbish = home / "rubbish" / uuid.uuid4().hex
    rubbish.parent.mkdir(exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        directory.rename(rubbish)
    with contextlib.suppress(OSError):
        directory.parent.rmdir()
    return rubbish


def destroy(client: docker.APIClient, rubbish: Path) -> None:
    """Remove it for good. What cannot be removed now is found by `empty` later."""
    remove_tree(rubbish)
    if rubbish.exists():
        scrub(client, rubbish)
        remove_tree(rubbish)


def empty(client: docker.APIClient, home: Path) -> None:
    """Remove all rubbish there is: what a crash left of an earlier removal, too."""
    with contextlib.suppress(FileNotFoundError):
        for rubbish in list((home / "rubbish").iterdir()):
            destroy(client, rubbish)


def remove_volume(client: docker.APIClient, volume: str) -> None:
    """Remove a volume, and before it whatever container uses it, also one the engine is only just making."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while True:
        try:
            client.remove_volume(volume)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409 or time.monotonic() > deadline:
                raise
            for container in client.containers(all=True, filters={"volume": volume}):
                remove_container(client, container["Id"])
            time.sleep(0.02)
        else:
            return


def remove_container(client: docker.APIClient, container: str) -> None:
    """Kill and remove, with its anonymous volumes, and wait until it is gone; its own end may come first."""
    deadline = time.monotonic() + REMOVAL_SECONDS
    while time.monotonic() < deadline:
        try:
            client.remove_container(container, force=True, v=True)
        except docker.errors.NotFound:
            return
        except docker.errors.APIError as error:
            if error.status_code != 409:
                raise
            time.sleep(0.02)


def remove_tree(directory: Path) -> None:
    """Remove a directory the agent has written in: never through a link, and whatever modes it has set.

    Without root, the overlay's inner work directory is another's and closed, but mostly empty: `rmdir` is
    allowed where a look into it is not.
    """
    shutil.rmtree(directory, ignore_errors=True)
    waiting = [directory] if directory.is_dir() else []
    while waiting:
        here = waiting.pop()
        with contextlib.suppress(OSError):
            here.chmod(0o700)
        with contextlib.suppress(OSError):
            here.rmdir()
        with contextlib.suppress(OSError), os.scandir(here) as entries:
            waiting += [Path(entry.path) for entry in entries if entry.is_dir(follow_symlinks=False)]
    shutil.rmtree(directory, ignore_errors=True)


def scrub(client: docker.APIClient, directory: Path) -> None:
    """Let the engine, which is root, remove what an overlay left in its work directory and we may not.

    The kernel leaves a whiteout of root's there once a file of the seed was deleted. The container sees that
    directory alone; any image of ours will do.
    """
    image = next(iter(client.images(filters={"label": [label("key")]}, quiet=True)), None)
    if image is None or not (directory / "work").is_dir():
        return
    host = client.create_host_config(
        cap_drop=["ALL"],
        cap_add=["DAC_OVERRIDE", "FOWNER"],
        security_opt=["no-new-privileges:true"],
        read_only=True,
        network_mode="none",
        log_config=LogConfig(type="none"),
        mounts=[Mount("/w", str(directory / "work"), type="bind")],
    )
    program = "import os, shutil\nfor name in os.listdir('/w'): shutil.rmtree('/w/' + name, ignore_errors=True)"
    container = client.create_container(
        image, entrypoint=["python3", "-I", "-S", "-c", program], command=[], user="0:0", host_config=host
    )["Id"]
    try:
        client.start(container)
        client.wait(container, timeout=REMOVAL_SECONDS)
    finally:
        client.remove_container(container, force=True, v=True)
