"""The last job: from a run's bundle to a pull request, or to a loud word why there is none. Runs no code of the
repository, and believes the bundle nothing that it does not compute anew."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from harness.config import ConfigError
from harness.events import CommentMade, Event
from harness.exits import DENIED, USAGE
from harness.forge import ForgeDenied, ForgeError, Pull
from harness.forge.commits import contains
from harness.forge.github import GitHub
from harness.github import attest, deliver, tracker
from harness.github.body import Setting, body, branch_of, headline, message, title_of
from harness.github.leaks import WITHHELD, leaks, safe
from harness.github.manifest import BundleBroken, Manifest, load
from harness.github.marker import Ledger, write
from harness.github.options import Options
from harness.github.outcome import Ending, Result, ending_of
from harness.github.snapshot import Context
from harness.github.ticket import Ticket, ledger_of
from harness.github.trigger import Trigger
from harness.github.verify import Verified, verify
from harness.repo import RepoError
from harness.repo.remote import Remote, RemoteFailed, fetch, tip


class Job(msgspec.Struct, frozen=True, kw_only=True):
    """Everything that publishing needs."""

    github: GitHub
    trigger: Trigger
    ticket: Ticket
    options: Options
    bundle: Path
    """The directory that the run left."""
    room: Path
    """An empty directory for the work."""
    secrets: tuple[str, ...] = ()
    address: str = ""
    """Of this workflow run."""
    workflow: int = 0
    own_token: bool = True
    context: Context | None = None
    record: Callable[[Event], None] = lambda event: None

    @property
    def voices(self) -> tuple[int, ...]:
        """Accounts that speak for us in the other jobs."""
        return (self.ticket.bot,) if self.ticket.bot else ()


def finish(job: Job) -> Result:
    """Publish a run, tell how it ended wherever it can be told, and return it. Raises nothing of a forge's."""
    manifest: Manifest | None = None
    try:
        manifest, pack = load(job.bundle)
        result, pull = _publish(job, manifest, pack)
    except (ForgeError, RepoError) as error:
        result, pull = failure(error), None
    told = tell(job, result, manifest, pull)
    return msgspec.structs.replace(result, comment=told)


def _publish(job: Job, manifest: Manifest, pack: bytes) -> tuple[Result, Pull | None]:
    ending = ending_of(manifest.outcome, manifest.exit_code, manifest.tripped)
    wanted = job.options.pr if manifest.green else job.options.on_failure
    if manifest.outcome == "succeeded" and not manifest.green:
        raise BundleBroken("the run says it succeeded, and its gates do not", "a gate is red or judged another tree")
    if not manifest.commit or wanted == "comment":
        return Result(
            ending=ending, reason=manifest.reason, next_step=manifest.next_step, code=manifest.exit_code
        ), None
    remote = Remote(url=job.github.remote[0], auth=job.github.remote[1])
    verified = verify(manifest, pack, remote, job.room, job.options.patch, job.secrets)
    # artifacts of a public repository are public: what holds a credential of ours is not kept as it is
    patch = safe(verified.patch, job.secrets) if leaks(verified.patch, job.secrets) else verified.patch
    (job.bundle / "candidate.patch").write_text(patch, encoding="utf-8", errors="replace")
    if not verified.weighed.allowed:
        reason = "; ".join(verified.weighed.why)
        step = "the change is the file candidate.patch of this run's artifact; allow-paths makes exceptions"
        return Result(ending="blocked_by_policy", reason=reason, next_step=step, tree=verified.tree), None
    return _deliver(job, manifest, verified, remote, "branch" if wanted == "branch" else wanted)


