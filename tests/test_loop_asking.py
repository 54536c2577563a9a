"""Escalation, end to end: a run asks, parks, is answered from another process, and goes on as it was told."""

import threading

import msgspec
import pytest

from harness.events import HostDenied, QuestionAnswered, QuestionAsked, RunFinished, RunParked
from tests.conftest import FIX, TEST, finish, step, tool, verdict
from tests.loop_support import CHECKER, MAKER, Rig
from tests.scripted import ScriptedServer

pytest_plugins = ("tests.loop_fixtures",)

REACH = "python3 -c 'import urllib.request as u; u.urlopen(\"http://mirror.invalid/\")'"
SEARCH = """python3 -c '
import urllib.request as u
for n in range(19):
    try: u.urlopen("http://h%d.invalid/" % n)
    except OSError: pass
'"""


def bash(line: str) -> dict[str, object]:
    return step(tool("bash", command=line))


def last_words(server: ScriptedServer) -> str:
    return msgspec.json.encode(server.requests[-1].body["messages"][-1]).decode()


def parked(rig: Rig, ended: RunFinished | RunParked) -> QuestionAsked:
    """The question that the run waits for, with no container and no thread of its own."""
    assert isinstance(ended, RunParked), ended
    assert rig.containers() == ""
    assert not [thread.name for thread in threading.enumerate() if thread.name in ("supervisor", "warm")]
    (question,) = rig.state.questions
    assert question.options[-1] == question.default == "deny"
    assert question.deadline > rig.state.touched
    assert rig.house("answer", "last", "perhaps").code == 2
    return question


@pytest.mark.replayed("a denied host is asked about: once, then no")
@pytest.mark.drills("scope_hosts")
def test_a_denied_host_is_a_question_and_many_are_a_search(rig: Rig) -> None:
    once = [bash(REACH), bash(REACH), bash("true"), step(finish())]
    server = rig.play({MAKER: [once, [bash(REACH), bash(SEARCH), step(finish())]]})
    question = parked(rig, rig.run(sandbox={"network": {"preset": "open"}}, escalation={"ask": ("any_host",)}))
    assert (question.kind, question.subject) == ("host", "mirror.invalid")
    assert question.options == ("allow_once", "allow_run", "deny")
    before = len(server.requests)

    assert rig.house("answer", "last", "allow_once").code == 0
    again = parked(rig, rig.resume())  # the next iteration has no leave
    second = msgspec.json.encode(server.requests[before].body["messages"]).decode()
    assert "mirror.invalid may be reached in this iteration" in second
    assert "502" in msgspec.json.encode(server.requests[before + 1].body["messages"][-1]).decode()  # nobody is there
    assert (again.question, again.subject) == ("q2", "mirror.invalid")

    assert rig.house("answer", "last", "deny", "--text", "there is a copy in vendor/").code == 0
    ended = rig.resume()
    assert isinstance(ended, RunFinished), ended  # nineteen more are not asked about one by one
    assert (ended.outcome, ended.exit_code) == ("blocked", 7)
    assert rig.trips == [("scope_hosts", 20, 20, "hosts")]
    told = msgspec.json.encode([request.body["messages"] for request in server.requests]).decode()
    assert "mirror.invalid stays out of reach: do without it, and do not try again. there is a copy in" in told
    assert [(e.answer, e.expired) for e in rig.of(QuestionAnswered)] == [("allow_once", False), ("deny", False)]
    assert len({e.host for e in rig.of(HostDenied)}) == 20


FOREIGN = [bash("ls"), bash("ls ."), bash("ls ..")]
SCOPE = {"tools": ("read", "grep", "edit", "write")}


@pytest.mark.replayed("a tool is asked for and allowed")
def test_a_tool_that_was_not_given_is_asked_about_and_allowed(rig: Rig) -> None:
    script = {MAKER: [FOREIGN, [step(FIX, TEST), step(finish())]], CHECKER: [[verdict()]]}
    server = rig.play(script)
    question = parked(rig, rig.run(scope=SCOPE))
    assert (question.kind, question.subject, question.options) == ("tool", "bash", ("allow_run", "reply", "deny"))
    names = [tool["name"] for tool in server.requests[0].body["tools"]]
    assert "bash" not in names
    assert rig.house("answer", "last", "allow_run").code == 0
    ended = rig.resume()
    assert isinstance(ended, RunFinished)
    assert ended.outcome == "succeeded", ended
    assert "bash" in [tool["name"] for tool in server.requests[3].body["tools"]]


@pytest.mark.replayed("nobody answers in time")
@pytest.mark.drills("scope_tools")
def test_what_nobody_answers_in_time_is_denied(rig: Rig) -> None:
    rig.play({MAKER: [FOREIGN]})
    ended = rig.run(scope=SCOPE, escalation={"hours": 1e-7})
    assert isinstance(ended, RunParked), ended
    ended = rig.resume()
    assert isinstance(ended, RunFinished), ended
    assert (ended.outcome, ended.exit_code) == ("blocked", 7)
    assert [(e.answer, e.expired) for e in rig.of(QuestionAnswered)] == [("deny", True)]
    assert rig.trips == [("scope_tools", 3, 3, "calls")]
