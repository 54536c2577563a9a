"""Runs for the screens: real events in a real journal, as the loop would write them; and reading the screens."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import msgspec
from rich.cells import cell_len
from textual.pilot import Pilot

from gates.base import Failure, GateResult
from harness.events import (
    BranchIntended,
    BranchMade,
    CandidateMade,
    ConversationEnded,
    ConversationOpened,
    DiffStat,
    Event,
    Finding,
    GateFinished,
    GateStarted,
    IterationFinished,
    IterationStarted,
    ModelReplied,
    ModelRequested,
    QuestionAsked,
    RunCreated,
    RunFinished,
    RunParked,
    ToolFinished,
    ToolStarted,
    Usage,
    VerdictGiven,
)
from harness.goal import Goal, Limits
from harness.journal import Journal
from harness.repo import Base, Repository, Store
from tui.app import Loopwright

SIZES = ((120, 40), (80, 24), (60, 20))
GOAL = "Retry on 429 in the http client\n\nHonour Retry-After in both of its forms."
GATES = ("tests", "lint", "security")


def open_journal(home: Path) -> Journal:
    return Journal(home / "journal.db")


class Author:
    """Writes a run as its process would: holds it, claims it, appends to it."""

    def __init__(
        self, journal: Journal, run: str, goal: str = GOAL, *, held: bool = True, base_tree: str = "b" * 40
    ) -> None:
        self.journal, self.run = journal, run
        self._holding = ExitStack()
        if held:
            self._holding.enter_context(journal.hold(run))
        journal.create(run, created(goal, base_tree))
        self.epoch = journal.claim(run, "box:1")

    def write(self, *events: Event) -> None:
        self.journal.append(self.run, self.epoch, *events)

    def leave(self) -> None:
        """Let go of the run, as its process does at its end, or at its death."""
        self._holding.close()


def created(goal: str = GOAL, base_tree: str = "b" * 40) -> RunCreated:
    return RunCreated(
        goal=Goal(text=goal, limits=Limits(iterations=6, micro_usd=2_000_000)),
        repo="/home/ana/acme-api",
        repo_id="acme",
        base="a" * 40,
        base_tree=base_tree,
        base_ref="main",
        branch="loopwright/retry",
        maker="maker-model",
        checker="checker-model",
        image="img",
    )


def baseline() -> Iterable[Event]:
    for gate in GATES:
        yield GateStarted(place="base", iteration=0, gate=gate, tree="b" * 40)
        yield gate_finished(gate, 0, place="base")


def turn(n: int, call: int, text: str = "I will parse both forms.", output: str = "1 passed") -> Iterable[Event]:
    talk = f"maker.{n}"
    yield ModelRequested(conversation=talk, call=call, attempt=1, model="maker-model", reserved=90_000)
    yield ModelReplied(
        conversation=talk, call=call, model="maker-model", stop_reason="tool_use",
        usage=Usage(input=100, output=50), cost=50_000, calls=1, micros=1_000_000, text=text,
    )  # fmt: skip
    yield ToolStarted(conversation=talk, call=f"t{call}", name="bash", summary="pytest tests/http -q")
    yield ToolFinished(conversation=talk, call=f"t{call}", name="bash", status="error", micros=2_100_000, output=output)


def made(n: int, turns: int = 2) -> Iterable[Event]:
    """An iteration up to its candidate."""
    yield IterationStarted(n=n, parent="a" * 40, model="maker-model")
    yield ConversationOpened(conversation=f"maker.{n}", role="maker", model="maker-model")
    for call in range(1, turns + 1):
        yield from turn(n, call)
    yield ConversationEnded(conversation=f"maker.{n}", ending="finish")
    yield CandidateMade(
        n=n, commit=f"{n}" * 40, tree=f"{n}" * 40, parent="a" * 40,
        diff=DiffStat(files=2, insertions=61, deletions=9), paths=("src/http.py", "tests/test_retry.py"),
    )  # fmt: skip


def judged(n: int, red: tuple[str, ...] = ()) -> Iterable[Event]:
    """An iteration's gates."""
    for gate in GATES:
        yield GateStarted(place="candidate", iteration=n, gate=gate, tree=f"{n}" * 40)
        yield gate_finished(gate, n, red=gate in red)


def gate_finished(gate: str, n: int, place: str = "candidate", red: bool = False) -> GateFinished:
    failure = Failure(
        id="tests/test_retry.py::test_date_form", message="assert 0.0 == 2.0", path="tests/test_retry.py", line=71,
        detail="E   AssertionError: assert 0.0 == 2.0",
    )  # fmt: skip
    result = GateResult(
        gate=gate, kind=gate, status="fail" if red else "pass", summary="1 failed, 411 passed" if red else "all good",
        failures=(failure,) if red else (),
    )  # fmt: skip
    return GateFinished(
        place=place, iteration=n, gate=gate, tree=f"{n}" * 40, key=f"{gate}:{n}:{place}", status=result.status,
        summary=result.summary, green=not red, new_failures=(failure.id,) if red else (), micros=38_000_000,
        result=result,
    )  # fmt: skip


def rejected(n: int) -> Iterable[Event]:
    yield IterationFinished(n=n, ending="finish", green=False, accepted=False, score=(0, n), feedback="look again")


