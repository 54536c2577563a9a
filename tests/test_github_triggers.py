"""What starts what: every example payload of GitHub's is read, and the decision table over who asks for what."""

import gzip
import itertools
import json
from functools import cache
from typing import Any

import msgspec
import pytest

from harness.forge import Account, Issue, Permission, Pull
from harness.github.admission import Actor, Policy, admitted, may_mend, on_pull, upstream, wanted
from harness.github.commands import parse
from harness.github.marker import Ledger, write
from harness.github.trigger import Trigger, read
from tests.github_stand_in.contract import DATA

POLICY = Policy(assignee="robot", allowed_bots=(49699333,))
ALICE = Account(login="alice", id=101, type="User")


@cache
def payloads() -> tuple[tuple[str, dict[str, Any]], ...]:
    with gzip.open(DATA / "github_webhooks.json.gz") as file:
        found = json.load(file)
    return tuple((event, payload) for event, examples in sorted(found.items()) for payload in examples)


def test_every_example_payload_is_read() -> None:
    assert len(payloads()) >= 103
    triggers = [(event, read(event, payload)) for event, payload in payloads()]
    for event, trigger in triggers:
        if trigger is not None:
            assert trigger.event == event
            assert trigger.repository or event.endswith("dispatch")
            wanted(trigger, POLICY)
    kinds = {event for event, trigger in triggers if trigger is not None}
    assert kinds >= {"issues", "issue_comment", "pull_request_review", "pull_request_review_comment", "workflow_run"}


def test_a_payload_of_nonsense_starts_nothing_and_breaks_nothing() -> None:
    nonsense: tuple[Any, ...] = (None, 7, "x", [], {}, {"number": 3}, {"id": 1})
    names = ("issue", "comment", "pull_request", "review", "workflow_run", "label", "sender", "repository", "inputs")
    for event, action in (("issues", "labeled"), ("issue_comment", "created"), ("workflow_run", "completed")):
        for name, value in itertools.product(names, nonsense):
            found = read(event, {"action": action, name: value})
            assert found is None or found.repository == ""


def issue(**more: Any) -> Issue:
    return msgspec.structs.replace(Issue(number=3, title="t", body="b", author=ALICE), **more)


def trigger(**more: Any) -> Trigger:
    base = Trigger(
        kind="issue", event="issues", action="labeled", label="loopwright", number=3, issue=issue(), actor=ALICE
    )
    return msgspec.structs.replace(base, **more)


def said(text: str, **more: Any) -> Trigger:
    return trigger(event="issue_comment", action="created", label="", place="issue_comment", comment=9, text=text,
                   command=parse(text), **more)  # fmt: skip


@pytest.mark.parametrize(
    ("given", "work", "code"),
    [
        (trigger(), "run", "ok"),
        (trigger(label="bug"), "none", "ignored"),
        (trigger(label="", action="assigned", assignee="robot"), "run", "ok"),
        (trigger(label="", action="assigned", assignee="mona"), "none", "ignored"),
        (trigger(label="Loopwright"), "run", "ok"),  # a forge tells neither labels nor logins apart by case
        (trigger(label="", action="assigned", assignee="Robot"), "run", "ok"),
        (trigger(issue=issue(locked=True)), "none", "locked"),
        (trigger(issue=issue(open=False)), "none", "closed"),
        (said("/loopwright fix"), "run", "ok"),
        (said("thanks"), "none", "no_command"),
        (said("/loopwright help"), "reply", "ok"),
        (said("/loopwright revise x"), "reply", "ok"),
        (said("/loopwright revise x", kind="pull"), "run", "ok"),
        (said("/loopwright undo", kind="pull"), "undo", "ok"),
        (said("/loopwright cancel"), "cancel", "ok"),
        (trigger(event="pull_request_review", place="review", text="no", conclusion="changes_requested"), "run", "ok"),
        (
            trigger(event="pull_request_review", place="review", text="nice", conclusion="approved"),
            "none",
            "no_command",
        ),
        (trigger(event="pull_request_review", place="review", text=" "), "none", "no_command"),
        # with a person's token as publish-token, what we say in a thread comes back as that person's words
        (
            trigger(event="pull_request_review_comment", place="review_comment", text=f"Done.\n\n{write(Ledger())}"),
            "none",
            "ignored",
        ),
        (trigger(kind="checks", event="workflow_run", conclusion="failure"), "run", "ok"),
        (trigger(kind="checks", event="workflow_run", conclusion="success"), "ready", "ok"),
        (trigger(kind="checks", event="workflow_run", conclusion="cancelled"), "none", "ignored"),
        (trigger(kind="checks", event="workflow_run", conclusion="failure", fork=True), "none", "fork"),
        (trigger(kind="goal", event="schedule", issue=None), "run", "ok"),
    ],
)
def test_what_the_payload_asks_for(given: Trigger, work: str, code: str) -> None:
    found = wanted(given, POLICY)
    assert (found.work, found.code) == (work, code), found.reason
    assert found.reason


