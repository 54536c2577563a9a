"""Eight agents at once in one process: a thread each that plans, begins and drives a whole run, as `run` does.

`python -m bench.agents COUNT REPOSITORY` is that process.
"""

import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

from bench import figures, process
from bench.context import Context
from bench.figures import Figure
from bench.house import ROOT, Heard, House, looking, scripted
from bench.process import Ran

COUNT, TURNS = 8, 50


def measure(context: Context) -> Iterator[Figure]:
    """The process with eight agents, and the same with one."""
    house = context.house
    eight = [_together(house, COUNT) for _ in range(max(1, context.runs // 2))]
    alone = [_together(house, 1) for _ in range(max(1, context.runs // 2))]
    yield figures.of("eight_wall", [ran.wall for ran in eight], beside=("one agent", [ran.wall for ran in alone]))
    memory, single = [ran.peak for ran in eight], [ran.peak for ran in alone]
    yield figures.of("eight_memory", memory, beside=("one agent", single))
    yield Figure(name="each_memory", value=(median(memory) - median(single)) / (COUNT - 1))


def _together(house: House, count: int) -> Ran:
    command = [sys.executable, "-m", "bench.agents", str(count), str(house.repo)]
    with scripted(looking(TURNS), house.home.parent / "requests.jsonl") as (url, heard):
        ran = process.run(command, cwd=ROOT, env=house.environ | url)
    requests: list[Heard] = heard()
    played = len(requests) in range(count * (TURNS + 1), count * (TURNS + 2) + 1)  # one of each may be about its notes
    if ran.code or not played or any(each.status != 200 for each in requests):
        raise figures.Unmeasurable(f"{len(requests)} requests came; {ran.out[-200:]} {ran.err[-300:]}")
    return ran


def main(count: int, repo: Path) -> int:
    """Drive so many runs of `repo` at once; 0 if each ended as a run that changes nothing does."""
    from harness.clean import Cleaner
    from harness.config import places
    from harness.events import RunFinished
    from harness.journal import Journal
    from harness.loop import Wish, begin, drive, plan

    where, clean = places(), Cleaner()
    journal = Journal(where.home / "journal.db", clean=clean)

    def pursue(n: int) -> str:
        limits = {"iterations": 1, "usd": 1000.0}
        wish = Wish(text=f"Look around and change nothing, agent {n}.", repo=repo, overrides={"limits": limits})
        ready = begin(plan(wish, where, clean), where, journal, clean, log=lambda text: None)
        ended = drive(ready, journal)
        return ended.outcome if isinstance(ended, RunFinished) else "parked"

    with ThreadPoolExecutor(count) as pool:
        outcomes = list(pool.map(pursue, range(count)))
    print(outcomes)
    return 0 if outcomes == ["exhausted"] * count else 1


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), Path(sys.argv[2])))
