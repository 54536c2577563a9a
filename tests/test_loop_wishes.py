"""People at a distance: steering, pausing, answering and taking back, through the journal and from any process."""

import time
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from harness.events import (
    CommandReceived,
    Event,
    IterationStarted,
    QuestionAnswered,
    QuestionAsked,
    RunContinued,
    RunFinished,
    RunParked,
    RunPaused,
    SandboxClosed,
    SandboxOpened,
    Told,
)
from harness.journal import Command
from harness.loop.wishes import unsaid, wants_stop
from tests.conftest import FIX, GOAL, TEST, House, Play, finish, step, tool, verdict
from tests.forked import Forked


def until(house: House, found: Callable[[list[Event]], object]) -> list[Event]:
    """The events of the only run, once they hold what is looked for."""
    for _ in range(2_400):
        events = [record.event for run in house.journal.runs() for record in house.journal.read(run.run)]
        if found(events):
            return events
        time.sleep(0.05)
    raise AssertionError("it never came")


def has(kind: type[Any], **fields: Any) -> Callable[[list[Event]], object]:
    def look(events: list[Event]) -> bool:
        return any(
            isinstance(e, kind) and all(getattr(e, name) == value for name, value in fields.items()) for e in events
        )

    return look


def begun(house: House) -> Forked:
    return house.fork("run", GOAL, "--json", "--progress", "none")


def ended(process: Forked) -> dict[str, Any]:
    assert process.wait(120)
    out, err = process.output()
    assert out, err
    document: dict[str, Any] = msgspec.json.decode(out)
    return document


def words(server: Any, request: int) -> str:
    return msgspec.json.encode(server.requests[request].body["messages"][-1]).decode()


@pytest.mark.replayed("words of a person, now and for the next iteration")
def test_words_reach_the_next_request_or_the_next_iteration(house: House, play: Play) -> None:
    slow = step(FIX, delay_ms=1_500)
    server = play([[slow, step(finish())], [step(TEST), step(finish())]], [[verdict("revise", "no test")], [verdict()]])
    process = begun(house)
    until(house, lambda events: server.requests)
    assert house("steer", "last", "keep it short").code == 0
    house("steer", "last", "and add a test", "--next")
    assert ended(process)["outcome"] == "succeeded"
    assert "keep it short" in words(server, 1)
    assert not any("and add a test" in words(server, n) for n in (0, 1, 2))
    assert "and add a test" in words(server, 3)
    heard = [e for e in until(house, len) if isinstance(e, CommandReceived)]
    assert [(e.kind, e.text) for e in heard] == [("steer", "keep it short"), ("steer_next", "and add a test")]
    assert all(e.principal for e in heard)


@pytest.mark.replayed("a pause")
def test_a_pause_holds_the_run_between_two_steps_and_resume_lets_it_go(house: House, play: Play) -> None:
    server = play([[step(tool("bash", command="sleep 1")), step(FIX, TEST), step(finish())]])
    process = begun(house)
    until(house, lambda events: server.requests)
    house("pause", "last")
    until(house, has(RunPaused))
    assert "paused" in house("ls").out
    time.sleep(0.6)
    assert len(server.requests) == 1
    raised = house("resume", "last", "--max-cost", "9")
    assert (raised.code, "keeps the limits it has" in raised.err) == (2, True)  # and not let go on in silence
    assert house("resume", "last").code == 0
    assert ended(process)["outcome"] == "succeeded"
    events = until(house, has(RunContinued))
    between = events[events.index(next(e for e in events if isinstance(e, RunPaused))) + 1 :]
    assert isinstance(between[0], CommandReceived)
    assert isinstance(between[1], RunContinued)


@pytest.mark.replayed("paused, stopped, resumed")
def test_a_paused_run_can_be_stopped_and_taken_up_again(house: House, play: Play) -> None:
    server = play([[step(tool("bash", command="sleep 1")), step(FIX, TEST), step(finish())]])
    process = begun(house)
    until(house, lambda events: server.requests)
    house("pause", "last")
    until(house, has(RunPaused))
    house("stop", "last")
    assert ended(process)["outcome"] == "cancelled"
    assert house.state().paused is None
    assert house("resume", "last").code == 0


@pytest.mark.replayed("a stop that was taken back")
def test_a_stop_that_was_put_off_can_be_taken_back(house: House, play: Play) -> None:
    server = play([[step(tool("bash", command="sleep 1.5")), step(FIX, TEST), step(finish())]])
    process = begun(house)
    until(house, lambda events: server.requests)
    house.journal.post(house.journal.resolve("last"), "stop", "60", "ann")
    assert house("stop", "last", "--undo").code == 0
    assert ended(process)["outcome"] == "succeeded"
    heard = [e.kind for e in until(house, has(RunFinished)) if isinstance(e, CommandReceived)]
    assert heard == ["stop", "withdraw"]
    assert house("stop", "last").out.endswith("ended already: succeeded\n")


