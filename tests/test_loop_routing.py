"""Routing: tiers, stand-ins at the boundaries of conversations, promotion, and what it all costs."""

from pathlib import Path

import msgspec
import pytest

from harness.events import (
    BreakerTripped,
    ConversationEnded,
    ConversationOpened,
    ModelFailed,
    ModelReplied,
    ModelRequested,
    Notice,
    RunFinished,
    Usage,
    VerdictGiven,
)
from harness.goal import Goal
from harness.journal import Journal
from harness.loop.costs import bill
from harness.models import ModelError, Router, load
from tests.conftest import FIX, TEST, WRONG, edit, finish, step, tool, verdict
from tests.journal_support import created
from tests.loop_support import CHECKER, LIGHT, MAKER, SPARE, Rig, first_of
from tests.scripted import Step

MENDED = edit("int(first), size\n", "int(first), size - 1\n")


pytest_plugins = ("tests.loop_fixtures",)


def failed(kind: str) -> ModelError:
    return ModelError(kind, "no", charged=False)  # type: ignore[arg-type]


def router() -> Router:
    return Router(load(), {"light": [LIGHT], "mid": [MAKER, "sonnet-5"], "frontier": [CHECKER, SPARE]})


def test_the_first_model_of_a_tier_speaks_unless_it_made_the_change() -> None:
    frontier = router().tiers["frontier"]
    chosen = router().choose(frontier)
    apart = router().choose(frontier, frozenset({CHECKER}))
    assert chosen is not None
    assert apart is not None
    assert (chosen.profile.name, apart.profile.name) == (CHECKER, SPARE)
    assert router().choose(frontier, frozenset({CHECKER, SPARE})) is None


@pytest.mark.parametrize(
    ("kind", "helps"),
    [("overloaded", True), ("timeout", True), ("not_found", True), ("auth", False), ("bad_request", False)],
)
def test_another_model_is_asked_where_that_can_help(kind: str, helps: bool) -> None:
    models = router()
    mid = models.tiers["mid"]
    first = models.choose(mid)
    assert first is not None
    other = models.instead(first, failed(kind), mid)
    assert (other is not None) == helps
    again = models.choose(mid)  # passed over for a while
    assert again is not None
    assert again.profile.name == "claude-sonnet-5"
    if other is not None:
        assert models.instead(other, failed(kind), mid) is None


def test_a_key_that_is_refused_here_may_hold_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "models.toml"
    file.write_text(f'[models.cloud]\nlike = "{MAKER}"\nplatform = "bedrock"\nregion = "eu-north-1"\n')
    models = Router(load(file), {"mid": [MAKER, "cloud"]})
    first = models.choose(models.tiers["mid"])
    assert first is not None
    assert models.instead(first, failed("auth"), models.tiers["mid"]) is not None


@pytest.mark.replayed("stand-ins for a maker and a checker")
def test_a_maker_and_a_checker_that_fail_give_way_between_conversations(rig: Rig) -> None:
    rig.house.detect()
    gone = Step(status=404, message="retired")
    server = rig.play(
        {
            MAKER: [[step(tool("bash", command="echo started > note.txt")), gone]],
            "claude-sonnet-5": [[step(FIX, TEST, tool("bash", command="cat note.txt; rm note.txt")), step(finish())]],
            CHECKER: [[gone]],
            SPARE: [[verdict()]],
        }
    )
    ended = rig.run()
    assert isinstance(ended, RunFinished)
    assert ended.outcome == "succeeded"
    opened = [(e.conversation, e.model) for e in rig.of(ConversationOpened) if e.role != "light"]
    assert opened == [
        ("maker.1", MAKER), ("maker.1.2", "claude-sonnet-5"), ("checker.1", CHECKER), ("checker.1.2", SPARE),
    ]  # fmt: skip
    assert [e.ending for e in rig.of(ConversationEnded)][:4] == ["unreachable", "finish", "unreachable", "quiet"]
    assert [e.what for e in rig.of(Notice)] == [
        f"{MAKER} cannot be asked; claude-sonnet-5 takes its place",
        f"{CHECKER} cannot be asked; {SPARE} takes its place",
    ]  # fmt: skip
    assert rig.of(VerdictGiven)[0].model == SPARE
    (told,) = first_of(server, "claude-sonnet-5")  # it goes on in the same tree, and is told what happened in it
    assert "<handover>" in told
    assert "echo started" in told
    output = msgspec.json.encode(server.requests[3].body["messages"]).decode()
    assert "started" in output


@pytest.mark.replayed("nobody can be asked")
def test_when_nobody_can_be_asked_the_first_reason_is_said(rig: Rig) -> None:
    rig.play({MAKER: [[Step(status=404, message="retired")]]})
    ended = rig.run()
    assert isinstance(ended, RunFinished)
    assert (ended.outcome, ended.exit_code) == ("failed", 3)
    assert "retired" in ended.reason


