"""A conversation of a run, opened or taken up again where the journal left it."""

from collections.abc import Generator
from typing import Any

from harness.agent import Conversation, Ending, Toolbox, TurnLimits, prompt, replay, turns
from harness.events import ConversationEnded, Event, Role
from harness.loop.run import Run
from harness.models import Reply, Request, ask


def converse(
    run: Run, role: Role, name: str, first: str, toolbox: Toolbox, schema: dict[str, Any] | None = None
) -> Generator[Event, None, Ending]:
    """Hold the conversation `name` to its end. Raises what `ask` and the sandbox raise.

    One that the journal already knows goes on from its last message, byte for byte; `first` is then not used.
    """
    voice = run.voices[role]
    if name in run.state.conversations:
        conversation = replay((record.event for record in run.history()), name)
    else:
        conversation = Conversation.open(
            id=name,
            role=role,
            model=voice.profile.name,
            system=prompt(role),
            tools=toolbox.schemas,
            first=toolbox.clean(first),
        )
        yield conversation.opened()

    def say(request: Request, call: int) -> Generator[Event, None, Reply]:
        return ask(
            voice.model,
            voice.profile,
            run.ledger,
            request,
            conversation=name,
            call=call,
            prompt_bound=conversation.bound(),
            deadline=run.deadline,
            wait=run.cancel.wait,
        )

    interrupt = voice.model.interrupt
    run.cancel.busy.add(interrupt)
    try:
        ending = yield from turns(
            conversation,
            toolbox,
            say,
            limits=TurnLimits(
                turns=run.goal.limits.turns,
                max_tokens=run.config.models.max_tokens,
                error_percent=run.goal.limits.error_percent,
                error_window=run.goal.limits.error_window,
            ),
            inbox=run.steering if role == "maker" else tuple,
            pressure=run.pressure,
            schema=schema,
        )
    finally:
        run.cancel.busy.discard(interrupt)
    yield ConversationEnded(conversation=name, ending=ending.kind, detail="" if schema else ending.text[:2_000])
    return ending
