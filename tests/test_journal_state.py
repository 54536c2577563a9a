"""The fold: from any journal the loop knows where it stands, what it costs, and what to do next."""

import itertools
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bench import history
from harness.events import (
    BranchIntended,
    BranchMade,
    BreakerTripped,
    CandidateMade,
    CommandReceived,
    ConversationEnded,
    ConversationOpened,
    DiffStat,
    Event,
    GateStarted,
    IterationFinished,
    IterationStarted,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    NoteLearned,
    NotesInjected,
    Notice,
    RunClaimed,
    SandboxClosed,
    SandboxOpened,
    Usage,
)
from harness.journal import Journal, Record, State, Summary, apply, by_model, by_role, cost, fold
from harness.journal.folding import INERT
from harness.journal.phase import Phase
from harness.journal.schema import sql
from harness.journal.snapshot import EVERY
from harness.journal.summary import advance
from tests.journal_support import ANY, created, finished, gate, iteration, open_run, same, turn


def records(*events: Event, epoch: int = 1) -> list[Record]:
    """Records as a store would number them."""
    return [Record("r1", n, epoch, 1_000_000 * n, event, f"hash{n}") for n, event in enumerate(events, start=1)]


WHOLE = (
    created(),
    RunClaimed(owner="host:1"),
    NotesInjected(notes=("quirk-1",)),
    SandboxOpened(sandbox="box1", purpose="gates", image="i", micros=5),
    GateStarted(place="base", iteration=0, gate="tests", tree="t"),
    gate("base", 0, "t::old"),
    SandboxClosed(sandbox="box1"),
    *iteration(1, green=False, cured=("t::a",), score=(0, 5)),
    *iteration(2, green=True, score=(1, 0)),
    BranchIntended(branch="b", tree="tree-2", commit="c" * 40),
    BranchMade(branch="b", tree="tree-2", commit="c" * 40),
    NoteLearned(note="fix-1", kind="fix", text="x"),
    finished(branch="b"),
)


def test_a_whole_run_in_one_look() -> None:
    state = fold(records(*WHOLE))
    assert (state.run, state.owner, state.epoch, state.phase) == ("r1", "host:1", 1, "finished")
    assert state.created == WHOLE[0]
    assert state.finished == WHOLE[-1]
    assert (state.started, state.ended, state.seq, state.head) == (
        1_000_000, 1_000_000 * len(WHOLE), len(WHOLE), f"hash{len(WHOLE)}",
    )  # fmt: skip
    assert [failure.id for failure in state.baseline["tests"].failures] == ["t::old"]
    first, second = state.iterations
    assert (first.n, first.conversations, first.ending, first.detail) == (1, ("maker.1",), "finish", "done")
    assert first.gates["tests"].new_failures == ("t::a",)
    assert first.verdicts == ()
    assert second.verdicts[0].decision == "accept"
    assert second.finished is not None
    assert second.finished.accepted
    assert state.best == second.candidate
    assert (state.turns, state.maker_turns) == (5, 4)
    assert state.cost == 4 * 700 + 900
    assert state.cost_by_model == {"m-1": 2_800, "c-1": 900}
    assert state.usage == Usage(input=50, output=100, cache_read=1_500, cache_write_5m=200)
    assert {name: talk.turns for name, talk in state.conversations.items()} == {
        "maker.1": 2, "maker.2": 2, "checker.2": 1,
    }  # fmt: skip
    assert state.branch_made is not None
    assert (state.notes, [note.note for note in state.learned]) == (("quirk-1",), ["fix-1"])
    assert (state.sandboxes, state.running) == ((), ())


@given(st.lists(ANY, max_size=25))
@settings(max_examples=60, deadline=None)
def test_folding_at_once_or_step_by_step_is_the_same_for_any_events(events: list[Event]) -> None:
    rows = records(*events)
    stepwise = State()
    for row in rows:
        stepwise = apply(stepwise, row)
    assert stepwise == fold(rows)
    half = len(rows) // 2
    assert fold(rows[half:], fold(rows[:half])) == stepwise


@given(st.lists(ANY, max_size=20))
@settings(max_examples=20, deadline=None)
def test_the_stores_own_fold_leaves_out_nothing_that_matters(
    tmp_path_factory: pytest.TempPathFactory, events: list[Event]
) -> None:
    with Journal(tmp_path_factory.mktemp("s") / "journal.db", clean=same) as journal:
        journal.create("r1", created())
        journal.append("r1", journal.claim("r1", "host:1"), *events)
        assert journal.state("r1") == fold(journal.read("r1"))
        summary = Summary(run="r1")
        for record in journal.read("r1"):
            summary = advance(summary, record)
        assert journal.summary("r1") == summary


