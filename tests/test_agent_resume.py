"""Crashes at any event, stored or on its way: the replayed conversation goes on, the model sees it only grow."""

from collections.abc import Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from harness.agent import Conversation, Ending, maker_tools, prompt, replay
from harness.agent.turns import INTERRUPTED
from harness.events import Event, ModelReplied, ModelRequested, Told, ToolFinished, ToolStarted
from sandboxes.base import Sandbox
from tests.agent_support import MAKER, drained, held, opened_sandbox
from tests.scripted import ScriptedServer, Step, Tool

_journal = msgspec.json.Decoder(list[Event])


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory, base_image: str) -> Iterator[Sandbox]:
    with opened_sandbox(tmp_path_factory.mktemp("resume"), base_image, {"a.py": "x = 1\n"}) as sandbox:
        yield sandbox


def bash(command: str) -> Tool:
    return Tool(name="bash", input={"command": command})


READ = Tool(name="read", input={"file_path": "a.py"})
FINISH = Step(tools=(Tool(name="finish", input={"summary": "Done.", "evidence": {"c": "é"}}), READ))
STORY = (
    Step(text="é", thinking="Hm.", tools=(bash("echo one >> log"), READ)),
    Step(text="Done."),
    Step(tools=(READ, Tool(name="bash", partial='{"command": "echo no')), stop_reason="max_tokens"),
    *[Step(tools=(READ,))] * 3,
    Step(tools=(bash("echo two >> log"), Tool(name="nothing"))),
    FINISH,
)


class Journal:
    """What was stored of a conversation, and how it is lived through crashes."""

    def __init__(self, server: ScriptedServer, sandbox: Sandbox, first: str) -> None:
        self.server, self.tools = server, maker_tools(sandbox)
        opened = Conversation.open(
            id="maker.1", role="maker", model=MAKER, system=prompt("maker"), tools=self.tools.schemas, first=first
        )
        self.stored: list[Event] = [opened.opened()]

    def live(self, crash: int | None = None, lost: bool = False) -> Ending | None:
        """Go on from what is stored to the ending, or crash after `crash` more events, the last one `lost`."""
        stored = _journal.decode(msgspec.json.encode(self.stored))
        generator = held(self.server, replay(stored, "maker.1"), self.tools)
        if crash is None:
            events, ending = drained(generator)
            self.stored += events
            return ending
        for place, event in enumerate(generator, 1):
            if place == crash and lost:
                break
            self.stored.append(event)
            if place == crash:
                break
        else:
            return self.live()
        generator.close()
        return None

    def of(self, kind: type[Any]) -> list[Any]:
        return [event for event in self.stored if isinstance(event, kind)]


def turns_of(events: list[Event]) -> list[list[Event]]:
    starts = [place for place, event in enumerate(events) if isinstance(event, ModelReplied)]
    return [events[a:b] for a, b in zip([0, *starts], [*starts, len(events)], strict=True)]


def check(journal: Journal) -> None:
    """What holds for every history, however often it was interrupted."""
    replied, finished = journal.of(ModelReplied), journal.of(ToolFinished)
    assert len(finished) == sum(reply.calls for reply in replied), "every call is answered once"
    for event in finished:
        begun = [one for one in journal.of(ToolStarted) if one.call == event.call]
        assert len(begun) <= 1, "no call is started twice"
        assert event.output != INTERRUPTED or begun, "only what was started can have been interrupted"
    whys = [[event.why for event in turn if isinstance(event, Told)] for turn in turns_of(journal.stored)]
    assert all(len(turn) == len(set(turn)) for turn in whys), "nothing is said twice"
    assert sum(turn.count("quiet") for turn in whys) <= 1
    last = journal.server.requests[-1].raw
    again = replay(journal.stored, "maker.1")
    wire = again.request(1).messages
    assert b",".join(wire[: 2 * again.turns - 1]) in last, "the server saw what the journal gives back"


@pytest.mark.parametrize("lost", [False, True])
def test_a_crash_at_any_event_loses_and_repeats_nothing(sandbox: Sandbox, lost: bool) -> None:
    with ScriptedServer({"*": [{"steps": STORY, "default": FINISH, "again": True}]}) as server:
        whole = Journal(server, sandbox, "Whole.")
        ending = whole.live()
        assert ending is not None
        assert ending.kind == "finish"
        count = len(whole.stored) - 1
        assert count > 30
        for crash in range(1, count + 1):
            journal = Journal(server, sandbox, f"Crash at {crash}, {lost}.")
            assert journal.live(crash, lost) is None
            assert journal.live() == ending, (crash, lost)
            check(journal)
            calls = [event.call for event in journal.of(ModelRequested)]
            assert calls == sorted(set(calls)), "an attempt of unknown outcome keeps its own number"
        assert server.breaches == []


STEPS = st.sampled_from(STORY[:-1])


@settings(deadline=None, max_examples=20, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(STEPS, max_size=5),
    st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=6),
)
def test_any_number_of_crashes_in_any_conversation(
    sandbox: Sandbox, steps: list[Step], crashes: list[tuple[int, bool]]
) -> None:
    with ScriptedServer({"*": [{"steps": steps, "default": FINISH}]}) as server:
        journal = Journal(server, sandbox, "Do it.")
        for crash, lost in crashes:
            if journal.live(crash, lost) is not None:
                break
        ending = journal.live()
        assert ending is not None
        assert ending.kind in ("finish", "quiet", "stuck", "scope")
        check(journal)
    assert server.breaches == []


def test_an_ended_conversation_ends_the_same_way_without_another_word(sandbox: Sandbox) -> None:
    with ScriptedServer({"*": [list(STORY)]}) as server:
        journal = Journal(server, sandbox, "Do it.")
        ending, requests = journal.live(), len(server.requests)
        before = list(journal.stored)
        assert journal.live() == ending
        assert journal.stored == before
        assert len(server.requests) == requests
    assert server.breaches == []
