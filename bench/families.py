"""The families of measures: which rows each owes, and where it lives."""

import importlib
from collections.abc import Callable, Iterator

import msgspec

from bench.context import Context
from bench.figures import Figure


class Family(msgspec.Struct, frozen=True):
    """A module of this package with a function `measure`, imported when it is wanted."""

    name: str
    measures: tuple[str, ...]

    def measure(self) -> Callable[[Context], Iterator[Figure]]:
        """Its function. What cannot be imported cannot be measured."""
        found: Callable[[Context], Iterator[Figure]] = importlib.import_module(f"bench.{self.name}").measure
        return found


FAMILIES = (
    Family("startup", ("python", "help", "ls_help", "ls_10", "ls_10000", "show")),
    Family(
        "turns",
        ("first_request", "gap", "wall_50", "cpu_50", "memory_50", "gap_5", "gap_50", "gap_200", "growth"),
    ),
    Family("agents", ("eight_wall", "eight_memory", "each_memory")),
    Family("sandbox", ("open", "open_hosts", "command", "close", "gone", "refused", "outgrown")),
    Family(
        "trees",
        (
            "ready_2000",
            "commits_out",
            "checkpoint",
            "rollback",
            "gate_ready",
            "eight_2000",
            "crash",
            "flat",
            "seed_50000",
            "ready_50000",
        ),
    ),
    Family("judging", ("cached_gate", "clean_room", "tests_gate", "demo")),
    Family("evidence", ("integrity_5000", "suite_over_bare")),
    Family("journal", ("append", "append_floor", "batch", "open_100000", "list_10000")),
    Family("screen", ("first_paint", "key")),
    Family("fleet", ("fleet_cpu", "fleet_memory", "fleet_key")),
    Family("reading", ("screen_open", "screen_page", "screen_find", "screen_diff", "screen_growth")),
    Family("action", ("action_cold", "action_warm")),
)