def _deliver(
    job: Job, manifest: Manifest, verified: Verified, remote: Remote, wanted: str
) -> tuple[Result, Pull | None]:
    github, ticket = job.github, job.ticket
    there = github.pull(ticket.pull) if ticket.pull else None
    before = ledger_of(github, there)
    if ticket.pull and (there is None or not there.open):
        raise deliver.Moved("the pull request is closed", "nothing is pushed to it any more")
    number = before.issue if before else (ticket.number if ticket.kind == "issue" else 0)
    if number:
        issue = github.issue(number)
        if not issue.open or issue.locked:
            raise deliver.Moved(f"issue #{number} was {'locked' if issue.locked else 'closed'} meanwhile", "")
    title = there.title if there else _asked(job)
    setting = _setting(job, manifest, verified, number, title)
    branch = there.branch if there else _branch(job, verified, remote, title)
    at = tip(remote, branch)
    target = there.target if there else _target(job)
    if not at and not contains(github, target, verified.base.commit):
        # the rules for patches judge what lies between base and tree: a base of the bundle's choice would bring along
        # whatever lies before it, a stranger's fork for example
        raise BundleBroken("the run's base is not ours", f"{verified.base.commit[:12]} does not lie on {target}")
    if at and at != verified.base.commit and _tree(job, remote, at) == verified.tree:
        head = at  # pushed before, by this very run: the answer to it was lost
        pushed = deliver.Pushed(branch=branch, head=at, signature=deliver.signature(github, at, verified.tree))
    else:
        words = safe(message(manifest, setting, _co_author(job)), job.secrets)
        pushed = deliver.send(github, verified, branch, words, job.options.signing, job.options.key, at)
        head = pushed.head
    held = bool(verified.weighed.ask)
    github.status(head, manifest.green, _status(manifest), job.address)
    done = Result(ending="branch_pushed", reason=manifest.reason, branch=branch, head=head, tree=verified.tree)
    _attest(job, manifest, head)
    if wanted == "branch":
        failed = ending_of(manifest.outcome, manifest.exit_code, manifest.tripped)
        return msgspec.structs.replace(done, ending=done.ending if manifest.green else failed), None
    mending = job.trigger.kind == "checks"
    ledger = Ledger(
        issue=number,
        run=manifest.run,
        head=head,
        tree=verified.tree,
        green=manifest.green,
        held=held,
        attempts=before.attempts + 1 if before and mending else 0,
        failures=ticket.fingerprint if mending else "",
        workflow=job.workflow,
    )
    setting = msgspec.structs.replace(setting, ledger=ledger, verified=pushed.signature)
    words = _guarded(body(manifest, setting), ledger, job.secrets)
    draft = wanted != "ready" or held or not manifest.green
    name = there.title if there else safe(title_of(manifest, setting), job.secrets)
    pull, created = deliver.propose(github, pushed, target, name, words, draft, job.record)
    if pull.draft and not draft:
        pull = github.make_ready(pull)
    _mark(job, pull, held, created)
    ending: Ending = "pr_opened" if created else "pr_updated"
    if not manifest.green:
        ending = ending_of(manifest.outcome, manifest.exit_code, manifest.tripped)
    return msgspec.structs.replace(done, ending=ending, number=pull.number, url=pull.url), pull


def _asked(job: Job) -> str:
    if job.trigger.issue or job.context is None:
        return job.trigger.issue.title if job.trigger.issue else ""
    return job.context.title or headline(job.context.wish)


def _setting(job: Job, manifest: Manifest, verified: Verified, number: int, title: str) -> Setting:
    context = job.context
    return Setting(
        number=number,
        title=title,
        closes=job.options.fixes,
        actor=job.trigger.actor.login,
        job=job.address,
        ask=verified.weighed.ask,
        withheld=context.withheld if context else 0,
        hidden=context.hidden if context else 0,
        own_token=job.own_token,
    )


def _branch(job: Job, verified: Verified, remote: Remote, title: str) -> str:
    wanted = branch_of(job.ticket.kind or "goal", job.ticket.number, title)
    github = job.github
    return deliver.free(
        remote,
        wanted,
        verified.tree,
        lambda commit: _tree(job, remote, commit),
        lambda branch: ledger_of(github, github.pull_of(branch)) is not None,
    )


