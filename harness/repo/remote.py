"""Git over the network, with a token that stands in no URL, no file and no argument: fetch a commit, push a branch.

Only `https` is spoken (`http` where the forge's own URL says so), no redirect is followed, no helper asked. A push
never forces: a branch that has moved on refuses it.
"""

import os
import re
import tempfile
from pathlib import Path
from typing import Literal

import msgspec

from harness.repo.errors import GitFailed, RepoError
from harness.repo.git import ID, Place, raw, run, text
from harness.repo.source import Base, Repository, discover
from harness.repo.trees import raw_changes

Why = Literal["denied", "missing", "workflow", "protected", "moved", "other"]
_REASONS: tuple[tuple[Why, str, str], ...] = (
    ("workflow", r"without `?workflows?`? (?:permission|scope)", "leave workflows alone, or give the permission"),
    ("protected", r"GH006|GH013|protected branch|pre-receive hook declined", "let it push to another branch"),
    ("moved", r"non-fast-forward|fetch first|stale info|cannot lock ref", "start again from the branch as it is now"),
    ("denied", r"403|401|Authentication failed|could not read (?:Username|Password)|Permission .* denied",
     "give the token write access to contents"),
    ("missing", r"404|not found|couldn't find remote ref|not our ref|no such ref", "check repository and branch"),
)  # fmt: skip

_NETWORK = (
    *("https_proxy", "HTTPS_PROXY", "http_proxy", "no_proxy", "NO_PROXY", "all_proxy", "ALL_PROXY"),
    *("GIT_SSL_CAINFO", "SSL_CERT_FILE", "SSL_CERT_DIR", "CURL_CA_BUNDLE"),
)
"""The way to the network and whom to trust there: a server of one's own may have a certificate of one's own."""


class Remote(msgspec.Struct, frozen=True, kw_only=True):
    """Where a repository lies on a forge; `auth` is the value of the `Authorization` header."""

    url: str
    auth: str = ""


class RemoteFailed(RepoError):
    """The other side refused or could not be reached; `kind` says which way."""

    def __init__(self, what: str, kind: Why, why: str, fix: str) -> None:
        super().__init__(what, why, fix)
        self.kind = kind


def fetch(remote: Remote, wanted: str, into: Path, depth: int = 1) -> tuple[Repository, Base]:
    """Bring the commit `wanted` (an id or a full ref) into the new bare repository `into`, `depth` commits deep.

    Raises `RemoteFailed`.
    """
    if not (ID.fullmatch(wanted) or wanted.startswith("refs/")):
        raise RepoError(f"{wanted[:80]!r} is neither a commit nor a full ref")
    into.mkdir(mode=0o700, parents=True, exist_ok=True)
    run(None, "init", "--bare", "--quiet", "--template=", "--initial-branch=none", str(into), cwd=into)
    place = Place(git_dir=into)
    flags = ("--no-tags", "--no-write-fetch-head", "--no-recurse-submodules", *((f"--depth={depth}",) if depth else ()))
    target = f"+{wanted}:refs/heads/loopwright-base"
    _talk(place, remote, "fetch", *flags, "--end-of-options", remote.url, target, seconds=900)
    commit = text(run(place, "rev-parse", "--verify", "refs/heads/loopwright-base^{commit}"))
    tree = text(run(place, "rev-parse", "--verify", f"{commit}^{{tree}}"))
    return discover(into), Base(commit=commit, tree=tree, ref=wanted)


def push(place: Place, remote: Remote, commit: str, branch: str) -> None:
    """Bring `branch` at the remote to `commit`: create it, or move it forward. Raises `RemoteFailed`."""
    if not ID.fullmatch(commit):
        raise RepoError(f"{commit[:80]!r} is not an object id")
    target = f"{commit}:refs/heads/{branch}"
    _talk(place, remote, "push", "--no-verify", "--end-of-options", remote.url, target, seconds=900)


def tip(remote: Remote, branch: str) -> str:
    """The commit that a branch of the remote is at; `` without the branch. Raises `RemoteFailed`."""
    with tempfile.TemporaryDirectory(prefix="loopwright-") as here:
        run(None, "init", "--bare", "--quiet", "--template=", here, cwd=Path(here))
        place = Place(git_dir=Path(here))
        found = _talk(place, remote, "ls-remote", "--end-of-options", remote.url, f"refs/heads/{branch}", seconds=60)
    return found[:40].decode() if found else ""


