"""What gates see of a candidate: the room of a tree, with the change that made it of base, read from the store."""

from typing import Any

from gates import Change, Diff, Room
from harness.repo import Base, Store


def room_at(store: Store, base: Base, tree: str, **fields: Any) -> Room:
    """The room of `tree`; `fields` are those of `Room` that no store knows: rules, sandboxes, baseline, ..."""
    return Room(
        base=base.tree,
        head=tree,
        diff=_difference(store, base, tree) if tree != base.tree else Diff(),
        file=store.file,
        paths=store.paths,
        compose=store.compose,
        entries=store.entries,
        link=store.link,
        **fields,
    )


def _difference(store: Store, base: Base, tree: str) -> Diff:
    """The change from base to `tree`, as the gates read it."""
    changes = tuple(
        Change(path=c.path, status=c.status, old_mode=c.old_mode, new_mode=c.new_mode)
        for c in store.changes(base.tree, tree)
    )
    return Diff(changes=changes, text=store.diff(base.tree, tree))
