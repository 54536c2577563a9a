"""The main job, as a user runs it: a goal becomes a proven branch, or nothing at all."""

import msgspec
import pytest

from harness.config import places
from harness.events import GateFinished, GateStarted, ModelRequested, VerdictGiven
from tests.conftest import (
    CHECKER,
    FIX,
    GOAL,
    MAKER,
    TEST,
    WRONG,
    House,
    Play,
    edit,
    fingerprint,
    finish,
    git,
    step,
    tool,
    verdict,
)


def test_red_feedback_green_accept_branch(house: House, play: Play) -> None:
    house.detect()
    server = play(
        [
            [step(WRONG), step(finish())],
            [step(edit("int(first), size\n", "int(first), size - 1\n"), TEST), step(finish())],
        ]
    )
    before, head = fingerprint(house.repo), git(house.repo, "rev-parse", "HEAD")
    done = house.run()
    assert done.code == 0, done.err
    result = done.document
    assert (result["outcome"], result["iterations"], result["exit_code"]) == ("succeeded", 2, 0)
    assert result["base"] == head
    assert result["diff"] == {"files": 2, "insertions": 5, "deletions": 1}
    branch = result["branch"]
    assert branch == "loopwright/parse-range-drops-the-last-byte-of-an-open-ended"
    assert house.branches() == [branch]
    assert git(house.repo, "rev-parse", branch) == result["head"]
    assert git(house.repo, "rev-parse", f"{branch}^{{tree}}") == result["tree"]
    assert git(house.repo, "rev-parse", f"{branch}^") == head
    # evidence: the tree that every gate judged is the tree of the branch
    records = house.records()
    judged = {r.event.tree for r in records if isinstance(r.event, GateFinished) and r.event.iteration == 2}
    assert judged == {result["tree"]}
    # the trailers name a link of the chain
    audit = git(house.repo, "log", "-1", "--format=%(trailers:key=Loopwright-Audit,valueonly)", branch)
    seq, _, link = audit.partition(":")
    assert records[int(seq) - 1].hash == link
    assert git(house.repo, "log", "-1", "--format=%(trailers:key=Loopwright-Run,valueonly)", branch) == result["run"]
    # nothing else of the repository changed
    after = fingerprint(house.repo)
    new = {name for name in after if before.get(name) != after[name]}
    assert new <= {f".git/refs/heads/{branch}", f".git/logs/refs/heads/{branch}"}
    assert set(before) <= set(after)
    # the second maker was told only what was new, as data with a place
    second = [r for r in server.requests if r.body["model"] == MAKER and len(r.body["messages"]) == 1][1]
    told = msgspec.json.encode(second.body["messages"][0]).decode()
    assert "test_beyond_the_end" in told
    checker = [r for r in server.requests if r.body["model"] == CHECKER]
    assert len(checker) == 1
    assert "done" not in msgspec.json.encode(checker[0].body["messages"]).decode().split("evidence")[0]


@pytest.mark.replayed("claims without a change")
@pytest.mark.drills("seen_tree")
def test_a_claim_without_a_change_is_no_success(house: House, play: Play) -> None:
    play([[step(finish("everything is done and proven"))]] * 6)
    done = house.run()
    assert done.code == 1
    assert done.document["outcome"] == "stuck"
    assert done.document["breakers"] == [{"name": "seen_tree", "value": 2, "limit": 2, "unit": "repeats"}]
    assert house.branches() == []
    assert not [r for r in house.records() if isinstance(r.event, VerdictGiven)]


def test_blocked_is_a_legal_way_out(house: House, play: Play) -> None:
    play([[step(tool("blocked", reason="the header's grammar is not given"))]])
    done = house.run()
    assert (done.code, done.document["outcome"]) == (7, "blocked")
    assert "grammar" in done.document["reason"]


def test_a_refusal_ends_the_run(house: House, play: Play) -> None:
    play([[{"text": "I will not.", "stop_reason": "refusal"}]])
    done = house.run()
    assert (done.code, done.document["outcome"]) == (1, "refused")


def test_what_must_pass_and_does_costs_nothing(house: House, play: Play) -> None:
    house.detect()
    server = play([[step(FIX), step(finish())]])
    done = house.run("--must-pass", "tests/test_parse.py::test_suffix")
    assert (done.code, done.document["outcome"], done.document["cost_usd"]) == (0, "already_satisfied", 0)
    assert server.requests == []
    assert house.branches() == []


