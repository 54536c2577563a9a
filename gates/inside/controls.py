"""Tests of ours that fail, in the place and under the name of real ones."""

from __future__ import annotations

from typing import Any


def double(pytest: Any, item: Any, name: str) -> Any:
    """An item that fails: in the place of `item`, or of the whole session."""

    def fails() -> None:
        raise AssertionError("this test fails; a runner that says otherwise was tampered with")

    class Control(pytest.Item):  # type: ignore[misc]
        def runtest(self) -> None:
            fails()

        def reportinfo(self) -> tuple[str, int, str]:
            return "", 0, self.name

    if not hasattr(item, "_fixtureinfo"):
        parent = item if isinstance(item, pytest.Session) else item.parent
        return Control.from_parent(parent, name=name.rpartition("::")[2])
    try:
        bare = type(item._fixtureinfo)((), (), [], {})
        return pytest.Function.from_parent(item.parent, name=item.name, callobj=fails, fixtureinfo=bare)
    except Exception:
        return Control.from_parent(item.parent, name=item.name)


def code_of(item: Any) -> Any:
    """What runs when the item does, as an object that nothing else is."""
    function = getattr(item, "obj", None)
    return getattr(getattr(function, "__func__", function), "__code__", None)


def is_required(node: str, required: frozenset[str]) -> bool:
    parts = node.partition("[")[0].split("::")
    return node in required or any("::".join(parts[:n]) in required for n in range(1, len(parts) + 1))
