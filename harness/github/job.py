"""The jobs of the action: what each reads from the one before, what it leaves for the next, and what it says."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from gates import Gate
from harness.config import ConfigError
from harness.exits import UNPROVEN
from harness.forge import ForgeError
from harness.github import actions, answers, manifest, options, tracker
from harness.github.begun import Begun, ticket_of, trigger_of
from harness.github.body import plain
from harness.github.deliver import Moved
from harness.github.leaks import safe
from harness.github.manifest import Manifest
from harness.github.marker import Ledger
from harness.github.options import Options
from harness.github.outcome import Result
from harness.github.publish import Job, failure, finish, tell
from harness.github.replies import reply
from harness.github.snapshot import Context
from harness.github.ticket import Ticket, decide, open_comment
from harness.github.visible import one_line
from harness.github.voice import speaking
from harness.journal import Record, State
from harness.repo import Store

ANSWER = "answer with `/loopwright answer` and your words: a new run is told the question and them"


def opened(begun: Begun, say: Callable[[str], None]) -> int:
    """The gate: decide, say so, and hand the ticket on."""
    ticket = decide(begun.trigger, begun.github, begun.policy, begun.runner)
    if begun.trigger is not None and ticket.work != "none":
        _checked(begun, ticket)
        ticket = open_comment(begun.github, begun.trigger, ticket, begun.runner.job, begun.runner.run)
    begun.ticket = ticket
    rate = begun.github.rate
    told = f"{ticket.work}: {one_line(ticket.reason, 300)} ({rate.remaining} of {rate.limit} requests left)"
    say(actions.harmless(told))
    if ticket.work == "none":
        outcome = "ignored" if ticket.code in ("ignored", "no_command", "off") else "refused"
        say(actions.command("notice", f"Loopwright: {ticket.reason}"))
        actions.set_outputs(begun.runner, {"outcome": outcome, "reason": one_line(ticket.reason, 300)})
        actions.summarise(begun.runner, f"Loopwright did not start: {plain(ticket.reason)}")
    actions.set_outputs(begun.runner, ticket.outputs)
    return 0


def _checked(begun: Begun, ticket: Ticket) -> None:
    """A wrong input of any of the jobs is told here, where it was asked, before anything is spent. Raises
    `ConfigError`."""
    try:
        options.options(begun.environ)
        options.overrides(begun.environ)
        options.trust(begun.environ, private=True)
    except ConfigError as error:
        result = failure(error)
        actions.set_outputs(begun.runner, {"outcome": result.ending, "reason": one_line(result.reason, 300)})
        with suppress(ForgeError):  # the job is red in any case
            words = tracker.ended(result, None, begun.runner.job)
            ledger = Ledger(issue=ticket.number, workflow=begun.runner.run)
            if ticket.number:
                tracker.put(begun.github, tracker.locate(begun.github, ticket.number), words, ledger)
        raise


def work_of(begun: Begun) -> str:
    """What the ticket says is to be done."""
    return begun.ticket.work if begun.ticket else "none"


def bundle(begun: Begun, state: State, records: Iterable[Record], gates: tuple[Gate, ...], store: Store) -> Manifest:
    """Leave the run's evidence for the publisher: manifest, pack, and the journal as the transcript."""
    context = _context(begun)
    records = tuple(records)
    question = state.questions[-1].text if state.questions else ""
    made = manifest.manifest_of(state, gates, context.digest() if context else "")
    made = msgspec.structs.replace(made, question=question[:2_000], said=manifest.said_of(records))
    if question:
        made = msgspec.structs.replace(made, next_step=ANSWER)
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
    moved = isinstance(error, Moved)
    made = Manifest(
        run="none",
        outcome="failed",
        exit_code=UNPROVEN if moved else code,
        reason=reason[:2_000],
        next_step=fix[:2_000],
        tripped="moved" if moved else "",
        base="",
        base_tree="",
    )
    (begun.bundle / manifest.MANIFEST).write_bytes(msgspec.json.encode(made))


def closed(begun: Begun, room: Path, secrets: tuple[str, ...], say: Callable[[str], None]) -> int:
    """The publisher: do what the ticket says, then outputs, summary and exit code."""
    ticket = ticket_of(begun)
    if ticket.work == "none" or begun.trigger is None:
        return 0
    try:
        with speaking(begun, say) as more:
            secrets = (*secrets, *more)
            chosen = options.options(begun.environ, trigger_of(begun).command)
            result = _done(_job(begun, room, secrets, chosen))
    except (ForgeError, ConfigError) as error:  # no voice of the app, a wrong input: the job's own token says so
        result = failure(error)
        tell(_job(begun, room, secrets, Options()), result, None, None)
    made = _manifest(begun)
    actions.set_outputs(begun.runner, _outputs(result, made, begun))
    words = safe(tracker.ended(result, made, begun.runner.job), secrets)
    actions.summarise(begun.runner, words)
    say(actions.harmless(f"{result.ending}: {one_line(safe(result.reason, secrets), 300)}"))
    if result.exit_code:
        text = f"Loopwright: {result.reason}" + (f"; next: {result.next_step}" if result.next_step else "")
        say(actions.command("error", one_line(safe(text, secrets), 900)))
    return result.exit_code


def _done(job: Job) -> Result:
    if job.ticket.work != "run":
        return answers.answer(job)
    return finish(job) if job.ticket.asks == "change" else reply(job)


def _job(begun: Begun, room: Path, secrets: tuple[str, ...], chosen: Options) -> Job:
    if key := begun.environ.get("LOOPWRIGHT_SSH_SIGNING_KEY"):
        path = room / "signing-key"
        path.touch(mode=0o600)
        path.write_text(key.strip() + "\n")
        chosen = msgspec.structs.replace(chosen, key=path)
    return Job(
        github=begun.github,
        trigger=trigger_of(begun),
        ticket=ticket_of(begun),
        options=chosen,
        bundle=begun.bundle,
        room=room,
        secrets=secrets,
        address=begun.runner.job,
        workflow=begun.runner.run,
        own_token=begun.own_token,
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
