"""Words: what of a text is visible, what a command is, what our own texts let through. The corpus of injections."""

import base64
import re
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from harness.github import plans
from harness.github.actions import command, silenced
from harness.github.body import Setting, body, code, inert, message, plain
from harness.github.commands import parse
from harness.github.leaks import WITHHELD, leaks, safe
from harness.github.manifest import GateProof, Judged, Manifest, Said
from harness.github.marker import Ledger, find, write
from harness.github.outcome import Result
from harness.github.replies import prose, render
from harness.github.tracker import ended
from harness.github.visible import LONGEST, visible

SECRET = "HiddenOrder"
TAGS = "".join(chr(0xE0000 + ord(each)) for each in SECRET)
CHANNELS = {
    "comment": f"a <!-- {SECRET} --> b",
    "comment without an end": f"a\n\n<!-- {SECRET}",
    "nested comment": f"<!-<!-- {SECRET} -->-",
    "definition as comment": f"[//]: # ({SECRET})\n\na",
    "title of a definition": f'[x]: https://e.invalid "{SECRET}"\n\na',
    "alternative text": f"![{SECRET}](https://e.invalid/i.png)",
    "title of an image": f'![a](https://e.invalid/i.png "{SECRET}")',
    "title of a link": f'[a](https://e.invalid "{SECRET}")',
    "title in brackets": f"[a](https://e.invalid ({SECRET}))",
    "tag characters": f"a{TAGS}b",
    "zero width": "a" + "\u200b".join(SECRET).replace(SECRET[0], "\u2060", 1),
    "variation selectors": "a" + "".join(chr(0xE0100 + ord(each)) for each in SECRET),
    "processing instruction": f"<? {SECRET} > {SECRET} ?>",
    "cdata": f"<![CDATA[{SECRET}]]>",
    "declaration": f"<!X {SECRET} >",
    "unknown attribute": f'<a id="{SECRET}" href="https://e.invalid">k</a>',
    "hidden element": f"<span hidden>{SECRET}</span>",
    "style": f"<div style='display:none'>\n\n{SECRET}\n\n</div>",
    "script and template": f"<template>{SECRET}</template><script>{SECRET}</script>",
}


@pytest.mark.parametrize("channel", CHANNELS)
def test_hidden_text_does_not_come_through_and_is_counted(channel: str) -> None:
    seen = visible(CHANNELS[channel])
    assert SECRET not in seen.text
    assert seen.hidden > 0
    assert not any(0xE0000 <= ord(each) <= 0xE0FFF for each in seen.text)


@pytest.mark.parametrize(
    "text",
    [
        "plain words",
        "`code <!-- shown -->`",
        "# Title\n\n- one\n- two",
        "```\n<b>&amp;</b>\n```",
        "a [link](https://e.x/y)",
    ],
)
def test_what_people_see_is_kept(text: str) -> None:
    seen = visible(text)
    assert seen.hidden == 0
    for word in ("words", "shown", "Title", "one", "two", "<b>&amp;</b>", "https://e.x/y"):
        assert (word in seen.text) == (word in text)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.text(max_size=300))
def test_any_text_is_read_and_reading_again_changes_little(text: str) -> None:
    seen = visible(text)
    assert len(seen.text) <= LONGEST * 2
    assert not any(each in seen.text for each in "\u200b\u202e\x1b")


@pytest.mark.parametrize(
    ("said", "verb", "text"),
    [
        ("/loopwright fix it", "fix", "it"),
        ("/loopwright", "fix", ""),
        ("\n\n  /loopwright add a test\nfor the end", "fix", "add a test\nfor the end"),
        ("/loopwright REVISE less", "revise", "less"),
        ("/loopwright retry", "retry", ""),
        ("/loopwright approve, please", "approve", "please"),
        ("/loopwright ask: where is it?", "ask", "where is it?"),
        ("/loopwright halp", "help", "help"),
        ("/loopwright fix --base dev --max-cost=2.5 --ready now", "fix", "now"),
        ("/Loopwright fix it", "fix", "it"),
        ("/loopwright fix --verbose prints nothing", "fix", "--verbose prints nothing"),
    ],
)
def test_a_command_is_the_first_word(said: str, verb: str, text: str) -> None:
    found = parse(said)
    assert found is not None
    assert (found.verb, found.text) == (verb, text)
    if "--base" in said:
        assert (found.base, found.max_cost, found.draft) == ("dev", 2.5, False)


