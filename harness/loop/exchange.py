"""Commits in and out of a sandbox, as packs: no file is ever copied, no git runs in a tree the agent wrote."""

from harness.repo import (
    Received,
    Rejected,
    Store,
    export_script,
    fresh_script,
    import_script,
    script_failed,
    split_export,
)
from sandboxes.base import Sandbox, SandboxGone

BEGUN = "refs/loopwright/begun"
"""A ref in the maker's own clone. Whoever removes it only loses the conversation that went with it."""

PACK_BYTES = 64 * 1024 * 1024
"""What a candidate's pack may weigh; a change that is larger is no change to a source tree."""


def put(sandbox: Sandbox, store: Store, commit: str, base: str, *, rewind: bool = False, fresh: bool = False) -> None:
    """Make the sandbox's work tree exactly `commit`, with `rewind` also its HEAD `base`, as it was when fresh.

    `fresh` is quicker, and for a sandbox in which nothing has been run. Raises `SandboxGone` when its git cannot.
    """
    script = fresh_script(commit) if fresh else import_script(commit, base if rewind else "")
    result = sandbox.run(["sh", "-c", script], stdin=store.pack(commit, base), timeout=300, merge=True)
    if result.exit_code != 0:
        failed = script_failed(result.exit_code, result.stdout)
        raise SandboxGone(failed.what, failed.why, failed.fix)


def begin(sandbox: Sandbox) -> None:
    """Mark the clone as laid out: from here on what it holds is the maker's."""
    sandbox.run(["git", "update-ref", BEGUN, "HEAD"], timeout=60)


def begun(sandbox: Sandbox) -> bool:
    """Whether this work tree is one that a maker began in, and not a fresh one in its place."""
    result = sandbox.run(["git", "rev-parse", "--quiet", "--verify", BEGUN], timeout=60)
    if result.exit_code not in (0, 1):  # no answer is not a no: a no would lay the tree out anew
        raise SandboxGone("the work tree does not answer", result.stdout[-300:].decode(errors="replace"))
    return result.exit_code == 0


def take(sandbox: Sandbox, store: Store, base: str) -> Received:
    """The sandbox's work tree as verified objects in the store.

    Raises `Rejected` when what comes out breaks a rule, or when the maker has ruined its clone.
    """
    result = sandbox.run(["sh", "-c", export_script(base)], timeout=300, cap=PACK_BYTES, merge=False)
    if result.exit_code != 0:
        failed = script_failed(result.exit_code, result.stderr)
        raise Rejected("export", "", failed.why, failed.fix)
    if result.elided:
        raise Rejected("size", "", f"the change is larger than {PACK_BYTES} bytes as a pack")
    tip, pack = split_export(result.stdout)
    return store.receive(pack, tip, base)
