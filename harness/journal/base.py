"""The journal's own words: what is stored, and the ways in which storing can fail."""

import re

import msgspec

from harness.events import Event

RUN_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
"""What a run may be called: fit for a file name, a label and a ref. `last` is taken."""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One event as it was stored. `ts` is in microseconds since 1970; `hash` covers all before it, too."""

    run: str
    seq: int
    epoch: int
    ts: int
    event: Event
    hash: str


class Command(msgspec.Struct, frozen=True):
    """A wish of a person or a program, to be acknowledged with a `CommandReceived`. Ids count up within a run."""

    id: int
    run: str
    ts: int
    principal: str
    kind: str
    text: str


class Verified(msgspec.Struct, frozen=True):
    """What an audit of one run's chain found.

    `broken_at` is the first sequence number that does not hold (`why` says what is wrong with it), 0 when all do;
    `pruned` counts payloads that were erased, which leaves a chain whole; `head` is the hash of the last event
    that holds, to be compared with an anchor outside: whoever can write the file can also cut off its tail.
    """

    ok: bool
    broken_at: int
    why: str
    pruned: int
    head: str
    events: int


class JournalError(Exception):
    """Something the journal could not do: what happened, why, and what the user can do about it."""

    def __init__(self, what: str, why: str = "", fix: str = "") -> None:
        super().__init__(f"{what}: {why}" if why else what)
        self.what, self.why, self.fix = what, why, fix


class JournalUnavailable(JournalError):
    """The journal cannot be opened, read or written; nothing of the call was stored."""


class StaleEpoch(JournalError):
    """Another process has claimed the run since: stop, and touch nothing more of it."""

    def __init__(self, run: str, epoch: int, current: int) -> None:
        super().__init__(
            f"run {run} was taken over",
            f"another process claimed it (epoch {current}, ours is {epoch})",
            f"follow it with: loopwright log {run}",
        )
        self.run, self.epoch, self.current = run, epoch, current


class UnknownRun(JournalError):
    """No run, or more than one, goes by this prefix; `near` lists what may have been meant."""

    def __init__(self, prefix: str, near: tuple[str, ...] = (), *, ambiguous: bool = False) -> None:
        meant = f"did you mean {', '.join(near)}?" if near else "list the runs with: loopwright ls"
        super().__init__(
            f"no run {prefix!r}" if not ambiguous else f"{prefix!r} is not one run",
            "several begin like that" if ambiguous else "",
            "give more of the id: " + ", ".join(near) if ambiguous else meant,
        )
        self.prefix, self.near = prefix, near


class RunExists(JournalError):
    """A run of this id was created before."""

    def __init__(self, run: str) -> None:
        super().__init__(f"run {run} exists already", "its id was taken", f"go on with: loopwright resume {run}")
        self.run = run


class RunHeld(JournalError):
    """A living process of this machine is pursuing the run."""

    def __init__(self, run: str) -> None:
        super().__init__(
            f"run {run} is being pursued", "a living process holds it", f"stop it with: loopwright stop {run}"
        )
        self.run = run


class ArchiveRefused(JournalError):
    """A file that is no archive of a run, or a broken one."""


class Unreplayable(JournalError):
    """A journal does not hold what a replay takes."""


class CannotResume(JournalError):
    """There is nothing to go on with."""


class CannotFork(JournalError):
    """There is nothing to begin a fork from."""
