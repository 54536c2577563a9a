"""The inner loop: the model is asked, what it calls is run and answered, until it or a breaker ends it."""

from collections.abc import Callable, Generator, Iterator
from contextlib import closing
from typing import Any

from harness.agent.conversation import Conversation
from harness.agent.guards import (
    NOTE_AT,
    WRAP_UP_PERCENT,
    Ending,
    TurnLimits,
    repetitions,
    tripped,
    used_percent,
)
from harness.agent.tools import Toolbox
from harness.events import Event, Told, ToolFinished
from harness.models.base import Reply, Request, ToolCall

Ask = Callable[[Request, int], Generator[Event, None, Reply]]

QUIET = "There was no tool call. When the work is done call finish, when it cannot be done call blocked; else go on."
CUT = "The reply was cut off at its length limit. Go on in smaller steps and shorter words."
REPEATED = "The same call has given the same result three times. It will not change: try something else."
WRAP_UP = "A limit is near. Wrap up: leave the tree working, then call finish."
WRAP_UP_JUDGE = "A limit is near. Look at nothing more: give the answer now."
HANDOVER = """\
This conversation ends here: it has grown too long. Another one goes on in this very work tree and has not seen this \
one. Write its hand-over note now, at most 600 words, with no tool call, under these headings: Goal state. Verified \
facts. Changed files. Failing checks. Next step. Dead ends."""
SKIPPED = "skipped: an earlier call ended the conversation"
INTERRUPTED = (
    "The harness or its sandbox was restarted while this ran; its effect may be partial: look before you go on."
)
MALFORMED = "This call was cut off or is not valid JSON. It was not run. Send it again, whole and in smaller pieces."


def turns(
    conversation: Conversation,
    toolbox: Toolbox,
    ask: Ask,
    limits: TurnLimits,
    inbox: Callable[[], tuple[str, ...]] = tuple,
    *,
    pressure: Callable[[], float] = float,
    schema: dict[str, Any] | None = None,
) -> Generator[Event, None, Ending]:
    """Hold a conversation to its end, from wherever it stands: a new one and a replayed one alike.

    Each event is to be stored before the next is asked for. `inbox` gives what a supervisor wants said, once;
    `pressure` the used-up share of money and time. Raises what `ask` raises, and `SandboxGone`.
    """
    while True:
        ending = (yield from _settle(conversation, toolbox)) or tripped(conversation, limits)
        if ending is not None and not (yield from _hands_over(conversation, ending)):
            return ending
        if not conversation.waiting:
            for why, text in _remarks(conversation, limits, inbox, pressure):
                yield from _tell(conversation, why, toolbox.clean(text))
        request = conversation.request(limits.max_tokens, schema)
        reply = yield from _hear(conversation, ask(request, conversation.call + 1))
        conversation.calls = reply.calls  # which of them were malformed, the wire no longer shows


def _settle(conversation: Conversation, toolbox: Toolbox) -> Generator[Event, None, Ending | None]:
    """Give the last reply what it is owed; the ending if it ends the conversation."""
    if conversation.waiting:
        return None
    match conversation.stop_reason:
        case "":
            return None
        case "refusal":
            return Ending(kind="refused", text=toolbox.clean(conversation.text))
        case "model_context_window_exceeded":
            return Ending(kind="context", text="the model's context window is full")
    if "handover" in conversation.told and "handover" not in conversation.said:
        return Ending(kind="handover", text=toolbox.clean(conversation.text))
    for call, started in conversation.unanswered():
        yield from _answer(conversation, toolbox, call, started)
    if conversation.final is not None:
        return _claimed(*conversation.final, toolbox.clean)
    if conversation.calls or conversation.said:
        return None
    return (yield from _quiet(conversation, toolbox.clean))


def _hands_over(conversation: Conversation, ending: Ending) -> Generator[Event, None, bool]:
    """At the soft limit of its context a maker is asked for a note first, unless the server has cut the prompt."""
    if conversation.role != "maker" or ending.kind != "context" or not ending.limit or conversation.shrank:
        return False
    if "handover" not in conversation.told:
        yield from _tell(conversation, "handover", HANDOVER)
    return True


def _answer(
    conversation: Conversation, toolbox: Toolbox, call: ToolCall, started: bool
) -> Generator[Event, None, None]:
    if conversation.final is not None:
        finished = toolbox.refuse(conversation.id, call, "skipped", SKIPPED)
    elif started:
        finished = toolbox.refuse(conversation.id, call, "environment", INTERRUPTED)
    elif (intent := toolbox.intent(conversation.id, call)) is None:
        finished = toolbox.refuse(conversation.id, call, "environment", MALFORMED)
    else:
        yield intent
        conversation.apply(intent)
        finished = yield from toolbox.work(conversation.id, call)
    yield finished
    conversation.apply(finished)


def _claimed(finished: ToolFinished, call: ToolCall, clean: Callable[[str], str]) -> Ending:
    """The ending that `finish` or `blocked` asked for, in the model's own words."""
    given = call.input or {}
    if finished.final == "blocked":
        return Ending(kind="blocked", text=clean(given["reason"]), tried=clean(given.get("tried") or ""))
    evidence = {clean(name): clean(how) for name, how in (given.get("evidence") or {}).items()}
    return Ending(kind="finish", text=clean(given["summary"]), evidence=evidence)


def _quiet(conversation: Conversation, clean: Callable[[str], str]) -> Generator[Event, None, Ending | None]:
    """A reply without a call: the answer of a checker; a maker is reminded, once, that there are two ways out."""
    why, text = ("cut", CUT) if conversation.stop_reason == "max_tokens" else ("quiet", QUIET)
    answered = why == "quiet" and (conversation.role != "maker" or "quiet" in conversation.told)
    if answered:
        return Ending(kind="quiet", text=clean(conversation.text))
    yield from _tell(conversation, why, text)
    return None


def _remarks(
    conversation: Conversation,
    limits: TurnLimits,
    inbox: Callable[[], tuple[str, ...]],
    pressure: Callable[[], float],
) -> Iterator[tuple[str, str]]:
    """What is said beside the results. Nothing is said twice on resume; a supervisor has the last word."""
    if repetitions(conversation.keys, 1) == NOTE_AT and "repeat" not in conversation.said:
        yield "repeat", REPEATED
    near = used_percent(conversation, limits, pressure()) >= WRAP_UP_PERCENT
    if near and "wrap_up" not in conversation.told:
        yield "wrap_up", WRAP_UP if conversation.role == "maker" else WRAP_UP_JUDGE
    for text in inbox():
        yield "steer", text


def _tell(conversation: Conversation, why: str, text: str) -> Generator[Event, None, None]:
    told = Told(conversation=conversation.id, why=why, text=text)
    yield told
    conversation.apply(told)


def _hear(conversation: Conversation, events: Generator[Event, None, Reply]) -> Generator[Event, None, Reply]:
    """Pass the events of a call on, taking them in, and give its reply."""
    with closing(events):
        while True:
            try:
                event = next(events)
            except StopIteration as stop:
                reply: Reply = stop.value
                return reply
            yield event
            conversation.apply(event)
