"""A word with the light model beside the work: one question, one answer, and no harm when nobody can be asked."""

import time
from collections.abc import Generator
from typing import Any

from harness.agent import Conversation
from harness.events import ConversationEnded, Event
from harness.loop.endings import Ended
from harness.loop.run import Run
from harness.models import ModelError, OverBudget, Reply, ask

TOKENS, PATIENCE = 2_000, 60.0
"""Tokens of the answer, and seconds that it may take: nobody is held up by it."""


def aside(
    run: Run, name: str, system: str, question: str, schema: dict[str, Any] | None = None
) -> Generator[Event, None, Reply | None]:
    """The light model's reply in the conversation `name`, which the caller ends; None where there is none.

    It is asked once in a run: not again after a crash.
    """
    voice = run.light()
    if voice is None or name in run.state.conversations:
        return None
    talk = Conversation.open(
        id=name, role="light", model=voice.profile.name, system=system, tools=(), first=run.clean(question)
    )
    yield talk.opened()
    try:
        return (
            yield from ask(
                voice.model,
                voice.profile,
                run.ledger,
                talk.request(TOKENS, schema),
                conversation=name,
                call=1,
                prompt_bound=talk.bound(),
                deadline=time.monotonic() + PATIENCE,
                wait=run.cancel.wait,
            )
        )
    except (ModelError, OverBudget, Ended) as error:
        if isinstance(error, Ended) and not (error.tripped and error.tripped[0] == "money_per_day"):
            raise  # a wish to stop, which comes once; the day's money is looked at before every call
        yield ConversationEnded(conversation=name, ending="error", detail=run.clean(str(error))[:300])
        return None
