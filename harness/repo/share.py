"""One ref of the harness's store to and from a remote: git as the user runs it, in a repository that is ours.

The user's credentials are needed here, so the user's own git configuration is in force; the repository's is not:
from it only the remote's address is read. Nothing of the user's repository is touched.
"""

import os
import re
import subprocess
from pathlib import Path

from harness.repo.errors import GitFailed, RepoError
from harness.repo.git import ID, Place, run, text
from harness.repo.source import Repository

SECONDS = 120
_SAFE = (
    "core.hooksPath=/dev/null", "fetch.fsckObjects=true", "transfer.fsckObjects=true", "protocol.ext.allow=never",
    "protocol.file.allow=always", "gc.auto=0", "maintenance.auto=false", "fetch.recurseSubmodules=false",
    "push.followTags=false", "push.gpgSign=false",
)  # fmt: skip


def address(repository: Repository, remote: str) -> str:
    """The URL of a remote by its name, or `remote` itself when it is a URL or a path. Raises `RepoError`."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", remote):
        try:
            found = text(run(repository.place, "config", "--get", f"remote.{remote}.url"))
        except GitFailed:
            raise RepoError(f"there is no remote {remote!r}", "the repository names none", "give its URL") from None
    else:
        found = remote
    if found.startswith("-") or "::" in found or "\n" in found:
        raise RepoError(f"{found[:80]!r} is no address", "it would make git start a program", "give a plain URL")
    plain = "://" not in found and not re.match(r"[^/]+:", found)
    return str((repository.root / found).resolve()) if plain else found


def fetch(place: Place, url: str, ref: str, into: str) -> str:
    """Bring `ref` of the remote to the ref `into`, and return its commit; `` when the remote has none."""
    listed = _git(place, "ls-remote", url, ref)
    oid = listed.split("\t")[0].strip()
    if not ID.fullmatch(oid):
        return ""
    _git(place, "fetch", "--quiet", "--no-tags", "--no-write-fetch-head", url, f"+{ref}:{into}")
    return oid


def push(place: Place, url: str, ref: str) -> bool:
    """Send `ref`; False when the remote's has moved on. Never a force."""
    try:
        _git(place, "push", "--quiet", "--no-verify", url, f"{ref}:{ref}")
    except RepoError as error:
        if any(word in error.why for word in ("non-fast-forward", "fetch first", "rejected", "cannot lock ref")):
            return False
        raise
    return True


def _git(place: Place, *args: str) -> str:
    settings = [part for setting in _SAFE for part in ("-c", setting)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    environ |= {"GIT_DIR": str(place.git_dir), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    try:
        done = subprocess.run(
            ["git", *settings, *args], env=environ, cwd=Path(place.git_dir), stdin=subprocess.DEVNULL,
            capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        raise RepoError(f"git {args[0]} did not work", str(error), "see that the remote answers") from None
    if done.returncode:
        said = done.stderr.strip()[-1000:]
        raise RepoError(f"git {args[0]} did not work", said, "see that the remote answers and lets you write")
    return done.stdout
