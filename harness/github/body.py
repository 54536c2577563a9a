"""The texts of a pull request and of its commit, rendered by code from evidence: the forge never shows a model's
Markdown. What a model said stands in them as quoted plain text, short and without effect."""

import re
from collections.abc import Sequence

import msgspec

from harness.github.manifest import GateProof, Manifest, dollars
from harness.github.marker import Ledger, write
from harness.github.visible import one_line, visible
from harness.goal import MICRO, slug

BRANCHES = "loopwright/"
"""How the names of our branches begin."""
LONGEST = 60_000
"""Characters of a body; GitHub refuses more than 65,536."""
_MARKS = re.compile(r"([\\`*_{}\[\]<>|#~!@$&])")
_ISSUE = re.compile(r"(?i)(#|\bGH-)(?=\d)")


class Setting(msgspec.Struct, frozen=True, kw_only=True):
    """What a body needs besides the evidence."""

    number: int = 0
    """The issue."""
    title: str = ""
    closes: bool = True
    """Whether a green result closes the issue."""
    actor: str = ""
    job: str = ""
    ask: tuple[str, ...] = ()
    """Changed paths that a person has to look at."""
    withheld: int = 0
    hidden: int = 0
    own_token: bool = True
    """Whether checks start by themselves: they do not for the workflow's own token."""
    verified: str = ""
    """What the forge said of the commit's signature when it was read back."""
    ledger: Ledger = Ledger()


def plain(text: str, width: int = 300) -> str:
    """Foreign words as Markdown that shows exactly them: no markup, no mention, no link, no closing keyword."""
    line = one_line(text, width)
    line = _MARKS.sub(r"\\\1", line)
    line = _ISSUE.sub(lambda m: m[1] + "<i></i>", line)
    line = re.sub(r"(?i)\b(https?|ftp)(://)", r"\1<i></i>\2", line)
    return re.sub(r"(?i)\bwww\.", "www<i></i>.", line).replace("\\@", "@<i></i>")


def inert(text: str, width: int) -> str:
    """Foreign words for a title or a commit message, where no markup is read: nobody is called, nothing is closed."""
    line = _ISSUE.sub(lambda m: m[1] + " ", one_line(text, width)).replace("@", "(at)")
    return re.sub(r"://", ": //", line)


def code(text: str, width: int = 200) -> str:
    """Foreign words as a code span that nothing in them can end, fit for a table's cell."""
    line = one_line(text, width).replace("|", "¦")
    ticks = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    space = " " if "`" in line else ""
    return f"{ticks}{space}{line}{space}{ticks}" if line else ""


def title_of(manifest: Manifest, setting: Setting) -> str:
    """One line: the issue's own title, or the goal's."""
    return inert(setting.title, 120) or f"Loopwright run {manifest.run}"


def branch_of(kind: str, number: int, title: str) -> str:
    """The branch of a goal: the same one for the same issue, whatever is written in it."""
    return f"{BRANCHES}{kind}-{number}" if number else f"{BRANCHES}{kind}-{slug(title, 40)}"


def headline(goal: str) -> str:
    """The first line of a goal in words: what its pull request and its branch are called by."""
    lines = visible(goal).text.splitlines()
    return one_line(lines[0]) if lines else ""


def message(manifest: Manifest, setting: Setting, co_author: str = "") -> str:
    """The commit message, with its trailers."""
    lines = [inert(setting.title, 72) or f"Loopwright run {manifest.run}", ""]
    if setting.number:
        word = "Fixes" if manifest.green and setting.closes else "Refs"
        lines += [f"{word} #{setting.number}", ""]
    lines += ["Evidence, made by the harness in a clean room:"]
    lines += [f"- {inert(gate.name, 40)}: {inert(gate.summary, 120)}" for gate in manifest.gates]
    if manifest.checker:
        lines += [f"- checker ({inert(manifest.checker, 40)}): {inert(manifest.decision, 20)}"]
    lines += ["", f"Loopwright-Run: {one_line(manifest.run, 80)}", f"Loopwright-Audit: {one_line(manifest.audit, 100)}"]
    if co_author:
        lines += [f"Co-authored-by: {one_line(co_author, 200)}"]
    return "\n".join(lines)


def body(manifest: Manifest, setting: Setting) -> str:
    """The body of the pull request, within the forge's limit: the tables first, what can be cut last."""
    parts = [
        _reference(manifest, setting),
        _why(manifest),
        _evidence(manifest, setting),
        _criteria(manifest),
        _review(manifest, setting),
        _run(manifest, setting),
    ]
    end = "\n\n" + write(setting.ledger)
    text = "\n\n".join(part for part in parts if part)
    details = _details(manifest.gates)
    room = LONGEST - len(end) - len(text) - 4
    if details and len(details) < room:
        text += "\n\n" + details
    return text[: LONGEST - len(end)] + end