def test_what_the_state_leaves_out_is_what_its_statement_leaves_out() -> None:
    left_out = {str(kind.__struct_config__.tag) for kind in INERT}
    statement = sql()["read_for_state"]
    assert {tag for tag in left_out if f"'{tag}'" in statement} == left_out


def test_the_phase_tells_a_resume_where_to_go_on() -> None:
    seen: list[Phase] = []
    state = State()
    for record in records(*WHOLE):
        state = apply(state, record)
        if not seen or seen[-1] != state.phase:
            seen.append(state.phase)
    assert seen == [
        "created", "baseline", "making", "judging", "making", "judging", "checking", "publishing", "finished",
    ]  # fmt: skip
    assert set(seen) == set(get_args(Phase)) - {"paused", "parked"}
    again = apply(state, Record("r1", 99, 2, 10**9, RunClaimed(owner="host:2", resumed=True), "h"))
    assert (again.phase, again.finished, again.ended, again.owner, again.epoch) == ("created", None, 0, "host:2", 2)
    assert again.iterations == state.iterations


def test_the_best_candidate_is_the_highest_score_and_the_later_of_equals() -> None:
    def best(*scores: tuple[int, ...]) -> int | None:
        made = [event for n, score in enumerate(scores, start=1) for event in iteration(n, green=False, score=score)]
        candidate = fold(records(created(), *made)).best
        return candidate.n if candidate else None

    assert best((1, 5), (2, 0), (1, 9)) == 2
    assert best((1,), (1,)) == 2
    assert best((-3,), (-5,)) == 1
    assert best((3,), ()) == 1
    assert best(()) == 1  # unjudged, but all there is: salvaged


def test_a_candidate_that_changes_nothing_is_not_kept() -> None:
    empty = CandidateMade(n=1, commit="c", tree="t" * 40, parent="b", diff=DiffStat())
    state = fold(records(created(), IterationStarted(n=1, parent="b", model="m"), empty))
    assert state.iterations[0].candidate == empty
    assert state.best is None


def test_a_run_killed_between_making_and_judging_still_has_its_candidate() -> None:
    events = iteration(1, green=False)
    made = next(n for n, event in enumerate(events) if isinstance(event, CandidateMade))
    state = fold(records(created(), *events[: made + 1]))
    assert state.phase == "judging"
    assert state.best == events[made]
    assert state.iterations[0].gates == {}


def asked(call: int, attempt: int, reserved: int) -> ModelRequested:
    return ModelRequested(conversation="maker.1", call=call, attempt=attempt, model="m-1", reserved=reserved)


def failed(call: int, attempt: int, cost: int) -> ModelFailed:
    return ModelFailed(
        conversation="maker.1", call=call, attempt=attempt, model="m-1", kind="cut", message="", cost=cost
    )


def replied(call: int, cost: int, model: str = "m-1") -> ModelReplied:
    return ModelReplied(
        conversation="maker.1", call=call, model=model, stop_reason="end", usage=Usage(), cost=cost, calls=0, micros=0
    )


@pytest.mark.parametrize(
    ("events", "settled", "held"),
    [
        ([asked(1, 1, 500)], 0, 500),
        ([asked(1, 1, 500), replied(1, 70)], 70, 0),
        ([asked(1, 1, 500), failed(1, 1, 0), asked(1, 2, 500), replied(1, 70)], 70, 0),
        ([asked(1, 1, 500), failed(1, 1, 500), asked(1, 2, 500), replied(1, 70)], 570, 0),
        # killed after the request: the reservation stays, the call is made again by the next process
        ([asked(1, 1, 500), asked(1, 1, 500), replied(1, 70)], 70, 500),
        ([asked(1, 1, 500), asked(1, 1, 400), failed(1, 1, 0), asked(1, 2, 300), replied(1, 70)], 70, 500),
        ([asked(1, 1, 500), asked(2, 1, 300), replied(2, 70)], 70, 500),
        # a server that answers in another model's name: the hold is still lifted from where it was
        ([asked(1, 1, 500), replied(1, 70, "m-1-2026")], 70, 0),
        ([replied(1, 70)], 70, 0),
        ([failed(1, 1, 30)], 30, 0),
    ],
)
def test_no_money_is_lost_whatever_was_killed(events: list[Event], settled: int, held: int) -> None:
    accounts = cost(events)
    assert sum(spend.settled for spend in accounts.spends) == settled
    assert sum(spend.held for spend in accounts.spends) == held
    assert sum(hold.reserved for hold in accounts.holds) == held
    assert accounts.cost == settled + held == fold(records(*events)).cost


