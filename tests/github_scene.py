"""What the flows of the GitHub Action share: a forge, a runner, and a model that plays a script for each run."""

from typing import Any

from harness.github.marker import find
from tests.conftest import CHECKER, MAKER, edit, verdict
from tests.github_stand_in import World
from tests.github_support import Runner
from tests.scripted import ScriptedServer

BODY = "`bytes=90-` of 100 gives (90, 98).\n\n- [ ] open-ended ranges end at the last byte\n"
MET = {"id": "c1", "state": "met", "evidence": "seen"}
DOC = edit('parse_range"]', 'parse_range"]\n__version__ = "1"', "httprange/__init__.py")


class Scene:
    """A forge, a runner and a model that plays a script for each run."""

    def __init__(self, runner: Runner) -> None:
        self.runner, self.world = runner, runner.world
        self.servers: list[ScriptedServer] = []

    def play(self, *maker: Any, checker: Any = None) -> ScriptedServer:
        server = ScriptedServer({MAKER: list(maker), CHECKER: checker or [[verdict()]]})
        server.__enter__()
        self.servers.append(server)
        self.runner.model = server.url
        return server


def tracking(world: World, number: int) -> list[str]:
    return [c["body"] for c in world.comments if c["issue"] == number and find(c["body"]) is not None]
