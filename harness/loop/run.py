"""One run while it lives: its fixed parts, and the state that the journal gives it."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event as Flag

import msgspec

from gates.base import Gate, Rules
from harness.config import Config
from harness.events import Event, GateFinished, SandboxOpened
from harness.goal import Goal
from harness.journal import Iteration, Record, Speech, State
from harness.loop.endings import Ended, ending_of, out_of_time
from harness.loop.surroundings import happened, in_run, spec_of
from harness.loop.tape import Tape
from harness.memory import Note, Shelf
from harness.models import Ledger, ModelError, OverBudget, Router, Voice
from harness.repo import Base, RepoError, Repository, Store
from sandboxes import Engine, Sandbox, SandboxError, Spec


@dataclass
class Cancel:
    """A wish to stop, set by a signal, a command or the clock, and honoured by the thread that runs the loop."""

    cause: Ended | None = None
    flag: Flag = field(default_factory=Flag)
    busy: set[Callable[[], None]] = field(default_factory=set)
    """What to interrupt so that the loop's thread comes back: sandboxes and models."""
    within: bool | None = None
    """Whether the loop found the cause by itself; None while nobody has taken it."""
    _told: bool = False
    _said: bool = False

    def set(self, cause: Ended) -> None:
        """Ask the loop to end; the first cause wins. Called from any thread."""
        if self.cause is None:
            self.cause = cause
            self.flag.set()

    def interrupt(self) -> None:
        """Bring the loop's thread back from whatever it waits for, until it has taken the cause."""
        if self.cause is not None and not self._told:
            for interrupt in tuple(self.busy):
                interrupt()

    def take(self, *, within: bool = False) -> Ended | None:
        """The cause, once, for the thread that runs the loop; `within` it, or between two of its events."""
        if self._told or self.cause is None:
            return None
        self._told, self.within = True, within
        return self.cause

    def unsaid(self) -> Ended | None:
        """The cause once it was taken, until the journal knows of it: given once."""
        if self.within is None or self._said:
            return None
        self._said = True
        return self.cause

    def close(self) -> None:
        """The run is being finished: what comes now is too late to change its outcome."""
        self._told = True
        self.busy.clear()

    def wait(self, seconds: float) -> bool:
        """Sleep, but not past a wish to stop; whether there is one."""
        return self.flag.wait(seconds)


