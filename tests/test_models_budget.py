"""Eight agents on one budget: whatever they do at once, no more is spent than there was."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from harness.models import Ledger, MessagesModel, OverBudget
from tests.models_support import NAME, SONNET, Called, credentials, hello
from tests.scripted import ScriptedServer, Step

AGENTS = 8


def test_eight_agents_at_once_cannot_overspend(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    credentials(monkeypatch, tmp_path)
    ledger = Ledger(500_000, 10**9)
    usage = {"input_tokens": 900, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 0, "output_tokens": 990}
    talk = {"default": Step(text="on", usage=usage), "again": True}
    with ScriptedServer({NAME: [talk] * AGENTS}) as server:
        model = MessagesModel(SONNET, base_url=server.url)

        def agent(n: int) -> OverBudget:
            while True:
                message = msgspec.json.encode({"role": "user", "content": [{"type": "text", "text": f"agent {n}"}]})
                called = Called(model, ledger, prompt_bound=1_000, request=hello(messages=(message,)))
                if isinstance(called.error, OverBudget):
                    return called.error
                assert called.error is None

        with ThreadPoolExecutor(AGENTS) as pool:
            refused = list(pool.map(agent, range(AGENTS)))
    paid = len(server.requests) * (900 * 2 + 990 * 10)
    assert ledger.spent == paid <= 500_000
    assert ledger.held == 0
    worst = max(error.wanted for error in refused)
    assert paid + worst > 500_000  # and none of it was left unused for fear