@pytest.mark.parametrize(
    ("who", "permission", "code"),
    [
        (ALICE, "write", "ok"),
        (ALICE, "admin", "ok"),
        (ALICE, "maintain", "ok"),
        (ALICE, "triage", "permission"),
        (ALICE, "read", "permission"),
        (ALICE, "none", "permission"),
        (Account(login="ghost"), "none", "account"),
        (Account(login="mallory[bot]", id=7, type="User"), "read", "permission"),  # a name says nothing
        (Account(login="renovate[bot]", id=29139614, type="Bot"), "admin", "bot"),
        (Account(login="dependabot[bot]", id=49699333, type="Bot"), "none", "ok"),
        (Account(login="dependabot[bot]", id=50000000, type="Bot"), "admin", "bot"),  # nor does this one's
        (Account(login="acme", id=5, type="Organization"), "admin", "bot"),
        (Account(login="alice", id=0, type="User"), "admin", "account"),
    ],
)
def test_who_may_ask(who: Account, permission: Permission, code: str) -> None:
    found = admitted(trigger(actor=who), Actor(account=who, permission=permission), POLICY)
    assert found.code == code
    assert (found.work == "none") == (code != "ok")


def test_an_account_that_is_another_now_and_one_that_is_not_listed() -> None:
    taken = Account(login="alice", id=999, type="User")
    assert admitted(trigger(), Actor(account=taken, permission="admin"), POLICY).code == "account"
    listed = msgspec.structs.replace(POLICY, allowed_users=("bob",))
    assert admitted(trigger(), Actor(account=ALICE, permission="admin"), listed).code == "not_listed"


PULL = Pull(number=4, url="u", title="t", body="", branch="b", target="main", head="h1", draft=True,
            author=Account(login="bot", id=1, type="Bot"))  # fmt: skip


@pytest.mark.parametrize(
    ("pull", "ledger", "code"),
    [
        (PULL, Ledger(head="h1"), "ok"),
        (None, None, "closed"),
        (msgspec.structs.replace(PULL, open=False), Ledger(head="h1"), "closed"),
        (msgspec.structs.replace(PULL, fork=True), Ledger(head="h1"), "fork"),
        (PULL, None, "not_ours"),
        (msgspec.structs.replace(PULL, head="h9"), Ledger(head="h1"), "moved"),
        (msgspec.structs.replace(PULL, head="h2"), Ledger(head="h2"), "ok"),  # moved by us
    ],
)
def test_which_pull_requests_are_worked_on(pull: Pull | None, ledger: Ledger | None, code: str) -> None:
    assert on_pull(trigger(kind="pull", head="h1"), "run", pull, ledger).code == code


def test_failed_checks_are_worked_on_within_bounds() -> None:
    ledger = Ledger(head="h1", attempts=1, failures="f1")
    assert may_mend(ledger, "h1", "f2", POLICY).code == "ok"
    assert may_mend(ledger, "h1", "f1", POLICY).code == "same_failure"
    assert may_mend(ledger, "h2", "f2", POLICY).code == "moved"
    assert may_mend(msgspec.structs.replace(ledger, attempts=3), "h1", "f2", POLICY).code == "attempts"


def test_everybody_behind_a_workflow_run_has_to_be_admitted() -> None:
    checks = trigger(kind="checks", event="workflow_run", conclusion="failure")
    ours = Actor(account=PULL.author, permission="none")
    writer = Actor(account=ALICE, permission="write")
    reader = Actor(account=Account(login="mallory", id=666, type="User"), permission="read")
    other = Actor(account=Account(login="x[bot]", id=77, type="Bot"), permission="none")
    assert upstream(checks, (ours, writer), PULL, POLICY).code == "ok"
    assert upstream(checks, (ours, reader), PULL, POLICY).code == "upstream"
    assert upstream(checks, (other,), PULL, POLICY).code == "upstream"
    nobody = read("workflow_run", {"action": "completed", "workflow_run": {"id": 7, "actor": None}})
    assert nobody is not None
    assert [each.login for each in nobody.upstream] == ["ghost", "ghost"]  # an account that is gone may nothing
    gone = tuple(Actor(account=each, permission="none") for each in nobody.upstream)
    assert upstream(checks, gone, PULL, POLICY).code == "upstream"
