"""The outer loop: from a goal to an outcome that the harness's own evidence carries."""

from collections.abc import Generator, Iterable

from gates import is_required
from harness.events import CandidateMade, Event
from harness.exits import PROVEN
from harness.loop.asking import answered, asks_about, parked, worth_going_on
from harness.loop.checker import check
from harness.loop.closing import finish, finished
from harness.loop.endings import Ended, Parked
from harness.loop.inquiry import inquire
from harness.loop.judging import baseline, judge
from harness.loop.limits import iterations_used
from harness.loop.making import make
from harness.loop.remember import recall
from harness.loop.run import Run
from harness.loop.standing import is_green, proven
from harness.models import ModelError, OverBudget
from harness.repo import RepoError
from sandboxes.base import SandboxError


def pursue(run: Run) -> Generator[Event, None, None]:
    """Yield the run's events, each before what it intends and after what it did; the caller stores every one.

    A run that was interrupted is pursued the same way: each step asks `run.state` whether it is done already.
    Its last event is a `RunFinished`, or a `RunParked` when a person has to be asked.
    """
    try:
        yield from answered(run)
        if run.goal.asks == "change":
            yield from baseline(run)
            ended = already_satisfied(run) or (yield from iterate(run))
        else:
            ended = yield from inquire(run)
    except Parked as park:
        yield parked(run, park)
        return
    except Ended as end:
        ended = end
    except (OverBudget, ModelError, SandboxError, RepoError, OSError) as error:
        ended = run.ended_by(error)
    yield from finish(run, ended)


def iterate(run: Run) -> Generator[Event, None, Ended]:
    """Make, judge, check, until a candidate is green and accepted or a breaker trips."""
    for n in range(1, run.goal.limits.iterations + 1):
        known = run.iteration(n)
        if known is None or known.finished is None:
            yield from iteration(run, n)
        if proven(run):
            return Ended("succeeded", "every gate is green in a clean room, and the checker accepts", PROVEN)
    raise iterations_used(run.goal.limits)


def iteration(run: Run, n: int) -> Generator[Event, None, None]:
    """One iteration. What ends the run meanwhile is raised once the work tree is salvaged and, if it can be, judged.

    An iteration that a limit, a signal or the environment cut short stays open, so that `resume` goes on in it.
    """
    yield from worth_going_on(run, n)
    yield from recall(run, n)
    stop = yield from make(run, n)
    candidate = worth_judging(run, n, stop)
    if candidate:
        yield from judge(run, candidate)
    if stop and (stop.resumable or candidate is None and not asks_about(run, stop)):
        raise stop
    if candidate and is_green(run, n) and not (stop and stop.outcome != "stuck"):
        yield from check(run, candidate)
    yield finished(run, n)
    if stop and not proven(run) and not asks_about(run, stop):
        raise stop


def already_satisfied(run: Run) -> Ended | None:
    """The goal is a set of tests that have to pass, and at base they all do: nothing is left to make.

    A goal with criteria besides them is never satisfied by tests alone.
    """
    results = run.state.baseline.values()
    passed = [test for result in results for test in result.passed]
    failed = [failure.id for result in results for failure in result.failures]
    wanted = run.goal.must_pass
    if wanted and not run.goal.criteria and all(_has(passed, name) and not _has(failed, name) for name in wanted):
        return Ended("already_satisfied", "every required test passes at base", PROVEN)
    return None


def worth_judging(run: Run, n: int, stop: Ended | None) -> CandidateMade | None:
    """The iteration's candidate, unless it changes nothing, was judged before, or there is no time left for it."""
    it = run.iteration(n)
    if it is None or it.candidate is None or it.candidate.tree == run.base.tree:
        return None
    if stop and run.cancel.cause is not None:
        return None
    earlier = [other for other in run.state.iterations if run.state.judged_anew < other.n < n]
    before = {other.candidate.tree for other in earlier if other.candidate}
    return None if it.candidate.tree in before else it.candidate


def _has(tests: Iterable[str], name: str) -> bool:
    return any(is_required(name, test) for test in tests)
