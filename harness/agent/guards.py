"""The breakers of one conversation: pure functions of what happened in it."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from harness.agent.conversation import Conversation

NOTE_AT, STOP_AT, CYCLES = 3, 4, 3
"""Equal steps in a row that are remarked on, that end the conversation, and equal pairs of steps that do.
The first two are the OpenHands SDK's thresholds; unlike it, results are compared and never thoughts."""

WRAP_UP_PERCENT = 85
"""The share of any limit at which the model is told to come to an end."""

CUTS = 3
"""Replies in a row that may run into their length limit."""
FOREIGN = 3
"""Calls of tools that the conversation does not have."""

Kind = Literal[
    "finish", "blocked", "quiet", "turns", "stuck", "context", "handover", "refused", "error_rate", "runaway", "scope"
]  # fmt: skip


class TurnLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one conversation may use."""

    turns: int = 150
    max_tokens: int = 16_000
    """Of one reply."""
    context_tokens: int = 80_000
    """The prompt after which no further call is made: long contexts do worse and cost more (arXiv 2602.16069)."""
    truncates: bool = False
    """The server cuts a prompt that is too long, and only its count gives that away."""
    output_tokens: int = 400_000
    """Of all replies together."""
    error_percent: int = 60
    error_window: int = 20
    """Tool results looked at; fewer results never trip."""


class Ending(msgspec.Struct, frozen=True, kw_only=True):
    """How a conversation ended, as data; none of it is evidence.

    `finish` and `blocked` are the model's own claims (`text`, with `evidence` by criterion or what it `tried`);
    `quiet` is a reply without a call, its words in `text`: the answer of a checker. `turns`, `context`, `stuck`,
    `error_rate`, `runaway` and `scope` are breakers, with `value` and `limit` in turns, tokens, repetitions, percent,
    replies or tokens, and calls. `handover` is the end at the soft limit of the context, with the model's note for
    the conversation that goes on. `refused` is the model's refusal.
    """

    kind: Kind
    text: str = ""
    evidence: dict[str, str] = {}
    tried: str = ""
    value: int = 0
    limit: int = 0


def repetitions(keys: Sequence[bytes], period: int) -> int:
    """How many times in a row the last `period` steps stand at the end of the history (0 when it is shorter)."""
    if len(keys) < period:
        return 0
    block, count = keys[-period:], 1
    while keys[-period * (count + 1) : -period * count] == block:
        count += 1
    return count


def environment_percent(statuses: Sequence[str], window: int) -> int:
    """The share of the environment's errors among the last `window` results; 0 until there are so many."""
    last = statuses[-window:]
    return 100 * sum(status == "environment" for status in last) // window if len(last) == window else 0


def tripped(conversation: Conversation, limits: TurnLimits) -> Ending | None:
    """The breaker that ends the conversation before its next call, if any."""
    same, pairs = repetitions(conversation.keys, 1), repetitions(conversation.keys, 2)
    if same >= STOP_AT:
        text = f"the same call gave the same result {same} times in a row"
        return Ending(kind="stuck", text=text, value=same, limit=STOP_AT)
    if pairs >= CYCLES:
        text = f"the same two calls gave the same results {pairs} times in turn"
        return Ending(kind="stuck", text=text, value=pairs, limit=CYCLES)
    percent = environment_percent(conversation.statuses, limits.error_window)
    if percent > limits.error_percent:
        text = f"{percent} % of the last {limits.error_window} tool calls failed for reasons of the environment"
        return Ending(kind="error_rate", text=text, value=percent, limit=limits.error_percent)
    if conversation.cuts >= CUTS:
        text = f"{conversation.cuts} replies in a row ran into their length limit"
        return Ending(kind="runaway", text=text, value=conversation.cuts, limit=CUTS)
    if conversation.written > limits.output_tokens:
        text = f"the replies have grown to {conversation.written} tokens"
        return Ending(kind="runaway", text=text, value=conversation.written, limit=limits.output_tokens)
    if len(conversation.foreign) >= FOREIGN:
        text = f"it keeps calling tools that it does not have: {', '.join(dict.fromkeys(conversation.foreign))}"
        return Ending(kind="scope", text=text, value=len(conversation.foreign), limit=FOREIGN)
    if conversation.turns >= limits.turns:
        return Ending(
            kind="turns",
            text=f"all {limits.turns} turns are used",
            value=conversation.turns,
            limit=limits.turns,
        )
    prompt = conversation.usage.prompt if conversation.usage else 0
    if limits.truncates and conversation.shrank:
        text = f"the server has cut the conversation by {conversation.shrank} tokens without saying so"
        return Ending(kind="context", text=text, value=prompt, limit=limits.context_tokens)
    if prompt > limits.context_tokens:
        text = f"the conversation has grown to {prompt} tokens"
        return Ending(kind="context", text=text, value=prompt, limit=limits.context_tokens)
    return None


def used_percent(conversation: Conversation, limits: TurnLimits, pressure: float) -> int:
    """The most used-up of the conversation's limits; `pressure` is the caller's share of money and time.

    A maker's context is none of them: at its limit another conversation goes on.
    """
    prompt = conversation.usage.prompt if conversation.usage and conversation.role != "maker" else 0
    share = max(conversation.turns / limits.turns, prompt / limits.context_tokens, pressure)
    return int(100 * share)