def test_a_stop_is_due_at_its_time_unless_withdrawn() -> None:
    now = time.time_ns() // 1000

    def command(id: int, kind: str, text: str = "", ago: int = 0) -> Command:
        return Command(id, "r", now - ago * 1_000_000, "ann", kind, text)

    assert wants_stop([command(1, "stop")])
    assert wants_stop([command(1, "stop", "5", ago=6)])
    assert not wants_stop([command(1, "stop", "5")])
    assert not wants_stop([command(1, "stop"), command(2, "withdraw", "1")])
    assert not wants_stop([command(1, "steer", "stop")])


TWICE = [[step(FIX), step(finish())], [step(TEST), step(finish())]]
NO = verdict("revise", "I am not convinced")


@pytest.mark.replayed("two rejections, a question, a reply")
def test_two_rejections_park_the_run_and_an_answer_takes_it_on(house: House, play: Play) -> None:
    more = [step(tool("bash", command="echo '# why' >> httprange/parse.py")), step(finish())]
    server = play([*TWICE, more], [[NO], [NO], [verdict()]])
    done = house.run()
    assert done.code == 6, done.err
    (asked,) = done.document["questions"]
    assert (done.document["outcome"], asked["kind"], asked["default"]) == (None, "checker", "deny")
    opened = [e for e in until(house, has(RunParked)) if isinstance(e, SandboxOpened)]
    closed = [e for e in until(house, has(RunParked)) if isinstance(e, SandboxClosed)]
    assert {e.sandbox for e in opened} == {e.sandbox for e in closed}  # no container, and below: no process
    assert "parked" in house("ls").out
    requests = len(server.requests)
    assert house("resume", "last").code == 6  # nobody has answered
    assert len(server.requests) == requests
    wrong = house("answer", "last", "allow_everything")
    assert (wrong.code, "allow_once" in wrong.err) == (2, True)
    assert house("answer", "last", "q9", "deny").code == 2
    assert house("answer", "last", "reply").code == 2
    assert house("answer", "last", "q1", "reply", "--text", "say why, in a comment").code == 0
    house("answer", "last", "deny")  # too late: the first answer counts
    done = house("resume", "last", "--json")
    assert (done.code, done.document["outcome"], done.document["iterations"]) == (0, "succeeded", 3)
    answers = [e for e in until(house, len) if isinstance(e, QuestionAnswered)]
    assert [(e.answer, e.expired) for e in answers] == [("reply", False)]
    assert "say why, in a comment" in words(server, requests)
    assert house("answer", "last", "deny").code == 2


@pytest.mark.replayed("two rejections, a question, a no")
def test_a_denied_question_ends_the_run(house: House, play: Play) -> None:
    play(TWICE, [[NO], [NO]])
    assert house.run().code == 6
    assert house("answer", "last", "deny").code == 0
    done = house("resume", "last", "--json")
    assert (done.code, done.document["outcome"]) == (1, "stuck")
    assert [e.expired for e in until(house, len) if isinstance(e, QuestionAnswered)] == [False]


@pytest.mark.replayed("two rejections, and no question")
@pytest.mark.drills("review_rounds")
def test_who_wants_no_questions_gets_none(house: House, play: Play) -> None:
    play(TWICE, [[NO], [NO]])
    house.home.joinpath("config.toml").write_text("[escalation]\nask = []\n")
    done = house.run()
    assert (done.code, done.document["outcome"]) == (1, "stuck")
    assert done.document["breakers"] == [{"name": "review_rounds", "value": 2, "limit": 2, "unit": "rejections"}]
    assert not has(QuestionAsked)(until(house, len))


def test_words_that_were_heard_and_not_said_are_known_after_a_crash() -> None:
    def heard(id: int, kind: str, text: str) -> CommandReceived:
        return CommandReceived(command=id, kind=kind, principal="ann", text=text)

    told = Told(conversation="maker.1", why="steer", text="now")
    events: list[Event] = [heard(1, "steer", "now"), heard(2, "steer_next", "later"), heard(3, "steer", "gone")]
    assert unsaid(events) == (["now", "gone"], ["later"])
    assert unsaid([*events, heard(4, "withdraw", "3"), told]) == ([], ["later"])
    started = IterationStarted(n=2, parent="b", model="m")
    answer = QuestionAnswered(question="q1", answer="reply", text="a hint")
    assert unsaid([*events, started, told, answer]) == (["gone", "later", "a hint"], [])
