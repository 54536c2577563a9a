"""Removing what is no longer wanted: by run, by dead owner, and whatever else stands on a workspace."""

import contextlib
import json
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from sandboxes import workspace
from sandboxes.owner import home_id, is_dead, label

REMOVAL_SECONDS = 20.0
SEED_AGE = 3_600.0
"""Seconds; a younger seed may be about to get its first workspace."""


def discard(client: docker.APIClient, home: Path, run: str) -> None:
    """Remove every container, volume and directory of a run."""
    marks = {label("home"): home_id(home), label("run"): run}
    for container in containers(client, marks):
        remove_container(client, container["Id"])
    for volume in volumes(client, marks):
        remove_volume(client, volume["Name"])
    workspace.remove_tree(home / "work" / run)


def gc(client: docker.APIClient, home: Path, keep: frozenset[str] | None, seeds: Path | None) -> tuple[str, ...]:
    """Remove what dead processes left in this home and on this engine; say what.

    With `keep` None every named workspace stays: that much may be done without being asked to.
    """
    mine = {label("home"): home_id(home)}
    removed: list[str] = []

    def doomed(marks: Mapping[str, str]) -> bool:
        kept = bool(marks.get(label("workspace"))) and (keep is None or marks.get(label("run")) in keep)
        return is_dead(marks) and not kept

    for container in containers(client, mine):
        if is_dead(container["Labels"]):
            remove_container(client, container["Id"])
            removed.append(f"container {container['Id'][:12]}")
    for volume in volumes(client, mine):
        if doomed(volume["Labels"] or {}):
            remove_volume(client, volume["Name"])
            removed.append(f"volume {volume['Name']}")
    for directory, marks in directories(home):
        if doomed(marks):
            workspace.remove_tree(directory)
            removed.append(f"directory {directory}")
    if seeds is not None:
        removed += unused_seeds(client, home, seeds)
    return tuple(removed)


def unused_seeds(client: docker.APIClient, home: Path, seeds: Path) -> Iterator[str]:
    """Remove the directories in `seeds` that no overlay, of whatever home, has as its lower layer."""
    with workspace.locked(home, shared=False):
        options = [str((volume["Options"] or {}).get("o", "")) for volume in volumes(client, {})]
        for seed in sorted(seeds.resolve().iterdir()) if seeds.is_dir() else ():
            used = any(f"lowerdir={seed}," in option for option in options)
            if seed.is_dir() and not used and time.time() - seed.stat().st_ctime > SEED_AGE:
                workspace.remove_tree(seed)
                yield f"seed {seed}"


def fence(client: docker.APIClient, marks: Mapping[str, str]) -> None:
    """Remove containers that still hold a named workspace: a work tree has one writer."""
    same = {name: marks[name] for name in (label("home"), label("run"), label("workspace"))}
    for container in containers(client, same):
        remove_container(client, container["Id"])


def remove_volume(client: docker.APIClient, volume: str) -> None:
    """A volume and whatever uses it: a build's container has no labels, because an image would inherit them."""
    for container in client.containers(all=True, filters={"volume": volume}):
        remove_container(client, container["Id"])
    workspace.remove_volume(client, volume)


def containers(client: docker.APIClient, marks: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.containers(all=True, filters={"label": wanted(marks)})
    return found


def volumes(client: docker.APIClient, marks: Mapping[str, str]) -> list[dict[str, Any]]:
    return client.volumes(filters={"label": wanted(marks)})["Volumes"] or []


def wanted(marks: Mapping[str, str]) -> list[str]:
    """Labels as a filter; without any, whatever is ours."""
    return [f"{name}={value}" for name, value in marks.items()] or [label("home")]


def directories(home: Path) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Every workspace directory with its owner's marks. One without marks is being made, or is not ours."""
    for marks in (home / "work").glob(f"*/*/{workspace.MARKS}"):
        with contextlib.suppress(OSError, ValueError):
            yield marks.parent, json.loads(marks.read_text())


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


def epitaph(client: docker.APIClient, container: str) -> str:
    """What the engine knows of a container's death; a container that removed itself leaves nothing."""
    try:
        state = client.inspect_container(container)["State"]
    except docker.errors.NotFound:
        return "it has been removed"
    except (docker.errors.DockerException, OSError):
        return ""
    if state.get("OOMKilled"):
        return "it ran out of memory"
    if state.get("Running"):
        return ""
    return f"exit code {state.get('ExitCode')} {state.get('Error') or ''}".strip()
