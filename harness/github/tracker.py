"""The one comment that says how it stands. Its text is made from states by code; no model's word enters it."""

from collections.abc import Iterator

import msgspec

from harness.forge import Account, Comment, Forge, ForgeError, Uncertain, at_least
from harness.github.body import code, plain
from harness.github.commands import HELP
from harness.github.manifest import Manifest, dollars
from harness.github.marker import Ledger, find, write
from harness.github.outcome import GOOD, Ending, Result
from harness.github.visible import visible

ASKED = "Question: "
HEADINGS: dict[Ending, str] = {
    "pr_opened": "A pull request with its proof is open",
    "pr_updated": "The pull request has a new commit with its proof",
    "pr_ready": "The pull request is ready for review",
    "branch_pushed": "A branch was pushed",
    "answered": "Answered",
    "already_satisfied": "Nothing is left to do: what was asked for holds already",
    "ignored": "Nothing to do",
    "refused": "This was not started",
    "gates_failed": "No pull request: the work could not be proven",
    "no_answer": "No answer came of this",
    "budget_exhausted": "No pull request: the budget is used up",
    "timed_out": "No pull request: the time is used up",
    "blocked": "No pull request: it cannot be done so",
    "blocked_by_policy": "The change was held back by the repository's rules",
    "parked": "A person is asked",
    "stale_head": "The branch moved while this was worked on",
    "cancelled": "Cancelled",
    "error": "This failed for reasons outside of the work",
}


class Tracker(msgspec.Struct, frozen=True, kw_only=True):
    """Where the comment stands: an issue or pull request, and the comment's id once there is one."""

    number: int
    comment: int = 0
    url: str = ""
    ledger: Ledger = Ledger()
    text: str = ""


def may_mark(forge: Forge, author: Account, voices: tuple[int, ...] = ()) -> bool:
    """Whether a mark by this account counts. Anybody can write one, and there are bots that repeat what strangers
    say: ourselves, `voices` (who speaks for us in another job) and those who may write are believed."""
    if author.type != "Bot":
        return at_least(forge.permission(author.login), "write")
    own = forge.me().id
    return not own or author.id in (own, *voices)


def marked(forge: Forge, number: int, voices: tuple[int, ...] = ()) -> Iterator[tuple[Comment, Ledger]]:
    """The comments under `number` that carry our mark and whose authors may make it, the newest first."""
    for each in reversed(forge.comments(number)):
        ledger = find(each.body)
        if ledger is not None and may_mark(forge, each.author, voices):
            yield each, ledger


def locate(forge: Forge, number: int, voices: tuple[int, ...] = ()) -> Tracker:
    """Our comment that tracks the work under `number`, if there is one."""
    for each, ledger in marked(forge, number, voices):
        if not ledger.kind:
            return Tracker(number=number, comment=each.id, url=each.url, ledger=ledger, text=each.body)
    return Tracker(number=number)


def put(forge: Forge, tracker: Tracker, text: str, ledger: Ledger) -> Tracker:
    """Write the comment: the one there is, or a new one. A request that was cut is looked after before it is
    repeated, so that there is never a second comment."""
    whole = f"{text}\n\n{write(ledger)}"
    if tracker.comment:
        return _at(tracker, forge.edit_comment(tracker.number, tracker.comment, whole))
    try:
        return _at(tracker, forge.comment(tracker.number, whole))
    except Uncertain:
        found = locate(forge, tracker.number)
        if found.comment:
            return _at(found, forge.edit_comment(found.number, found.comment, whole))
        return _at(tracker, forge.comment(tracker.number, whole))


def question(forge: Forge, number: int, voices: tuple[int, ...] = ()) -> str:
    """What a run asked here last, as our comment shows it; `` for nothing."""
    lines = visible(locate(forge, number, voices).text).text.splitlines()
    return next((line.removeprefix(ASKED) for line in lines if line.startswith(ASKED)), "")


def note(forge: Forge, number: int, text: str) -> Comment:
    """A comment of its own, made once even when the answer to its request is lost."""
    try:
        return forge.comment(number, text)
    except Uncertain:
        stood = [each for each in forge.comments(number) if each.body.strip() == text.strip()]
        return stood[-1] if stood else forge.comment(number, text)


def working(reason: str, job: str, limits: str = "") -> str:
    """What the comment says while the run is under way."""
    lines = ["### Loopwright is working on this", "", f"- [x] admitted: {plain(reason)}", "- [ ] run"]
    lines += [f"  - limits: {plain(limits)}"] if limits else []
    lines += ["- [ ] publish", "", f"[the job]({job})" if job else ""]
    return "\n".join(lines).rstrip()


def progress(phase: str, iteration: int, gates: dict[str, bool], micro_usd: int, job: str) -> str:
    """What it says while a run can report: the phase, the gates' lights, the cost."""
    lights = ", ".join(f"{'✅' if green else '❌'} {code(name, 40)}" for name, green in gates.items())
    return "\n".join(
        [
            "### Loopwright is working on this",
            "",
            f"- [ ] {plain(phase, 40)}, iteration {iteration}, {dollars(micro_usd)}"
            + (f": {lights}" if lights else ""),
            "",
            f"[the job]({job})" if job else "",
        ]
    ).rstrip()


def ended(result: Result, manifest: Manifest | None, job: str = "") -> str:
    """What it says at the end: the outcome, its cause, the gates, the cost, the next step."""
    mark = "✅" if result.ending in GOOD else "❌"
    lines = [f"### {mark} {HEADINGS[result.ending]}", "", plain(result.reason, 600)]
    if result.url:
        lines += ["", f"Pull request: {result.url}"]
    elif result.branch:
        lines += ["", f"Branch: {code(result.branch)}"]
    if manifest and manifest.gates:
        lines += ["", "| gate | result |", "|---|---|"]
        for gate in manifest.gates[:40]:
            lines.append(f"| {plain(gate.name, 40)} | {'✅' if gate.green else '❌'} {plain(gate.summary, 120)} |")
            lines += [f"| | {code(each, 120)} |" for each in (*gate.new_failures, *gate.violations)[:5]]
    if manifest and manifest.question:
        lines += ["", f"{ASKED}{plain(manifest.question, 600)}"]
    if result.next_step:
        lines += ["", f"Next: {plain(result.next_step, 300)}"]
    facts = []
    if manifest:
        facts += [f"{manifest.iterations} iterations", dollars(manifest.micro_usd), f"run {code(manifest.run, 40)}"]
    facts += [f"[the job]({job})"] if job else []
    return "\n".join([*lines, "", " · ".join(facts)]).rstrip()


def help_text(unknown: str = "", near: str = "", why: str = "") -> str:
    """The commands there are; before them what was not understood, or why nothing is done."""
    first = f"{code(unknown, 40)} is not understood, and nothing was started."
    first += f" Did you mean {code(near, 30)}?" if near else ""
    said = first if unknown else f"Nothing was started: {plain(why)}." if why else ""
    return f"{said}\n\n{HELP}" if said else HELP


def react(forge: Forge, kind: str, number: int, comment: int, content: str) -> None:
    """A reaction where the forge has them; one that cannot be given is no reason to fail."""
    give = getattr(forge, "react", None)
    if give is None:
        return
    try:
        give(kind, number, comment, content)
    except ForgeError:
        return


def _at(tracker: Tracker, comment: Comment) -> Tracker:
    return Tracker(number=tracker.number, comment=comment.id, url=comment.url or tracker.url)
