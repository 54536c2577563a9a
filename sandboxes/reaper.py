"""Removing what is no longer wanted: by run, by dead owner, and whatever else stands on a workspace."""

import contextlib
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import docker
import docker.errors

from sandboxes import layer, rubbish, workspace
from sandboxes.holds import unheld
from sandboxes.owner import home_id, is_dead, label

SEED_AGE = 3_600.0
"""Seconds; a younger seed may be about to get its first workspace."""


def discard(client: docker.APIClient, home: Path, run: str) -> None:
    """Remove every container, volume and directory of a run."""
    its = {label("home"): home_id(home), label("run"): run}
    for container in containers(client, its):
        rubbish.remove_container(client, container["Id"])
    with rubbish.locked(home, shared=False):
        for directory, marks in directories(home, run):
            rubbish.throw_away(client, home, directory, marks.get(workspace.VOLUME, ""))
    for volume in volumes(client, its):
        rubbish.remove_volume(client, volume["Name"])
    rubbish.empty(client, home)


def gc(client: docker.APIClient, home: Path, keep: frozenset[str] | None, seeds: Path | None) -> tuple[str, ...]:
    """Remove what dead processes left in this home and on this engine; say what.

    With `keep` None every named workspace stays: that much may be done without being asked to.

    A request of a dead process that the engine has not finished is in no list. What comes of it is a container that
    is never started, with its volume: the next `gc` removes both.
    """
    mine = {label("home"): home_id(home)}
    removed: list[str] = []

    def doomed(marks: Mapping[str, str]) -> bool:
        kept = bool(marks.get(label("workspace"))) and (keep is None or marks.get(label("run")) in keep)
        return is_dead(marks) and not kept

    for container in containers(client, mine):
        if is_dead(container["Labels"]):
            rubbish.remove_container(client, container["Id"])
            removed.append(f"container {container['Id'][:12]}")
    with rubbish.locked(home, shared=False):
        for directory, marks in list(directories(home)):
            if not marks or doomed(marks):  # whoever makes one holds the lock until it has its marks
                rubbish.throw_away(client, home, directory, marks.get(workspace.VOLUME, ""))
                removed.append(f"workspace {directory.parent.name}/{directory.name}")
        for empty in (home / "work").glob("*"):
            with contextlib.suppress(OSError):
                empty.rmdir()
        known = {marks.get(workspace.VOLUME) for _, marks in directories(home)}
        for volume in volumes(client, mine):
            if volume["Name"] not in known and doomed(volume["Labels"] or {}):
                rubbish.remove_volume(client, volume["Name"])
                removed.append(f"volume {volume['Name']}")
        if seeds is not None:
            removed += unused_seeds(client, home, seeds)
            before = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(time.time() - SEED_AGE))
            removed += layer.sweep(client, home_id(home), before)
    rubbish.empty(client, home)
    return tuple(removed)


def unused_seeds(client: docker.APIClient, home: Path, seeds: Path) -> Iterator[str]:
    """Throw away the directories in `seeds` that nothing stands on.

    That is: no overlay, of whatever home, has it as its lower layer; no living process has opened a sandbox on it;
    and nobody has asked for it of late (its ctime).
    """
    options = [str((volume["Options"] or {}).get("o", "")) for volume in volumes(client, {})]
    for seed in sorted(seeds.resolve().iterdir()) if seeds.is_dir() else ():
        used = any(f"lowerdir={seed}," in option for option in options)
        if used or not seed.is_dir() or time.time() - seed.stat().st_ctime <= SEED_AGE:
            continue
        with unheld(home, seed) as free:
            if free:
                rubbish.remove_tree(seed)
                yield f"seed {seed}"


def fence(client: docker.APIClient, marks: Mapping[str, str]) -> None:
    """Remove containers that still hold a named workspace: a work tree has one writer."""
    same = {name: marks[name] for name in (label("home"), label("run"), label("workspace"))}
    for container in containers(client, same):
        rubbish.remove_container(client, container["Id"])


def containers(client: docker.APIClient, marks: Mapping[str, str]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = client.containers(all=True, filters={"label": wanted(marks)})
    return found


def volumes(client: docker.APIClient, marks: Mapping[str, str]) -> list[dict[str, Any]]:
    return client.volumes(filters={"label": wanted(marks)})["Volumes"] or []


def wanted(marks: Mapping[str, str]) -> list[str]:
    """Labels as a filter; without any, whatever is ours."""
    return [f"{name}={value}" for name, value in marks.items()] or [label("home")]


def directories(home: Path, run: str = "*") -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Every workspace directory with its present owner's marks; a crash may leave one without."""
    for path in sorted((home / "work").glob(f"{run}/*")):
        yield path, workspace.marks_of(path)


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