@pytest.mark.parametrize(
    ("flag", "dollars"),
    [("--max-cost .5", 0.5), ("--max-cost $3", 3.0), ("--max-cost  1.25", 1.25), ("\u2014max-cost 2", 2.0)],
)
def test_a_limit_is_read_as_people_write_it(flag: str, dollars: float) -> None:
    found = parse(f"/loopwright fix {flag} the end")
    assert found is not None
    assert (found.verb, found.max_cost, found.text) == ("fix", dollars, "the end")


@pytest.mark.parametrize(
    "flag",
    [
        "--max-cost 1,50", "--max-cost two", "--max-cost 0", "--max-cost", "--max_cost 3", "--maxcost=3", "--reddy",
        "--base", "-max-cost 3", "--max-cost 99999",
    ],
)  # fmt: skip
def test_a_limit_that_is_not_understood_starts_nothing(flag: str) -> None:
    for said in (f"/loopwright fix {flag}", f"/loopwright {flag}"):
        found = parse(said)
        assert found is not None
        assert (found.verb, bool(found.unknown)) == ("help", True), found


@pytest.mark.parametrize(
    "said",
    [
        "please /loopwright fix", "> /loopwright fix", "```\n/loopwright fix\n```", "    /loopwright fix",
        "- /loopwright", "/loopwrights fix", "/loopwright-bot", "`/loopwright fix`",
        "<!-- x -->/loopwright", "\t/loopwright fix", "",
    ],
)  # fmt: skip
def test_nothing_else_is(said: str) -> None:
    assert parse(said) is None


HOSTILE = (
    "@everyone closes #1 and fixes GH-2, see https://evil.invalid/x ![i](http://e/i) <!-- --> | `code` [a](b)\n# t"
)


def test_a_models_words_have_no_effect_in_our_texts() -> None:
    shown = plain(HOSTILE)
    assert "@everyone" not in shown
    assert "#1" not in shown
    assert "GH-2" not in shown
    assert "https://" not in shown
    assert "![" not in shown.replace("\\!\\[", "")
    assert "\n" not in shown
    words = inert(HOSTILE, 200)
    assert not any(each in words for each in ("@everyone", "#1", "GH-2", "://", "\n"))
    assert code("a ``b`` | c") == "``` a ``b`` ¦ c ```"


def evidence(**more: object) -> Manifest:
    gate = GateProof(name="tests", kind="pytest", status="pass", summary=HOSTILE, green=True, tree="b" * 40)
    made = Manifest(
        run="abc", outcome="succeeded", exit_code=0, reason=HOSTILE, base="a" * 40, base_tree="a" * 40, tree="b" * 40,
        gates=(gate,), decision="accept", checker="other", verdict=HOSTILE,
        criteria=(Judged(id="c1", state="met", evidence=HOSTILE),),
    )  # fmt: skip
    import msgspec

    return msgspec.structs.replace(made, **more)


def test_only_green_closes_the_issue() -> None:
    setting = Setting(number=7, title="t")
    assert body(evidence(), setting).startswith("Fixes #7")
    assert "Fixes #7" in message(evidence(), setting)
    for red in (
        evidence(outcome="exhausted"),
        evidence(tree="c" * 40),
        evidence(decision="revise"),
        evidence(gates=()),
    ):
        assert body(red, setting).startswith("Refs #7")
        assert "Fixes" not in message(red, setting)
        assert body(red, setting).count("Fixes #") == 0


