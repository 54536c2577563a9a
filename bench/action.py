"""What the GitHub Action costs before it does anything: installing exactly the locked packages, on a clean machine."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from bench import figures, process
from bench.context import Context
from bench.figures import Figure, Unmeasurable

SCRIPT = Path(__file__).parent.parent / "scripts" / "action.sh"
KEPT = ("UV_", "PIP_", "SSL_", "HTTP", "http")
"""What says where packages come from on this machine."""


def measure(context: Context) -> Iterator[Figure]:
    """Cold: no package was ever fetched. Warm: all lie in uv's cache, as after another job on the same machine."""
    turns = max(1, context.runs // 2)
    cold = [_install(context.scratch, f"cold-{turn}", f"cache-{turn}") for turn in range(turns)]
    yield figures.of("action_cold", cold, note="with uv there")
    warm = [_install(context.scratch, f"warm-{turn}", "cache-0") for turn in range(context.runs)]
    yield figures.of("action_warm", warm, beside=("cold", cold))


def _install(scratch: Path, room: str, cache: str) -> float:
    """Seconds for one `install` into an empty directory."""
    temp = scratch / "action" / room
    temp.mkdir(parents=True)
    env = {name: value for name, value in os.environ.items() if name.startswith(KEPT)}
    path = f"{Path(sys.executable).parent}:{os.environ.get('PATH', os.defpath)}"
    env |= {"PATH": path, "HOME": str(temp), "RUNNER_TEMP": str(temp), "UV_CACHE_DIR": str(scratch / "action" / cache)}
    ran = process.run([str(SCRIPT), "install"], cwd=temp, env=env)
    if ran.code != 0:
        raise Unmeasurable(f"the action cannot be installed: {ran.err}")
    return ran.wall