@pytest.mark.replayed("a maker that is promoted")
def test_a_maker_that_stalls_is_promoted_and_never_checks_itself(rig: Rig) -> None:
    rig.play(
        {
            MAKER: [
                [step(WRONG), step(finish())],
                [step(tool("bash", command="echo '#' >> httprange/parse.py")), step(finish())],
            ],
            CHECKER: [[step(MENDED), step(finish())]],
            SPARE: [[verdict()]],
        }
    )
    ended = rig.run(models={"stalled": 2})
    assert isinstance(ended, RunFinished)
    assert ended.outcome == "succeeded", ended
    makers = [e.model for e in rig.of(ConversationOpened) if e.role == "maker"]
    assert makers == [MAKER, MAKER, CHECKER]
    assert [e.model for e in rig.of(VerdictGiven)] == [SPARE]
    assert rig.house.branches() != []
    with Journal(rig.places.home / "journal.db") as journal:
        found = bill(journal, [journal.resolve("last")], load())
    assert [(line.name, line.calls) for line in found.tiers] == [("frontier", 3), ("mid", 4)]
    assert [(line.name, line.calls) for line in found.roles] == [("checker", 1), ("maker", 6)]
    assert found.cost == sum(line.cost for line in found.models) == rig.state.cost
    assert found.frontier > found.replied == found.cost


def test_the_bill_by_hand(tmp_path: Path) -> None:
    """Two calls on sonnet and one on opus, against opus for all three, to the micro-dollar."""
    with Journal(tmp_path / "journal.db") as journal:
        settings = {"config": {}, "gates": [], "source": "defaults"}
        event = created(settings=msgspec.json.encode(settings).decode())
        journal.create("r1", msgspec.structs.replace(event, goal=Goal(text="x")))
        epoch = journal.claim("r1", "a")

        def call(n: int, name: str, model: str, usage: Usage, cost: int) -> None:
            place = {"conversation": name, "call": n, "model": model}
            journal.append("r1", epoch, ModelRequested(**place, attempt=1, reserved=9, tokens=99))
            done = ModelReplied(**place, stop_reason="end", usage=usage, cost=cost, calls=0, micros=0)
            journal.append("r1", epoch, done)

        # 10 * 2 + 1,000 * 2.5 + 100 * 10; then 20 * 2 + 1,010 * .1 + 50 * 10
        call(1, "maker.1", MAKER, Usage(input=10, cache_write_5m=1_000, output=100), 3_520)
        call(2, "maker.1", MAKER, Usage(input=20, cache_read=1_010, output=50), 641)
        call(1, "checker.1", CHECKER, Usage(input=100, cache_write_1h=500, output=40), 5_200)
        lost = {"conversation": "maker.1", "call": 3, "attempt": 1, "model": MAKER}
        journal.append("r1", epoch, ModelRequested(**lost, reserved=700, tokens=70))
        journal.append("r1", epoch, ModelFailed(**lost, kind="cut", message="", cost=700, tokens=70))
        found = bill(journal, ["r1"], load())
    assert (found.cost, found.replied, found.calls) == (10_061, 9_361, 3)
    assert [(line.name, line.cost, line.calls) for line in found.tiers] == [("frontier", 5_200, 1), ("mid", 4_861, 2)]
    assert [(line.name, line.cached) for line in found.models] == [(CHECKER, 0), (MAKER, 1_010)]
    # on opus: 10 * 4 + 1,000 * 5 + 100 * 20; 20 * 4 + 1,010 * .2 + 50 * 20; and its own 5,200
    assert found.frontier == 7_040 + 1_282 + 5_200
    assert found.saved_percent == 31


def test_models_are_listed_and_tried(rig: Rig) -> None:
    echo = {"tools": [{"name": "echo", "input": {"word": "ready"}}]}
    server = rig.play({MAKER: [[echo]], CHECKER: [[{"text": "ready"}]]})
    rig.house.play(server)
    listed = rig.house("models", "ls").out
    assert [row.split()[1] for row in listed.splitlines()[1:4]] == [LIGHT, "claude-haiku-4-5", MAKER]
    assert "2 · 10 · 0.1" in listed
    tried = rig.house("models", "test", MAKER, CHECKER, SPARE)
    assert tried.code == 4
    rows = [row.split()[:2] for row in tried.out.splitlines()]
    assert rows == [["ok", MAKER], ["FAIL", CHECKER], ["FAIL", SPARE]]
    assert "it called no tool" in tried.out
    assert "$0.00" in tried.out
    assert rig.house("models", "test", "gpt-9").code == 2


@pytest.mark.replayed("a day's money, and the run before it")
@pytest.mark.drills("money_per_day")
def test_a_days_money_is_a_limit_over_all_runs(rig: Rig) -> None:
    rig.play({MAKER: [[step(FIX), step(finish())]] * 2, CHECKER: [[verdict()]] * 2})
    first = rig.run(ceiling={"usd_per_day": 2.0})
    assert isinstance(first, RunFinished)
    assert first.outcome == "succeeded"
    spent = rig.state.cost
    second = rig.run(ceiling={"usd_per_day": spent / 1_000_000 + 0.000_001})
    assert isinstance(second, RunFinished)
    assert (second.outcome, second.exit_code) == ("exhausted", 5)
    (trip,) = rig.of(BreakerTripped)
    assert (trip.name, trip.limit, trip.unit) == ("money_per_day", spent + 1, "micro-usd")
    assert trip.value > trip.limit
    assert rig.state.cost == 0  # announced, not sent, and lifted again
    assert [e.kind for e in rig.of(ModelFailed)] == ["not_sent"]
