"""A run's events as the blocks of its transcript."""

from collections.abc import Iterable
from datetime import datetime

from harness.events import (
    BranchIntended,
    CandidateMade,
    CheckpointMade,
    CommandReceived,
    ConversationEnded,
    ConversationOpened,
    Event,
    GateFinished,
    GateStarted,
    HostAllowed,
    HostDenied,
    IterationFinished,
    IterationStarted,
    ModelReplied,
    ModelRequested,
    NotesInjected,
    PullRequestMade,
    QuestionAnswered,
    QuestionAsked,
    RunCreated,
    RunFinished,
    RunPaused,
    SandboxClosed,
    SandboxOpened,
    Told,
    ToolFinished,
    ToolStarted,
    VerdictGiven,
)
from harness.goal import MICRO
from harness.journal import Record, Spoken, line
from harness.journal.cost import role_of
from tui import calls
from tui.block import Block, Row, folded
from tui.text import Tone, one_line

QUIET = (
    ModelRequested, GateStarted, SandboxOpened, SandboxClosed, BranchIntended, CheckpointMade, NotesInjected,
    QuestionAsked, QuestionAnswered,
)  # fmt: skip
"""Events that have no line of their own, but for what `_ask` says of questions."""
SIGNS: dict[str, Tone] = {"✓": "good", "✗": "bad", "!": "warn", "·": "dim"}
THINKING = 12
"""Rows of a thought that are shown while it comes."""
ANSWERS = {"allow_once": "allowed once", "allow_run": "allowed for this run", "deny": "denied", "reply": "told"}


def blocks(records: Iterable[Record], before: list[Block]) -> tuple[list[Block], dict[str, Block]]:
    """The new blocks of `records`, and by their call those of `before` that a result completes."""
    new: list[Block] = []
    done: dict[str, Block] = {}
    for record in records:
        event = record.event
        if type(event) is ToolFinished:
            _finish(event, record.seq, new, before, done)
        elif type(event) is ToolStarted:
            new.append(calls.begun(event, record.seq))
        else:
            new += _said(event, record)
    return new, done


def _finish(event: ToolFinished, seq: int, new: list[Block], before: list[Block], done: dict[str, Block]) -> None:
    call = f"{event.conversation}/{event.call}"
    for at in range(len(new) - 1, -1, -1):
        if new[at].call == call:
            new[at] = calls.ended(new[at], event, seq)
            return
    for block in reversed(before[-64:]):
        if block.call == call:
            done[call] = calls.ended(block, event, seq)
            return
    new.append(calls.ended(None, event, seq))


def _said(event: Event, record: Record) -> list[Block]:
    seq = record.seq
    match event:
        case RunCreated():
            return [Block(seq=seq, text=event.goal.text.strip(), tone="strong", sign="❯", sign_tone="key")]
        case IterationStarted():
            clock = datetime.fromtimestamp(record.ts / MICRO).strftime("%H:%M:%S")
            return [Block(seq=seq, text=f"iteration {event.n} · {clock} · {event.model}", rule=True)]
        case ModelReplied():
            return _reply(event, seq)
        case ConversationOpened(role="checker"):
            return [Block(seq=seq, text=f"checker · {event.model}", rule=True)]
        case GateFinished():
            return [_gate(event, seq)]
        case Told() | CommandReceived():
            return _told(event, seq)
        case QuestionAsked() | QuestionAnswered():
            return [_ask(event, seq)]
        case HostDenied():
            where = f"{event.host}:{event.port}" if event.port else event.host
            return [Block(seq=seq, text=f"wanted {where}: the network policy says no", sign="!", sign_tone="warn")]
        case HostAllowed():
            text = f"{event.principal or 'somebody'} allows {event.host} for this run"
            return [Block(seq=seq, text=text, sign="❯", sign_tone="key", tone="warn")]
        case RunPaused():
            return [Block(seq=seq, text=f"paused by {event.principal or 'somebody'}", sign="‖", tone="dim")]
        case PullRequestMade():
            return [Block(seq=seq, text=f"pull request #{event.number}: {event.url}", sign="✓", sign_tone="good")]
        case VerdictGiven():
            return [_verdict(event, seq)]
        case IterationFinished() | CandidateMade() | ConversationEnded() if not _worth(event):
            return []
        case _ if isinstance(event, QUIET):
            return []
        case _:
            return _plain(event, record)


def _worth(event: Event) -> bool:
    """Endings that say more than the block before them."""
    return not (isinstance(event, ConversationEnded) and event.ending in ("finish", "quiet"))


def _plain(event: Event, record: Record) -> list[Block]:
    said = line(record)
    if said is None:
        return []
    mark, _, text = said.strip().partition(" ")
    tone: Tone = "bad" if mark == "✗" else "plain" if mark in ("✓", "!") else "dim"
    if isinstance(event, RunFinished):
        tone = "good strong" if event.exit_code == 0 else "bad strong"
        ended = [Block(seq=record.seq, text=f"{event.outcome}: {event.reason}", tone=tone, sign=mark, sign_tone=tone)]
        if event.next_step:
            ended.append(Block(seq=record.seq, text=event.next_step, sign="→", sign_tone="key"))
        return ended
    return [Block(seq=record.seq, text=text, tone=tone, sign=mark, sign_tone=SIGNS.get(mark, "dim"))]