def test_what_must_pass_has_to_exist_and_pass(house: House, play: Play) -> None:
    house.detect()
    places(house.environ).settings.write_text("[gates]\nfailed_first = true\n")
    play([[step(FIX), step(finish())], [step(TEST), step(finish())]])
    result = house.run("--must-pass", "tests/test_parse.py::test_open_ended").document
    assert (result["outcome"], result["iterations"]) == ("succeeded", 2)
    tests = [r.event for r in house.records() if isinstance(r.event, GateStarted) and r.event.gate == "tests"]
    assert [(event.iteration, event.first) for event in tests] == [(0, 0), (1, 0), (2, 1)]


def test_failures_that_were_there_before_do_not_count(house: House, play: Play) -> None:
    house.detect()
    broken = house.repo / "tests" / "test_old.py"
    broken.write_text("def test_old():\n    assert 1 == 2\n")
    git(house.repo, "add", "-A")
    git(house.repo, "commit", "-qm", "a failing test")
    play([[step(FIX, TEST), step(finish())]])
    result = house.run().document
    assert (result["outcome"], result["iterations"]) == ("succeeded", 1)
    tests = next(gate for gate in result["gates"] if gate["name"] == "tests")
    assert tests["baseline_failures"] == ["tests/test_old.py::test_old"]
    assert tests["new_failures"] == []
    proofs = [
        note
        for r in house.records()
        if isinstance(r.event, GateFinished) and r.event.gate == "proof"
        for note in (r.event.result.notes if r.event.result else ())
    ]
    assert any("test_open_ended" in note and "proves" in note for note in proofs)


def test_without_success_nothing_is_created_and_the_best_candidate_can_be_seen(house: House, play: Play) -> None:
    play([[step(WRONG), step(finish())]])
    before = fingerprint(house.repo)
    done = house.run("--max-iterations", "1")
    assert (done.code, done.document["outcome"]) == (1, "exhausted")
    assert fingerprint(house.repo) == before
    diff = house("diff", done.document["run"])
    assert "+        start, end = int(first), size\n" in diff.out


def test_the_checker_rejects_then_accepts(house: House, play: Play) -> None:
    finding = {"severity": "blocking", "path": "httprange/parse.py", "line": 18, "claim": "no test shows it"}
    made_up = {"severity": "blocking", "path": "httprange/nowhere.py", "line": 3, "claim": "made up"}
    server = play(
        [[step(FIX), step(finish())], [step(TEST), step(finish())]],
        [[verdict("revise", "a test is missing", [finding, made_up])], [verdict()]],
    )
    result = house.run().document
    assert (result["outcome"], result["iterations"]) == ("succeeded", 2)
    first, second = [r.event for r in house.records() if isinstance(r.event, VerdictGiven)]
    assert [f.path for f in first.findings] == ["httprange/parse.py"]
    assert [f.path for f in first.dropped] == ["httprange/nowhere.py"]
    assert second.decision == "accept"
    # the branch is the accepted candidate, not the smaller one that was turned down
    assert git(house.repo, "diff", "--name-only", "HEAD", result["branch"]).split() == [
        "httprange/parse.py",
        "tests/test_parse.py",
    ]
    assert git(house.repo, "rev-parse", f"{result['branch']}^{{tree}}") == result["tree"]
    told = msgspec.json.encode(
        [r.body["messages"][0] for r in server.requests if r.body["model"] == MAKER][-1]
    ).decode()
    assert "no test shows it" in told
    assert "made up" not in told


def test_the_checker_cannot_overrule_red_gates_nor_they_its_no(house: House, play: Play) -> None:
    server = play(
        [[step(WRONG), step(finish())], [step(edit("int(first), size\n", "int(first), size - 1\n")), step(finish())]],
        [[verdict("revise", "I do not like it")]] * 3,
    )
    done = house.run("--max-iterations", "2")
    assert done.code == 1
    assert house.branches() == []
    assert len([r for r in server.requests if r.body["model"] == CHECKER]) == 1  # never asked about the red one


def test_an_unreadable_verdict_is_a_no(house: House, play: Play) -> None:
    play([[step(FIX), step(finish())]], [[{"text": "Looks good to me!"}]])
    done = house.run("--max-iterations", "1")
    assert done.code == 1
    assert house.branches() == []


