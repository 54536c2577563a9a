"""What happens around sandboxes."""

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