def _reply(event: ModelReplied, seq: int) -> list[Block]:
    found = []
    if event.thinking.strip():
        rows: list[Row] = [(row.expandtabs(4), "dim italic") for row in event.thinking.strip().split("\n")]
        body, more = folded(rows)
        found.append(
            Block(seq=seq, text=f"thinking {one_line(event.thinking)}", tone="dim italic", body=body, more=more)
        )
    if event.text.strip() and not _for_us(event.conversation, event.text):  # what came of it has a block of its own
        found.append(Block(seq=seq, text=event.text.strip()))
    return found


def saying(said: Spoken | None, seq: int) -> list[Block]:
    """What a model is saying, as the blocks behind the event `seq`: open while it comes, and nothing to look up yet."""
    if said is None:
        return []
    found = []
    text = said.text.strip()
    answer = _for_us(said.conversation, text)
    if thought := said.thinking.strip():
        rows: list[Row] = [(row.expandtabs(4), "dim italic") for row in thought.split("\n")]
        body, more = folded(rows, THINKING, end=True)
        found.append(
            Block(
                seq=seq + 1, text=f"thinking {one_line(thought)}", tone="dim italic", body=body, more=more,
                open=not (text or said.tool),
            )
        )  # fmt: skip
    if text and not answer:
        found.append(Block(seq=seq + 1, text=text, sign="…", sign_tone="live"))
    if said.tool or answer:
        text = "its answer is being written" if answer else f"{calls.SIGNS.get(said.tool, said.tool)} is being written"
        found.append(Block(seq=seq + 1, text=text, sign="…", sign_tone="live", tone="dim"))
    return found


def _for_us(conversation: str, text: str) -> bool:
    """Whether a reply is an answer in JSON that the harness asked for: nobody else wants to read it."""
    return role_of(conversation) != "maker" and text.lstrip().startswith("{")


def _gate(event: GateFinished, seq: int) -> Block:
    where = "at base" if event.place == "base" else ""
    new = f"{len(event.new_failures)} new" if event.new_failures else ""
    bad = f"{event.violations} violation{'' if event.violations == 1 else 's'}" if event.violations else ""
    took = "cached" if event.cached else f"{event.micros / MICRO:.1f}s"
    rows: list[Row] = []
    if event.result and not event.green:
        fresh = set(event.new_failures)
        for failure in event.result.failures:
            if failure.id in fresh:
                rows += [(failure.id, "warn"), (f"  {one_line(failure.message)}", "bad")]
        rows += [(f"{v.rule}  {v.path}:{v.line}  {one_line(v.message)}", "bad") for v in event.result.violations]
    body, more = folded(rows)
    words = "  ".join(filter(None, (f"{event.gate} {one_line(event.summary)}", where)))
    return Block(
        seq=seq, text=words, tone="result", sign="◆", sign_tone="result", mark="✓" if event.green else "✗",
        right=" · ".join(filter(None, (new, bad, took))), body=body, more=more, open=bool(body),
        call=f"gate/{event.place}/{event.iteration}/{event.gate}/{seq}",
    )  # fmt: skip


def _told(event: Told | CommandReceived, seq: int) -> list[Block]:
    if isinstance(event, CommandReceived):
        if event.kind == "answer":
            return []  # the answer itself says what it came to
        who = event.principal or "somebody"
        words = {"steer": event.text, "steer_next": f"next iteration: {event.text}"}.get(
            event.kind, f"{event.kind} {event.text}".strip()
        )
        return [Block(seq=seq, text=f"{who}: {words}", sign="❯", sign_tone="key", tone="warn")]
    if event.why == "steer":
        return []  # the command before it has the words and the person
    return [Block(seq=seq, text=f"harness ({event.why}): {event.text}", sign="·", sign_tone="dim", tone="dim")]


def _ask(event: QuestionAsked | QuestionAnswered, seq: int) -> Block:
    if isinstance(event, QuestionAsked):
        text = f"asks: {event.text}" + (f" ({event.subject})" if event.subject else "")
        return Block(seq=seq, text=text, sign="!", sign_tone="warn", tone="warn strong")
    said = ANSWERS.get(event.answer, event.answer)
    who = "nobody answered in time" if event.expired else event.principal or "somebody"
    words = f": {event.text}" if event.text else ""
    return Block(seq=seq, text=f"{who}: {said}{words}", sign="❯", sign_tone="key", tone="warn")


def _verdict(event: VerdictGiven, seq: int) -> Block:
    rows: list[Row] = [
        (f"{f.severity}  {f.path}:{f.line}  {one_line(f.claim)}", "bad" if f.severity == "blocking" else "plain")
        for f in event.findings
    ]
    good = event.decision == "accept"
    body, more = folded(rows)
    return Block(
        seq=seq, text=f"{event.decision}: {one_line(event.summary)}", tone="result", sign="◆", sign_tone="result",
        mark="✓" if good else "✗", body=body, more=more, open=not good, call=f"verdict/{seq}",
    )  # fmt: skip
