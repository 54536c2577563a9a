"""Commits that GitHub itself makes and signs: by REST for any file, by GraphQL where branch rules want a signature."""

import base64
from typing import Literal
from urllib.parse import quote

import msgspec

from harness.forge.errors import ForgeMissing, ForgeRejected
from harness.forge.github import GitHub

ADDITIONS = 100
"""Files that one `createCommitOnBranch` is known to carry."""


class File(msgspec.Struct, frozen=True, kw_only=True):
    """One changed path of the commit; `content` is None where it is removed. Modes are octal, `` for none."""

    path: str
    mode: str = ""
    old_mode: str = ""
    content: bytes | None = None


class Verification(msgspec.Struct, frozen=True):
    """What GitHub says of a commit when it is read back."""

    commit: str
    tree: str
    verified: bool
    reason: str


def wants_signature(github: GitHub, branch: str) -> bool:
    """Whether the branch's rules require signed commits."""
    rules = github.wire.get(github.api(f"/rules/branches/{branch.replace('/', '%2F')}"))
    return any(each.get("type") == "required_signatures" for each in rules)


def commit(github: GitHub, branch: str, parent: str, base_tree: str, message: str, files: tuple[File, ...]) -> str:
    """Put one commit on top of `parent` and bring `branch` to it, made or moved forward; its id.

    Raises `ForgeRejected` when the branch is not at `parent` any more.
    """
    plain = all(each.mode in ("", "100644") and each.old_mode in ("", "100644") for each in files)
    exists = _tip(github, branch)
    if exists and exists != parent:
        raise ForgeRejected(f"{branch} has moved on", f"it is at {exists[:12]}, not at {parent[:12]}")
    if plain and len(files) <= ADDITIONS and exists and wants_signature(github, branch):
        return _by_graphql(github, branch, parent, message, files)
    return _by_rest(github, branch, parent, base_tree, message, files, bool(exists))


def contains(github: GitHub, branch: str, commit: str) -> bool:
    """Whether a commit lies on a branch. What it is not enough for: to be found in the repository, where the commits of
    every fork can be found too."""
    try:
        path = f"/compare/{commit}...{quote(branch, safe='')}"
        found = github.wire.get(github.api(path), per_page=1, page=2)  # the first page has the files
    except ForgeMissing:
        return False
    return found.get("status") in ("ahead", "identical")


def read_back(github: GitHub, commit: str) -> Verification:
    """The commit as GitHub has it: its tree, and whether its signature holds."""
    found = github.wire.get(github.api(f"/commits/{commit}"))["commit"]
    verification = found.get("verification") or {}
    return Verification(
        commit, found["tree"]["sha"], bool(verification.get("verified")), str(verification.get("reason") or "")
    )


def _tip(github: GitHub, branch: str) -> str:
    try:
        return str(github.wire.get(github.api(f"/git/ref/heads/{branch}"))["object"]["sha"])
    except ForgeMissing:
        return ""


def _by_rest(
    github: GitHub, branch: str, parent: str, base_tree: str, message: str, files: tuple[File, ...], exists: bool
) -> str:
    """No author and no committer is given: then the commit is the app's own, and GitHub signs it."""
    kind: Literal["blob"] = "blob"
    entries = []
    for each in files:
        sha = None
        if each.content is not None:
            body = {"content": base64.b64encode(each.content).decode(), "encoding": "base64"}
            sha = github.wire.post(github.api("/git/blobs"), body)["sha"]
        entries.append({"path": each.path, "mode": each.mode or each.old_mode or "100644", "type": kind, "sha": sha})
    tree = github.wire.post(github.api("/git/trees"), {"base_tree": base_tree, "tree": entries})["sha"]
    made = github.wire.post(github.api("/git/commits"), {"message": message, "tree": tree, "parents": [parent]})["sha"]
    if exists:
        github.wire.patch(github.api(f"/git/refs/heads/{branch}"), {"sha": made, "force": False})
    else:
        github.wire.post(github.api("/git/refs"), {"ref": f"refs/heads/{branch}", "sha": made})
    return str(made)


def _by_graphql(github: GitHub, branch: str, parent: str, message: str, files: tuple[File, ...]) -> str:
    headline, _, body = message.partition("\n\n")
    changes = {
        "additions": [
            {"path": each.path, "contents": base64.b64encode(each.content).decode()}
            for each in files
            if each.content is not None
        ],
        "deletions": [{"path": each.path} for each in files if each.content is None],
    }
    wanted = {
        "branch": {"repositoryNameWithOwner": github.repository, "branchName": branch},
        "expectedHeadOid": parent,
        "message": {"headline": headline, "body": body},
        "fileChanges": changes,
    }
    data = github.graphql(COMMIT, {"input": wanted})
    return str(data["createCommitOnBranch"]["commit"]["oid"])


COMMIT = "mutation($input: CreateCommitOnBranchInput!) { createCommitOnBranch(input: $input) { commit { oid } } }"