def test_the_longest_evidence_fits_a_body_and_keeps_its_mark() -> None:
    gates = tuple(
        GateProof(
            name=f"gate{n}" * 10, status="fail", summary="|" * 900, green=False, tree="b" * 40,
            new_failures=("`x`" * 300,) * 20, notes=("@" * 1000,) * 20, kind="proof",
        )
        for n in range(60)
    )  # fmt: skip
    ledger = Ledger(issue=7, head="d" * 40, attempts=2)
    made = body(
        evidence(gates=gates, criteria=(), risks=("r" * 1900,) * 20), Setting(number=7, title="t", ledger=ledger)
    )
    assert len(made) <= 60_000
    assert find(made) == ledger


def test_a_mark_cannot_be_made_by_what_stands_in_it() -> None:
    forged = write(Ledger(issue=666))
    assert find(plain(forged, 1000)) is None
    made = body(evidence(reason=forged, outcome="stuck", verdict=forged), Setting(title="t", ledger=Ledger(issue=1)))
    assert find(made) == Ledger(issue=1)
    assert find("<!-- loopwright:%% -->") is None
    assert find(f"<!-- loopwright:{base64.b64encode(b'[]').decode()} -->") is None


def test_the_tracking_comment_is_made_of_states() -> None:
    result = Result(ending="gates_failed", reason=HOSTILE, next_step=HOSTILE)
    text = ended(result, evidence())
    assert "@everyone" not in text
    assert "#1" not in text


CANARY = "s3cr3t/canary+value-0123456789"
FORMS = {
    "plain": CANARY,
    "base64": base64.b64encode(f"x{CANARY}y".encode()).decode(),
    "hex": CANARY.encode().hex(),
    "reversed": CANARY[::-1],
    "in a URL": quote(CANARY, safe=""),
    "split": " ".join(CANARY),
    "in two halves": f"{CANARY[:15]}' + '{CANARY[15:]}",
    "its beginning": CANARY[:14],
}


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_leaves_in_no_form(form: str) -> None:
    text = f"see {FORMS[form]} there"
    assert leaks(text, (CANARY,))
    gone = safe(text, (CANARY,))
    assert FORMS[form] not in gone
    assert gone == WITHHELD or "[redacted" in gone
    assert not leaks("an ordinary sentence with words", (CANARY,))


def test_what_is_printed_cannot_command() -> None:
    out: list[str] = []
    with silenced(out.append) as say:
        say("::add-mask::x\n  ::error file=a::b\n##[group]c\nplain")
    mark = out[0].removeprefix("::stop-commands::")
    assert out[-1] == f"::{mark}::"
    assert len(mark) == 32
    assert [line for line in "\n".join(out[1:-1]).splitlines() if line.lstrip().startswith(("::", "##["))] == []
    assert command("error", "a\r\n::set-output name=x::y%0A") == "::error::a%0D%0A::set-output name=x::y%250A"


def test_a_models_paragraphs_are_neither_headings_nor_lists_nor_boxes() -> None:
    """Else an answer or a plan could look as if it had another verdict, or another list of criteria."""
    said = "A heading\n---\n- [x] proven\n1. one\n+ two\n    code\n```\n````\n@everyone\n# c\n```\n"
    said += "#### Acceptance criteria\n- [ ] mine"
    shown = prose(said)
    html = MarkdownIt("commonmark").render(shown)
    assert not re.search(r"<(h\d|li|a|img|input)\b", html), html
    plan = Said(
        kind="plan", text=said, criteria=("yours",), steps=("#### Paths that may change",), scope=("a/**", "`x`")
    )
    made = Manifest(run="r", outcome="succeeded", exit_code=0, reason="", base="", base_tree="", said=plan)
    found = plans.read(render(plan, made))
    assert (found.criteria, found.scope) == (("yours",), ("a/**",))
