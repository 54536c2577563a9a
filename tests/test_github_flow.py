"""End to end: events of a forge in, pull requests with their proof out; scripted model, real Docker, git over HTTP."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.github.marker import find
from tests.conftest import CHECKER, FIX, MAKER, TEST, WRONG, edit, finish, step, tool, verdict
from tests.github_stand_in import StandIn, World
from tests.github_support import TITLE, Runner, commented, ended, labelled, reviewed, seeded
from tests.scripted import ScriptedServer

BODY = "`bytes=90-` of 100 gives (90, 98).\n\n- [ ] open-ended ranges end at the last byte\n"
DOC = edit('parse_range"]', 'parse_range"]\n__version__ = "1"', "httprange/__init__.py")


class Scene:
    """A forge, a runner and a model that plays a script for each run."""

    def __init__(self, runner: Runner) -> None:
        self.runner, self.world = runner, runner.world
        self.servers: list[ScriptedServer] = []

    def play(self, *maker: Any, checker: Any = None) -> ScriptedServer:
        server = ScriptedServer({MAKER: list(maker), CHECKER: checker or [[verdict()]]})
        server.__enter__()
        self.servers.append(server)
        self.runner.model = server.url
        return server


@pytest.fixture
def scene(tmp_path: Path, warm_journal: Path) -> Iterator[Scene]:
    home = tmp_path / "home"
    home.mkdir()
    shutil.copy(warm_journal, home / "journal.db")
    world = seeded(tmp_path / "forge")
    with StandIn(world) as stand:
        made = Scene(Runner(stand, tmp_path / "runner", home))
        yield made
    for server in made.servers:
        server.__exit__(None, None, None)
        assert server.breaches == []
    assert world.violations == []


def tracking(world: World, number: int) -> list[str]:
    return [c["body"] for c in world.comments if c["issue"] == number and find(c["body"]) is not None]


def test_label_draft_review_second_commit_failed_check_fix_ready(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)

    # a label leads to a draft pull request with its proof
    met = {"id": "c1", "state": "met", "evidence": "seen"}
    scene.play([step(FIX), step(finish())], checker=[[verdict(criteria=[met])]])
    first = runner.deliver("issues", labelled(world, issue))
    assert first.publish is not None
    assert (first.outcome, first.publish.code) == ("pr_opened", 0), first.publish.out
    [number] = world.pulls
    pull = world.pulls[number]
    assert (pull["draft"], pull["branch"], pull["target"]) == (True, f"loopwright/issue-{issue}", "main")
    assert pull["title"] == TITLE
    head = world.tip(pull["branch"])
    tree = world.git("rev-parse", f"{head}^{{tree}}")
    assert first.publish.outputs["tree-sha"] == tree
    assert first.publish.outputs["pr-number"] == str(number)
    assert f"Fixes #{issue}" in pull["body"]
    assert tree[:12] in pull["body"]
    assert "✅" in pull["body"]
    assert "open-ended ranges end at the last byte" in pull["body"]
    assert world.git("rev-parse", f"{head}^") == world.tip("main")
    trailers = world.git("log", "-1", "--format=%(trailers)", head)
    assert "Co-authored-by: alice <101+alice@users.noreply.github.com>" in trailers
    assert "Loopwright-Audit:" in trailers
    assert [each["state"] for each in world.statuses[head]] == ["success"]
    [said] = tracking(world, issue)
    assert "A pull request with its proof is open" in said
    assert ("issue", issue, "eyes") in world.reactions

    # a review comment leads to a second commit on top, and an answer in its thread
    scene.play([step(TEST), step(finish())])
    asked = reviewed(world, number, "Please add a test for this.", "httprange/parse.py", 18)
    second = runner.deliver("pull_request_review_comment", asked)
    assert (second.outcome, list(world.pulls)) == ("pr_updated", [number]), second
    head2 = world.tip(pull["branch"])
    assert world.git("rev-parse", f"{head2}^") == head
    replies = [each for each in world.review_comments if each.get("reply_to") == asked["comment"]["id"]]
    assert [each["body"] for each in replies] == [f"Done in {head2[:12]}."]

    # a failed check leads to a third, once: the same failure again is left to a person
    log = "run pytest\n##[error]AssertionError: version is missing\n"
    server = scene.play([step(DOC), step(finish())])
    third = runner.deliver("workflow_run", ended(world, number, "failure", 501, log))
    assert third.outcome == "pr_updated", third
    told = str(server.requests[0].body["messages"])
    assert "version is missing" in told
    ledger = find(pull["body"])
    assert ledger is not None
    assert ledger.attempts == 1
    again = runner.deliver("workflow_run", ended(world, number, "failure", 502, log))
    assert (again.gate.outputs["code"], again.work) == ("same_failure", None)

    # green checks make it ready
    assert pull["draft"]
    ready = runner.deliver("workflow_run", ended(world, number, "success", 503))
    assert ready.outcome == "pr_ready", ready
    assert not pull["draft"]


def test_red_gates_give_no_pull_request_but_a_loud_comment(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    runner.inputs = {"max-iterations": "1"}
    issue = world.issue(TITLE, BODY)
    scene.play([step(WRONG), step(finish("all is well and proven"))])
    done = runner.deliver("issues", labelled(world, issue))
    assert done.publish is not None
    assert (done.outcome, done.publish.code) == ("gates_failed", 1)
    assert world.pulls == {}
    assert world.git("for-each-ref", "refs/heads") == world.git("for-each-ref", "refs/heads/main")
    [said] = tracking(world, issue)
    assert "❌" in said
    assert "| tests | ❌" in said
    assert "Next:" in said
    assert "all is well" not in said
    assert "could not be proven" in done.publish.summary
    assert "::error::" in done.publish.out


def test_delivered_twice_it_is_one_pull_request(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)
    scene.play([step(FIX), step(finish())], [step(FIX), step(finish())], checker=[[verdict()], [verdict()]])
    payload = labelled(world, issue)
    # both gates saw it before either had published: the worst case
    gates = [runner.job("gate", "issues", payload, n) for n in (1, 2)]
    for n, gate in enumerate(gates, 1):
        runner.job("run", "issues", payload, n, gate.outputs["ticket"])
    ends = [runner.job("publish", "issues", payload, n, gate.outputs["ticket"]) for n, gate in enumerate(gates, 1)]
    assert [each.outputs["outcome"] for each in ends] == ["pr_opened", "pr_updated"]
    assert len(world.pulls) == 1
    assert len(tracking(world, issue)) == 1
    # and a third one, later, does not even start
    late = runner.deliver("issues", payload)
    assert (late.gate.outputs["code"], late.work) == ("ignored", None)


def test_a_lost_answer_makes_no_second_pull_request_and_no_second_comment(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)
    scene.play([step(FIX), step(finish())])
    world.fail("POST", "/pulls", 502, done=True)
    world.fail("POST", f"/issues/{issue}/comments", 502, done=True)
    done = runner.deliver("issues", labelled(world, issue))
    assert done.outcome in ("pr_opened", "pr_updated")
    assert len(world.pulls) == 1
    assert len(tracking(world, issue)) == 1


def test_what_no_run_may_change_is_held_back_with_its_patch(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    runner.inputs = {"max-patch-files": "1", "allow-paths": "docs/**"}
    issue = world.issue(TITLE, BODY)
    note = tool("write", file_path="docs/a.md", content="a\n")
    scene.play([step(FIX, note, edit("Parses the", "Parses a", "README.md")), step(finish())])
    done = runner.deliver("issues", labelled(world, issue))
    assert done.publish is not None
    assert (done.outcome, done.publish.code) == ("blocked_by_policy", 7), done
    assert world.pulls == {}
    assert "candidate.patch" in tracking(world, issue)[0]


def test_all_in_one_job(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    runner.inputs = {"pr": "ready", "labels": "automated", "reviewers": "mona"}
    issue = world.issue(TITLE, BODY)
    scene.play([step(FIX), step(finish())])
    done = runner.job("all", "issues", labelled(world, issue), 1)
    assert (done.code, done.outputs["outcome"]) == (0, "pr_opened"), done.out
    [pull] = world.pulls.values()
    assert (pull["draft"], pull["labels"], pull["reviewers"]) == (False, ["automated"], ["mona"])


def test_commands_that_need_no_model(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)
    scene.play([step(FIX), step(finish())])
    runner.deliver("issues", labelled(world, issue))
    [number] = world.pulls
    pull = world.pulls[number]
    main, head = world.tip("main"), world.tip(pull["branch"])
    help_ = runner.deliver("issue_comment", commented(world, issue, "/loopwright halp"))
    assert help_.outcome == "answered"
    assert "Did you mean `help`" in world.comments[-1]["body"]
    undone = runner.deliver("issue_comment", commented(world, number, "/loopwright undo"))
    assert undone.outcome == "pr_updated", undone
    now = world.tip(pull["branch"])
    assert world.git("rev-parse", f"{now}^") == head
    assert world.git("rev-parse", f"{now}^{{tree}}") == world.git("rev-parse", f"{main}^{{tree}}")
    refused = runner.deliver("issue_comment", commented(world, number, "/loopwright ready"))
    assert (refused.outcome, pull["draft"]) == ("refused", True)
