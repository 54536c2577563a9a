"""What happens around sandboxes."""

import msgspec

from harness.events.base import Fact


class SandboxOpened(Fact, frozen=True, kw_only=True, tag="sandbox.opened"):
    sandbox: str
    purpose: str
    image: str
    micros: int


class SandboxClosed(Fact, frozen=True, kw_only=True, tag="sandbox.closed"):
    sandbox: str
    why: str = ""


class HostDenied(Fact, frozen=True, kw_only=True, tag="host.denied"):
    """Something in the sandbox wanted a host that the network policy does not name."""

    sandbox: str
    host: str
    port: int = 0
    why: str = ""


class HostAllowed(Fact, frozen=True, kw_only=True, tag="host.allowed"):
    """A person allows a host for the rest of the run."""

    host: str
    principal: str = ""


class ServiceStarted(Fact, frozen=True, kw_only=True, tag="service.started"):
    """A service of `[[sandbox.service]]` answers at localhost of the run's sandbox."""

    service: str
    image: str
    port: int
    micros: int


class ServiceEnded(Fact, frozen=True, kw_only=True, tag="service.ended"):
    """A service is gone; `log` is the end of what it printed."""

    bulk = ("log",)
    service: str
    why: str = ""
    log: str = ""


class ShellOpened(Fact, frozen=True, kw_only=True, tag="shell.opened"):
    """A person looks into the sandbox: a human's act, on the record."""

    sandbox: str
    writable: bool
    principal: str


class ShellClosed(Fact, frozen=True, kw_only=True, tag="shell.closed"):
    sandbox: str
    principal: str
    micros: int = 0


class CheckpointMade(Fact, frozen=True, kw_only=True, tag="checkpoint.made"):
    """The work tree as it stood, to which a sandbox can be rolled back or from which it can be forked."""

    checkpoint: str
    iteration: int
    tree: str


class SandboxCall(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One call of a sandbox and its answer, as they were: what a replay serves in place of a container."""

    asked: str
    """Method and arguments as JSON; large ones by their digest, timeouts left out."""
    key: str
    """Digest of what was asked, names that are made up anew each time left out."""
    answer: str = ""
    """The fields of the result as JSON, or `value` for what is no struct."""
    text: tuple[str, ...] = ()
    """The fields of `answer` that were bytes and are text."""
    coded: tuple[str, ...] = ()
    """Those that were bytes and are base64."""
    raised: tuple[str, ...] = ()
    """Class, what, why and fix of the error that came instead of an answer."""
    pack: str = ""
    """The object whose pack was the output: it is made again from the store."""


class SandboxUsed(Fact, frozen=True, kw_only=True, tag="sandbox.used"):
    """What was asked of one sandbox since the last event, in order. Redacted, else verbatim: a gate parses it."""

    bulk = ("calls",)
    sandbox: str
    purpose: str
    number: int
    """Which of the run's sandboxes, in the order of opening, counted anew by each process that pursues it."""
    calls: tuple[SandboxCall, ...] = ()
