"""End to end: events of a forge in, pull requests with their proof out; scripted model, real Docker, git over HTTP."""

import re
import shutil

from harness.github.marker import find
from tests.conftest import FIX, TEST, WRONG, finish, step, tool, verdict
from tests.github_scene import BODY, DOC, MET, Scene, tracking
from tests.github_stand_in import BOT
from tests.github_support import KEY, TITLE, Ran, command, commented, ended, labelled, reviewed

pytest_plugins = ("tests.github_fixtures",)


def test_label_draft_review_second_commit_failed_check_fix_ready(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)

    # a label leads to a draft pull request with its proof
    scene.play([step(FIX), step(finish())], checker=[[verdict(criteria=[MET])]])
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
    assert "Co-authored-by: alice <101+alice@users.noreply.127.0.0.1>" in trailers
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
    assert [each["body"].partition("\n")[0] for each in replies] == [f"Done in {head2[:12]}."]
    # had a person's token said it, it would come back as a review of that person's: it starts nothing
    echo = runner.deliver("pull_request_review_comment", reviewed(world, number, replies[0]["body"], "x.py", 1))
    assert (echo.gate.outputs["code"], echo.work) == ("ignored", None)

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


def test_delivered_twice_held_back_and_cut_off_it_is_one_pull_request(scene: Scene) -> None:
    """Two deliveries, a policy that forbids the change, answers that get lost: all that can happen around one run."""
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, BODY)
    scene.play([step(FIX), step(finish())])
    payload = labelled(world, issue)
    # both gates saw it before either had published: the worst case
    world.fail("POST", f"/issues/{issue}/comments", 502, done=True)
    gates = [runner.job("gate", "issues", payload, n) for n in (1, 2)]
    runner.job("run", "issues", payload, 1, gates[0].outputs["ticket"])
    shutil.copytree(runner.root / "bundle-1", runner.root / "bundle-2")
    manifest = runner.root / "bundle-2" / "manifest.json"
    manifest.write_text(re.sub(r'"run": "\w+"', '"run": "theother"', manifest.read_text()))

    def publish(n: int) -> Ran:
        return runner.job("publish", "issues", payload, n, gates[n - 1].outputs["ticket"])

    # what no run may change is held back, with its patch
    runner.inputs = {"protected-paths": "httprange/**", "max-patch-files": "1"}
    held = publish(1)
    assert (held.outputs["outcome"], held.code) == ("blocked_by_policy", 7), held.out
    assert world.pulls == {}
    assert "candidate.patch" in tracking(world, issue)[0]
    # and once it is allowed, a lost answer makes no second pull request and no second comment
    runner.inputs = {}
    world.fail("POST", "/pulls", 502, done=True)
    assert [publish(n).outputs["outcome"] for n in (1, 2)] == ["pr_updated", "pr_updated"]
    assert len(world.pulls) == 1
    assert len(tracking(world, issue)) == 1
    # a third delivery, later, does not even start
    late = runner.deliver("issues", payload)
    assert (late.gate.outputs["code"], late.work) == ("ignored", None)

    # commands that need no model
    [(number, pull)] = world.pulls.items()
    main, head = world.tip("main"), world.tip(pull["branch"])
    runner.inputs = {"pr": "drafts"}  # a wrong input is told before anything is spent, and where it was asked
    wrong = runner.job("gate", "issue_comment", commented(world, issue, "/loopwright retry"), 7)
    assert (wrong.code, wrong.outputs["outcome"]) == (2, "error"), wrong.out
    assert "pr is 'drafts'" in tracking(world, number)[0].replace("\\", "")
    late = runner.job("publish", "issues", payload, 2, gates[1].outputs["ticket"])
    assert (late.code, late.outputs["outcome"]) == (2, "error"), late.out
    assert "correct the input" in tracking(world, issue)[0]
    runner.inputs = {}
    help_ = runner.deliver("issue_comment", commented(world, issue, "/loopwright halp"))
    assert help_.outcome == "answered"
    assert "Did you mean `help`" in world.comments[-1]["body"]
    undone = runner.deliver("issue_comment", commented(world, number, "/loopwright undo"))
    assert undone.outcome == "pr_updated", undone
    assert f"{head[:12]} was taken back" in pull["body"]
    assert f"Fixes #{issue}" not in pull["body"], "nothing is proven of what stands there now"
    assert f"Refs #{issue}" in pull["body"]
    now = world.tip(pull["branch"])
    assert world.git("rev-parse", f"{now}^") == head
    assert world.git("rev-parse", f"{now}^{{tree}}") == world.git("rev-parse", f"{main}^{{tree}}")
    refused = runner.deliver("issue_comment", commented(world, number, "/loopwright ready"))
    assert (refused.outcome, pull["draft"]) == ("refused", True)
    early = runner.deliver("issue_comment", commented(world, issue, "/loopwright approve"))
    assert (early.gate.outputs["code"], early.outcome) == ("no_plan", "answered")
    assert "there is no plan here" in world.comments[-1]["body"]
    runner.deliver("issue_comment", commented(world, issue, "/loopwright cancel"))
    assert world.cancelled == [9002]  # the workflow run that the tracking comment names


