"""Answers and plans: comments made of a model's words, which stand in them as plain text and nothing else."""

import re
from collections.abc import Sequence

from harness.forge import ForgeError
from harness.github import tracker
from harness.github.body import code, plain
from harness.github.leaks import WITHHELD, safe
from harness.github.manifest import BundleBroken, Manifest, Said, dollars, load
from harness.github.marker import Ledger, write
from harness.github.outcome import Result, ending_of
from harness.github.plans import CRITERIA, PATHS
from harness.github.publish import Job, failure

LONGEST = 50_000
"""Characters of a comment: GitHub refuses more than 65,536."""
_LIST = re.compile(r"^(\d*)([-+=.)])")
"""What would begin a list at the beginning of a line, or make a heading of the line before."""
_FENCE = re.compile(r"\s{0,3}(?:`{3,}|~{3,})")


def reply(job: Job) -> Result:
    """Post what a run that changes nothing came to, or why it came to nothing. Raises nothing of a forge's."""
    manifest: Manifest | None = None
    try:
        manifest, _ = load(job.bundle)
        result = _result(job, manifest)
        words = render(manifest.said, manifest, job.address) if manifest.said and not result.exit_code else ""
    except ForgeError as error:
        result, words = failure(error), ""
    words = safe(words or tracker.ended(result, manifest, job.address), job.secrets)
    kind = "answer" if result.exit_code or words == WITHHELD else job.ticket.asks
    mark = Ledger(issue=job.trigger.number, run=manifest.run if manifest else "", kind=kind)
    place, number = job.trigger.place, job.trigger.number
    try:
        if job.ticket.comment:
            made = job.github.edit_comment(job.ticket.number, job.ticket.comment, f"{words}\n\n{write(mark)}")
        else:
            made = tracker.note(job.github, job.ticket.number, f"{words}\n\n{write(mark)}")
        if place in ("issue_comment", "review_comment"):
            given = "rocket" if not result.exit_code else "confused"
            tracker.react(job.github, place, number, job.trigger.comment, given)
    except ForgeError as error:
        return failure(error)
    return Result(ending=result.ending, reason=result.reason, next_step=result.next_step, code=result.code,
                  comment=made.url)  # fmt: skip


def _result(job: Job, manifest: Manifest) -> Result:
    if manifest.outcome != "succeeded":
        ending = ending_of(manifest.outcome, manifest.exit_code, manifest.tripped)
        ending = "no_answer" if ending in ("gates_failed", "already_satisfied") else ending
        return Result(ending=ending, reason=manifest.reason, next_step=manifest.next_step, code=manifest.exit_code)
    if manifest.commit or manifest.said is None or manifest.said.kind != job.ticket.asks:
        raise BundleBroken("the run was to answer, and left something else", "its manifest holds no such answer")
    return Result(ending="answered", reason=manifest.reason)


def render(said: Said, manifest: Manifest, job: str = "") -> str:
    """The comment: every word of the model as plain text, and what the harness found of it."""
    parts = []
    if said.kind == "plan":
        parts += ["### A plan: nothing was changed", prose(said.text)]
        parts += _list("Steps", [f"{n}. {plain(row, 400)}" for n, row in enumerate(said.steps, 1)])
        parts += _list(CRITERIA, [f"- [ ] {plain(row, 400)}" for row in said.criteria])
        parts += _list(PATHS, [f"- {code(row)}" for row in said.scope])
        parts += _list("Tests", [f"- {plain(row, 400)}" for row in said.tests])
        parts += _list("Risks", [f"- {plain(row, 400)}" for row in said.risks])
        parts.append(
            "`/loopwright approve` has it carried out as it stands here; who may write can edit it before. "
            "`/loopwright plan` with words asks for another one."
        )
    else:
        parts += ["### An answer: nothing was changed", prose(said.text)]
    if said.places:
        parts.append("Found in the tree: " + ", ".join(code(place) for place in said.places))
    if said.dropped:
        parts.append(f"{said.dropped} places that it named are not there.")
    if not said.places:
        parts.append("No place in the tree was found that it rests on.")
    facts = [f"a model's words, {code(manifest.maker, 60)}", f"base `{manifest.base[:12]}`"]
    facts += [dollars(manifest.micro_usd), f"run {code(manifest.run, 40)}", *([f"[the job]({job})"] if job else [])]
    return "\n\n".join((*parts, " · ".join(facts)))[:LONGEST]


def prose(text: str) -> str:
    """Foreign paragraphs without effect: code between fences that nothing in it can end, all else plain words."""
    out: list[str] = []
    block: list[str] | None = None
    for line in text.splitlines():
        if _FENCE.match(line):
            if block is not None:
                out.append(_block(block))
            block = [] if block is None else None
        elif block is not None:
            block.append(line)
        else:
            out.append(_LIST.sub(r"\1\\\2", plain(line, 2_000)))
    return "\n".join([*out, *([_block(block)] if block else [])])


def _block(lines: Sequence[str]) -> str:
    ticks = "`" * max(3, 1 + max((len(run) for line in lines for run in re.findall("`+", line)), default=0))
    return "\n".join(["", f"{ticks}text", *lines, ticks, ""])


def _list(head: str, rows: list[str]) -> list[str]:
    return [f"#### {head}", "\n".join(rows)] if rows else []
