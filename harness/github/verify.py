"""The bundle of a run, checked by who publishes it: nothing in it is believed that can be computed anew."""

from pathlib import Path

import msgspec

from gates.secrets import scan
from harness.github.leaks import leaks
from harness.github.manifest import BundleBroken, Manifest
from harness.github.patch import PatchPolicy, Weighed, weigh
from harness.repo import Base, Change, Rejected, Store
from harness.repo.remote import Remote, fetch, weight

DIFF = 16 << 20
"""Bytes of a diff that is looked through."""


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """A candidate in a store of our own: its tree is what the manifest says, and so is the gates'."""

    store: Store
    base: Base
    tree: str
    changes: tuple[Change, ...]
    weighed: Weighed
    patch: str
    """The change as a unified diff."""


def verify(
    manifest: Manifest, pack: bytes, remote: Remote, room: Path, policy: PatchPolicy, secrets: tuple[str, ...] = ()
) -> Verified:
    """Take the pack into a new store in `room`, on the base as the forge has it. Raises `BundleBroken`.

    The same quarantine that takes packs out of sandboxes takes this one: modes, links, submodules, sizes and
    object checks are its own.
    """
    if not manifest.commit:
        raise BundleBroken("there is nothing to publish", "the run kept no candidate")
    repository, base = fetch(remote, manifest.base, room / "base.git", depth=1)
    if base.tree != manifest.base_tree:
        raise BundleBroken("the base is another one", f"its tree is {base.tree[:12]}, not {manifest.base_tree[:12]}")
    store = Store(room, repository)
    store.adopt(base)
    try:
        received = store.receive(pack, manifest.commit, base.commit)
    except Rejected as error:
        raise BundleBroken("the run's commit was rejected", str(error), error.fix) from None
    if received.tree != manifest.tree:
        raise BundleBroken("the tree is another one", f"the pack has {received.tree[:12]}, not {manifest.tree[:12]}")
    other = next((gate.name for gate in manifest.gates if gate.tree != manifest.tree), None)
    if other is not None:
        raise BundleBroken(f"the gate {other} judged another tree", "its result says nothing about this one")
    changes = store.changes(base.tree, received.tree)
    patch = store.diff(base.tree, received.tree, cap=DIFF)
    weighed = weigh(changes, weight(store.place, base.tree, received.tree), policy)
    if found := _secrets(patch, secrets):
        weighed = Weighed(weighed.never, weighed.ask, (*weighed.why, f"it adds what looks like a credential: {found}"))
    return Verified(store=store, base=base, tree=received.tree, changes=changes, weighed=weighed, patch=patch)


def _secrets(patch: str, secrets: tuple[str, ...]) -> str:
    """The rule that an added line breaks; `` for none. The value itself is never repeated."""
    added = [(n, line[1:]) for n, line in enumerate(patch.splitlines(), 1) if line.startswith("+")]
    if secrets and leaks("\n".join(line for _, line in added), secrets):
        return "one of this job's own"
    # the gates judge random-looking values with the whole file in view; here only unmistakable shapes count
    found = next(iter(scan(added, lenient=True)), None)
    return found.rule if found else ""
