"""One call of a model: reserved before it is sent, retried within bounds, settled after it, told in events."""

import hashlib
import random
import time
from collections.abc import Callable, Generator

import msgspec

from harness.events import Event, ModelFailed, ModelReplied, ModelRequested, Usage
from harness.models import price
from harness.models.base import Model, ModelError, Reply, Request
from harness.models.catalog import Profile
from harness.models.ledger import Hold, Ledger, Slice
from harness.models.wire import body

ATTEMPTS = {"rate_limited": 12, "overloaded": 12, "server": 8, "unreachable": 8, "cut": 4, "timeout": 3}
"""How many attempts a call gets in all, by what the last one failed of. The first two pass by waiting (12 attempts
are up to six minutes); the last two are charged at worst case each time. Other failures get no second attempt."""
FIRST, LONGEST = 1.0, 60.0
"""Seconds: the pause after the first failure, doubled after each further one, and the longest pause there is, also
where the server asks for a longer one."""
LONGEST_PATIENCE = max(ATTEMPTS.values())
OVERHEAD = 4_096
"""Tokens that a server adds to a conversation's first request for tools, thinking and structured output. The API's
documentation of tool use names up to 804 for the tools."""
SEAM = 256
"""Tokens that the seams between messages may add to a later request."""


def bound(previous: Usage | None, added_bytes: int) -> int:
    """An upper bound of the tokens of the next request's prompt.

    `previous` is the usage of the conversation's last reply, None before the first; `added_bytes` is the size of
    what was added since: all of system, tools and messages before the first reply, the messages after it later on.

    It is an upper bound because the prompt begins with what the server counted exactly (the last prompt and the
    reply to it), and because a token of a byte-level vocabulary stands for at least one byte of the JSON that
    carries it, whose own brackets and names take more bytes than the tokens that mark the same seams.
    """
    if previous is None:
        return added_bytes + OVERHEAD
    return previous.prompt + previous.output + added_bytes + SEAM


def pause(failures: int, retry_after: float | None, jitter: float) -> float:
    """Seconds to wait after so many `failures` in a row. `jitter` is a random number between 0 and 1.

    Doubling, between half and the whole of the step; at least what the server asks for, but never above `LONGEST`;
    and never less than the step because the server asks for little: many clients that are told the same small
    number come back together.
    """
    step: float = min(LONGEST, FIRST * 2.0 ** min(failures - 1, 10)) * (0.5 + jitter / 2)
    asked = 0.0 if retry_after is None else retry_after * (1 + jitter / 10)
    return min(LONGEST, max(step, asked))


def parameters(request: Request) -> str:
    """What a request holds besides the conversation, as JSON: the same for every call of one."""
    given = {"max_tokens": request.max_tokens, "schema": request.schema, "effort": request.effort}
    return msgspec.json.encode(given).decode()


def ask(
    model: Model,
    profile: Profile,
    ledger: Ledger | Slice,
    request: Request,
    *,
    conversation: str,
    call: int,
    prompt_bound: int,
    deadline: float,
    wait: Callable[[float], object],
    on_text: Callable[[str, str], None] | None = None,
    patience: int | None = None,
) -> Generator[Event, None, Reply]:
    """Call the model. Yields `ModelRequested` before each attempt, and `ModelReplied` or `ModelFailed` after it.

    `prompt_bound` is from `bound`. `deadline` is in seconds of the monotonic clock: no attempt and no pause goes
    beyond it. `wait(seconds)` pauses; when it returns something true the pause was interrupted and there is no
    further attempt (it may also raise). `patience` is the most attempts where another model could
    take this one's place. Raises `OverBudget` before an attempt that the ledger has no room for, and
    the `ModelError` of the last attempt. An attempt of unknown outcome costs its whole reservation.
    """
    worst, tokens = price.worst(profile, prompt_bound, request.max_tokens), prompt_bound + request.max_tokens
    sent = hashlib.sha256(body(profile, request)).hexdigest()
    params = parameters(request)
    attempt = 0
    while True:
        attempt += 1
        left = deadline - time.monotonic()
        if left <= 0:
            raise ModelError("timeout", "the time of the run is over", charged=False)
        hold = ledger.reserve(worst, tokens)
        intent = ModelRequested(
            conversation=conversation, call=call, attempt=attempt, model=profile.name, reserved=hold.micro_usd,
            tokens=hold.tokens, request=sent, params=params,
        )  # fmt: skip
        outcome = yield from _attempt(model, profile, ledger, hold, request, intent, left, on_text)
        if isinstance(outcome, Reply):
            return outcome
        rest = pause(attempt, outcome.retry_after, random.random())  # noqa: S311 - jitter is no secret
        most = min(ATTEMPTS.get(outcome.kind, 1), patience or LONGEST_PATIENCE)
        again = attempt < most and rest < deadline - time.monotonic()
        yield ModelFailed(
            conversation=conversation,
            call=call,
            attempt=attempt,
            model=profile.name,
            kind=outcome.kind,
            message=outcome.message,
            cost=worst if outcome.charged else 0,
            tokens=tokens if outcome.charged else 0,
            retry_micros=int(rest * 1_000_000) if again else None,
        )
        if not again or wait(rest):
            raise outcome


def _attempt(
    model: Model,
    profile: Profile,
    ledger: Ledger | Slice,
    hold: Hold,
    request: Request,
    intent: ModelRequested,
    left: float,
    on_text: Callable[[str, str], None] | None,
) -> Generator[Event, None, Reply | ModelError]:
    """One attempt, its reservation closed on every way out."""
    try:
        yield intent
    except BaseException:
        ledger.release(hold)  # nothing was sent
        raise
    try:
        reply = model.attempt(request, timeout=left, on_text=on_text)
    except ModelError as error:
        (ledger.forfeit if error.charged else ledger.release)(hold)
        return error
    except BaseException:
        ledger.forfeit(hold)
        raise
    cost = price.cost(profile, reply.usage, reply.geo)
    if not reply.usage.prompt:
        cost = hold.micro_usd  # the server did not count, so nobody knows better
    ledger.settle(hold, cost, reply.usage)
    yield ModelReplied(
        conversation=intent.conversation,
        call=intent.call,
        model=profile.name,
        stop_reason=reply.stop_reason,
        usage=reply.usage,
        cost=cost,
        calls=len(reply.calls),
        micros=reply.micros,
        request_id=reply.request_id,
        message=reply.id,
        missed=reply.missed,
        text=reply.text,
        thinking=reply.thinking,
        wire=reply.wire.decode(),
        geo=reply.geo,
        detail=reply.detail,
        malformed=tuple(call.id for call in reply.calls if call.input is None),
    )
    return reply
