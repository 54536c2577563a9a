"""What one conversation leaves to the next in the same work tree: the model's note, or the harness's own."""

from collections.abc import Iterable

from harness.events import Event, ModelReplied, ToolFinished, ToolStarted
from harness.loop.run import Run
from harness.loop.talk import OVER, numbered

STEPS, STEP_CHARS, WORDS_CHARS = 25, 160, 1_500
"""How many of the last steps a note of the harness lists, how much of each, and how much of the last words."""


def handover(run: Run, n: int, *, lost: bool = False) -> str:
    """What the next conversation of iteration `n` is told of the last one; empty when there was none.

    `lost`: the work tree went with it, so that only what was learned is left.
    """
    before = numbered(run, f"maker.{n}")
    if not before:
        return ""
    last = run.state.conversations[before[-1]]
    why = last.ended.ending if last.ended else "cut off"
    head = "The work tree was lost with it: its changes are gone." if lost else "The work tree is as it left it."
    if last.ended and last.ended.ending == "handover" and last.ended.detail.strip():
        return f"An earlier conversation wrote this when it had grown too long. {head}\n\n{last.ended.detail}"
    told = digest((record.event for record in run.history()), last.name)
    return f"An earlier conversation ended ({why}) without a note. {head} What the harness saw of it:\n\n{told}"


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