def accepted(n: int) -> Iterable[Event]:
    yield VerdictGiven(
        n=n, model="checker-model", decision="accept", summary="It does what was asked.",
        findings=(Finding(severity="minor", path="src/http.py", line=88, claim="the cap could have a name"),),
    )  # fmt: skip
    yield IterationFinished(n=n, ending="finish", green=True, accepted=True, score=(1, n))


def succeeded() -> Iterable[Event]:
    branch = {"branch": "loopwright/retry", "tree": "2" * 40, "commit": "2" * 40}
    yield BranchIntended(**branch)
    yield BranchMade(**branch)
    yield RunFinished(
        outcome="succeeded", reason="every gate is green, and the checker accepts", exit_code=0,
        branch="loopwright/retry", next_step="git switch loopwright/retry",
    )  # fmt: skip


def whole_run(journal: Journal, run: str, goal: str = GOAL) -> None:
    """A run that succeeds in its second iteration."""
    author = Author(journal, run, goal)
    author.write(*baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1))
    author.write(*made(2), *judged(2), *accepted(2), *succeeded())
    author.leave()


def working(journal: Journal, run: str = "live", goal: str = "Paginate the orders") -> Author:
    author = Author(journal, run, goal)
    author.write(*baseline(), *made(1), *judged(1, red=("tests",)), *rejected(1))
    return author


def rows(app: Loopwright) -> list[str]:
    """The screen as text. Every row must be exactly as wide as the screen, or the terminal would show it broken."""
    # the screen beneath a question is drawn dimmed by the app; what counts here is the one on top
    found = [strip.text for strip in app.screen._compositor.render_strips()]
    width, height = app.size
    assert [cell_len(row) for row in found] == [width] * height
    return found


def text(app: Loopwright) -> str:
    return "\n".join(row.rstrip() for row in rows(app))


async def until(pilot: Pilot[None], holds: Callable[[], Any]) -> None:
    """Wait until something holds; fail with what is on the screen when it never does."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        await pilot.pause(0.025)
        laid_out = pilot.app.screen._compositor.size == pilot.app.size  # a screen that was pushed just now is not
        if laid_out and holds():
            return
    raise AssertionError(f"never: {text(pilot.app)}")  # type: ignore[arg-type]


def drive(
    journal: Journal,
    script: Callable[[Loopwright, Pilot[None]], Awaitable[None]],
    size: tuple[int, int] = (120, 40),
    run: str | None = None,
    **options: Any,
) -> None:
    """Play `script` on the full screen over `journal`."""

    async def play() -> None:
        app = Loopwright(journal, run, **options)
        async with app.run_test(size=size) as pilot:
            await pilot.pause()
            await script(app, pilot)

    asyncio.run(play())


def asked(
    question: str = "q1", seconds: int = 600, options: tuple[str, ...] = ("allow_once", "allow_run", "deny")
) -> Event:
    return QuestionAsked(
        question=question, kind="host", text="Open the network to api.acme.dev:443 for `make fixtures`?",
        options=options, deadline=time.time_ns() // 1000 + seconds * 1_000_000, subject="api.acme.dev:443",
    )  # fmt: skip


def asking(journal: Journal, run: str = "asks", goal: str = "Retry on 429", **more: Any) -> Author:
    """A run that is parked on a question."""
    author = working(journal, run, goal)
    author.write(asked(**more), RunParked(reason="asks for a host", question="q1"))
    author.leave()
    return author


OLD = "def sleep_for(resp, attempt):\n    return 2 ** attempt\n\n\ndef other():\n    pass\n"
NEW = (
    "def sleep_for(resp, attempt):\n    header = resp.headers.get('retry-after', '')\n    return 3 ** attempt\n\n\n"
    "def other():\n    pass\n"
)


def trees(home: Path, before: dict[str, str], after: dict[str, str]) -> tuple[str, str]:
    """Two trees in the store of the repository `acme` under `home`, as a run would leave them."""
    import git

    repo = git.Repo.init(home / "acme")
    made = []
    for files in (before, after):
        for path, text in files.items():
            Path(repo.working_dir, path).parent.mkdir(parents=True, exist_ok=True)
            Path(repo.working_dir, path).write_text(text)
        repo.git.add("-A")
        repo.git.execute(["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid", "commit", "-qm", "x"])
        made.append((repo.head.commit.hexsha, repo.head.commit.tree.hexsha))
    place = Repository(
        root=home / "acme", git_dir=home / "acme/.git", head_dir=home / "acme/.git", bare=False, id="acme"
    )
    store = Store(home, place)
    for commit, tree in made:
        store.adopt(Base(commit=commit, tree=tree, ref="HEAD"))
    store.close()
    return made[0][1], made[1][1]


def with_diff(journal: Journal, home: Path, run: str, before: dict[str, str], after: dict[str, str]) -> Author:
    """A run whose first candidate changes files."""
    old, new = trees(home, before, after)
    author = Author(journal, run, base_tree=old)
    events = [
        msgspec.structs.replace(event, tree=new) if isinstance(event, CandidateMade) else event for event in made(1)
    ]
    author.write(*baseline(), *events, *judged(1))
    return author
