"""A candidate's tree to look at, in a throw-away sandbox that is opened when somebody looks."""

import time

from harness.events import CandidateMade
from harness.loop.exchange import put
from harness.loop.run import Run
from sandboxes.base import Sandbox


class Looking:
    """Opens at the first call, and is that same sandbox from then on. A checker that reads its evidence needs none.

    The journal is told of the opening with the next event.
    """

    def __init__(self, run: Run, purpose: str, candidate: CandidateMade) -> None:
        self._run, self._purpose, self._candidate = run, purpose, candidate
        self.sandbox: Sandbox | None = None

    def __call__(self) -> Sandbox:
        """Raises `SandboxError`."""
        if self.sandbox is None:
            run, begun = self._run, time.monotonic()
            self.sandbox = run.open(self._purpose)
            run.unsaid.append(run.opened(self.sandbox, self._purpose, begun))
            run.cancel.busy.add(self.sandbox.interrupt)
            put(self.sandbox, run.store, self._candidate.commit, run.base.commit, fresh=True)
        return self.sandbox

    def close(self) -> None:
        if self.sandbox is not None:
            self._run.cancel.busy.discard(self.sandbox.interrupt)
            self.sandbox.close()
