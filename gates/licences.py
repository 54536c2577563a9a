"""The licences of what a change makes the repository depend on, as far as anything at hand says them."""

import json
from collections.abc import Iterable, Sequence

import msgspec

from gates.base import Change, Room
from gates.contents import Oversized, content
from gates.dependencies import declared
from sandboxes.base import Sandbox

MOST = 40
"""Notes of one change; the rest is counted."""
UNKNOWN = "not known (not installed in the image)"

SCRIPT = """
import importlib.metadata, json, sys
found = {}
for name in json.loads(sys.stdin.buffer.read()):
    try:
        said = importlib.metadata.metadata(name)
    except (importlib.metadata.PackageNotFoundError, ValueError):
        continue
    kinds = [c.rpartition(" :: ")[2] for c in said.get_all("Classifier") or () if c.startswith("License ::")]
    text = said.get("License-Expression") or "; ".join(kinds) or (said.get("License") or "").strip().split("\\n")[0]
    found[name] = text[:80]
json.dump(found, sys.stdout)
"""
"""Asks the metadata that is installed in the image, not the tree."""

PYTHON = 'exec "$(command -v python || command -v python3)" -I -c "$0"'


def added(changes: Iterable[Change], room: Room) -> tuple[tuple[str, str], ...]:
    """(manifest, name) of each dependency that the candidate declares and base did not."""
    found: dict[str, str] = {}
    for change in changes:
        old, new = (declared(change.path, room, tree) or {} for tree in (room.base, room.head))
        found |= {name: change.path for name in sorted(new) if name not in old}
    return tuple((path, name) for name, path in found.items())


def licences(new: Sequence[tuple[str, str]], room: Room, sandbox: Sandbox) -> list[str]:
    """One note for each new dependency: its licence, or that nothing says it."""
    python = [name for path, name in new if not path.endswith(".json")]
    said = _installed(python, sandbox) if python else {}
    for path, name in new:
        if path.endswith(".json"):
            said[name] = _locked(path, name, room)
    notes = [f"licence of {name}: {said.get(name) or UNKNOWN}" for _, name in new[:MOST]]
    return [*notes, *([f"licences of {len(new) - MOST} more not looked up"] if len(new) > MOST else [])]


def _installed(names: Sequence[str], sandbox: Sandbox) -> dict[str, str]:
    done = sandbox.run(["/bin/sh", "-c", PYTHON, SCRIPT], stdin=json.dumps(names).encode(), cwd="/", merge=False)
    try:
        return msgspec.json.decode(done.stdout, type=dict[str, str])
    except msgspec.DecodeError:
        return {}


def _locked(manifest: str, name: str, room: Room) -> str:
    """What npm's lock file beside the manifest says."""
    path = f"{manifest.rpartition('/')[0]}/package-lock.json".lstrip("/")
    try:
        packages = json.loads(content(room, room.head, path) or b"{}").get("packages", {})
        return str(packages.get(f"node_modules/{name}", {}).get("license") or "")[:80]
    except (ValueError, Oversized, RecursionError, AttributeError):
        return ""
