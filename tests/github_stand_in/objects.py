"""What the operations on git objects do: commits, trees, references, comparisons, as GitHub makes them itself."""

import base64
import os
import subprocess
from typing import Any

from tests.github_stand_in.contract import example
from tests.github_stand_in.handlers import Ask, Refusal, does
from tests.github_stand_in.world import World


@does("repos/get-branch-rules", "metadata")
def _(ask: Ask) -> tuple[int, Any]:
    return 200, ask.world.rules


@does("repos/get-commit", "contents")
def _(ask: Ask) -> tuple[int, Any]:
    world, commit = ask.world, ask.given["ref"]
    tree = world.git("rev-parse", "--verify", "--quiet", f"{commit}^{{tree}}")
    if not tree:
        raise Refusal(404, "Not Found")
    made = example("repos/get-commit") | {"sha": commit, "files": []}
    signed = "gpgsig" in world.git("cat-file", "commit", commit) or commit in world.files
    verification = {"verified": signed, "reason": "valid" if signed else "unsigned", "signature": None, "payload": None}
    made["commit"] |= {"verification": verification | {"verified_at": None}}
    made["commit"]["tree"] |= {"sha": tree}
    return 200, made


@does("repos/compare-commits-with-basehead", "contents")
def _(ask: Ask) -> tuple[int, Any]:
    old, _, new = ask.given["basehead"].partition("...")
    one, two = (ask.world.git("rev-parse", "--verify", "--quiet", f"{each}^{{commit}}") for each in (old, new))
    if not one or not two:
        raise Refusal(404, "Not Found")
    base = ask.world.git("merge-base", one, two)
    status = "identical" if one == two else {one: "ahead", two: "behind"}.get(base, "diverged")
    return 200, example("repos/compare-commits-with-basehead") | {"status": status, "commits": [], "files": []}


@does("git/get-ref", "contents")
def _(ask: Ask) -> tuple[int, Any]:
    at = ask.world.git("rev-parse", "--verify", "--quiet", f"refs/{ask.given['ref']}")
    if not at:
        raise Refusal(404, "Not Found")
    return 200, _ref(f"refs/{ask.given['ref']}", at)


@does("git/create-blob", "contents", "write")
def _(ask: Ask) -> tuple[int, Any]:
    content = base64.b64decode(ask.body["content"])
    return 201, {"url": "https://x.invalid", "sha": _git(ask.world, "hash-object", "-w", "--stdin", stdin=content)}


@does("git/create-tree", "contents", "write")
def _(ask: Ask) -> tuple[int, Any]:
    tree = make_tree(ask.world, ask.body["base_tree"], [(e["path"], e["mode"], e["sha"]) for e in ask.body["tree"]])
    return 201, example("git/create-tree") | {"sha": tree}


@does("git/create-commit", "contents", "write")
def _(ask: Ask) -> tuple[int, Any]:
    commit = make_commit(ask.world, ask.body["tree"], ask.body["parents"][0], ask.body["message"], ask.login)
    return 201, example("git/create-commit") | {"sha": commit}


@does("git/create-ref", "contents", "write")
def _(ask: Ask) -> tuple[int, Any]:
    _git(ask.world, "update-ref", ask.body["ref"], ask.body["sha"], "0" * 40)
    return 201, _ref(ask.body["ref"], ask.body["sha"])


@does("git/update-ref", "contents", "write")
def _(ask: Ask) -> tuple[int, Any]:
    ref, new = f"refs/{ask.given['ref']}", ask.body["sha"]
    old = ask.world.git("rev-parse", ref)
    if ask.world.git("merge-base", old, new) != old:
        raise Refusal(422, "Update is not a fast forward")
    _git(ask.world, "update-ref", ref, new, old)
    return 200, _ref(ref, new)


def _ref(ref: str, commit: str) -> dict[str, Any]:
    made: dict[str, Any] = example("git/get-ref")
    made["object"] |= {"sha": commit}
    return made | {"ref": ref}


def make_tree(world: World, base: str, entries: list[tuple[str, str, str | None]]) -> str:
    """A tree made of another one as GitHub makes it: an entry without an id is removed."""
    index = str(world.root / "index")
    env = {**os.environ, "GIT_INDEX_FILE": index}
    _git(world, "read-tree", base, env=env)
    for path, mode, sha in entries:
        line = f"{mode if sha else '0'} {sha or '0' * 40}\t{path}\0"
        _git(world, "update-index", "-z", "--index-info", stdin=line.encode(), env=env)
    return _git(world, "write-tree", env=env)


def make_commit(world: World, tree: str, parent: str, message: str, login: str) -> str:
    """A commit that GitHub makes itself is the bot's, and signed."""
    who = {f"GIT_{r}_{f}": v for r in ("AUTHOR", "COMMITTER") for f, v in (("NAME", login), ("EMAIL", "bot@x.invalid"))}
    commit = _git(world, "commit-tree", tree, "-p", parent, stdin=message.encode(), env={**os.environ, **who})
    world.files[commit] = b"signed by GitHub"
    return commit


def _git(world: World, *args: str, stdin: bytes = b"", env: dict[str, str] | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(world.git_dir), *args], input=stdin, env=env, capture_output=True, check=False
    )
    if done.returncode:
        raise Refusal(422, done.stderr.decode())
    return done.stdout.decode().strip()
