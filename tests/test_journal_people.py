"""What the state says of people: questions, answers, pauses, parking."""

from harness.events import (
    Event,
    HostAllowed,
    IterationStarted,
    QuestionAnswered,
    QuestionAsked,
    RunClaimed,
    RunContinued,
    RunParked,
    RunPaused,
)
from harness.journal import Record, State, Summary, fold
from harness.journal.summary import advance
from tests.journal_support import created, finished


def at(*events: tuple[int, Event]) -> State:
    """The state after events, each stored at so many seconds."""
    return fold(Record("r1", n, 1, second * 1_000_000, event, "h") for n, (second, event) in enumerate(events, 1))


def question(name: str = "q1") -> QuestionAsked:
    return QuestionAsked(question=name, kind="checker", text="Go on?", options=("reply", "deny"), deadline=9)


BEGUN = ((0, created()), (10, RunClaimed(owner="a")), (11, IterationStarted(n=1, parent="b", model="m")))


def test_the_clock_stands_still_while_a_person_holds_the_run() -> None:
    paused = (*BEGUN, (20, RunPaused(principal="ann")))
    state = at(*paused, (50, HostAllowed(host="pypi.org", principal="ann")))
    assert (state.phase, state.paused, state.active) == ("paused", RunPaused(principal="ann"), 10_000_000)
    state = at(*paused, (120, RunContinued(principal="ann")), (125, HostAllowed(host="pypi.org")))
    assert (state.phase, state.paused, state.active) == ("making", None, 15_000_000)
    # killed while it was paused: the next process does not pay for the pause
    state = at(*paused, (500, RunClaimed(owner="b", resumed=True)), (503, HostAllowed(host="x")))
    assert (state.phase, state.paused, state.active) == ("making", None, 13_000_000)


def test_a_parked_run_says_what_it_asks_and_goes_on_where_it_stood() -> None:
    parking = (*BEGUN, (12, question()), (13, RunParked(reason="asks", question="q1", until=9)))
    state = at(*parking)
    assert (state.phase, state.rests_in, [q.question for q in state.questions]) == ("parked", "making", ["q1"])
    assert state.parked is not None
    answer = QuestionAnswered(question="q1", answer="reply", text="look at b.py", principal="ann", command=3)
    late = QuestionAnswered(question="q1", answer="deny", principal="bob", command=4)
    state = at(*parking, (90, RunClaimed(owner="b", resumed=True)), (91, answer), (92, late))
    assert (state.phase, state.parked, state.questions) == ("making", None, ())
    assert state.answers == {"q1": answer}
    assert [q.question for q in state.asked] == ["q1"]
    assert at(*parking, (14, finished())).parked is None


def test_a_list_of_runs_shows_who_is_waited_for() -> None:
    summary = Summary(run="r1")
    for n, event in enumerate((created(), question("q1"), question("q2"), RunParked(reason="asks", question="q1"))):
        summary = advance(summary, Record("r1", n, 1, n, event, "h"))
    assert (summary.phase, [q.question for q in summary.questions]) == ("parked", ["q1", "q2"])
    answer = QuestionAnswered(question="q1", answer="deny", expired=True)
    for event in (RunClaimed(owner="b"), answer):
        summary = advance(summary, Record("r1", 9, 2, 9, event, "h"))
    assert (summary.phase, [q.question for q in summary.questions]) == ("created", ["q2"])