ANSWER = {
    "text": "The end is computed one too low.\n```\nsize - 2 @everyone\n```\n@everyone closes #1 " + KEY,
    "places": ["httprange/parse.py:18", "httprange/parse.py:9999", "/etc/passwd:1"],
}
PLAN = {
    "text": "Mend the end of open-ended ranges.", "steps": ["return size - 1 as the end"],
    "criteria": ["bytes=90- of 100 ends at 99"], "scope": ["httprange/**", "tests/**"],
    "tests": ["an open-ended range"], "risks": [], "places": ["httprange/parse.py:18"],
}  # fmt: skip


def test_a_question_is_answered_a_plan_is_made_edited_approved_and_carried_out(scene: Scene) -> None:
    world, runner = scene.world, scene.runner
    issue = world.issue(TITLE, "`bytes=90-` of 100 gives (90, 98).")
    look = step(tool("grep", pattern="size - 2"), tool("bash", command="touch /w/owned"))
    talks = [look, {"json": ANSWER}], [step(text="just words")], [{"json": PLAN}], [step(FIX, TEST), step(finish())]
    server = scene.play(*talks, checker=[[verdict(criteria=[MET, MET | {"id": "c2"}])]])
    refs = world.git("for-each-ref")
    asked = runner.deliver("issue_comment", commented(world, issue, "/loopwright ask where is the end computed?"))
    assert asked.publish is not None
    assert (asked.outcome, asked.publish.code) == ("answered", 0), asked
    assert [tool_["name"] for tool_ in server.requests[0].body["tools"]] == ["read", "grep", "glob"]
    assert "where is the end computed?" in str(server.requests[0].body["messages"])
    said = [c["body"] for c in world.comments if c["user"] == BOT["login"]]
    assert len(said) == 1  # the comment that said it was being looked for became the answer
    assert "Found in the tree: `httprange/parse.py:18`" in said[0]
    assert "2 places that it named are not there" in said[0]
    assert "```text\nsize - 2 @everyone\n```" in said[0]
    assert "@everyone" not in said[0].replace("size - 2 @everyone", "")
    assert "#1" not in said[0]
    assert KEY not in said[0]

    code, out = command(["replay", asked.publish.outputs["run"]], {"LOOPWRIGHT_HOME": str(runner.home)})
    assert code == 0, out  # held again from the journal alone, with the same words

    # what came to nothing says so, where it was asked, and is red
    silent = runner.deliver("issue_comment", commented(world, issue, "/loopwright explain"))
    assert silent.publish is not None
    assert (silent.outcome, silent.publish.code) == ("no_answer", 1), silent
    assert "❌ No answer came of this" in world.comments[-1]["body"]
    assert "just words" not in world.comments[-1]["body"]

    planned = runner.deliver("issue_comment", commented(world, issue, "/loopwright plan"))
    assert planned.outcome == "answered", planned
    assert (world.git("for-each-ref"), world.pulls) == (refs, {})
    plan = world.comments[-1]
    assert "- [ ] bytes=90- of 100 ends at 99" in plan["body"].replace("\\", "")
    # a person who may write edits it before it is approved: what stands there then is what is done
    plan["body"] = (
        plan["body"]
        .replace("#### Paths", "- [ ] the change is small\n\n#### Paths", 1)
        .replace("\n\n- [ ] the change", "\n- [ ] the change")
    )
    plan |= {"edited_at": world.now(), "updated_at": world.now()}
    runner.inputs = {"pr": "ready", "labels": "automated", "reviewers": "mona"}
    done = runner.job("all", "issue_comment", commented(world, issue, "/loopwright approve, please"), 9)
    assert (done.code, done.outputs["outcome"]) == (0, "pr_opened"), done.out
    told = server.requests[-1].body["messages"][0]["content"]
    shown = str(told)
    for part in (
        "the change is small",
        "bytes=90- of 100 ends at 99",
        "Only these paths may change: httprange/**, tests/**",
    ):
        assert part in shown, part
    [pull] = world.pulls.values()
    assert (pull["draft"], pull["labels"], pull["reviewers"]) == (False, ["automated"], ["mona"])
    assert "the change is small" in pull["body"]
    edits = [path for method, path, _ in world.requests if method == "PATCH" and "/issues/comments/" in path]
    assert len(edits) >= 4  # answer, plan, while it ran, and at its end