def _tree(job: Job, remote: Remote, commit: str) -> str:
    """The tree of a commit on the forge; `` when it cannot be had."""
    try:
        return fetch(remote, commit, job.room / f"look-{commit[:12]}.git")[1].tree
    except RepoError:
        return ""


def _target(job: Job) -> str:
    command = job.trigger.command
    return (command.base if command else "") or job.options.base or job.github.default_branch()


def _mark(job: Job, pull: Pull, held: bool, created: bool) -> None:
    """Labels and reviewers; one that cannot be set is no reason to fail."""
    labels = (*job.options.labels, *(("needs-human",) if held else ()))
    people = job.options.reviewers
    if job.options.ask_actor and job.trigger.actor.type == "User":
        people = (*people, job.trigger.actor.login)
    try:
        if labels:
            job.github.label(pull.number, labels)
        if created and (wanted := tuple(dict.fromkeys(p for p in people if p != pull.author.login))):
            job.github.ask_review(pull.number, wanted)
    except ForgeError:
        return


def _co_author(job: Job) -> str:
    actor = job.trigger.actor
    if not job.options.co_author or actor.type != "User" or not actor.id:
        return ""
    name, mail = deliver.address(job.github, actor)
    return f"{name} <{mail}>"


def _status(manifest: Manifest) -> str:
    green = sum(gate.green for gate in manifest.gates)
    return f"{green} of {len(manifest.gates)} gates green; checker: {manifest.decision or 'not asked'}"


def _attest(job: Job, manifest: Manifest, head: str) -> None:
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    address = f"{job.github.server}/{job.github.repository}"
    lines = attest.statements(manifest, address, head, now).decode().splitlines(keepends=True)
    kept = (line for line in lines if not leaks(line, job.secrets))
    (job.bundle / "attestation.jsonl").write_text("".join(kept), encoding="utf-8")


def _guarded(whole: str, ledger: Ledger, secrets: tuple[str, ...]) -> str:
    """The body with no credential in it; what had to be withheld whole keeps its mark."""
    words = safe(whole, secrets)
    return f"{WITHHELD}\n\n{write(ledger)}" if words == WITHHELD else words


def tell(job: Job, result: Result, manifest: Manifest | None, pull: Pull | None) -> str:
    """Say it where people look: the tracking comment, the thread of the review, a reaction. The comment's address;
    `` when nothing can be written there."""
    ticket, trigger, github = job.ticket, job.trigger, job.github
    good = result.exit_code == 0
    words = safe(tracker.ended(result, manifest, job.address), job.secrets)
    ledger = Ledger(issue=trigger.number, run=manifest.run if manifest else "", workflow=job.workflow)
    try:
        if not ticket.number:
            return ""
        known = tracker.Tracker(number=ticket.number, comment=ticket.comment)
        made = tracker.put(
            github, known if ticket.comment else tracker.locate(github, ticket.number, job.voices), words, ledger
        )
        job.record(
            CommentMade(
                forge=github.kind, repository=github.repository, number=made.number, url=made.url, marker="loopwright"
            )
        )
        if trigger.place == "review_comment":
            done = f"Done in {result.head[:12]}." if good and result.head else "Not done: see the comment below."
            github.reply(trigger.number, trigger.comment, f"{done}\n\n{write(ledger)}")
        if trigger.place in ("issue_comment", "review_comment"):
            tracker.react(github, trigger.place, trigger.number, trigger.comment, "rocket" if good else "confused")
        return made.url
    except ForgeError:
        return ""


def failure(error: ForgeError | RepoError | ConfigError) -> Result:
    """What an error on the way means for the job."""
    ending: Ending = "error"
    code = None
    match error:
        case deliver.Moved() | RemoteFailed(kind="moved"):
            ending = "stale_head"
        case RemoteFailed(kind="workflow" | "protected"):
            ending = "blocked_by_policy"
        case RemoteFailed(kind="denied") | ForgeDenied():
            code = DENIED
        case ConfigError():
            code = USAGE
        case _:
            pass
    return Result(ending=ending, reason=str(error), next_step=error.fix, code=code)
