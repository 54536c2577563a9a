"""What the families of measures share: how often to measure, where, and a house that is warm."""

from collections.abc import Callable
from functools import cached_property
from pathlib import Path

from bench.house import House


class Context:
    """`runs` is how often what takes seconds is done; what takes less is done more often. `say` shows progress.

    `wanted` names the rows that shall be measured; empty: all.
    """

    def __init__(
        self, scratch: Path, runs: int, say: Callable[[str], None], wanted: frozenset[str] = frozenset()
    ) -> None:
        self.scratch, self.runs, self.say, self.wanted = scratch, runs, say, wanted
        self.bytecode = scratch / "bytecode"
        """What Python has compiled. The first process of each kind fills it, so it is never one that is measured."""
        self._houses: list[House] = []

    @cached_property
    def house(self) -> House:
        """A house in which a run has been: image, store, seed, baseline and bytecode are there."""
        house = self.fresh()
        self.say("a first run, which makes seed and baseline")
        house.run(2)
        return house

    def wants(self, *names: str) -> bool:
        """Whether one of these rows is wanted."""
        return not self.wanted or not self.wanted.isdisjoint(names)

    def fresh(self) -> House:
        """A house in which nothing has been."""
        root = self.scratch / f"house-{len(self._houses)}"
        root.mkdir()
        self._houses.append(House(root, self.bytecode))
        return self._houses[-1]

    def close(self) -> None:
        """Leave nothing on the engine."""
        for house in self._houses:
            house.clear()
