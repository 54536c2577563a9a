"""The first job: who asks for what, decided from the payload and a few questions to the forge; no model, no key."""

from typing import Any

import msgspec

from harness.forge import Account, ForgeError, ForgeMissing, Permission, Pull
from harness.forge.checks import checks, failed_jobs, failed_run, fingerprint
from harness.forge.github import GitHub
from harness.github import admission
from harness.github.actions import Runner
from harness.github.admission import Actor, Decision, Policy, Work
from harness.github.body import BRANCHES, branch_of, headline
from harness.github.marker import Ledger, find, write
from harness.github.plans import plan_of
from harness.github.snapshot import moment
from harness.github.tracker import locate, may_mark, note, put, react, working
from harness.github.trigger import Trigger
from harness.goal import Asks

WAITING = {"answer": "Loopwright looks for an answer", "plan": "Loopwright makes a plan"}


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What was decided, handed to the jobs that follow; every field of it is code's own, none a person's text."""

    work: Work
    code: str
    reason: str
    kind: str = ""
    number: int = 0
    """The issue or pull request that is spoken to."""
    pull: int = 0
    at: str = ""
    head: str = ""
    """For pull requests: the commit to start from."""
    branch: str = ""
    permission: Permission = "none"
    run: int = 0
    """The failed workflow run."""
    fingerprint: str = ""
    comment: int = 0
    bot: int = 0
    """The account that the gate's token speaks for, where it is a bot's."""
    asks: Asks = "change"

    @property
    def outputs(self) -> dict[str, object]:
        """What the next jobs read."""
        return {
            "work": self.work,
            "code": self.code,
            "number": self.number,
            "ticket": msgspec.json.encode(self).decode(),
        }


def decide(trigger: Trigger | None, github: GitHub, policy: Policy, runner: Runner) -> Ticket:
    """The ticket of a trigger. Asks the forge only when the payload asks for something."""
    if trigger is None:
        return Ticket(work="none", code="ignored", reason=f"nothing is done for {runner.event}")
    first = admission.wanted(trigger, policy)
    if first.work == "none":
        return _closed(trigger, first)
    actor = look_up(github, trigger.actor)
    second = admission.admitted(trigger, actor, policy) if trigger.kind != "checks" else first
    if second.work != "none" and runner.triggering and runner.triggering.lower() != trigger.actor.login.lower():
        second = _again(github, trigger, policy, runner) or second
    if second.work == "none":
        return _closed(trigger, second)
    if trigger.kind in ("pull", "checks"):
        return _on_pull(trigger, github, policy, first.work, actor)
    at = moment(trigger, github)
    if trigger.command and trigger.command.verb == "approve" and plan_of(github, trigger.number, at) is None:
        none = Decision(work="reply", code="no_plan", reason=f"there is no plan here: comment `{policy.command} plan`")
        return _ticket(trigger, none, actor, at)
    if trigger.kind == "issue" and first.work == "run" and asks_of(trigger) == "change":
        pull = github.pull_of(branch_of("issue", trigger.number, ""))
        ledger = ledger_of(github, pull)
        if pull and ledger and not pull.fork:
            if not trigger.command:
                reason = f"there is pull request #{pull.number} already; comment `{policy.command} revise` there"
                return _closed(trigger, Decision(work="none", code="ignored", reason=reason))
            return _ticket(trigger, first, actor, at, pull)
    if trigger.kind == "goal":
        pull = github.pull_of(branch_of("goal", 0, headline(trigger.text or policy.goal)))
        if pull and ledger_of(github, pull):
            reason = f"pull request #{pull.number} for this goal is open still: merge it or close it"
            return _closed(trigger, Decision(work="none", code="ignored", reason=reason))
    return _ticket(trigger, first, actor, at)


def look_up(github: GitHub, account: Account) -> Actor:
    """The account as the API knows it. A deleted one has no permission."""
    try:
        known = github.account(account.login) if account.login != "ghost" else account
    except ForgeMissing:
        known = Account(login="ghost")
    allowed = github.permission(known.login) if known.type == "User" and known.id else "none"
    return Actor(account=known, permission=allowed)


def asks_of(trigger: Trigger) -> Asks:
    """Whether a change is asked for, or words."""
    match trigger.command.verb if trigger.command else "":
        case "ask" | "explain":
            return "answer"
        case "plan":
            return "plan"
        case _:
            return "change"


def ledger_of(github: GitHub, pull: Pull | None) -> Ledger | None:
    """The ledger of a pull request of ours: its mark counts where somebody who may write made it, or a bot on a
    branch that is named as ours are. The gate cannot know who publishes; and there are bots whose pull requests
    repeat what strangers wrote, such as the release notes of a dependency."""
    ledger = find(pull.body) if pull else None
    if pull is None or ledger is None:
        return None
    if pull.author.type == "Bot":
        return ledger if pull.branch.startswith(BRANCHES) and not pull.fork else None
    return ledger if may_mark(github, pull.author) else None


def open_comment(github: GitHub, trigger: Trigger, ticket: Ticket, job: str, workflow: int) -> Ticket:
    """Say that it was seen, and that it is worked on. What cannot be said here is said in the job's summary."""
    if trigger.comment and trigger.place in ("issue_comment", "review_comment"):
        react(github, trigger.place, trigger.number, trigger.comment, "eyes")
    elif trigger.event == "issues":
        react(github, "issue", trigger.number, 0, "eyes")
    ticket = msgspec.structs.replace(ticket, bot=github.me().id)
    if ticket.work != "run" or not ticket.number:
        return ticket
    try:
        if ticket.asks != "change":
            # a comment of its own, which becomes the answer: so whoever publishes, the gate knows it again
            mark = write(Ledger(issue=trigger.number, workflow=workflow, kind="answer"))
            words = f"### {WAITING[ticket.asks]}\n\n[the job]({job})\n\n{mark}"
            return msgspec.structs.replace(ticket, comment=note(github, ticket.number, words).id)
        tracker = locate(github, ticket.number)
        text = working(ticket.reason, job)
        made = put(github, tracker, text, Ledger(issue=trigger.number, workflow=workflow))
    except ForgeError:
        return ticket
    return msgspec.structs.replace(ticket, comment=made.comment)


