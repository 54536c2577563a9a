"""What one conversation leaves to the next in the same work tree: the model's note, or the harness's own."""

from collections.abc import Generator, Iterable

from harness.agent import prompt, section
from harness.events import ConversationEnded, Event, ModelReplied, ToolFinished, ToolStarted
from harness.journal import Conversation
from harness.loop.aside import aside
from harness.loop.run import Run
from harness.loop.talk import OVER, numbered

STEPS, STEP_CHARS, WORDS_CHARS = 25, 160, 1_500
"""How many of the last steps a note of the harness lists, how much of each, and how much of the last words."""
WORTH = 3
"""Turns of a conversation that are worth a summary."""
SAID, SHOWN, RECORD, NOTE = 600, 400, 40_000, 6_000
"""Characters of a reply and of a result that a record keeps, of a record, and of a summary."""


def handover(run: Run, n: int, *, lost: bool = False, summary: str = "") -> str:
    """What the next conversation of iteration `n` is told of the last one; empty when there was none.

    `lost`: the work tree went with it, so that only what was learned is left. `summary` is from `summed`.
    """
    before = numbered(run, f"maker.{n}")
    if not before:
        return ""
    last = run.state.conversations[before[-1]]
    why = last.ended.ending if last.ended else "cut off"
    head = "The work tree was lost with it: its changes are gone." if lost else "The work tree is as it left it."
    if note := _note(last):
        return f"An earlier conversation wrote this when it had grown too long. {head}\n\n{note}"
    told = digest((record.event for record in run.history()), last.name)
    word = f"\n\nA light model's summary of it, which may be wrong:\n\n{summary}" if summary else ""
    return f"An earlier conversation ended ({why}) without a note. {head} What the harness saw of it:\n\n{told}{word}"


def summed(run: Run, n: int) -> Generator[Event, None, str]:
    """A light model's summary of the last conversation of iteration `n`, where that has left no note of its own.

    Empty where there is nothing to say, or nobody to ask: the harness's own note does without.
    """
    before = numbered(run, f"maker.{n}")
    last = run.state.conversations[before[-1]] if before else None
    if last is None or last.turns < WORTH or _note(last):
        return ""
    name = f"light.{n}.{len(before)}"
    if (known := run.state.conversations.get(name)) and known.ended:
        return known.ended.detail if known.ended.ending == "quiet" else ""
    told = transcript((record.event for record in run.history()), last.name)
    reply = yield from aside(run, name, prompt("light"), section("record", told))
    if reply is None:
        return ""
    text = run.clean(reply.text.strip())[:NOTE]
    yield ConversationEnded(conversation=name, ending="quiet", detail=text)
    return text


def _note(last: Conversation) -> str:
    return last.ended.detail.strip() if last.ended and last.ended.ending == "handover" else ""


def transcript(events: Iterable[Event], conversation: str) -> str:
    """The end of a conversation, in words: what was said, what was called, and how each result began."""
    lines: list[str] = []
    for event in events:
        if getattr(event, "conversation", None) != conversation:
            continue
        match event:
            case ModelReplied() if event.text.strip():
                lines.append(f"said: {event.text.strip()[:SAID]}")
            case ToolStarted():
                lines.append(f"called {event.name}: {event.summary}")
            case ToolFinished():
                lines.append(f"result ({event.status}): {event.output[:SHOWN]}")
    return "\n".join(lines)[-RECORD:]


def digest(events: Iterable[Event], conversation: str) -> str:
    """A conversation as its events tell it: files that were changed, the last steps, the last words."""
    calls: dict[str, ToolStarted] = {}
    changed: dict[str, None] = {}
    steps: list[str] = []
    words = ""
    for event in events:
        if getattr(event, "conversation", None) != conversation:
            continue
        match event:
            case ToolStarted():
                calls[event.call] = event
            case ToolFinished():
                call = calls.pop(event.call, None)
                if call is not None:
                    steps.append(f"- {call.name}: {call.summary}"[:STEP_CHARS] + f" ({event.status})")
                    if call.name in ("write", "edit") and event.status == "ok":
                        changed[call.summary] = None
            case ModelReplied() if event.text.strip():
                words = event.text.strip()
    parts = [
        "Files changed by tools: " + (", ".join(changed) or "none"),
        "Last steps:\n" + ("\n".join(steps[-STEPS:]) or "none"),
    ]
    if words:
        parts.append(f"Last words:\n{words[-WORDS_CHARS:]}")
    return "\n\n".join(parts)


def turns_of(run: Run, n: int, *, over: bool = False) -> int:
    """Turns of iteration `n`'s conversations; with `over` of those alone that another one goes on from."""
    talks = [run.state.conversations[name] for name in numbered(run, f"maker.{n}")]
    return sum(talk.turns for talk in talks if not over or (talk.ended and talk.ended.ending in OVER))