def _reference(manifest: Manifest, setting: Setting) -> str:
    if not setting.number:
        return ""
    return f"{'Fixes' if manifest.green and setting.closes else 'Refs'} #{setting.number}"


def _why(manifest: Manifest) -> str:
    state = "Every gate is green on this very tree, in a clean room." if manifest.green else (
        f"**Not proven**: {plain(manifest.reason)}"
    )  # fmt: skip
    said = f"\n\nThe checker, in its own words: {plain(manifest.verdict, 600)}" if manifest.verdict else ""
    return f"## What this is\n\n{state}{said}"


def _evidence(manifest: Manifest, setting: Setting) -> str:
    head = (
        f"## Evidence\n\ntree `{manifest.tree[:12]}` · base `{manifest.base[:12]}` · "
        f"{manifest.files} files +{manifest.insertions} −{manifest.deletions}"
    )
    rows = ["| gate | command | result | before | time |", "|---|---|---|---|---|"]
    for gate in manifest.gates[:40]:
        mark = "✅" if gate.green and gate.tree == manifest.tree else "❌"
        rows.append(
            f"| {plain(gate.name, 40)} | {code(gate.command or gate.kind, 80)} | {mark} {plain(gate.summary, 120)} "
            f"| {plain(gate.before, 80)} | {gate.micros / MICRO:.1f} s |"
        )
    proofs = [note for gate in manifest.gates if gate.kind == "proof" for note in gate.notes]
    tests = "\n".join(f"- {plain(note)}" for note in proofs[:20])
    return head + "\n\n" + "\n".join(rows) + (f"\n\nProof of the new tests:\n\n{tests}" if tests else "")


def _criteria(manifest: Manifest) -> str:
    if not manifest.criteria:
        return ""
    marks = {"met": "✅", "not_met": "❌"}
    rows = [
        f"- {marks.get(c.state, '❔')} {plain(c.text or c.id)} — {plain(c.evidence)}" for c in manifest.criteria[:40]
    ]
    return f"## Acceptance criteria\n\nJudged by {code(manifest.checker)}:\n\n" + "\n".join(rows)


def _review(manifest: Manifest, setting: Setting) -> str:
    rows = [f"- {plain(risk)}" for risk in manifest.risks[:20]]
    if setting.ask:
        rows.append(f"- A person has to look at: {', '.join(code(path) for path in setting.ask[:20])}")
    if setting.withheld:
        rows.append(f"- {setting.withheld} comments by authors without permission were not shown to the model")
    if setting.hidden:
        rows.append(f"- {setting.hidden} hidden characters were removed from what people wrote")
    old = sum(gate.old_failures for gate in manifest.gates)
    if old:
        rows.append(f"- {old} failures were there before and do not count")
    if setting.own_token:
        rows.append(
            "- Checks do not start by themselves, because this was pushed with the workflow's own token: close and "
            "reopen it, push, or set `publish-token`"
        )
    rows += [f"- Learned about this repository: {plain(note)}" for note in manifest.notes[:10]]
    return "## Notes for the review\n\n" + "\n".join(rows) if rows else ""


def _run(manifest: Manifest, setting: Setting) -> str:
    parts = [
        f"{manifest.iterations} iterations",
        f"{manifest.turns} turns",
        dollars(manifest.micro_usd),
        f"{manifest.tokens_in + manifest.tokens_out} tokens",
        f"{manifest.micros / MICRO:.0f} s",
        f"maker {code(manifest.maker, 60)}, checker {code(manifest.checker or '–', 60)}",
    ]
    parts += [f"[job]({setting.job})"] if setting.job else []
    lines = [" · ".join(parts), f"Journal {code(manifest.audit, 100)}"]
    lines += [f"Context SHA-256 `{manifest.context}`"] if manifest.context else []
    lines += [f"Commit: {plain(setting.verified)}"] if setting.verified else []
    lines += [f"Asked for by {code(setting.actor, 60)}"] if setting.actor else []
    return f"## Run {code(manifest.run, 40)}\n\n" + "  \n".join(lines)


def _details(gates: Sequence[GateProof]) -> str:
    rows = [
        f"- {plain(gate.name, 40)}: {code(each)}" for gate in gates for each in (*gate.new_failures, *gate.violations)
    ]
    if not rows:
        return ""
    return "<details><summary>Failures and violations</summary>\n\n" + "\n".join(rows[:100]) + "\n\n</details>"
