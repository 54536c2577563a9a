"""Conversations of a run: opened or taken up again, and given to another model when theirs cannot be reached."""

from collections.abc import Callable, Generator
from typing import Any

import msgspec

from harness.agent import Conversation, Ending, Toolbox, TurnLimits, prompt, replay, turns
from harness.events import ConversationEnded, Event, Notice, Role
from harness.exits import ENVIRONMENT
from harness.loop.asking import denied
from harness.loop.endings import Ended
from harness.loop.routing import apart, profiles
from harness.loop.run import Run
from harness.models import Ledger, ModelError, Reply, Request, Slice, Voice, ask

OVER = ("unreachable", "handover", "context", "error_rate")
"""Endings after which another conversation goes on in the place of this one."""
PATIENCE = 4
"""Attempts of a call before another model takes over, where there is one."""
DETAIL = {"handover": 6_000}
"""Characters that are kept of what a conversation ended with; 2,000 for the other endings."""
MISSED = 0.5
"""The share of the last prompt that the cache has to serve: less is worth a warning."""


def converse(
    run: Run,
    role: Role,
    name: str,
    first: Callable[[], str],
    toolbox: Toolbox,
    *,
    n: int,
    schema: dict[str, Any] | None = None,
    limits: TurnLimits | None = None,
    ledger: Ledger | Slice | None = None,
    anew: bool = False,
) -> Generator[Event, None, Ending]:
    """Hold the conversation `name` of iteration `n` to its end. Raises what `ask` and the sandbox raise.

    One that the journal knows and that is not over goes on from its last message, byte for byte, unless it is to
    begin `anew`. A model that cannot be reached gives way to the next one of its tier, in a new conversation.
    """
    first_error: ModelError | None = None
    while True:
        place, known = _place(run, name, anew)
        who = profiles(run, role, n)
        voice = run.router.named(known) if known else run.router.choose(who, apart(run, role))
        if voice is None:
            raise Ended(
                "failed", f"there is no model left for the {role}", ENVIRONMENT, "name more of them in [models]"
            )
        try:
            return (yield from _held(run, role, place, bool(known), first, toolbox, voice, schema, limits, ledger))
        except ModelError as error:
            stands = run.cancel.cause is None and not run.late  # else it is no fault of the model's
            other = run.router.instead(voice, error, who, apart(run, role)) if stands else None
            first_error = first_error or error
            if other is None:  # what is wrong with the preferred model is what a person has to mend
                raise first_error from None
            yield ConversationEnded(conversation=place, ending="unreachable", detail=error.message[:500])
            what = f"{voice.profile.name} cannot be asked; {other.profile.name} takes its place"
            yield Notice(what=what, why=error.message[:500])
            anew = False


def numbered(run: Run, name: str) -> tuple[str, ...]:
    """The conversations that were held in one place, in order: `name`, `name.2`, ..."""
    return tuple(
        known
        for known in run.state.conversations
        if known == name or (known.startswith(f"{name}.") and known[len(name) + 1 :].isdecimal())
    )


def _place(run: Run, name: str, anew: bool) -> tuple[str, str]:
    """What the next conversation is called, and the model that it was begun with if it has been."""
    before = numbered(run, name)
    last = run.state.conversations[before[-1]] if before else None
    if last and not anew and not (last.ended and last.ended.ending in OVER):
        return last.name, last.model
    return (f"{name}.{len(before) + 1}" if before else name), ""


def _held(
    run: Run,
    role: Role,
    name: str,
    known: bool,
    first: Callable[[], str],
    toolbox: Toolbox,
    voice: Voice,
    schema: dict[str, Any] | None,
    limits: TurnLimits | None,
    ledger: Ledger | Slice | None,
) -> Generator[Event, None, Ending]:
    """One conversation with one model."""
    if known:
        conversation = replay((record.event for record in run.history()), name)
    else:
        conversation = Conversation.open(
            id=name,
            role=role,
            model=voice.profile.name,
            system=prompt(role),
            tools=toolbox.schemas,
            first=toolbox.clean(first()),
        )
        yield conversation.opened()
    spare = len(profiles(run, role, 0)) > 1

    def say(request: Request, call: int) -> Generator[Event, None, Reply]:
        if role == "maker":
            yield from denied(run)
        before = conversation.usage.prompt if conversation.usage else 0
        reply = yield from ask(
            voice.model,
            voice.profile,
            ledger or run.ledger,
            request,
            conversation=name,
            call=call,
            prompt_bound=conversation.bound(),
            deadline=run.deadline,
            wait=run.cancel.wait,
            on_text=run.speech.hear,
            patience=PATIENCE if spare else None,
        )
        if voice.profile.cache and (warning := missed(name, before, reply)):
            yield warning
        return reply

    interrupt = voice.model.interrupt
    run.cancel.busy.add(interrupt)
    try:
        ending = yield from turns(
            conversation,
            toolbox,
            say,
            limits=_fitted(run, voice, limits),
            inbox=run.steering if role == "maker" else tuple,
            pressure=run.pressure,
            schema=schema,
        )
    finally:
        run.cancel.busy.discard(interrupt)
    yield ConversationEnded(
        conversation=name,
        ending=ending.kind,
        detail="" if schema else ending.text[: DETAIL.get(ending.kind, 2_000)],
        value=ending.value,
        limit=ending.limit,
    )
    return ending


def missed(conversation: str, before: int, reply: Reply) -> Notice | None:
    """A warning when the cache should have served the last prompt (`before` tokens) and did not."""
    usage = reply.usage
    if not before or not usage.prompt or usage.cache_read >= MISSED * min(before, usage.prompt):
        return None
    if before < 4_096 and not reply.missed:  # too short for some models to be cached at all
        return None
    why = f"the server says: {reply.missed}" if reply.missed else "the server does not say why"
    return Notice(
        what=f"cache missed in {conversation}: {usage.cache_read} of {before} tokens were served from it",
        why=why,
        fix="a pause of more than five minutes, or a gateway that drops cache marks, costs a whole prompt anew",
    )


def turn_limits(run: Run, turns: int) -> TurnLimits:
    """What a conversation of so many turns may use in this run."""
    goal = run.goal.limits
    return TurnLimits(
        turns=turns,
        max_tokens=run.config.models.max_tokens,
        output_tokens=goal.output_tokens,
        error_percent=goal.error_percent,
        error_window=goal.error_window,
    )


def _fitted(run: Run, voice: Voice, limits: TurnLimits | None) -> TurnLimits:
    """What a conversation may use, within what its model can hold: a quarter of the context is for the reply."""
    profile, chosen = voice.profile, limits or turn_limits(run, run.goal.limits.turns)
    return msgspec.structs.replace(
        chosen,
        max_tokens=min(chosen.max_tokens, profile.max_output, profile.context // 4),
        context_tokens=min(chosen.context_tokens, profile.context * 3 // 4),
        truncates=profile.truncates,
    )
