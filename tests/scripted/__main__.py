"""`python -m tests.scripted SCRIPT.json`: prints its URL on the first line and serves until it is killed."""

import argparse
import contextlib
import signal
from pathlib import Path
from types import FrameType

from tests.scripted.server import ScriptedServer


def _stop(number: int, frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Parse the command line and serve."""
    parser = argparse.ArgumentParser(prog="python -m tests.scripted", description=__doc__)
    parser.add_argument("script", type=Path)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--log", type=Path)
    parser.add_argument("--key")
    parser.add_argument("--strict", action="store_true", help="refuse what local servers do not know")
    given = parser.parse_args()
    server = ScriptedServer(given.script, key=given.key, strict=given.strict, port=given.port, log=given.log)
    signal.signal(signal.SIGTERM, _stop)
    print(server.url, flush=True)
    with contextlib.suppress(KeyboardInterrupt):
        server.serve_forever()
    server.close()


if __name__ == "__main__":
    main()