def _on_pull(trigger: Trigger, github: GitHub, policy: Policy, work: Work, actor: Actor) -> Ticket:
    pull = github.pull(trigger.number) if trigger.number else github.pull_of(trigger.branch)
    ledger = ledger_of(github, pull)
    decision = admission.on_pull(trigger, work, pull, ledger)
    if decision.work == "none" or pull is None:
        return _told(trigger, decision, actor)
    mending = trigger.kind == "checks" or (trigger.command is not None and trigger.command.verb == "ci")
    if trigger.kind == "checks":
        behind = tuple(look_up(github, each) for each in trigger.upstream)
        found = admission.upstream(trigger, behind, pull, policy)
        if found.work == "none":
            return _closed(trigger, found)
    extra: dict[str, Any] = {}
    if mending and work == "run" and ledger is not None:
        extra, refusal = _mending(trigger, github, policy, pull, ledger)
        if refusal:
            return _told(trigger, refusal, actor)
    return _ticket(trigger, decision, actor, moment(trigger, github), pull, **extra)


def _mending(
    trigger: Trigger, github: GitHub, policy: Policy, pull: Pull, ledger: Ledger
) -> tuple[dict[str, Any], Decision | None]:
    """Which failures are to be mended, and why not if they are not: red on the target too, the same again, enough."""
    run = trigger.run or failed_run(github, pull.head)
    red = {each.name for each in checks(github, pull.head) if each.state == "red"}
    before = {each.name for each in checks(github, pull.target) if each.state == "red"}
    if red and red <= before:
        return {}, Decision(work="none", code="ignored", reason=f"these checks are red on {pull.target} too")
    if not run:
        return {}, Decision(work="none", code="ignored", reason="no failed workflow run is known for this commit")
    print_ = fingerprint(failed_jobs(github, run))
    asked = trigger.kind != "checks"
    decision = admission.may_mend(ledger, pull.head, print_, policy) if not asked else None
    if decision and decision.work == "none":
        return {}, decision
    return {"run": run, "fingerprint": print_}, None


def _again(github: GitHub, trigger: Trigger, policy: Policy, runner: Runner) -> Decision | None:
    """A workflow that somebody started again is that person's wish."""
    if trigger.event in ("schedule", "workflow_run"):
        return None
    who = look_up(github, Account(login=runner.triggering))
    found = admission.admitted(msgspec.structs.replace(trigger, actor=who.account), who, policy)
    return found if found.work == "none" else None


def _ticket(
    trigger: Trigger, decision: Decision, actor: Actor, at: str, pull: Pull | None = None, **extra: Any
) -> Ticket:
    return Ticket(
        work=decision.work,
        code=decision.code,
        reason=decision.reason,
        kind="pull" if pull and trigger.kind == "issue" else trigger.kind,
        number=pull.number if pull else trigger.number,
        pull=pull.number if pull else 0,
        at=at,
        head=pull.head if pull else "",
        branch=pull.branch if pull else "",
        permission=actor.permission,
        asks=asks_of(trigger),
        **extra,
    )


def _told(trigger: Trigger, decision: Decision, actor: Actor) -> Ticket:
    """A refusal. Whoever asked with a command, and may, is answered where they asked."""
    if trigger.command is None or trigger.fork or not trigger.number:
        return _closed(trigger, decision)
    return _ticket(trigger, msgspec.structs.replace(decision, work="reply"), actor, trigger.at)


def _closed(trigger: Trigger, decision: Decision) -> Ticket:
    return Ticket(work="none", code=decision.code, reason=decision.reason, kind=trigger.kind, number=trigger.number)
