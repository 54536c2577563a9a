"""The jobs of the action: what each reads from the one before, what it leaves for the next, and what it says."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from gates import Gate
from harness.config import ConfigError
from harness.forge.github import GitHub
from harness.github import actions, answers, manifest, options, tracker
from harness.github.actions import Runner
from harness.github.admission import Policy
from harness.github.body import plain
from harness.github.deliver import Moved
from harness.github.leaks import safe
from harness.github.manifest import Manifest
from harness.github.outcome import Result
from harness.github.publish import Job, finish
from harness.github.snapshot import Context, goal_text, take
from harness.github.ticket import Ticket, decide, ledger_of, open_comment
from harness.github.trigger import Trigger, read
from harness.github.visible import one_line
from harness.goal import Criterion
from harness.journal import Record, State
from harness.repo import Store
from harness.repo.remote import Remote, fetch

DEPTH = 50
"""Commits of history that the maker can read."""
TICKET = "LOOPWRIGHT_TICKET"


class Begun(msgspec.Struct, kw_only=True):
    """One job's own: the runner, the forge, the trigger, and the ticket once there is one."""

    runner: Runner
    policy: Policy
    trigger: Trigger | None
    github: GitHub
    environ: Mapping[str, str]
    ticket: Ticket | None = None

    @property
    def bundle(self) -> Path:
        """Where the run's job leaves its evidence."""
        return Path(self.environ.get("LOOPWRIGHT_BUNDLE") or self.runner.temp / "loopwright" / "bundle")


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A goal, ready to be planned."""

    text: str
    repo: Path
    base: str
    criteria: tuple[Criterion, ...]
    overrides: dict[str, Any]
    source: str


def start(environ: Mapping[str, str]) -> Begun:
    """Read what the runner says. Raises `ConfigError`."""
    runner = actions.runner(environ)
    policy = options.policy(environ)
    trigger = read(runner.event, actions.payload(runner), policy.command)
    if trigger is not None and not trigger.repository:
        trigger = msgspec.structs.replace(trigger, repository=runner.repository)
    github = GitHub(runner.repository, runner.token, runner.api, runner.server, runner.graphql)
    begun = Begun(runner=runner, policy=policy, trigger=trigger, github=github, environ=environ)
    if ticket := environ.get(TICKET):
        try:
            begun.ticket = msgspec.json.decode(ticket, type=Ticket)
        except msgspec.MsgspecError as error:
            raise ConfigError(f"{TICKET} cannot be read", str(error), "pass the gate job's output `ticket`") from None
    return begun


def opened(begun: Begun, say: Callable[[str], None]) -> int:
    """The gate: decide, say so, and hand the ticket on."""
    options.options(begun.environ)  # a wrong input is told before anything is spent
    ticket = decide(begun.trigger, begun.github, begun.policy, begun.runner)
    if begun.trigger is not None and ticket.work != "none":
        ticket = open_comment(begun.github, begun.trigger, ticket, begun.runner.job, begun.runner.run)
    begun.ticket = ticket
    rate = begun.github.rate
    say(f"{ticket.work}: {one_line(ticket.reason, 300)} ({rate.remaining} of {rate.limit} requests left)")
    if ticket.work == "none":
        outcome = "ignored" if ticket.code in ("ignored", "no_command", "off") else "refused"
        say(actions.command("notice", f"Loopwright: {ticket.reason}"))
        actions.set_outputs(begun.runner, {"outcome": outcome, "reason": one_line(ticket.reason, 300)})
        actions.summarise(begun.runner, f"Loopwright did not start: {plain(ticket.reason)}")
    actions.set_outputs(begun.runner, ticket.outputs)
    return 0


def work_of(begun: Begun) -> str:
    """What the ticket says is to be done."""
    return begun.ticket.work if begun.ticket else "none"


def goal(begun: Begun, room: Path) -> Asked:
    """The snapshot, the base and the limits of a run; the base lies in a bare repository under `room`."""
    trigger, ticket, github = _trigger(begun), _ticket(begun), begun.github
    wish = actions.given("goal", "", begun.environ) if trigger.kind == "goal" and not trigger.text else ""
    context = take(
        trigger, github, ticket.at, ticket.permission, options.trust(begun.environ, trigger.private), wish, ticket.run
    )
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
    )


def _head(begun: Begun) -> str:
    """Where a pull request stands now: as the gate saw it, or where a run of ours has brought it since."""
    ticket = _ticket(begun)
    if not ticket.pull:
        return ticket.head
    pull = begun.github.pull(ticket.pull)
    ledger = ledger_of(begun.github, pull)
    if pull.head != ticket.head and (ledger is None or ledger.head != pull.head):
        raise Moved(f"the branch {pull.branch} moved while this waited", f"it is at {pull.head[:12]}", "ask again")
    return pull.head


def bundle(begun: Begun, state: State, records: Iterable[Record], gates: tuple[Gate, ...], store: Store) -> Manifest:
    """Leave the run's evidence for the publisher: manifest, pack, and the journal as the transcript."""
    context = _context(begun)
    question = state.questions[-1].text if state.questions else ""
    made = manifest.manifest_of(state, gates, context.digest() if context else "")
    made = msgspec.structs.replace(made, question=question[:2_000])
    made = manifest.save(begun.bundle, made, store)
    if actions.given("transcript", "artifact", begun.environ) == "artifact":
        with (begun.bundle / manifest.JOURNAL).open("wb") as file:
            for record in records:
                file.write(msgspec.json.encode(record) + b"\n")
    actions.set_outputs(begun.runner, {"run": made.run, "bundle-path": str(begun.bundle)})
    return made


