"""What is done without a model: words, taking a draft's mark away, taking a commit back, cancelling a run."""

import re

from harness.forge import ForgeError, Pull
from harness.forge.checks import checks
from harness.github import tracker
from harness.github.deliver import undo
from harness.github.leaks import safe
from harness.github.marker import Ledger, write
from harness.github.outcome import Result
from harness.github.publish import Job, failure, tell
from harness.github.ticket import ledger_of
from harness.repo import RepoError, Store
from harness.repo.remote import Remote, fetch, parent


def answer(job: Job) -> Result:
    """Do what the ticket says, and tell it. Raises nothing of a forge's."""
    try:
        match job.ticket.work:
            case "ready":
                result = _ready(job)
            case "undo":
                result = _undo(job)
            case "cancel":
                result = _cancel(job)
            case _:
                return _words(job)
    except (ForgeError, RepoError) as error:
        result = failure(error)
    if result.ending != "ignored":
        tell(job, result, None, None)
    return result


def _words(job: Job) -> Result:
    """Help, or how it stands: the one comment that is not the tracking comment."""
    command, number = job.trigger.command, job.ticket.number
    if command is None:
        return Result(ending="ignored", reason="nothing was asked")
    if command.verb == "status":
        there = tracker.locate(job.github, number, job.voices)
        words = f"See {there.url}" if there.url else "Nothing was started here yet."
    else:
        why = "" if command.verb == "help" else job.ticket.reason
        words = tracker.help_text(command.unknown, command.text if command.unknown else "", why)
    made = tracker.note(job.github, number, safe(words, job.secrets))
    return Result(ending="answered", reason=f"answered {command.verb}", comment=made.url)


def _ready(job: Job) -> Result:
    """Take the draft's mark away when our gates and the forge's checks are green on the commit that stands there."""
    pull, ledger = _ours(job)
    asked = job.trigger.command is not None
    why = _not_ready(job, pull, ledger, asked)
    if why:
        return Result(ending="refused" if asked else "ignored", reason=why)
    pull = job.github.make_ready(pull)
    return Result(
        ending="pr_ready", reason="gates and checks are green", number=pull.number, url=pull.url, head=pull.head
    )


def _not_ready(job: Job, pull: Pull, ledger: Ledger, asked: bool) -> str:
    if not pull.draft:
        return f"#{pull.number} is no draft"
    if pull.head != ledger.head:
        return f"#{pull.number} has commits that no gate of ours has seen"
    if not ledger.green:
        return f"the gates are not green on {pull.head[:12]}"
    if ledger.held and not asked:
        return "it changes files that a person has to look at first"
    if job.options.pr != "draft" and not asked:
        return "drafts are left as they are here"
    here = f"/actions/runs/{job.workflow}/"  # a job that was started by a review is a check of the pull request
    found = [each for each in checks(job.github, pull.head) if here not in each.url]
    waiting = [each.name for each in found if each.state in ("red", "running")]
    return f"these checks are not green: {', '.join(waiting[:5])}" if waiting else ""


def _undo(job: Job) -> Result:
    """Take our last commit back with a new one; nothing is forced, and a person's commit is never touched."""
    pull, ledger = _ours(job)
    if pull.head != ledger.head:
        return Result(ending="refused", reason="the last commit is not Loopwright's", next_step="revert it yourself")
    remote = Remote(url=job.github.remote[0], auth=job.github.remote[1])
    repository, base = fetch(remote, pull.head, job.room / "undo.git", depth=2)
    before = parent(repository.place, base.commit)
    store = Store(job.room, repository)
    store.adopt(base)
    words = f"Take {base.commit[:12]} back\n\nAsked for with a comment."
    head = undo(job.github, store, base.commit, before, pull.branch, words)
    stands = Ledger(issue=ledger.issue, head=head, tree=store.tree(before), held=ledger.held)
    body = pull.body[: pull.body.rfind("<!-- loopwright:")].rstrip()
    body = re.sub(rf"(?m)^Fixes (?=#{ledger.issue}$)", "Refs ", body)  # nothing is proven of what stands there now
    told = (
        f"> {base.commit[:12]} was taken back. What follows is about that commit: no gate has judged what stands now."
    )
    job.github.edit_pull(pull, pull.title, f"{told}\n\n{body}\n\n{write(stands)}")
    reason = f"{base.commit[:12]} was taken back"
    return Result(ending="pr_updated", reason=reason, number=pull.number, url=pull.url, branch=pull.branch, head=head)


def _cancel(job: Job) -> Result:
    """Cancel the workflow run that our tracking comment names."""
    ledger = tracker.locate(job.github, job.ticket.number, job.voices).ledger
    if not ledger.workflow or ledger.workflow == job.workflow:
        return Result(ending="refused", reason="no workflow run is known that works on this")
    job.github.wire.post(job.github.api(f"/actions/runs/{ledger.workflow}/cancel"))
    return Result(ending="answered", reason=f"workflow run {ledger.workflow} was asked to cancel")


def _ours(job: Job) -> tuple[Pull, Ledger]:
    pull = job.github.pull(job.ticket.pull)
    return pull, ledger_of(job.github, pull) or Ledger()