@dataclass
class Run:
    """Everything `pursue` needs. Only `state` changes: the driver advances it with every event it has stored."""

    id: str
    goal: Goal
    config: Config
    repository: Repository
    base: Base
    branch: str
    store: Store
    image: str
    gates: tuple[Gate, ...]
    rules: Rules
    router: Router
    ledger: Ledger
    notes: tuple[Note, ...]
    state: State
    engine: Engine
    shelf: Shelf
    recall: Callable[[str], GateFinished | None]
    """A gate's result by its content key, from any run of this machine."""
    look_up: Callable[[str], Event | None]
    """Any event by its content key, from any run of this machine."""
    history: Callable[[], Iterable[Record]]
    clean: Callable[[str], str]
    words: list[str] = field(default_factory=list)
    """What a supervisor wants said to the maker, not said yet."""
    later: list[str] = field(default_factory=list)
    """What is to be said from the next iteration on."""
    pausing: str = ""
    """Who wants the run to pause as soon as what is under way is done."""
    resting: float | None = None
    """Monotonic time since which the run is paused."""
    started: float = field(default_factory=time.monotonic)
    """Monotonic time from which the wall clock counts: for a resumed run earlier than now."""
    cancel: Cancel = field(default_factory=Cancel)
    tape: Tape = field(default_factory=Tape)
    """What the sandboxes were asked since the last event; the driver stores it with the next one."""
    speech: Speech = field(default_factory=Speech)
    """Where what a model is saying can be followed while it says it."""
    unsaid: list[Event] = field(default_factory=list)
    """What happened where nothing can be yielded; the driver stores it with the next event."""
    open_: list[Sandbox] = field(default_factory=list)
    """Sandboxes that stand, and those whose last news nobody has asked for."""
    _seed: Path | None = None

    @property
    def deadline(self) -> float:
        """The monotonic time at which the wall-clock breaker trips; it moves on while the run is paused."""
        resting = self.resting
        idle = time.monotonic() - resting if resting is not None else 0.0
        return self.started + idle + self.goal.limits.seconds

    @property
    def late(self) -> bool:
        """Whether the wall-clock breaker is to trip."""
        return time.monotonic() >= self.deadline

    def light(self) -> Voice | None:
        """The model for small work, where there is one; a run that has asked nobody so far has none to do."""
        return None if not self.state.turns else self.router.choose(self.router.tiers["light"])

    @property
    def seed(self) -> Path:
        """The private clone at base that every sandbox of this run starts from."""
        if self._seed is None:
            self._seed = self.store.seed(self.base, self.engine.uid)
        return self._seed

    def iteration(self, n: int) -> Iteration | None:
        """What the journal knows of iteration `n`."""
        return next((it for it in self.state.iterations if it.n == n), None)

    def ended_by(self, error: ModelError | OverBudget | SandboxError | RepoError | OSError) -> Ended:
        """What ended the run: the wish to stop or the clock, which make other things fail, before the error itself."""
        if self.late:
            self.cancel.set(out_of_time(int(time.monotonic() - self.started), self.goal.limits.seconds))
        return self.cancel.take(within=True) or ending_of(error)

    def steering(self) -> tuple[str, ...]:
        """What a supervisor wants said, once."""
        said = tuple(self.words)
        self.words.clear()
        return said

    def pressure(self) -> float:
        """The most used-up of the run's money, tokens and time, as a share of its limit."""
        limits = self.goal.limits
        return max(
            self.ledger.spent / limits.micro_usd if limits.micro_usd else 0.0,
            self.ledger.tokens / limits.tokens,
            (time.monotonic() - self.started) / limits.seconds,
        )

    def spec(self, purpose: str, *, workspace: str | None = None) -> Spec:
        """The sandbox of this run for a purpose."""
        table = self.config.sandbox
        return spec_of(
            table,
            image=self.image,
            seed=self.seed,
            run=self.id,
            purpose=purpose,
            workspace=workspace,
            allow=in_run(table, self._allowed()) if purpose == "maker" else None,
        )

    def _allowed(self) -> tuple[str, ...]:
        """The hosts that people have allowed, as it stands now."""
        return (*self.state.allowed, *(host for host, n in self.state.once if n == self.state.current))

    def sandbox(self, purpose: str, workspace: str | None = None) -> Generator[Event, None, Sandbox]:
        """Open a sandbox, tell the journal, and have it interrupted when the run is cancelled."""
        begun = time.monotonic()
        sandbox = self.open(purpose, workspace)
        try:
            yield self.opened(sandbox, purpose, begun)
        except BaseException:
            sandbox.close()
            raise
        return sandbox

    def open(self, purpose: str, workspace: str | None = None, *, services: bool = True) -> Sandbox:
        """A sandbox whose news reach the journal, with the run's services or without. Raises `SandboxError`."""
        spec = self.spec(purpose, workspace=workspace)
        give_up = partial(self.engine.interrupt)
        self.cancel.busy.add(give_up)
        try:
            sandbox = self.engine.open(spec if services else msgspec.structs.replace(spec, services=()))
        finally:
            self.cancel.busy.discard(give_up)
        self.open_.append(sandbox)
        return sandbox

    def news(self) -> Iterator[Event]:
        """What happened around the sandboxes since this was last asked; those that were closed are then forgotten."""
        unsaid, self.unsaid = self.unsaid, []
        yield from unsaid
        for sandbox in tuple(self.open_):
            closed = sandbox.closed
            yield from happened(sandbox)
            if closed:
                self.open_.remove(sandbox)

    def allow(self, host: str) -> None:
        """Let the sandboxes that stand reach a host that a person has allowed; later ones do by the state."""
        for sandbox in tuple(self.open_):
            if not sandbox.closed:
                sandbox.allow(host)

    def opened(self, sandbox: Sandbox, purpose: str, begun: float) -> SandboxOpened:
        """The event of a sandbox that was opened since `begun` (monotonic)."""
        micros = int((time.monotonic() - begun) * 1_000_000)
        return SandboxOpened(sandbox=sandbox.id, purpose=purpose, image=self.image, micros=micros)
