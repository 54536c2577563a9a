"""A person's session in a live sandbox: its work tree and its network, in a container and a process space of its own.

So a read-only session is read-only by its mount, and nothing that runs in the sandbox can see, trace or kill it.
"""

import contextlib
import time
from pathlib import Path
from typing import Any

import docker
import docker.errors

from sandboxes import hardening, network, owner, rubbish
from sandboxes.base import WORKSPACE, SandboxGone, Spec
from sandboxes.pod import BEATS, ENVIRONMENT
from sandboxes.sidecars import order
from sandboxes.stream import Stream, attach

PURPOSE = "shell"
KEPT = ("run", "workspace", "home")
"""Labels that it shares with its sandbox: whatever removes that one removes the session, too."""


class Terminal:
    """A shell on a pseudo-terminal of the engine's. Its container ends with this process."""

    def __init__(
        self, client: docker.APIClient, home: Path, sandbox: str, uid: int, ttl: int, *, writable: bool, term: str
    ) -> None:
        """Raises `SandboxGone` when there is no such sandbox any more."""
        self._client, self.writable = client, writable
        found = lookup(client, home, sandbox)
        marks = owner.labels(home, "", PURPOSE, None)
        marks |= {owner.label(name): found["Config"]["Labels"][owner.label(name)] for name in KEPT}
        self._container = client.create_container(**arguments(client, found, uid, marks, writable))["Id"]
        self._ttl, self._beaten = ttl, time.monotonic()
        try:
            self._line = attach(client, self._container)
            client.start(self._container)
            self._line.send(order(port=0, ttl=self._ttl))
            self._exec = client.exec_create(
                self._container,
                ["/bin/sh", "-c", "command -v bash >/dev/null && exec bash --norc -i; exec sh -i"],
                stdin=True,
                tty=True,
                user=f"{uid}:{uid}",
                workdir=WORKSPACE,
                environment={
                    **hardening.ENVIRONMENT,
                    **(ENVIRONMENT if found["Config"]["Labels"].get(owner.label("hosts")) else {}),
                    "TERM": term,
                    "PS1": prompt(marks, writable),
                    "NO_COLOR": "",
                },
            )["Id"]
            raw = client.exec_start(self._exec, tty=True, socket=True)
            self.stream = Stream(getattr(raw, "_sock", raw), raw)
        except BaseException:
            self.close()
            raise

    def resize(self, rows: int, columns: int) -> None:
        with contextlib.suppress(docker.errors.APIError):
            self._client.exec_resize(self._exec, height=rows, width=columns)

    def beat(self) -> None:
        """A sign of life, to be called now and then: an engine elsewhere cannot see this process."""
        if self._ttl and time.monotonic() > self._beaten + self._ttl / BEATS:
            self._beaten = time.monotonic()
            self._line.send(b"\n")

    def over(self) -> bool:
        """Whether its container has ended. The engine never says so of a shell that was only just being started."""
        with contextlib.suppress(TimeoutError):
            return not self._line.recv(1 << 16, 0.0)
        return False

    def exit_code(self) -> int:
        """How the shell ended; 137 when it was ended with its sandbox."""
        try:
            code = self._client.exec_inspect(self._exec)["ExitCode"]
        except docker.errors.APIError:
            return 137
        return 137 if code is None else int(code)

    def close(self) -> None:
        """End the session. Idempotent."""
        with contextlib.suppress(docker.errors.APIError):
            rubbish.remove_container(self._client, self._container)


def lookup(client: docker.APIClient, home: Path, sandbox: str) -> dict[str, Any]:
    """The container of a sandbox of this home. Raises `SandboxGone`."""
    with contextlib.suppress(docker.errors.NotFound):
        found: dict[str, Any] = client.inspect_container(sandbox)
        if (found["Config"]["Labels"] or {}).get(owner.label("home")) == owner.home_id(home):
            return found
    raise SandboxGone(f"there is no sandbox {sandbox}", "it has been closed", "look at `loopwright show RUN`")


def arguments(
    client: docker.APIClient, found: dict[str, Any], uid: int, marks: dict[str, str], writable: bool
) -> dict[str, Any]:
    """The container beside `found`: hardened the same way, on its work tree, in its network, without any capability."""
    volume = next(mount["Name"] for mount in found["Mounts"] if mount["Destination"] == WORKSPACE)
    runtime = found["HostConfig"].get("Runtime", "")
    spec = Spec(
        image=found["Image"],
        seed=Path("/"),
        run=marks[owner.label("run")],
        purpose=PURPOSE,
        read_only=not writable,
        runtime="" if runtime == "runc" else runtime,
    )
    made = hardening.container(client, spec, volume, uid, 1, marks, f"container:{found['Id']}")
    made["host_config"]["CapAdd"] = None
    return made | {"entrypoint": ["python3", "-I", "-S", "-c", network.relay()], "user": f"{uid}:{uid}"}


def prompt(marks: dict[str, str], writable: bool) -> str:
    return f"[{marks[owner.label('run')]} {'read-write' if writable else 'read-only'}] \\w $ "
