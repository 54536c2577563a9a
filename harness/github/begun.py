"""A job of the action as it begins: what the runner says, the forge, the trigger, and the ticket once there is one."""

from collections.abc import Mapping
from pathlib import Path

import msgspec

from harness.config import ConfigError
from harness.forge.github import GitHub
from harness.github import actions, options
from harness.github.actions import Runner
from harness.github.admission import Policy
from harness.github.ticket import Ticket
from harness.github.trigger import Trigger, read

TICKET = "LOOPWRIGHT_TICKET"


class Begun(msgspec.Struct, kw_only=True):
    """One job's own: the runner, the forge, the trigger, and the ticket once there is one."""

    runner: Runner
    policy: Policy
    trigger: Trigger | None
    github: GitHub
    environ: Mapping[str, str]
    ticket: Ticket | None = None
    own_token: bool = True
    """Whether what is written is written with the workflow's own token, whose pushes start no checks."""

    @property
    def bundle(self) -> Path:
        """Where the run's job leaves its evidence."""
        return Path(self.environ.get("LOOPWRIGHT_BUNDLE") or self.runner.temp / "loopwright" / "bundle")


def start(environ: Mapping[str, str]) -> Begun:
    """Read what the runner says. Raises `ConfigError`."""
    runner = actions.runner(environ)
    policy = options.policy(environ)
    trigger = read(runner.event, actions.payload(runner), policy.command)
    if trigger is not None and not trigger.repository:
        trigger = msgspec.structs.replace(trigger, repository=runner.repository)
    github = GitHub(runner.repository, runner.token, runner.api, runner.server, runner.graphql)
    begun = Begun(runner=runner, policy=policy, trigger=trigger, github=github, environ=environ)
    begun.own_token = environ.get("LOOPWRIGHT_OWN_TOKEN", "true") == "true"
    if ticket := environ.get(TICKET):
        try:
            begun.ticket = msgspec.json.decode(ticket, type=Ticket)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{TICKET} cannot be read", str(error), "pass the gate job's output `ticket`") from None
    return begun


def trigger_of(begun: Begun) -> Trigger:
    if begun.trigger is None:
        raise ConfigError(f"nothing is done for {begun.runner.event}", "", "call this after the gate said so")
    return begun.trigger


def ticket_of(begun: Begun) -> Ticket:
    if begun.ticket is None:
        raise ConfigError("there is no ticket", f"{TICKET} is not set", "pass the gate job's output `ticket`")
    return begun.ticket


def voices(begun: Begun) -> tuple[int, ...]:
    """Accounts that speak for us in the other jobs."""
    return (begun.ticket.bot,) if begun.ticket and begun.ticket.bot else ()
