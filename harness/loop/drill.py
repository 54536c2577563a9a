"""A drill: the gates of a repository judged in clean rooms on changes that were planted to try them."""

import secrets
import string
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

import gates
from gates import Gate, GateResult, Room, Rules
from gates.drill import Exercise, exercises, expects
from harness.clean import Cleaner
from harness.config import Config, ConfigError, Places
from harness.events import DRILL, Drilled, DrillFinished, RunCreated, RunFinished
from harness.exits import PROVEN, UNPROVEN
from harness.journal import Journal
from harness.loop.exchange import put
from harness.loop.plan import Plan, Wish, plan
from harness.loop.prepare import engine_of, image_of, principal
from harness.loop.rooms import room_at
from harness.loop.surroundings import pinned, spec_of
from sandboxes import Engine, Sandbox

Shown = Callable[[Drilled], None]


def drill(
    repo: Path, places: Places, journal: Journal, cleaner: Cleaner, log: Callable[[str], None], show: Shown, only: str
) -> DrillFinished:
    """Play every exercise against the gates of the repository, show each, and keep the record as a run.

    `only` names one gate, or nothing for all. Raises what planning and images raise; `ConfigError` for a gate that
    is not there.
    """
    drilled = plan(Wish(text="Drill: try every gate in both directions", repo=repo, source=DRILL), places, cleaner)
    wanted = [gate for gate in gates.order(drilled.settings.gates) if only in ("", gate.name)]
    if not wanted:
        known = ", ".join(gate.name for gate in drilled.settings.gates)
        raise ConfigError(f"there is no gate {only}", f"there are: {known}", "name one of them")
    engine = engine_of(places)
    begun = time.monotonic()
    image = image_of(engine, drilled, log)
    ground = Ground(drilled, engine, image, pinned(engine, drilled.settings.config, log))
    try:
        played = tuple(ground.play(wanted, show))
    finally:
        engine.discard(ground.name)
    done = DrillFinished(exercises=played, micros=int((time.monotonic() - begun) * 1_000_000))
    _keep(done, drilled, ground, journal)
    return done


class Ground:
    """Where the exercises take place: rooms like those of a run, on trees that the drill composes."""

    def __init__(self, drilled: Plan, engine: Engine, image: str, config: Config) -> None:
        self.plan, self.engine, self.image = drilled, engine, image
        self.name = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
        self.store, self.base = drilled.store, drilled.base
        self._seed = self.store.seed(self.base, engine.uid)
        self._table = config.sandbox
        self._rules = Rules(protected=config.scope.protected)

    def play(self, wanted: list[Gate], show: Shown) -> Iterator[Drilled]:
        """Judge the base, then play what fits each gate."""
        room = self._room(self.base.tree, {})
        baseline = {gate.name: gates.run(gate, room) for gate in self.plan.settings.gates if _needed(gate, wanted)}
        paths = self.store.paths(self.base.tree)
        named = {gate.name: gate for gate in wanted}
        for exercise in exercises(wanted, paths, lambda path: self.store.file(self.base.tree, path)):
            done = self._exercise(exercise, named[exercise.gate], baseline)
            show(done)
            yield done

    def _exercise(self, exercise: Exercise, gate: Gate, baseline: dict[str, GateResult]) -> Drilled:
        begun, ok, said = time.monotonic(), False, "there is nothing here to plant it in"
        base = baseline[gate.name]
        if base.status in ("error", "timeout"):
            said = f"the gate cannot run at base: {base.summary}"
        else:
            for files in exercise.attempts:
                result = gates.run(gate, self._room(self.store.edit(self.base.tree, files), baseline))
                ok, said = expects(exercise, result, base), result.summary
                if ok:
                    break
        micros = int((time.monotonic() - begun) * 1_000_000)
        return Drilled(
            gate=gate.name, what=exercise.what, expected=exercise.expected, ok=ok, said=said[:300], micros=micros
        )

    def _room(self, head: str, baseline: dict[str, GateResult]) -> Room:
        return room_at(self.store, self.base, head, rules=self._rules, open=self._open, baseline=baseline)

    @contextmanager
    def _open(self, tree: str) -> Iterator[Sandbox]:
        spec = spec_of(self._table, image=self.image, seed=self._seed, run=self.name, purpose=DRILL)
        sandbox = self.engine.open(spec)
        try:
            if tree != self.base.tree:
                commit = self.store.commit(tree, self.base.commit, "clean room")
                put(sandbox, self.store, commit, self.base.commit, fresh=True)
            yield sandbox
        finally:
            sandbox.close()


def _needed(gate: Gate, wanted: list[Gate]) -> bool:
    """Whether a gate's result at base is asked for: integrity and proof read what the tests were."""
    return gate in wanted or (gate.kind == "pytest" and any(w.kind in ("integrity", "proof") for w in wanted))


def _keep(done: DrillFinished, drilled: Plan, ground: Ground, journal: Journal) -> None:
    """The record: a run that began and ended with its drill, so that it is never taken for one to go on with."""
    shown = sum(exercise.ok for exercise in done.exercises)
    proven = shown == len(done.exercises)
    blind = list(dict.fromkeys(exercise.gate for exercise in done.exercises if not exercise.ok))
    with journal.hold(ground.name):
        journal.create(
            ground.name,
            RunCreated(
                goal=drilled.goal,
                repo=str(drilled.repository.root),
                repo_id=drilled.repository.id,
                base=drilled.base.commit,
                base_tree=drilled.base.tree,
                base_ref=drilled.base.ref,
                branch=drilled.branch,
                maker="",
                checker="",
                image=ground.image,
                settings=msgspec.json.encode(drilled.settings).decode(),
                principal=principal(),
            ),
        )
        epoch = journal.claim(ground.name, "drill")
        journal.append(
            ground.name,
            epoch,
            done,
            RunFinished(
                outcome="succeeded" if proven else "blocked",
                reason=f"{shown} of {len(done.exercises)} exercises went as they must"
                + (f"; not proven: {', '.join(blind)}" if blind else ""),
                exit_code=PROVEN if proven else UNPROVEN,
            ),
        )
