"""Who may start what: a pure decision over the trigger, the account behind it and what the repository allows."""

from typing import Literal

import msgspec

from harness.forge import Account, Permission, Pull, at_least
from harness.github.marker import Ledger, find
from harness.github.trigger import Trigger

Work = Literal["run", "ready", "reply", "undo", "cancel", "none"]
"""`run` pursues a goal; the others need no model: publish does them."""
Code = Literal[
    "ok", "ignored", "no_command", "closed", "locked", "bot", "permission", "not_listed", "account", "not_ours",
    "fork", "attempts", "same_failure", "moved", "upstream", "off",
    "no_plan",
]  # fmt: skip


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """What starts runs in this repository, and for whom."""

    label: str = "loopwright"
    command: str = "/loopwright"
    assignee: str = ""
    allowed_users: tuple[str, ...] = ()
    """Logins; empty for everyone with the permission."""
    allowed_bots: tuple[int, ...] = ()
    """Numeric ids of the accounts of bots; there is no wildcard."""
    min_permission: Permission = "write"
    ci_autofix: bool = True
    ci_attempts: int = 3
    goal: str = ""
    """What schedules, and dispatches that say nothing, want."""
    review_comments: bool = True
    """Whether a review comment on a pull request of ours needs no command."""


class Actor(msgspec.Struct, frozen=True, kw_only=True):
    """An account as the API knows it, with its permission."""

    account: Account
    permission: Permission


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be done, and why."""

    work: Work
    code: Code
    reason: str


def wanted(trigger: Trigger, policy: Policy) -> Decision:
    """Whether the payload alone asks for anything: what needs no question to the forge."""
    if trigger.kind == "checks":
        if trigger.fork:
            return _no("fork", "the checks are those of another repository's branch")
        if not policy.ci_autofix:
            return _no("off", "failed checks are not worked on here")
        if trigger.conclusion == "success":
            return _yes("ready", "the checks are green")
        if trigger.conclusion in ("failure", "timed_out"):
            return _yes("run", "checks failed")
        return _no("ignored", f"a workflow run that ended as {trigger.conclusion or 'nothing'} says nothing")
    if trigger.issue and trigger.issue.locked:
        return _no("locked", "the conversation is locked")
    if trigger.issue and not trigger.issue.open:
        return _no("closed", "it is closed")
    if trigger.event == "issues":
        return _by_issue_event(trigger, policy)
    if trigger.command:
        match trigger.command.verb:
            case "help" | "status":
                return _yes("reply", "asked by a command")
            case "ready" | "undo" | "cancel":
                return _yes(trigger.command.verb, "asked by a command")
            case "revise" | "ci" if trigger.kind == "issue":
                return _yes("reply", f"{trigger.command.verb} works on pull requests")
            case "plan" | "approve" if trigger.kind == "pull":
                return _yes("reply", f"{trigger.command.verb} works on issues")
            case "ask" if not trigger.command.text:
                return _yes("reply", "nothing was asked")
            case _:
                return _yes("run", "asked by a command")
    if trigger.place in ("review_comment", "review") and find(trigger.text):
        # with a person's token in our hand, what we say in a thread comes back as that person's words
        return _no("ignored", "our own words")
    if trigger.place in ("review_comment", "review"):
        if not policy.review_comments or not trigger.text.strip() or trigger.conclusion == "approved":
            return _no("no_command", "a review that asks for nothing")
        return _yes("run", "asked by a review")
    if trigger.place:
        return _no("no_command", f"a comment that does not begin with {policy.command}")
    return _yes("run", f"started by {trigger.event}")


def _by_issue_event(trigger: Trigger, policy: Policy) -> Decision:
    # a forge tells neither labels nor logins apart by case
    if trigger.action == "labeled" and trigger.label.casefold() == policy.label.casefold():
        return _yes("run", f"labelled {policy.label}")
    if trigger.action == "assigned" and policy.assignee and trigger.assignee.casefold() == policy.assignee.casefold():
        return _yes("run", f"assigned to {policy.assignee}")
    return _no("ignored", f"neither the label {policy.label} nor our assignee")


def admitted(trigger: Trigger, actor: Actor, policy: Policy) -> Decision:
    """Whether the account behind the trigger may ask. `actor` is what the API says, not the payload.

    A bot is known by its type and admitted by its id; a name that ends in `[bot]` says nothing.
    """
    who = actor.account
    if trigger.event == "schedule":
        return _yes("run", "scheduled by the repository's own workflow")
    if who.login == "ghost" or not who.id:
        return _no("account", "the account behind this is gone")
    if trigger.actor.id and who.id != trigger.actor.id:
        return _no("account", f"@{who.login} is another account now than when this was sent")
    if who.type != "User":
        if who.id in policy.allowed_bots:
            return _yes("run", f"@{who.login} is a bot on the list")
        return _no("bot", f"@{who.login} is no person's account ({who.type}), and its id {who.id} is on no list")
    if policy.allowed_users and who.login.lower() not in {each.lower() for each in policy.allowed_users}:
        return _no("not_listed", f"@{who.login} is not among the allowed users")
    if not at_least(actor.permission, policy.min_permission):
        return _no("permission", f"@{who.login} has {actor.permission}, and {policy.min_permission} is needed")
    return _yes("run", f"@{who.login} has {actor.permission}")


def on_pull(trigger: Trigger, work: Work, pull: Pull | None, ledger: Ledger | None) -> Decision:
    """Whether this pull request may be worked on: ours, from this repository, and where we know it."""
    if pull is None or not pull.open:
        return _no("closed", "there is no open pull request")
    if work == "reply":
        return _yes(work, "words only")
    if pull.fork:
        return _no("fork", "its branch lies in another repository: nothing is pushed there")
    if ledger is None:
        return _no("not_ours", "Loopwright did not make this pull request; comment on an issue instead")
    if trigger.head and pull.head not in (trigger.head, ledger.head):
        return _no("moved", f"its branch moved to {pull.head[:7]} since; comment again")
    return _yes(work, "ours")


def upstream(trigger: Trigger, actors: tuple[Actor, ...], pull: Pull, policy: Policy) -> Decision:
    """Whether everybody behind a workflow run may start work: people by permission, bots by the list; the account
    that made the pull request is our own."""
    for actor in actors:
        if actor.account.id and actor.account.id == pull.author.id:
            continue
        found = admitted(msgspec.structs.replace(trigger, actor=actor.account), actor, policy)
        if found.work == "none":
            return _no("upstream", found.reason)
    return _yes("run", "everybody behind it may")


def may_mend(ledger: Ledger, head: str, fingerprint: str, policy: Policy) -> Decision:
    """Whether failed checks are worked on once more. A person's push is the person's to go on with."""
    if head != ledger.head:
        return _no("moved", "somebody else pushed last: comment `/loopwright ci` to have it mended")
    if ledger.attempts >= policy.ci_attempts:
        return _no("attempts", f"{ledger.attempts} attempts were made: a person has to look")
    if fingerprint and fingerprint == ledger.failures:
        return _no("same_failure", "the same checks fail in the same way after the last attempt")
    return _yes("run", f"attempt {ledger.attempts + 1} of {policy.ci_attempts}")


def _yes(work: Work, reason: str) -> Decision:
    return Decision(work=work, code="ok", reason=reason)


def _no(code: Code, reason: str) -> Decision:
    return Decision(work="none", code=code, reason=reason)
