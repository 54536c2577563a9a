"""Which forge a repository's remote lies on, and the token that this machine has for it."""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

import msgspec

from harness.forge.base import Forge
from harness.forge.errors import ForgeDenied, ForgeRejected

_URL = re.compile(r"(?:https?|ssh|git)://(?:[^@/]*@)?([^/:]+)(:\d+)?/(.+?)(?:\.git)?/?")
_SCP = re.compile(r"(?:[^@/]*@)?([^/:]+):(?!//)(.+?)(?:\.git)?/?")
_TOKENS = {
    "github": ("LOOPWRIGHT_TOKEN", "GH_TOKEN", "GITHUB_TOKEN", "GH_ENTERPRISE_TOKEN", "GITHUB_ENTERPRISE_TOKEN"),
    "gitlab": ("LOOPWRIGHT_TOKEN", "GITLAB_TOKEN"),
    "gitea": ("LOOPWRIGHT_TOKEN", "GITEA_TOKEN", "FORGEJO_TOKEN"),
}


class Where(msgspec.Struct, frozen=True, kw_only=True):
    """A repository on a forge: `server` is its web address, `path` the repository's there."""

    kind: str
    server: str
    path: str


def where(url: str, environ: Mapping[str, str] = os.environ) -> Where:
    """The forge that a remote's URL names. `LOOPWRIGHT_FORGE` (github, gitlab, gitea) says what the host does not.

    Raises `ForgeRejected` for a URL that names none.
    """
    found = _URL.fullmatch(url)
    if found:
        host, port, path = found[1], found[2] or "", found[3]
        scheme = "http" if url.startswith("http://") else "https"
        server = f"{scheme}://{host}{port if url.startswith('http') else ''}"
    elif scp := _SCP.fullmatch(url):
        host, path, server = scp[1], scp[2], f"https://{scp[1]}"
    else:
        bare = re.sub(r"//[^@/]*@", "//", url)  # a password may stand in it
        what = f"the remote `origin` ({bare}) names no forge" if url else "there is no remote `origin`"
        raise ForgeRejected(what, "pull requests and issues are its forge's", "git remote add, or set-url, origin URL")
    kind = environ.get("LOOPWRIGHT_FORGE") or _kind(host, server, environ)
    if kind not in _TOKENS:
        raise ForgeRejected(
            f"{host} is no forge that is known", "", "set LOOPWRIGHT_FORGE to github, gitlab or gitea (Forgejo too)"
        )
    return Where(kind=kind, server=server, path=path.strip("/"))


def connect(place: Where, environ: Mapping[str, str] = os.environ) -> Forge:
    """The forge, with the token of the environment or of `gh auth token`. Raises `ForgeDenied` without one."""
    secret = token(place, environ)
    forge: Any
    match place.kind:
        case "github":
            from harness.forge.github import API, SERVER, GitHub

            api = environ.get("GITHUB_API_URL") or (API if place.server == SERVER else f"{place.server}/api/v3")
            forge = GitHub(place.path, secret, api, place.server, environ.get("GITHUB_GRAPHQL_URL") or "")
        case "gitlab":
            from harness.forge.gitlab import GitLab

            forge = GitLab(place.path, secret, place.server)
        case _:
            from harness.forge.gitea import Gitea

            forge = Gitea(place.path, secret, place.server)
    found: Forge = forge
    return found


def token(place: Where, environ: Mapping[str, str] = os.environ) -> str:
    """The token: from the environment, else what the program `gh` has for this host."""
    names = _TOKENS[place.kind]
    if place.kind == "github" and not _github_com(place.server, environ):
        # as `gh` has it: a token of github.com goes to no server that merely has "github" in its name
        names = tuple(name for name in names if name not in ("GH_TOKEN", "GITHUB_TOKEN"))
    for name in names:
        if value := environ.get(name):
            return value
    if place.kind == "github" and shutil.which("gh"):
        host = place.server.partition("://")[2]
        command = ["gh", "auth", "token", "--hostname", host]
        with suppress(subprocess.TimeoutExpired):
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
            if done.returncode == 0 and done.stdout.strip():
                return done.stdout.strip()
    fix = f"set {' or '.join(names[1:3])}" + (", or run: gh auth login" if place.kind == "github" else "")
    raise ForgeDenied(f"there is no token for {place.server}", "nothing can be pushed or read without one", fix)


def _github_com(server: str, environ: Mapping[str, str]) -> bool:
    """Whether `server` is GitHub's own, or the one that this environment names as its GitHub."""
    if environ.get("LOOPWRIGHT_FORGE") == "github" or environ.get("GITHUB_API_URL"):
        return True
    if server in (environ.get("GITHUB_SERVER_URL"), f"https://{environ.get('GH_HOST')}"):
        return True
    return server == "https://github.com" or (server.startswith("https://") and server.endswith(".ghe.com"))


def _kind(host: str, server: str, environ: Mapping[str, str]) -> str:
    if host == "github.com" or server in (environ.get("GITHUB_SERVER_URL"), f"https://{environ.get('GH_HOST')}"):
        return "github"
    for word, kind in (("github", "github"), ("gitlab", "gitlab"), ("gitea", "gitea"), ("forgejo", "gitea")):
        if word in host:
            return kind
    return "gitea" if host == "codeberg.org" else ""
