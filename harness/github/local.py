"""From a terminal: an issue as a goal, and a proven run as a pull request, on any forge."""

from collections.abc import Callable
from datetime import UTC, datetime

from gates import Gate
from harness.events import Event
from harness.forge import Account, Forge, ForgeRejected
from harness.forge.github import GitHub
from harness.github import deliver
from harness.github.body import Setting, body, title_of
from harness.github.leaks import safe
from harness.github.manifest import manifest_of
from harness.github.marker import Ledger
from harness.github.outcome import Result
from harness.github.snapshot import Context, take
from harness.github.trigger import Trigger
from harness.journal import State
from harness.repo import Store
from harness.repo.remote import Remote, push, tip


def issue(forge: Forge, number: int, wish: str = "") -> Context:
    """The snapshot of an issue as it stands now; the words of the terminal's own user go with it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    trigger = Trigger(
        kind="issue", event="cli", repository=forge.repository, actor=Account(login="you"), number=number, at=now
    )
    return take(trigger, forge, now, "admin", "write", wish)


def propose(
    forge: Forge,
    state: State,
    store: Store,
    gates: tuple[Gate, ...],
    *,
    ready: bool,
    secrets: tuple[str, ...] = (),
    record: Callable[[Event], None] = lambda event: None,
) -> Result:
    """Push a proven run's branch and open, or update, its pull request. Raises `ForgeError`, `RepoError`."""
    made, created = state.branch_made, state.created
    if made is None or created is None:
        why = state.finished.reason if state.finished else "it has not finished"
        raise ForgeRejected(f"run {state.run} has no branch", why, f"go on with: loopwright resume {state.run}")
    manifest = manifest_of(state, gates)
    remote = Remote(url=forge.remote[0], auth=forge.remote[1])
    if tip(remote, made.branch) != made.commit:
        push(store.place, remote, made.commit, made.branch)
    number = int(created.goal.source.removeprefix("issue#")) if created.goal.source.startswith("issue#") else 0
    title = forge.issue(number).title if number else created.goal.text.strip().splitlines()[0]
    seen = deliver.signature(forge, made.commit, made.tree) if isinstance(forge, GitHub) else ""
    ledger = Ledger(issue=number, run=state.run, head=made.commit, tree=made.tree, green=manifest.green)
    setting = Setting(number=number, title=title, ledger=ledger, verified=seen, own_token=False)
    forge.status(made.commit, manifest.green, "every gate is green; the checker accepts", "")
    pushed = deliver.Pushed(branch=made.branch, head=made.commit, signature=seen)
    target = created.base_ref if tip(remote, created.base_ref) else forge.default_branch()
    words = safe(body(manifest, setting), secrets)
    name = safe(title_of(manifest, setting), secrets)
    pull, opened = deliver.propose(forge, pushed, target, name, words, not (ready and manifest.green), record)
    if ready and manifest.green and pull.draft:
        pull = forge.make_ready(pull)
    return Result(
        ending="pr_opened" if opened else "pr_updated",
        reason="every gate is green on this tree",
        number=pull.number,
        url=pull.url,
        branch=made.branch,
        head=made.commit,
        tree=made.tree,
    )
