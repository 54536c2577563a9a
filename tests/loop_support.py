"""What the tests of the loop share: runs in this very process, which need not import the SDK each time."""

import os
import subprocess
import time
from collections.abc import Callable
from typing import Any

import msgspec

from harness.clean import Cleaner
from harness.config import Places, places
from harness.events import CandidateMade, DiffStat, Event, GateFinished, IterationFinished, RunFinished, RunParked
from harness.goal import Criterion, Limits
from harness.journal import Iteration, Journal, State
from harness.loop import Wish, begin, drive, plan, reopen
from tests.conftest import CHECKER, GOAL, LIGHT, MAKER, House, git
from tests.scripted import ScriptedServer

SPARE = "claude-opus-5"
Script = dict[str, list[Any]]


class Rig:
    """A house whose runs are driven here. `play` starts a scripted model; every script has all the tiers."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.servers: list[ScriptedServer] = []

    @property
    def places(self) -> Places:
        return places(self.house.environ)

    def play(self, script: Script, **more: Any) -> ScriptedServer:
        server = ScriptedServer(script, **more)
        server.__enter__()
        self.servers.append(server)
        os.environ["ANTHROPIC_BASE_URL"] = server.url
        return server

    def close(self) -> None:
        for server in self.servers:
            server.__exit__(None, None, None)
            assert server.breaches == []
            assert server.cold == []

    def run(self, goal: str = GOAL, criteria: tuple[Criterion, ...] = (), **tables: Any) -> RunFinished | RunParked:
        """Pursue a goal; `tables` are sections of the configuration."""
        cleaner = Cleaner()
        wish = Wish(text=goal, repo=self.house.repo, criteria=criteria, overrides=tables)
        with Journal(self.places.home / "journal.db", clean=cleaner) as journal:
            ready = begin(plan(wish, self.places, cleaner), self.places, journal, cleaner, log=lambda text: None)
            return drive(ready, journal)

    def resume(self, **limits: int) -> RunFinished | RunParked:
        """Go on with the newest run; `limits` are raised, or lowered."""
        change: Callable[[Limits], Limits] | None = None
        if limits:
            change = lambda before: msgspec.structs.replace(before, **limits)  # noqa: E731
        with Journal(self.places.home / "journal.db", clean=Cleaner()) as journal:
            return drive(reopen(journal.resolve("last"), self.places, journal, Cleaner(), change), journal)

    def containers(self) -> str:
        """What of the newest run stays on the engine: removal goes on for a moment after a sandbox was closed."""
        label = f"label=loopwright.run={self.house.journal.resolve('last')}"
        listed = ["docker", "ps", "-aq", "--filter", label]
        for _ in range(100):
            left = subprocess.run(listed, capture_output=True, text=True, check=True).stdout
            if not left:
                break
            time.sleep(0.1)
        return left

    def answer(self, answer: str, text: str = "") -> None:
        """A person's answer to the oldest question of the newest run."""
        wish = msgspec.json.encode({"answer": answer, "text": text}).decode()
        self.house.journal.post(self.house.journal.resolve("last"), "answer", wish, "ann")

    @property
    def events(self) -> list[Event]:
        return [record.event for record in self.house.records()]

    @property
    def state(self) -> State:
        return self.house.state()

    @property
    def trips(self) -> list[tuple[str, int, int, str]]:
        """The breakers that tripped, as a user is shown them."""
        shown = self.house("show", "last", "--json").document["breakers"]
        return [(trip["name"], trip["value"], trip["limit"], trip["unit"]) for trip in shown]

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.events if isinstance(event, kind)]

    def commit(self, name: str, text: str) -> None:
        """Add a file to the repository."""
        (self.house.repo / name).write_text(text)
        git(self.house.repo, "add", "-A")
        git(self.house.repo, "commit", "-qm", name)


def first_of(server: ScriptedServer, model: str) -> list[str]:
    """The first message of each conversation with a model, as JSON text."""
    bodies = [request.body for request in server.requests]
    return [
        msgspec.json.encode(body["messages"][0]).decode()
        for body in bodies
        if body["model"] == model and len(body["messages"]) == 1
    ]


def done(n: int, **fields: Any) -> Iteration:
    """A finished iteration by hand."""
    given: dict[str, Any] = {"ending": "finish", "green": False, "accepted": False, "score": (0,)} | fields
    tree = given.pop("tree", f"tree-{n}")
    made = CandidateMade(n=n, commit=f"c{n}", tree=tree, parent="b", diff=DiffStat())
    gates: dict[str, GateFinished] = given.pop("gates", {})
    value, limit, detail = (given.pop(name, 0) for name in ("value", "limit", "detail"))
    ended = IterationFinished(n=n, **given)
    return Iteration(
        n=n,
        ending=ended.ending,
        detail=detail or "",
        value=value,
        limit=limit,
        candidate=made,
        gates=gates,
        finished=ended,
    )


__all__ = ["CHECKER", "LIGHT", "MAKER", "SPARE", "Rig", "done", "first_of"]
