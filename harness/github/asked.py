"""From a ticket to a goal: the snapshot of what people wrote, the base it is pursued from, and its limits."""

from pathlib import Path
from typing import Any

import msgspec

from harness.config import ConfigError
from harness.github import actions, manifest, options, tracker
from harness.github.begun import Begun, ticket_of, trigger_of, voices
from harness.github.deliver import Moved
from harness.github.plans import plan_of
from harness.github.snapshot import Context, goal_text, take
from harness.github.ticket import ledger_of
from harness.goal import Asks, Criterion
from harness.repo.remote import Remote, fetch

DEPTH = 50
"""Commits of history that the maker can read."""
EXPLAIN = "Explain what this is about: where in the repository it lies, how that works, and what would have to change."


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A goal, ready to be planned."""

    text: str
    repo: Path
    base: str
    criteria: tuple[Criterion, ...]
    overrides: dict[str, Any]
    source: str
    asks: Asks
    scope: tuple[str, ...]


def goal(begun: Begun, room: Path) -> Asked:
    """The snapshot, the base and the limits of a run; the base lies in a bare repository under `room`."""
    trigger, ticket, github = trigger_of(begun), ticket_of(begun), begun.github
    context = take(
        trigger, github, ticket.at, ticket.permission, options.trust(begun.environ, trigger.private), _wish(begun),
        ticket.run,
    )  # fmt: skip
    context = msgspec.structs.replace(context, asks=ticket.asks)
    if trigger.command and trigger.command.verb == "approve":
        context = _approved(begun, context)
    if trigger.kind == "goal" and not context.wish:
        raise ConfigError("there is no goal", "the dispatch or schedule gives none", "set the input `goal`")
    begun.bundle.mkdir(mode=0o700, parents=True, exist_ok=True)
    (begun.bundle / manifest.CONTEXT).write_bytes(context.encoded())
    command = trigger.command
    branch = (command.base if command else "") or actions.given("base-branch", "", begun.environ)
    wanted = _head(begun) or f"refs/heads/{branch or github.default_branch()}"
    remote = Remote(url=github.remote[0], auth=github.remote[1])
    repository, base = fetch(remote, wanted, room / f"{begun.runner.run}-{begun.runner.attempt}.git", DEPTH)
    number = trigger.number if trigger.kind == "issue" else 0
    return Asked(
        text=goal_text(context),
        repo=repository.root,
        base=base.commit,
        criteria=context.criteria,
        overrides=options.overrides(begun.environ, command.max_cost if command else 0.0),
        source=f"issue#{number}" if number else f"{trigger.kind}#{ticket.number}",
        asks=ticket.asks,
        scope=context.scope,
    )


def _wish(begun: Begun) -> str:
    """What is asked, where the trigger's own words do not say it."""
    trigger = trigger_of(begun)
    command = trigger.command
    if trigger.kind == "goal" and not trigger.text:
        return actions.given("goal", "", begun.environ)
    if command and command.verb == "explain" and not command.text:
        return EXPLAIN
    if command and command.verb == "answer":
        asked = tracker.question(begun.github, trigger.number, voices(begun))
        return f"A run before this one asked: {asked}\n\nThe answer: {command.text}" if asked else command.text
    return ""


def _approved(begun: Begun, context: Context) -> Context:
    """The context with the plan that was approved: its criteria and its paths bind the run."""
    plan = plan_of(begun.github, context.number, context.at, voices(begun))
    if plan is None:
        raise Moved("the plan was changed or removed while this waited", "", "look at it, and approve it again")
    criteria = tuple(Criterion(f"c{n}", text) for n, text in enumerate(plan.criteria, 1)) or context.criteria
    return msgspec.structs.replace(context, plan=plan.text, scope=plan.scope, criteria=criteria)


def _head(begun: Begun) -> str:
    """Where a pull request stands now: as the gate saw it, or where a run of ours has brought it since."""
    ticket = ticket_of(begun)
    if not ticket.pull:
        return ticket.head
    pull = begun.github.pull(ticket.pull)
    ledger = ledger_of(begun.github, pull)
    if pull.head != ticket.head and (ledger is None or ledger.head != pull.head):
        raise Moved(f"the branch {pull.branch} moved while this waited", f"it is at {pull.head[:12]}", "ask again")
    return pull.head
