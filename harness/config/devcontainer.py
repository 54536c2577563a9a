"""`devcontainer.json` of the base commit: what of it describes an environment is honoured, what reaches for the
host is refused by name. Nothing of it ever runs outside of a container."""

import json
import re
import shlex
from collections.abc import Callable
from typing import Any

import msgspec

from harness.config.errors import ConfigError

PLACES = (".devcontainer/devcontainer.json", ".devcontainer.json")
"""Where it may lie (containers.dev, "devcontainer.json"); a choice among several directories is not made."""
WORKSPACE = "/w"
IMAGE = "devcontainer"
"""What `[sandbox] image` says to have it read."""
REFUSED = {
    "initializeCommand": "it runs on the host",
    "privileged": "it takes the walls away",
    "capAdd": "it takes the walls away",
    "securityOpt": "it takes the walls away",
    "runArgs": "it can ask the engine for anything",
    "mounts": "nothing of the host is mounted into a sandbox",
    "workspaceMount": "nothing of the host is mounted into a sandbox",
    "appPort": "nothing of a sandbox is published on the host",
    "dockerComposeFile": "a compose file can ask the engine for anything; write its services as [[sandbox.service]]",
    "features": "they are scripts of others, run as root; install what they bring in a Dockerfile or [sandbox] setup",
    "secrets": "no secret enters a sandbox",
    "build.options": "they can ask the engine for anything",
    "build.cacheFrom": "layers of others cannot be told from ours",
}
"""Keys that ask for more than an environment, and why they do not get it."""
IGNORED = frozenset(
    ("$schema", "name", "customizations", "forwardPorts", "portsAttributes", "otherPortsAttributes", "remoteUser",
     "containerUser", "updateRemoteUserUID", "userEnvProbe", "overrideCommand", "shutdownAction", "init", "waitFor",
     "workspaceFolder", "hostRequirements", "overrideFeatureInstallOrder", "remoteEnv", "postStartCommand",
     "postAttachCommand", "extensions", "settings")
)  # fmt: skip
"""Keys about an editor, its ports or its user; a sandbox has its own answer to each of them."""
KNOWN = ("image", "build", "containerEnv", "onCreateCommand", "updateContentCommand", "postCreateCommand")
BUILD = ("dockerfile", "context", "args", "target")
COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*")|//[^\n]*|/\*.*?\*/', re.S)
TRAILING = re.compile(r'("(?:[^"\\\n]|\\.)*")|,(?=\s*[\]}])', re.S)


class Devcontainer(msgspec.Struct, frozen=True, kw_only=True):
    """An environment: an image or a Dockerfile (paths of the repository), variables, set-up commands."""

    source: str
    image: str = ""
    dockerfile: str = ""
    context: str = ""
    args: dict[str, str] = {}
    target: str = ""
    env: dict[str, str] = {}
    setup: tuple[str, ...] = ()


def devcontainer(file: Callable[[str], bytes | None]) -> Devcontainer:
    """What the repository describes; `file` reads a path of the base commit. Raises `ConfigError`."""
    for source in PLACES:
        data = file(source)
        if data is not None:
            return read(data, source)
    raise ConfigError(
        '[sandbox] image is "devcontainer", and there is none', f"looked for {', '.join(PLACES)}", "commit one"
    )


def read(data: bytes, source: str) -> Devcontainer:
    """The environment that a devcontainer.json describes. Raises `ConfigError` naming the key and the reason."""
    try:
        text = TRAILING.sub(lambda m: m[1] or "", COMMENT.sub(lambda m: m[1] or " ", data.decode()))
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"{source} cannot be read", str(error)[:300], "correct it") from None
    if not isinstance(found, dict):
        raise ConfigError(f"{source} cannot be read", "it is no object", "correct it")
    build = found.get("build", {})
    if not isinstance(build, dict):
        raise ConfigError(f"{source} has a wrong value", "build is no object", "correct it")
    _check(found, build, source)
    directory = source.rpartition("/")[0]
    dockerfile = _text(build, "dockerfile", source)
    image = _text(found, "image", source)
    if bool(image) == bool(dockerfile):
        raise ConfigError(f"{source} names no environment", "it needs image, or build.dockerfile", "name one of them")
    return Devcontainer(
        source=source,
        image=image,
        dockerfile=_path(directory, dockerfile, source) if dockerfile else "",
        context=_path(directory, _text(build, "context", source) or ".", source),
        args=_texts(build, "args", source),
        target=_text(build, "target", source),
        env=_texts(found, "containerEnv", source),
        setup=tuple(line for name in KNOWN[3:] for line in _commands(found.get(name, ""), f"{source}: {name}")),
    )


def _check(found: dict[str, Any], build: dict[str, Any], source: str) -> None:
    for key, value in [*found.items(), *((f"build.{name}", value) for name, value in build.items())]:
        if key in REFUSED:
            if value in (False, None, [], {}, ""):
                continue
            raise ConfigError(f"{source} asks for {key}", REFUSED[key], f"take {key} out, or name an image instead")
        if key not in IGNORED and key not in KNOWN and key.removeprefix("build.") not in BUILD:
            raise ConfigError(f"{source} asks for {key}", "its meaning is not known here", f"take {key} out")


def _text(table: dict[str, Any], key: str, source: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise ConfigError(f"{source} has a wrong value", f"{key} is no text", "correct it")
    return _expanded(value, f"{source}: {key}")


def _texts(table: dict[str, Any], key: str, source: str) -> dict[str, str]:
    value = table.get(key, {})
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ConfigError(f"{source} has a wrong value", f"{key} is no table of texts", "correct it")
    return {name: _expanded(text, f"{source}: {key}.{name}") for name, text in value.items()}


def _expanded(text: str, where: str) -> str:
    """The workspace's folder is known; every other variable would say something of the host."""
    text = re.sub(r"\$\{(?:containerWorkspaceFolder|containerWorkspaceFolderBasename)\}", WORKSPACE, text)
    if found := re.search(r"\$\{(?:localEnv|localWorkspaceFolder|env|devcontainerId|containerEnv)[^}]*\}", text):
        raise ConfigError(f"{where} has {found[0]}", "nothing of the host enters a sandbox", "write the value itself")
    return text


def _path(directory: str, path: str, source: str) -> str:
    """A path of the repository, given relative to the file."""
    parts: list[str] = directory.split("/") if directory else []
    for part in path.split("/"):
        if part == ".." and parts:
            parts.pop()
        elif part == ".." or path.startswith("/"):
            raise ConfigError(f"{source} names {path}", "it is outside of the repository", "correct it")
        elif part not in ("", "."):
            parts.append(part)
    return "/".join(parts)


def _commands(value: Any, where: str) -> list[str]:
    """A shell line, an argument list, or several of them by name; they run one after the other."""
    match value:
        case "" | None:
            return []
        case str():
            return [_expanded(value, where)]
        case list() if all(isinstance(word, str) for word in value):
            return [_expanded(shlex.join(value), where)] if value else []
        case dict():
            return [line for part in value.values() for line in _commands(part, where)]
        case _:
            raise ConfigError(f"{where} is no command", "a text, a list of texts, or a table of these", "correct it")