def test_the_table_by_role_and_model() -> None:
    accounts = cost(event for event in WHOLE)
    rows = {(spend.role, spend.model): (spend.calls, spend.cost) for spend in accounts.spends}
    assert rows == {("maker", "m-1"): (4, 2_800), ("checker", "c-1"): (1, 900)}
    extra = cost(turn("checker.9", 1, cost=50, model="m-1"))
    merged = by_model((*accounts.spends, *extra.spends))
    assert merged["m-1"].cost == 2_850
    assert merged["m-1"].usage.total == 5 * 370
    assert {role: spend.calls for role, spend in by_role(accounts.spends).items()} == {"maker": 4, "checker": 1}
    assert (accounts.calls(), accounts.calls("maker"), accounts.calls("light")) == (5, 4, 0)


def test_what_a_dead_process_had_open_is_not_open_any_more() -> None:
    opened = SandboxOpened(sandbox="box1", purpose="maker", image="i", micros=1)
    started = GateStarted(place="candidate", iteration=1, gate="tests", tree="t")
    state = fold(records(created(), RunClaimed(owner="a"), opened, started))
    assert (state.sandboxes, state.running) == ((opened,), (started,))
    state = apply(state, Record("r1", 9, 2, 9, RunClaimed(owner="b", resumed=True), "h"))
    assert (state.sandboxes, state.running) == ((), ())


def test_a_conversation_can_be_found_and_taken_up_again() -> None:
    state = fold(records(created(), *iteration(1, green=False)[:4]))
    talk = state.conversations["maker.1"]
    assert (talk.role, talk.iteration, talk.opened, talk.turns, talk.ended) == ("maker", 1, 3, 1, None)
    second = ConversationOpened(conversation="maker.1.2", role="maker", model="m-1")
    state = apply(state, Record("r1", 50, 1, 1, second, "h"))
    assert state.iterations[0].conversations == ("maker.1", "maker.1.2")
    ended = ConversationEnded(conversation="maker.1.2", ending="blocked", detail="no way")
    state = apply(state, Record("r1", 51, 1, 1, ended, "h"))
    assert (state.iterations[0].ending, state.iterations[0].detail) == ("blocked", "no way")
    assert state.conversations["maker.1.2"].ended == ended
    unknown = apply(state, Record("r1", 52, 1, 1, ConversationEnded(conversation="ghost.7", ending="x"), "h"))
    assert unknown.conversations == state.conversations


def test_the_small_facts() -> None:
    notice, trip = Notice(what="dirty checkout"), BreakerTripped(name="money", value=2, limit=1)
    heard = [CommandReceived(command=n, kind="steer", principal="me") for n in (2, 1)]
    state = fold(records(created(), notice, trip, *heard))
    assert (state.notices, state.tripped, state.acknowledged) == ((notice,), (trip,), 2)
    assert fold([]) == State()


def test_an_iteration_that_comes_out_of_order_is_put_in_its_place() -> None:
    late = IterationFinished(n=1, ending="finish", green=False, accepted=False)
    state = fold(records(IterationStarted(n=2, parent="b", model="m"), late))
    assert [it.n for it in state.iterations] == [1, 2]
    assert state.iterations[0].finished == late


def test_a_tail_can_be_followed_with_the_state_alone(tmp_path: Path) -> None:
    """What a screen does: the fold once, then only what came since."""
    journal, epoch = open_run(tmp_path / "journal.db")
    state = journal.state("r1")
    for event in iteration(1, green=True):
        journal.append("r1", epoch, event)
        state = fold(journal.read("r1", after=state.seq), state)
    assert state == journal.state("r1") == fold(journal.read("r1"))


def test_a_long_run_opens_from_its_kept_fold_and_only_while_that_holds(tmp_path: Path) -> None:
    with Journal(tmp_path / "journal.db") as journal:
        journal.create("run-1", history.CREATED)
        events = itertools.islice(history.endless(), EVERY + 500)
        for batch in iter(lambda: tuple(itertools.islice(events, 1_500)), ()):
            journal.append("run-1", 0, *batch)
        whole = fold(journal.read("run-1"))
        state = journal.state("run-1")
        assert (state.iterations, state.accounts, state.conversations) == (
            whole.iterations, whole.accounts, whole.conversations,
        )  # fmt: skip
        with closing(sqlite3.connect(journal.path, isolation_level=None)) as db:
            [(seq, body)] = db.execute("SELECT seq, body FROM snapshots").fetchall()
            assert EVERY <= seq <= state.seq
            assert msgspec.json.decode(body)["seq"] == seq
            db.execute("UPDATE snapshots SET body = replace(body, '\"making\"', '\"judging\"'), hash = 'another'")
            assert journal.state("run-1") == state  # of another past: folded again
            db.execute("UPDATE snapshots SET hash = (SELECT hash FROM events WHERE seq = snapshots.seq), code = 'old'")
            assert journal.state("run-1") == state