def failed(begun: Begun, error: Exception, code: int) -> None:
    """Leave word of a run that could not begin, or broke, so that it is told where people look."""
    begun.bundle.mkdir(mode=0o700, parents=True, exist_ok=True)
    if (begun.bundle / manifest.MANIFEST).exists():
        return
    what, fix = str(getattr(error, "what", "") or error), str(getattr(error, "fix", "") or "")
    why = str(getattr(error, "why", "") or "")
    reason = f"{what}: {why}" if why else what
    made = Manifest(
        run="none",
        outcome="failed",
        exit_code=code,
        reason=reason[:2_000],
        next_step=fix[:2_000],
        base="",
        base_tree="",
    )
    (begun.bundle / manifest.MANIFEST).write_bytes(msgspec.json.encode(made))


def closed(begun: Begun, room: Path, secrets: tuple[str, ...], say: Callable[[str], None]) -> int:
    """The publisher: do what the ticket says, then outputs, summary and exit code."""
    ticket = _ticket(begun)
    if ticket.work == "none" or begun.trigger is None:
        return 0
    job = _job(begun, room, secrets)
    result = finish(job) if ticket.work == "run" else answers.answer(job)
    made = _manifest(begun)
    actions.set_outputs(begun.runner, _outputs(result, made, begun))
    words = safe(tracker.ended(result, made, begun.runner.job), secrets)
    actions.summarise(begun.runner, words)
    say(f"{result.ending}: {one_line(safe(result.reason, secrets), 300)}")
    if result.exit_code:
        text = f"Loopwright: {result.reason}" + (f"; next: {result.next_step}" if result.next_step else "")
        say(actions.command("error", one_line(safe(text, secrets), 900)))
    return result.exit_code


def _job(begun: Begun, room: Path, secrets: tuple[str, ...]) -> Job:
    trigger = _trigger(begun)
    chosen = options.options(begun.environ, trigger.command)
    if key := begun.environ.get("LOOPWRIGHT_SSH_SIGNING_KEY"):
        path = room / "signing-key"
        path.touch(mode=0o600)
        path.write_text(key.strip() + "\n")
        chosen = msgspec.structs.replace(chosen, key=path)
    return Job(
        github=begun.github,
        trigger=trigger,
        ticket=_ticket(begun),
        options=chosen,
        bundle=begun.bundle,
        room=room,
        secrets=secrets,
        address=begun.runner.job,
        workflow=begun.runner.run,
        own_token=begun.environ.get("LOOPWRIGHT_OWN_TOKEN", "true") == "true",
        context=_context(begun),
    )


def _outputs(result: Result, made: Manifest | None, begun: Begun) -> dict[str, object]:
    found: dict[str, object] = {
        "outcome": result.ending,
        "reason": one_line(result.reason, 300),
        "pr-number": result.number or "",
        "pr-url": result.url,
        "branch": result.branch,
        "head-sha": result.head,
        "tree-sha": result.tree,
        "comment-url": result.comment,
        "bundle-path": str(begun.bundle),
    }
    if made is not None:
        gates = [{"name": one_line(g.name, 80), "status": one_line(g.status, 20), "green": g.green} for g in made.gates]
        found |= {
            "run": one_line(made.run, 80),
            "iterations": made.iterations,
            "cost-usd": f"{made.micro_usd / 1_000_000:.6f}",
            "tokens-in": made.tokens_in,
            "tokens-out": made.tokens_out,
            "files-changed": made.files,
            "insertions": made.insertions,
            "deletions": made.deletions,
            "gates-json": msgspec.json.encode(gates).decode(),
            "context-sha256": made.context,
        }
    return found


def _manifest(begun: Begun) -> Manifest | None:
    try:
        return manifest.load(begun.bundle)[0]
    except manifest.BundleBroken:
        return None


def _context(begun: Begun) -> Context | None:
    path = begun.bundle / manifest.CONTEXT
    if path.is_symlink() or not path.is_file() or path.stat().st_size > manifest.LARGEST:
        return None
    try:
        return msgspec.json.decode(path.read_bytes(), type=Context)
    except msgspec.MsgspecError:
        return None


def _trigger(begun: Begun) -> Trigger:
    if begun.trigger is None:
        raise ConfigError(f"nothing is done for {begun.runner.event}", "", "call this after the gate said so")
    return begun.trigger


def _ticket(begun: Begun) -> Ticket:
    if begun.ticket is None:
        raise ConfigError("there is no ticket", f"{TICKET} is not set", "pass the gate job's output `ticket`")
    return begun.ticket