def blob(place: Place, tree: str, path: str, cap: int = 64 << 20) -> bytes:
    """The content of a file or the target of a link in `tree`."""
    entry = run(place, "ls-tree", "-z", "--full-tree", tree, raw(path))
    return run(place, "cat-file", "blob", entry.split(b"\t", 1)[0].split(b" ")[2], cap=cap)


def weight(place: Place, old: str, new: str) -> int:
    """Bytes of the files that tree `new` has and `old` has not, as they would lie in a checkout."""
    ids = [each.new for each in raw_changes(place, old, new) if each.change.new_mode.startswith("100")]
    found = run(place, "cat-file", "--batch-check=%(objectsize)", stdin="".join(f"{oid}\n" for oid in ids).encode())
    return sum(int(line) for line in found.split())


def parent(place: Place, commit: str) -> str:
    """The first parent of a commit. Raises `GitFailed` when it has none here."""
    return text(run(place, "rev-parse", "--verify", "--quiet", f"{commit}^1"))


def signed_commit(place: Place, commit: str, key: Path) -> str:
    """The same commit with an SSH signature of the private key in the file `key`; its new id."""
    content = run(place, "cat-file", "commit", commit)
    header, _, body = content.partition(b"\n\n")
    fields = [line.split(b" ", 1) for line in header.split(b"\n")]
    named = {name: value for name, value in fields if name in (b"author", b"committer")}
    who: dict[str, str] = {}
    for role in ("author", "committer"):
        match = re.fullmatch(rb"(.*) <(.*)> (\d+) ([+-]\d{4})", named[role.encode()])
        if match is None:
            raise RepoError("the commit cannot be signed", f"its {role} is not readable")
        name, mail, when, zone = (part.decode("utf-8", "replace") for part in match.groups())
        upper = role.upper()
        who |= {f"GIT_{upper}_NAME": name, f"GIT_{upper}_EMAIL": mail, f"GIT_{upper}_DATE": f"@{when} {zone}"}
    tree = next(value for name, value in fields if name == b"tree").decode()
    parents = [part for name, value in fields if name == b"parent" for part in ("-p", value.decode())]
    config = ("gpg.format=ssh", "gpg.ssh.program=ssh-keygen", f"user.signingKey={key}")
    made = run(place, "commit-tree", tree, *parents, f"-S{key}", stdin=body, env=who, config=config)
    return text(made)


def _talk(place: Place, remote: Remote, *args: str, seconds: float) -> bytes:
    """Run git with the one transport it needs and the token in its environment alone."""
    scheme = remote.url.partition("://")[0]
    if scheme not in ("https", "http") or "@" in remote.url.split("://", 1)[1].partition("/")[0]:
        raise RepoError("this remote cannot be used", "only https URLs without a user are", "configure its https URL")
    env = {name: os.environ[name] for name in _NETWORK if name in os.environ}
    env |= {"GIT_ALLOW_PROTOCOL": scheme, "GIT_CONFIG_COUNT": "0", "HOME": "/nonexistent"}
    if remote.auth:
        env |= {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": f"http.{remote.url}.extraHeader",
            "GIT_CONFIG_VALUE_0": f"Authorization: {remote.auth}",
        }
    config = (
        *("http.followRedirects=false", "http.lowSpeedLimit=1", "http.lowSpeedTime=120"),
        *("transfer.fsckObjects=true", "fetch.fsckObjects=true", "protocol.version=2"),
    )
    try:
        return run(place, *args, env=env, config=config, seconds=seconds)
    except GitFailed as error:
        said = error.stderr or error.why
        kind, fix = next(
            ((kind, fix) for kind, shape, fix in _REASONS if re.search(shape, said, re.IGNORECASE)),
            ("other", "try again"),
        )
        lines = [line for line in said.splitlines() if line.strip() and "Everything up-to-date" not in line]
        raise RemoteFailed(f"git {args[0]} failed at {remote.url}", kind, " ".join(lines)[-600:], fix) from None


def url_of(repository: Repository, name: str = "origin") -> str:
    """The URL of a remote in the user's own configuration; `` without one."""
    try:
        return text(run(repository.place, "config", "--get", f"remote.{name}.url"))
    except GitFailed:
        return ""
