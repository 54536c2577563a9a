"""Disposable places to run what must not run on the host: the one interface, and the engines that make them."""

from pathlib import Path

from sandboxes.base import (
    WORKSPACE,
    Check,
    Denied,
    Engine,
    FileRefused,
    Image,
    ImageFailed,
    News,
    Process,
    Progress,
    Resources,
    Result,
    Sandbox,
    SandboxError,
    SandboxGone,
    SandboxUnavailable,
    Service,
    ServiceDown,
    ServiceUp,
    Spec,
)

__all__ = [
    "WORKSPACE",
    "Check",
    "Denied",
    "Engine",
    "FileRefused",
    "Image",
    "ImageFailed",
    "News",
    "Process",
    "Progress",
    "Resources",
    "Result",
    "Sandbox",
    "SandboxError",
    "SandboxGone",
    "SandboxUnavailable",
    "Service",
    "ServiceDown",
    "ServiceUp",
    "Spec",
    "engine",
]

GROUP = "loopwright.sandboxes"
"""The entry-point group through which packages bring engines: `name = "module:Class"`, made with the home."""


def engine(name: str, home: Path) -> Engine:
    """The engine of that name, keeping its state under `home`. It connects when it is first used.

    Raises `SandboxUnavailable` for a name that nobody provides.
    """
    from importlib.metadata import entry_points  # 30 ms that looking at runs need not pay

    found = entry_points(group=GROUP)
    if name not in found.names:
        known = ", ".join(sorted(found.names)) or "none"
        raise SandboxUnavailable(f"there is no sandbox engine {name!r}", f"known: {known}", "correct [sandbox] engine")
    made: Engine = found[name].load()(home)
    return made
