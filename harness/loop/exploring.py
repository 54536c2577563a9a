"""Exploring: a question of the maker, answered by a light model that only reads, on a slice of the budget."""

from collections.abc import Generator

from harness.agent import Answer, TurnLimits, explorer_tools, section
from harness.events import Event
from harness.loop.run import Run
from harness.loop.talk import converse
from harness.models import ModelError, OverBudget, Slice
from sandboxes.base import Sandbox

SHARE, SHARE_OF_ALL = 0.05, 0.20
"""Of the run's money and tokens: what one question may use, and what all of them together may."""
LIMITS = TurnLimits(turns=15, max_tokens=4_096, context_tokens=60_000, output_tokens=20_000)
ANSWER_CHARS = 8_000
"""Of the answer, about 2,000 tokens."""


def explore(run: Run, n: int, sandbox: Sandbox, _asking: str, question: str) -> Generator[Event, None, Answer]:
    """Answer a question that iteration `n`'s maker asks about its work tree, in a conversation of its own.

    Whatever goes wrong with it is an answer, too: the maker can always look for itself.
    """
    part = _slice(run)
    try:
        ending = yield from converse(
            run,
            "explore",
            f"explore.{n}.{_count(run, n) + 1}",
            lambda: section("question", question),
            explorer_tools(sandbox, run.clean),
            n=n,
            limits=LIMITS,
            ledger=part,
        )
    except OverBudget:
        return Answer("the budget for exploring is used up: look for yourself", "error")
    except ModelError as error:
        if run.cancel.cause is not None:
            raise
        return Answer(f"nobody can be asked ({error.kind}): look for yourself", "error")
    text = ending.text.strip()
    if ending.kind != "quiet" or not text:
        return Answer(f"no answer was found ({ending.kind}): look for yourself", "error")
    return Answer(text if len(text) <= ANSWER_CHARS else f"{text[:ANSWER_CHARS]}\n(cut)")


def _count(run: Run, n: int) -> int:
    """How many questions iteration `n` has asked; stand-ins of a model that failed are not counted."""
    head = f"explore.{n}."
    return sum(name.startswith(head) and "." not in name[len(head) :] for name in run.state.conversations)


def _slice(run: Run) -> Slice:
    limits = run.goal.limits
    rows = [spend for spend in run.state.accounts.spends if spend.role == "explore"]
    money = int(limits.micro_usd * SHARE_OF_ALL) - sum(row.cost for row in rows)
    tokens = int(limits.tokens * SHARE_OF_ALL) - sum(row.usage.total for row in rows)
    return Slice(
        run.ledger, max(0, min(money, int(limits.micro_usd * SHARE))), max(0, min(tokens, int(limits.tokens * SHARE)))
    )