def test_a_worse_attempt_gives_way_to_the_best(house: House, play: Play) -> None:
    house.detect()
    house.home.joinpath("config.toml").write_text("[models]\nstalled = 0\n")
    worse = tool("bash", command="echo 'raise RuntimeError' >> httprange/parse.py")
    server = play(
        [
            [step(WRONG), step(finish())],
            [step(worse), step(finish())],
            [step(edit("int(first), size\n", "int(first), size - 1\n")), step(finish())],
        ]
    )
    result = house.run().document
    assert (result["outcome"], result["iterations"]) == ("succeeded", 3)
    told = [r.body["messages"][0] for r in server.requests if r.body["model"] == MAKER and len(r.body["messages"]) == 1]
    assert "worse than an earlier one" in msgspec.json.encode(told[2]).decode()


def test_an_oscillation_is_told_and_then_trips(house: House, play: Play) -> None:
    play([[step(WRONG), step(finish())], *[[step(tool("bash", command="true")), step(finish())]] * 5])
    done = house.run()
    assert (done.code, done.document["outcome"]) == (1, "stuck")
    assert done.document["iterations"] == 3


def test_the_money_limit_stops_before_the_call_that_could_pass_it(house: House, play: Play) -> None:
    server = play([{"steps": [step(tool("bash", command="date +%N"))], "repeat": 200}])
    done = house.run("--max-cost", "0.20")
    assert (done.code, done.document["outcome"]) == (5, "exhausted")
    assert done.document["cost_usd"] <= 0.2
    reserved = [r.event for r in house.records() if isinstance(r.event, ModelRequested)]
    assert len(reserved) == len(server.requests)


def test_goal_from_stdin_ls_show_log(house: House, play: Play) -> None:
    play([[step(FIX, TEST), step(finish())]])
    done = house.run()
    run = done.document["run"]
    assert msgspec.json.decode(house("show", run, "--json").out) == done.document
    assert run in house("ls").out
    assert "succeeded" in house("show", "last").out
    log = house("log", run).out
    assert "gate tests on candidate 1" in log
    lines = house("log", run, "--json").out.splitlines()
    assert len(lines) == done.document["journal"]["events"]


def test_a_checker_that_refuses_has_accepted_nothing(house: House, play: Play) -> None:
    play([[step(FIX, TEST), step(finish())]], [[[{**verdict(), "stop_reason": "refusal"}, verdict()]]])
    done = house.run()
    assert (done.code, done.document["outcome"]) == (1, "refused")
    assert house.branches() == []
    again = house("resume", "last", "--json", "--progress", "none")  # it is asked anew, not told what it said before
    assert (again.code, again.document["outcome"], again.document["iterations"]) == (0, "succeeded", 1), again.err


def test_required_tests_need_a_gate_that_knows_tests(house: House, play: Play) -> None:
    play([[step(FIX, TEST), step(finish())]])
    done = house.run("--must-pass", "tests/test_nowhere.py::test_nothing")
    assert (done.code, done.out) == (2, "")
    assert "--must-pass" in done.err


def test_a_command_that_is_red_at_base_has_to_become_green(house: House, play: Play) -> None:
    (house.repo / "tests" / "test_old.py").write_text("def test_old():\n    assert 1 == 2\n")
    git(house.repo, "add", "-A")
    git(house.repo, "commit", "-qm", "a failing test")
    ruin = tool("bash", command="echo 'raise RuntimeError' >> httprange/__init__.py")
    play(
        [
            [step(ruin), step(finish())],
            [step(tool("bash", command="git checkout -q . ; git clean -fdq")), step(finish())],
        ]
    )
    done = house.run("--max-iterations", "1")
    assert done.code == 1, done.err
    assert "fails at base" in done.err
    assert house.branches() == []


def test_what_a_gate_finds_is_reused_only_under_the_same_sandbox(house: House, play: Play) -> None:
    server = play([])
    nothing = ("--max-cost", "0.000001")  # it ends before its first call: the baseline is all there is
    for config, cached in (("", True), ('[sandbox.env]\nMODE = "other"\n', False)):
        house.home.joinpath("config.toml").write_text(config)
        assert house.run(*nothing).code == 5
        finished = [r.event for r in house.records() if isinstance(r.event, GateFinished)]
        assert {event.cached for event in finished} == {cached}
    assert server.requests == []


def test_nobody_looking_on_is_no_reason_to_stop(house: House, play: Play) -> None:
    play([[step(FIX, TEST), step(finish())]])
    process = house.start("run", GOAL, "--progress", "plain")
    assert process.stderr is not None
    assert process.stdout is not None
    process.stderr.readline()
    process.stderr.close()
    process.stdout.close()  # nor is a result that nobody reads another ending
    assert process.wait(timeout=120) == 0
    assert len(house.branches()) == 1
